import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, onTestFinished } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.js';
import { Code } from '../../src/wamp/codes.js';
import { freePort } from '../support/free-port.js';
import { GantryProcess, gantry } from '../support/gantry-process.js';
import { RawClient } from '../support/raw-client.js';
import { startRedis, type RedisServer } from '../support/redis.js';
import { within } from '../cluster/harness/wait.js';

const clients: RawClient[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.drop();
});

/** Two processes on one port. */
class TwoProcesses {
  readonly parent: GantryProcess;
  readonly ports: { readonly ws: number; readonly ops: number; readonly raw: number };
  readonly #file: string;

  constructor(parent: GantryProcess, ports: TwoProcesses['ports'], file: string) {
    this.parent = parent;
    this.ports = ports;
    this.#file = file;
  }

  static async start(redis: RedisServer): Promise<TwoProcesses> {
    const ports = { ws: await freePort(), ops: await freePort(), raw: await freePort() };
    const folder = mkdtempSync(join(tmpdir(), 'gantry-processes-'));
    const file = join(folder, 'gantry.json');
    writeFileSync(file, JSON.stringify(configOf(redis, ports)));
    const parent = new GantryProcess(['start', '--config', file, '--processes', '2']);
    const processes = new TwoProcesses(parent, ports, file);
    onTestFinished(async () => {
      parent.signal('SIGKILL');
      await parent.exit;
      await processes.ended(processes.pids);
      rmSync(folder, { recursive: true });
    });
    await parent.ready();
    return processes;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.ports.ws}/ws`;
  }

  /** Of all processes that were ever started, by the log. */
  get pids(): number[] {
    return this.parent
      .text('stderr')
      .split('\n')
      .filter((line) => line.includes('"process.started"'))
      .map((line) => (JSON.parse(line) as { pid: number }).pid);
  }

  get running(): number[] {
    return this.pids.filter(isRunning);
  }

  configure(redis: RedisServer, more: ConfigInput): void {
    writeFileSync(this.#file, JSON.stringify({ ...configOf(redis, this.ports), ...more }));
  }

  async join(url = this.url): Promise<RawClient> {
    const client = await RawClient.join(url);
    clients.push(client);
    return client;
  }

  /** Clients until each process has some. */
  async joinBoth(): Promise<RawClient[]> {
    const joined: RawClient[] = [];
    await within(10_000, 'each process has clients', async () => {
      joined.push(await this.join());
      return (await this.metric('gantry_connections')).every((count) => count > 0);
    });
    return joined;
  }

  /** The values of a metric, by process. */
  async metric(name: string): Promise<number[]> {
    const page = await (await fetch(`http://127.0.0.1:${this.ports.ops}/metrics`)).text();
    const values = [...page.matchAll(new RegExp(`^${name}(?:\\{process="\\d+"\\})? (\\S+)$`, 'gm'))];
    return values.map(([, value]) => Number(value));
  }

  async ready(): Promise<number> {
    return (await fetch(`http://127.0.0.1:${this.ports.ops}/readyz`)).status;
  }

  ended(pids: readonly number[]): Promise<void> {
    return within(15_000, 'the processes end', () => pids.every((pid) => !isRunning(pid)));
  }
}

function configOf(redis: RedisServer, { ws, ops, raw }: TwoProcesses['ports']): ConfigInput {
  return {
    listen: { port: ws },
    listeners: [{ type: 'rawsocket', port: raw }],
    ops: { port: ops },
    log: { format: 'json' },
    demo: { enabled: false },
    drain: { periodMs: 200, deadlineMs: 8_000 },
    backplane: { url: redis.url },
  };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function ownRedis(): Promise<RedisServer> {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  return redis;
}

it('two processes serve one port as one router, by WebSocket and RawSocket', async () => {
  const two = await TwoProcesses.start(await ownRedis());
  const [callee, ...callers] = [...(await two.joinBoth()), await two.join(`rs://127.0.0.1:${two.ports.raw}`)];
  callee.send([Code.REGISTER, callee.nextRequest(), {}, 'com.example.add']);
  await callee.expect(Code.REGISTERED);
  for (const caller of callers) {
    caller.send([Code.CALL, caller.nextRequest(), {}, 'com.example.add', [2, 3]]);
    const [, invocation] = await callee.expect(Code.INVOCATION);
    callee.send([Code.YIELD, invocation, {}, [5]]);
    expect((await caller.expect(Code.RESULT))[3]).toEqual([5]);
  }
  expect(await two.metric('gantry_cluster_nodes')).toEqual([2, 2]);
  expect(await two.metric('gantry_processes_ready')).toEqual([2]);
  two.parent.signal('SIGTERM');
  expect((await two.parent.exit).code).toBe(0);
  await two.ended(two.pids);
});

it('a process that is killed is started again, and the clients of the other stay', async () => {
  const two = await TwoProcesses.start(await ownRedis());
  const joined = await two.joinBoth();
  const closed = new Set<RawClient>();
  for (const client of joined) void client.closed.then(() => closed.add(client));
  process.kill(two.pids[0]!, 'SIGKILL');
  await within(20_000, 'two processes run again', async () => {
    return two.running.length === 2 && (await two.metric('gantry_processes_ready'))[0] === 2;
  });
  expect(await two.metric('gantry_process_restarts_total')).toEqual([1]);
  expect(await two.ready()).toBe(200);
  expect(closed.size).toBeGreaterThan(0);
  expect(closed.size).toBeLessThan(joined.length);
  await two.joinBoth();
});

it('SIGUSR2 replaces the processes one by one, and clients can connect all the time', async () => {
  const two = await TwoProcesses.start(await ownRedis());
  const before = two.pids;
  const joined = await two.joinBoth();
  let isOver = false as boolean;
  const outcomes = { joined: 0, refused: 0 };
  const connecting = (async (): Promise<void> => {
    while (!isOver)
      await two.join().then(
        (client) => {
          outcomes.joined++;
          client.drop();
        },
        () => outcomes.refused++,
      );
  })();
  two.parent.signal('SIGUSR2');
  await two.parent.printed('stderr', /"processes\.replaced"/);
  isOver = true;
  await connecting;
  expect(outcomes.joined).toBeGreaterThan(0);
  // A process refuses the connection that it has accepted in the moment in which it stops to listen.
  expect(outcomes.refused).toBeLessThanOrEqual(before.length);
  expect(before.some(isRunning)).toBe(false);
  expect(two.running).toHaveLength(2);
  for (const client of joined) expect((await client.closed).code).toBe(1012);
});

it('a process that is killed right before SIGUSR2 is replaced once', async () => {
  const two = await TwoProcesses.start(await ownRedis());
  process.kill(two.pids[0]!, 'SIGKILL');
  await two.parent.printed('stderr', /"process\.restarting"/);
  two.parent.signal('SIGUSR2');
  await two.parent.printed('stderr', /"processes\.replaced"/);
  expect(two.running).toHaveLength(2);
});

it('SIGHUP reloads what it can, and replaces the processes for what needs a restart', async () => {
  const redis = await ownRedis();
  const two = await TwoProcesses.start(redis);
  const before = two.pids;
  two.configure(redis, { log: { format: 'json', level: 'debug' } });
  two.parent.signal('SIGHUP');
  await within(10_000, 'all have reloaded', () => countOf(two, '"config.reloaded"') === 3);
  expect(two.running).toEqual(before);
  two.configure(redis, { limits: { maxMessageBytes: 5_000 } });
  two.parent.signal('SIGHUP');
  await two.parent.printed('stderr', /"processes\.replaced"/);
  const client = await two.join();
  client.send([Code.PUBLISH, client.nextRequest(), {}, 'com.example.topic', ['x'.repeat(6_000)]]);
  expect((await client.expect(Code.ABORT))[2]).toBe('wamp.error.limit_exceeded');
  two.configure(redis, { listen: { port: 'x' } as never });
  two.parent.signal('SIGHUP');
  await two.parent.printed('stderr', /"config\.refused"/);
  expect(await two.ready()).toBe(200);
});

it('the processes end in order when their parent is killed', async () => {
  const two = await TwoProcesses.start(await ownRedis());
  const joined = await two.joinBoth();
  two.parent.signal('SIGKILL');
  for (const client of joined) expect((await client.closed).code).toBe(1012);
  await two.ended(two.pids);
});

it('does not start where another program listens, or without Redis', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void other.close());
  const { port } = other.address() as { port: number };
  const words = ['start', '--processes', '2', '--port', `${port}`];
  const taken = await gantry([...words, '--set', 'backplane.url=redis://127.0.0.1:1']);
  expect(taken).toMatchObject({ code: 1, stderr: expect.stringContaining(`127.0.0.1:${port}: the port is in use`) });
  const alone = await gantry(words);
  expect(alone).toMatchObject({ code: 1, stderr: expect.stringContaining('set backplane.url too') });
});

function countOf({ parent }: TwoProcesses, word: string): number {
  return parent.text('stderr').split(word).length - 1;
}
