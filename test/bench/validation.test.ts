import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { Fanout } from '../../bench/load/fanout.js';
import type { Endpoint } from '../../bench/load/endpoint.js';
import type { FanoutJob, Plan, RpcJob } from '../../bench/load/job.js';
import { Meter } from '../../bench/load/meter.js';
import { Rpc } from '../../bench/load/rpc.js';

const plan: Plan = { pace: { kind: 'closed', window: 16 }, warmupMs: 1, measureMs: 20 };
// Within the first window, which is sent however slow the machine is.
const faultAt = 10;

/** What a relay does with the n-th message: the messages it passes on instead. */
type Treatment = (message: Buffer, place: number, before: Buffer | null) => readonly Buffer[];

const honest: Treatment = (message) => [message];
const atFault =
  (treatment: Treatment): Treatment =>
  (message, place, before) =>
    place === faultAt ? treatment(message, place, before) : [message];

function changed(message: Buffer, fromEnd: number): Buffer {
  const copy = Buffer.from(message);
  const at = copy.length - fromEnd;
  copy[at] = copy[at]! ^ 1;
  return copy;
}

describe('the load generator', () => {
  let server: WebSocketServer | null = null;

  afterEach(() => {
    for (const client of server?.clients ?? []) client.terminate();
    server?.close();
    server = null;
  });

  /** Implements as much of the relay's protocol as one publisher or caller and one receiver need. */
  async function relay(treat: Treatment): Promise<Endpoint> {
    const roles = new Map<string, WebSocket>();
    let place = 0;
    let before: Buffer | null = null;
    server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    server.on('connection', (socket, request) => {
      const url = new URL(request.url ?? '', 'ws://localhost');
      const role = url.pathname.slice(1);
      roles.set(role, socket);
      socket.on('message', (message: Buffer) => {
        if (role === 'caller') {
          roles.get('callee')?.send(message, { binary: false });
          return;
        }
        const head = Buffer.from(url.searchParams.get('head') ?? '', 'hex');
        const passedOn =
          role === 'publisher'
            ? Buffer.concat([head, message.subarray(-Number(url.searchParams.get('tail')))])
            : message;
        for (const treated of treat(passedOn, place, before)) {
          roles.get(role === 'publisher' ? 'subscriber' : 'caller')?.send(treated, { binary: false });
        }
        before = passedOn;
        place += 1;
      });
    });
    await new Promise((resolve) => server?.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    return { url: `ws://127.0.0.1:${port}`, wire: 'relay', realm: '', pid: null };
  }

  async function publishThrough(treat: Treatment) {
    const endpoint = await relay(treat);
    const job: FanoutJob = {
      kind: 'fanout',
      publisher: 'json',
      subscribers: ['json'],
      remoteSubscribers: [],
      topic: 'com.bench.topic',
      payloadBytes: 32,
    };
    const activity = new Fanout(endpoint, job, new Meter(endpoint), () => undefined);
    return runAll(activity);
  }

  async function callThrough(treat: Treatment) {
    const endpoint = await relay(treat);
    const job: RpcJob = { kind: 'rpc', serializer: 'json', callers: 1, callees: 1, payloadBytes: 32 };
    return runAll(new Rpc(endpoint, job, new Meter(endpoint)));
  }

  async function runAll(activity: Fanout | Rpc) {
    await activity.open();
    try {
      const outcome = await activity.run(plan);
      await activity.verify(outcome.sent);
      return outcome;
    } finally {
      await activity.close();
    }
  }

  it('accepts events that all arrive, in order, with their payload', async () => {
    const outcome = await publishThrough(honest);
    expect(outcome.sent).toBeGreaterThanOrEqual(outcome.messages);
    expect(outcome.messages).toBeGreaterThan(0);
    expect(outcome.latency?.p99Us).toBeGreaterThan(0);
  });

  it('notices an event that is missing', async () => {
    await expect(publishThrough(atFault(() => []))).rejects.toThrow(
      `message ${faultAt} of sender 0 was due, ${faultAt + 1} of 0 came`,
    );
  });

  it('notices an event that comes twice', async () => {
    await expect(publishThrough(atFault((message) => [message, message]))).rejects.toThrow(
      `message ${faultAt + 1} of sender 0`,
    );
  });

  it('notices an event that is overtaken', async () => {
    let held: Buffer | null = null;
    const swap: Treatment = (message, place) => {
      if (place === faultAt) {
        held = message;
        return [];
      }
      return place === faultAt + 1 ? [message, held!] : [message];
    };
    await expect(publishThrough(swap)).rejects.toThrow(
      `message ${faultAt} of sender 0 was due, ${faultAt + 1} of 0 came`,
    );
  });

  it('notices a payload whose bytes changed', async () => {
    const everyOne: Treatment = (message) => [changed(message, '"]]'.length + 1)];
    await expect(publishThrough(everyOne)).rejects.toThrow('payload bytes changed');
  });

  it('notices a message that is no event', async () => {
    await expect(publishThrough(atFault(() => [Buffer.from('[8,16,1,{},"wamp.error.canceled"]')]))).rejects.toThrow(
      'an unexpected message',
    );
  });

  it('notices a connection that is closed', async () => {
    const cut: Treatment = () => {
      for (const client of server?.clients ?? []) client.close(1011, 'enough');
      return [];
    };
    await expect(publishThrough(atFault(cut))).rejects.toThrow('1011 enough');
  });

  it('accepts results that all arrive', async () => {
    const outcome = await callThrough(honest);
    expect(outcome.messages).toBeGreaterThan(0);
  });

  it('notices a result that comes twice', async () => {
    await expect(callThrough(atFault((message) => [message, message]))).rejects.toThrow('second result');
  });

  it('notices a result with the id of another call', async () => {
    const misled = atFault((message) => [
      Buffer.from(message.toString('latin1').replace(/^\[70,\d+/, '[70,7'), 'latin1'),
    ]);
    await expect(callThrough(misled)).rejects.toThrow("got another's result");
  });
});
