import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { createKeys } from '../../../../src/backplane/redis/keys.js';
import { Membership } from '../../../../src/backplane/redis/membership/membership.js';
import { createClusterCounters } from '../../../../src/telemetry/cluster-counters.js';
import type { NodeId } from '../../../../src/wamp/ids.js';
import { startRedis, type RedisServer } from '../../../support/redis.js';

const LEASE_MS = 1_500;
const RENEW_MS = 300;
const ABSENT_MS = 600;

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
beforeEach(() => redis.flushAll());
afterAll(() => redis.stop());

const keys = createKeys({ prefix: 'members', database: 0 });

interface Entered {
  readonly node: NodeId;
  readonly membership: Membership;
  /** Resolves when it has reported this event. */
  reported(event: string): Promise<void>;
  /** It renews no more, as if it were stopped. */
  stop(): void;
  /** Nobody listens for it any more, as if it had died. */
  hangUp(): void;
}

async function enter({ leaseMs = LEASE_MS } = {}): Promise<Entered> {
  const node = `m-${randomUUID()}` as NodeId;
  const events: string[] = [];
  let wake: () => void = () => undefined;
  let isStopped = false;
  const record = (event: string): Promise<void> => {
    events.push(event);
    wake();
    return Promise.resolve();
  };
  const subscriber = new Redis(redis.port, '127.0.0.1');
  onTestFinished(() => subscriber.disconnect());
  const membership = new Membership({
    node,
    row: { name: 'm', reads: [1], startedAtMs: Date.now() },
    store: redis.plainStore(),
    keys,
    nowMs: () => performance.now(),
    after: (delayMs, action) => {
      const timer = setTimeout(() => {
        if (!isStopped) action();
      }, delayMs);
      return () => clearTimeout(timer);
    },
    random: Math.random,
    counters: createClusterCounters(),
    leaseMs,
    renewMs: RENEW_MS,
    absentMs: ABSENT_MS,
    peers: {
      entered: (peer) => void record(`entered ${peer}`),
      gone: (peer) => void record(`gone ${peer}`),
    },
    own: {
      denied: () => undefined,
      declaredDead: () => undefined,
      fenced: () => void record('fenced'),
      storeLost: () => void record('emptied'),
    },
    failed: () => undefined,
    rows: {
      withdrawRealm: (of, realm) => record(`withdraw ${realm} ${of}`),
      forgetSessions: (of) => record(`forget ${of}`),
    },
  });
  subscriber.on('messageBuffer', (_channel: Buffer, message: Buffer) => membership.receive(message));
  await subscriber.subscribe(keys.channels.nodes);
  await subscriber.subscribe(keys.channels.inbox(node));
  membership.setListening(true);
  await membership.enter();
  return {
    node,
    membership,
    reported: async (event) => {
      while (!events.includes(event)) await new Promise<void>((resolve) => (wake = resolve));
    },
    stop: () => (isStopped = true),
    hangUp: () => subscriber.disconnect(),
  };
}

it('joins nodes over a server, and leaves nothing there but tombstones (G5)', async () => {
  const [one, two] = [await enter(), await enter()];
  await one.reported(`entered ${two.node}`);
  await two.reported(`entered ${one.node}`);
  await two.membership.noteRealm('realm');
  await two.membership.leave();
  await one.reported(`gone ${two.node}`);
  await one.membership.leave();
  expect(await redis.command('KEYS', '*')).toEqual([keys.nodes.gone]);
  expect(await redis.command('PTTL', keys.nodes.gone)).toBeGreaterThan(0);
});

it('reaps a stopped node over a server, which finds itself fenced', async () => {
  const [stopped, survivor] = [await enter(), await enter()];
  await stopped.membership.noteRealm('realm');
  stopped.stop();
  await survivor.reported(`withdraw realm ${stopped.node}`);
  await survivor.reported(`forget ${stopped.node}`);
  await survivor.reported(`gone ${stopped.node}`);
  expect(stopped.membership.isLeaseValid()).toBe(false);
  expect(await stopped.membership.renewOnce()).toBe('fenced');
  await stopped.reported('fenced');
  await survivor.membership.leave();
});

it('reaps a node that died over a server before its lease has run out', async () => {
  const leaseMs = 3_600_000;
  const [dead, survivor] = [await enter({ leaseMs }), await enter({ leaseMs })];
  await survivor.membership.renewOnce();
  await redis.command('HSET', keys.nodes.meta, 'graceUntilMs', 0);
  dead.stop();
  dead.hangUp();
  survivor.membership.absent(dead.node);
  await survivor.reported(`gone ${dead.node}`);
  expect(Number(await redis.command('HEXISTS', keys.nodes.meta, `absent:${dead.node}`))).toBe(0);
  expect(await dead.membership.renewOnce()).toBe('fenced');
  await survivor.membership.leave();
});

it('enters again when the server has lost its data', async () => {
  const [one, two] = [await enter(), await enter()];
  await one.membership.noteRealm('realm');
  await redis.flushAll();
  await one.reported('emptied');
  await two.reported('emptied');
  const alive = (await redis.command('HKEYS', keys.nodes.alive)) as string[];
  expect(alive.sort()).toEqual([one.node, two.node].sort());
  expect(await redis.command('SMEMBERS', keys.nodes.realmsOf(one.node))).toEqual(['realm']);
  await one.membership.leave();
  await two.membership.leave();
});
