import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ClusterTimings } from '../../../../src/backplane/redis/options.js';
import type { NodeId, SessionId } from '../../../../src/wamp/ids.js';
import { RedisCluster } from '../../../support/redis-cluster.js';
import { startRedis, type RedisServer } from '../../../support/redis.js';
import { NodeUnderTest } from '../node-under-test.js';
import { cancelOf, claimOf, REALM, sessionOf } from '../samples.js';

let redis: RedisServer;
let cluster: RedisCluster;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(() => {
  cluster = new RedisCluster(redis);
});
afterEach(() => cluster.stop());

async function node(timings?: Partial<ClusterTimings>): Promise<NodeUnderTest> {
  return new NodeUnderTest(await cluster.join(timings)).start(REALM);
}

function join({ backplane }: NodeUnderTest, session: number): boolean | Promise<boolean> {
  return backplane.directory.join(REALM, sessionOf(session as SessionId));
}

/** Changes the store as the others do when its lease has run out, without the changes that they publish. */
async function reap(dead: NodeId): Promise<void> {
  await redis.command('ZADD', `${cluster.prefix}:{nodes}:gone`, Date.now(), dead);
  const sessions = (await redis.command('KEYS', `${cluster.prefix}:{s:*`)) as string[];
  if (sessions.length > 0) await redis.command('DEL', ...sessions);
}

describe('a node that finds itself declared dead', () => {
  it('after it was cut off: writes nothing again, and leaves nothing behind (G5)', async () => {
    await node();
    // It is to learn of it when it is back, not a moment earlier.
    const dead = await node({ renewMs: 5_000 });
    const sessions = Array.from({ length: 5_000 }, (_, number) => number + 1);
    await Promise.all(sessions.map(async (session) => join(dead, session)));
    await cluster.isolate(dead.id);
    await reap(dead.id);
    void cluster.heal(dead.id);
    await dead.until((self) => self.all('fenced').length > 0);
    await dead.backplane.stop();
    expect(await cluster.rowCount(dead.id)).toBe(0);
  });

  it('acts on nothing any more that the others sent to it before (G5)', async () => {
    const other = await node();
    const dead = await node();
    await Promise.all(Array.from({ length: 5_000 }, async (_, number) => join(dead, number + 1)));
    await dead.catchUpWith(other);
    await redis.command('ZADD', `${cluster.prefix}:{nodes}:gone`, Date.now(), dead.id);
    let receivedCount: number | undefined;
    while (dead.all('fenced').length === 0) {
      other.backplane.bus.send(dead.id, REALM, cancelOf(other.id));
      if (!dead.backplane.gauges!.isUp) receivedCount ??= dead.all('frame').length;
      await new Promise(setImmediate);
    }
    expect(receivedCount).toBeGreaterThan(0);
    expect(dead.all('frame')).toHaveLength(receivedCount!);
  });

  it('while its sessions go on: what they want is refused, and leaves nothing behind (G5)', async () => {
    await node();
    const dead = await node();
    await reap(dead.id);
    let last: Promise<unknown> = Promise.resolve();
    for (let number = 1; dead.all('fenced').length === 0; number++) {
      const { bus, directory } = dead.backplane;
      last = Promise.allSettled([
        bus.watch(REALM, `topic.${number}`, 'exact'),
        directory.claim(REALM, claimOf(dead.id, `procedure.${number}`)),
        join(dead, number),
      ]);
      await new Promise(setImmediate);
    }
    await last;
    await dead.backplane.stop();
    expect(await cluster.rowCount(dead.id)).toBe(0);
  });
});
