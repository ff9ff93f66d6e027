import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findRedis, startShards, withoutPassword } from '../../deploy/local/redis.mjs';
import { Code } from '../../src/wamp/codes.js';
import { firstOf } from '../support/first-of.js';
import { RawClient } from '../support/raw-client.js';
import { randomPrefix, startRedis, type RedisServer } from '../support/redis.js';

const CLUSTER = [process.execPath, fileURLToPath(new URL('../../deploy/local/cluster.mjs', import.meta.url))];
const BACK_END = [process.execPath, fileURLToPath(new URL('../../src/demo/backend.mjs', import.meta.url))];
const FREE_PORTS = ['--port', '0', '--ops-port', '0'];

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

/** Undone after each test, last first. */
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** A command as its users give it, without the GANTRY_ variables of the shell that runs the tests. */
class Command {
  readonly child: ChildProcess;
  readonly exitCode: Promise<number | null>;
  text = '';
  #hasEnded = false;

  constructor(words: readonly string[], variables: Readonly<Record<string, string>> = {}) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('GANTRY_'));
    const [program = '', ...rest] = words;
    this.child = spawn(program, rest, { env: { ...Object.fromEntries(inherited), ...variables } });
    this.exitCode = once(this.child, 'close').then(([code]) => {
      this.#hasEnded = true;
      return code as number | null;
    });
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => (this.text += text));
    undo.push(() => {
      this.child.kill('SIGTERM');
      return this.exitCode;
    });
  }

  /** Resolves when its output matches. Rejects when it ends without that. */
  async printed(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.text)) {
      if (this.#hasEnded) throw new Error(`ended without printing ${String(pattern)}:\n${this.text}`);
      await firstOf([this.child.stdout!, 'data'], [this.child.stderr!, 'data'], [this.child, 'close']);
    }
  }
}

interface LocalCluster {
  readonly script: Command;
  /** WebSockets, in the order of the nodes. */
  readonly urls: readonly [string, string, string];
  readonly nodes: readonly number[];
  readonly redisUrl: string;
}

function startCluster(...words: string[]): Promise<LocalCluster> {
  return started(new Command([...CLUSTER, ...FREE_PORTS, '--redis', redis.url, ...words]));
}

async function started(script: Command): Promise<LocalCluster> {
  await script.printed(/nodes are ready\n[^]*back end.*\n/);
  const every = (pattern: RegExp): string[] => [...script.text.matchAll(pattern)].map(([, found]) => found!);
  return {
    script,
    urls: every(/^ {2}node-\d +(ws:\S+)/gm) as unknown as LocalCluster['urls'],
    nodes: every(/process (\d+)$/gm).map(Number),
    redisUrl: every(/^ {2}Redis +(\S+)/gm)[0]!,
  };
}

async function join(url: string): Promise<RawClient> {
  const client = await RawClient.join(url);
  undo.push(() => client.close());
  return client;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('npm run cluster', () => {
  it('starts three nodes that are one router, over a Redis of its own, and leaves no process behind', async () => {
    const { script, urls, nodes, redisUrl } = await started(new Command([...CLUSTER, ...FREE_PORTS]));
    expect(nodes).toHaveLength(3);
    const subscriber = await join(urls[0]);
    const publisher = await join(urls[2]);
    const subscription = await subscriber.subscribe('com.example.news');
    await publisher.publishAcknowledged('com.example.news', ['from node 3']);
    expect(await subscriber.expect(Code.EVENT)).toMatchObject([Code.EVENT, subscription, {}, {}, ['from node 3']]);

    script.child.kill('SIGINT');
    expect(await script.exitCode).toBe(0);
    expect(nodes.filter(isRunning)).toEqual([]);
    await expect(findRedis({ url: redisUrl, prefix: 'any' })).rejects.toThrow('ECONNREFUSED');
  });

  it('starts nodes over a Redis Cluster of its own, which carries what one of them publishes for another', async () => {
    const { script, urls } = await started(new Command([...CLUSTER, ...FREE_PORTS, '--nodes', '2', '--shards', '3']));
    const [, servers = ''] = /^ {2}Redis +([\d.: ]+) \(3 primaries of /m.exec(script.text) ?? [];
    const addresses = servers.split(' ');
    expect(addresses).toHaveLength(3);
    const subscriber = await join(urls[0]);
    const publisher = await join(urls[1]);
    const subscription = await subscriber.subscribe('com.example.news');
    await publisher.publishAcknowledged('com.example.news', ['from node 2']);
    expect(await subscriber.expect(Code.EVENT)).toMatchObject([Code.EVENT, subscription, {}, {}, ['from node 2']]);

    script.child.kill('SIGINT');
    expect(await script.exitCode).toBe(0);
    for (const address of addresses)
      await expect(findRedis({ url: `redis://${address}`, prefix: 'any' })).rejects.toThrow('ECONNREFUSED');
  });

  it('counts votes cast at one node with a back end at another', async () => {
    const { urls } = await startCluster();
    await new Command([...BACK_END, urls[2]]).printed(/counting votes/);
    const page = await join(urls[0]);
    const subscription = await page.subscribe('com.example.votes.changed');
    const voter = await join(urls[1]);
    voter.call('com.example.votes.vote', ['lemon']);
    const counts = { banana: 0, chocolate: 0, lemon: 1 };
    expect(await voter.expect(Code.RESULT)).toMatchObject([Code.RESULT, 1, {}, [counts]]);
    expect(await page.expect(Code.EVENT)).toMatchObject([Code.EVENT, subscription, {}, {}, [counts]]);
  });

  it('drains every node once when Ctrl-C comes from the terminal and again from npm', async () => {
    const { script } = await startCluster('--nodes', '2');
    script.child.kill('SIGINT');
    script.child.kill('SIGINT');
    expect(await script.exitCode).toBe(0);
    expect(script.text.match(/node\.signal/g)).toHaveLength(2);
    expect(script.text.match(/node\.stopped/g)).toHaveLength(2);
  });

  it('drains every node when npm is ended, which does not pass the signal on', async () => {
    const { script, nodes } = await started(
      new Command([
        'npm',
        'run',
        'cluster',
        '--ignore-scripts',
        '--',
        ...FREE_PORTS,
        '--redis',
        redis.url,
        '--nodes',
        '2',
      ]),
    );
    script.child.kill('SIGTERM');
    // Its output ends when the last process ends that has it.
    await script.exitCode;
    expect(nodes.filter(isRunning)).toEqual([]);
    expect(script.text.match(/node\.stopped/g)).toHaveLength(2);
  });

  it('reports which node died, keeps the others, and names it with the exit code', async () => {
    const { script, urls, nodes } = await startCluster();
    process.kill(nodes[1]!, 'SIGKILL');
    await script.printed(/cluster: node-2 died: SIGKILL\n/);
    await join(urls[0]);
    await join(urls[2]);
    script.child.kill('SIGTERM');
    expect(await script.exitCode).toBe(1);
    expect(nodes.filter(isRunning)).toEqual([]);
  });

  it('ends by itself when the last node died', async () => {
    const { script, nodes } = await startCluster('--nodes', '2');
    for (const pid of nodes) process.kill(pid, 'SIGKILL');
    expect(await script.exitCode).toBe(1);
  });

  it('uses the Redis it is given, and leaves in it only what was there', async () => {
    undo.push(() => redis.flushAll());
    await redis.command('SET', 'somebody-elses', 'value');
    const { script, urls, nodes } = await startCluster();
    await (await join(urls[0])).subscribe('com.example.news');
    expect(await redis.command('DBSIZE')).toBeGreaterThan(1);
    // What a killed node leaves is nobody else's to remove once all are gone.
    for (const pid of nodes) process.kill(pid, 'SIGKILL');
    expect(await script.exitCode).toBe(1);
    expect(await redis.command('KEYS', '*')).toEqual(['somebody-elses']);
  });

  it('names the ports that are taken, and starts nothing', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    undo.push(() => taken.close());
    const { port } = taken.address() as { port: number };
    const script = new Command([...CLUSTER, '--port', `${port}`, '--nodes', '1', '--ops-port', '0']);
    expect(await script.exitCode).toBe(1);
    expect(script.text).toBe(`cluster: taken: port ${port}. Choose others with --port and --ops-port\n`);
  });

  it('reports what a node that cannot start complains of, and ends', async () => {
    const script = new Command([...CLUSTER, ...FREE_PORTS, '--nodes', '2'], { GANTRY_LOG_LEVEL: 'loud' });
    expect(await script.exitCode).toBe(1);
    expect(script.text).toMatch(/^node-2 \| .*log\.level: Invalid option/m);
    expect(script.text).toContain('cluster: node-2 died: exit code 1\n');
    expect(script.text).not.toContain('ready');
  });

  it('reports why the Redis it is given cannot be used', async () => {
    const script = new Command([...CLUSTER, ...FREE_PORTS, '--redis', 'redis://127.0.0.1:1']);
    expect(await script.exitCode).toBe(1);
    expect(script.text).toMatch(/^cluster: Redis at redis:\/\/127\.0\.0\.1:1 cannot be used: .*ECONNREFUSED/);
  });

  it.each([
    [['--nodes', 'many'], '--nodes wants a whole number'],
    [['--nodes', '100'], '--nodes wants a whole number from 1 to 64'],
    [['--port', '9089'], 'port 9090 is in the range of --port and in that of --ops-port'],
    [['--shards', '0'], '--shards wants a whole number from 1 to 16'],
    [['--shards', '3', '--redis', 'redis://127.0.0.1:6379'], '--redis and --shards exclude each other'],
    [['--node', '3'], "'--node'"],
  ])('refuses %j', async (words, complaint) => {
    const script = new Command([...CLUSTER, ...words]);
    expect(await script.exitCode).toBe(2);
    expect(script.text).toContain(complaint);
  });
});

describe('the Redis of a local cluster', () => {
  const prefix = randomPrefix();

  it('is one that runs at the usual place when there is no server on the PATH', async () => {
    undo.push(() => redis.flushAll());
    const found = await findRedis({ prefix, path: '', usualUrl: redis.url });
    expect(found).toMatchObject({ url: redis.url, origin: 'found running' });
    await redis.command('SET', `${prefix}:{nodes}:alive`, 'ours');
    await redis.command('SET', `${prefix}2:{nodes}:alive`, "somebody else's");
    await found.release();
    expect(await redis.command('KEYS', '*')).toEqual([`${prefix}2:{nodes}:alive`]);
  });

  it('is asked for in one sentence when there is none', async () => {
    await expect(findRedis({ prefix, path: '', usualUrl: 'redis://127.0.0.1:1' })).rejects.toThrow(
      /^there is no Redis: install redis-server or valkey-server, or [^\n]*$/,
    );
  });

  it('is asked for in one sentence when there is none for a Redis Cluster', async () => {
    await expect(startShards({ count: 3, path: '' })).rejects.toThrow(
      /^a Redis Cluster needs redis-server or valkey-server: install one$/,
    );
  });

  it('is shown without its password', () => {
    expect(withoutPassword('rediss://user:secret@redis.example.com:6380/0')).toBe(
      'rediss://***@redis.example.com:6380/0',
    );
  });
});
