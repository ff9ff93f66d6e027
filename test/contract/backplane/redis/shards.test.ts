import { setTimeout } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { slotOf, SLOT_COUNT } from '../../../../src/backplane/redis/connection/slots.js';
import { createKeys } from '../../../../src/backplane/redis/keys.js';
import { RedisBackplane } from '../../../../src/backplane/redis/redis-backplane.js';
import { createClusterCounters } from '../../../../src/telemetry/cluster-counters.js';
import { silentLogger } from '../../../../src/telemetry/logger.js';
import { freePort } from '../../../support/free-port.js';
import { RedisCluster, TEST_TIMINGS } from '../../../support/redis-cluster.js';
import { slotMoves, startShards, type RedisShards, type SlotMove } from '../../../support/redis-shards.js';
import { startPeer, type RedisServer } from '../../../support/redis.js';
import { NodeUnderTest } from '../node-under-test.js';
import { publicationOf, REALM } from '../samples.js';

/** Short leases and probes: the faults here last longer. */
const TIMINGS = { leaseMs: 20_000, probeTimeoutMs: 1_500, startTimeoutMs: 20_000 };

interface Scene {
  readonly shards: RedisShards;
  readonly prefix: string;
  readonly publisher: NodeUnderTest;
  readonly subscriber: NodeUnderTest;
}

async function scene(hasReplicas = false): Promise<Scene> {
  const shards = await startShards({ hasReplicas });
  onTestFinished(() => shards.stop());
  const cluster = new RedisCluster(shards);
  onTestFinished(() => cluster.stop());
  const [publisher, subscriber] = [
    new NodeUnderTest(await cluster.join(TIMINGS)),
    new NodeUnderTest(await cluster.join(TIMINGS)),
  ];
  await publisher.start(REALM);
  await subscriber.start(REALM);
  await subscriber.backplane.bus.watch(REALM, 'a', 'exact');
  return { shards, prefix: cluster.prefix, publisher, subscriber };
}

/** Of a node alone; `nodes`: it uses a Redis Cluster. */
function optionsAt(url: string, nodes: readonly string[] | undefined) {
  return {
    name: 'n',
    access: {
      url,
      connectTimeoutMs: 1_000,
      commandTimeoutMs: 1_000,
      ...(nodes !== undefined && { cluster: { nodes } }),
    },
    prefix: 'p',
    limits: { maxBatchBytes: 262_144, maxItemsPerBatch: 4_096, maxUnacknowledgedBytes: 67_108_864 },
    logger: silentLogger,
  };
}

/** Publishes all the time; resolves to what was acknowledged, once a publication behind `during` has arrived. */
async function publishThrough({ publisher, subscriber }: Scene, during: () => Promise<unknown>): Promise<number[]> {
  const acknowledged: number[] = [];
  let number = 0;
  const publish = async (): Promise<number | undefined> => {
    const published = number++;
    try {
      await publisher.backplane.bus.publish(REALM, publicationOf('a', { id: published as never }));
    } catch {
      return undefined;
    }
    acknowledged.push(published);
    return published;
  };
  const state = { isOver: false };
  const publishing = (async () => {
    while (!state.isOver) {
      await publish();
      await setTimeout(2);
    }
  })();
  await during();
  state.isOver = true;
  await publishing;
  for (;;) {
    const fence = await publish();
    await setTimeout(20);
    if (fence !== undefined && receivedBy(subscriber).includes(fence)) return acknowledged;
  }
}

const receivedBy = (node: NodeUnderTest): number[] =>
  node.all('publication').map(({ publication }) => Number(publication.id));

/** Each acknowledged publication has arrived, or a gap was reported; none came twice or in another order (G4, ORD-1). */
function expectNoSilentLoss({ subscriber, publisher }: Scene, acknowledged: readonly number[]): void {
  const received = receivedBy(subscriber);
  expect(received).toEqual([...new Set(received)].sort((one, other) => one - other));
  const missing = acknowledged.filter((number) => !received.includes(number));
  if (subscriber.all('gap').some(({ from }) => from === publisher.id)) return;
  expect(missing).toEqual([]);
}

/** Both mirrors follow again: what one node wants from now on the other knows (G2). */
async function expectAgreement({ publisher, subscriber }: Scene): Promise<void> {
  for (const [at, [one, other]] of [
    [publisher, subscriber],
    [subscriber, publisher],
  ].entries() as ArrayIterator<[number, [NodeUnderTest, NodeUnderTest]]>) {
    for (;;) {
      const isDone = await Promise.resolve(one.backplane.bus.watch(REALM, `later.${at}`, 'exact')).then(
        () => true,
        () => false,
      );
      if (isDone) break;
      await setTimeout(50);
    }
    expect(other.backplane.bus.isWanted(REALM, `later.${at}`)).toBe(true);
  }
}

/** Connections of nodes to the server. */
async function connectionCount(server: RedisServer): Promise<number> {
  return [...String(await server.command('CLIENT', 'LIST')).matchAll(/ name=gantry:/g)].length;
}

const fenced = ({ publisher, subscriber }: Scene): number =>
  publisher.all('fenced').length + subscriber.all('fenced').length;

const USES = ['messages of an inbox', 'rows of the realm', 'rows of the nodes', 'probes'] as const;
const MOVES = slotMoves().flatMap((way) => USES.map((which): [(typeof USES)[number], SlotMove] => [which, way]));

describe('a Redis Cluster', () => {
  it.each(MOVES)('may move the slot of the %s, %s, while messages are under way (G4, G6)', async (which, way) => {
    const it = await scene();
    const { channels } = createKeys({ prefix: it.prefix, database: 0 });
    const channel = {
      'messages of an inbox': channels.inbox(it.subscriber.id),
      'rows of the realm': channels.realm(REALM),
      'rows of the nodes': channels.nodes,
      // The first tag is that of whichever server owns its slot.
      probes: `${it.prefix}:{p:0}:mark`,
    }[which];
    const acknowledged = await publishThrough(it, () => it.shards.move(channel, way));
    expectNoSilentLoss(it, acknowledged);
    await expectAgreement(it);
    expect(fenced(it)).toBe(0);
  });

  it.each(slotMoves())('may get another server, %s, and lose it before each node has reached it (G6)', async (way) => {
    const it = await scene();
    const { shards } = it;
    const [first, second, third] = shards.servers as [RedisServer, RedisServer, RedisServer];
    const acknowledged = await publishThrough(it, async () => {
      for (let round = 0; round < 2; round++) {
        const added = await shards.addPrimary();
        await shards.moveSlots(await shards.usedSlotsOf(first), first, added, way);
        await shards.moveSlots(await shards.usedSlotsOf(second), second, first, way);
        await shards.moveSlots(await shards.slotsOf(added), added, third, way);
        await shards.removePrimary(added);
      }
    });
    expectNoSilentLoss(it, acknowledged);
    await expectAgreement(it);
    expect(fenced(it)).toBe(0);
  });

  it('may lose the data of each of its servers, one after the other (G6)', async () => {
    const it = await scene();
    const keys = createKeys({ prefix: it.prefix, database: 0 }).realm(REALM);
    for (const server of it.shards.servers) {
      await server.flushAll();
      const key = keys.interest(it.subscriber.id);
      while ((await it.shards.command('HEXISTS', key, 'exact a')) !== 1) await setTimeout(20);
      await expectAgreement(it);
    }
    expect(fenced(it)).toBe(0);
  });

  it('may stand still in one server: that is an outage, and heals (G6)', async () => {
    const it = await scene();
    const { channels } = createKeys({ prefix: it.prefix, database: 0 });
    const owner = await it.shards.ownerOf(channels.realm(REALM));
    const acknowledged = await publishThrough(it, async () => {
      owner.pause();
      await it.subscriber.until((node) => node.all('down').length > 0);
      owner.resume();
      await it.subscriber.until((node) => node.all('up').length > 0);
    });
    expectNoSilentLoss(it, acknowledged);
    await expectAgreement(it);
  });

  it('may lose a primary whose replica takes over (G6)', async () => {
    const it = await scene(true);
    const { channels } = createKeys({ prefix: it.prefix, database: 0 });
    const owner = await it.shards.ownerOf(channels.inbox(it.subscriber.id));
    const acknowledged = await publishThrough(it, async () => {
      await owner.kill();
      await it.subscriber.until((node) => node.all('down').length > 0);
      await it.subscriber.until((node) => node.all('up').length > 0);
    });
    expectNoSilentLoss(it, acknowledged);
    await expectAgreement(it);
    expect(fenced(it)).toBe(0);
  });
});

it('a server that was cut off and names other owners is not believed (G6)', async () => {
  const shards = await startShards();
  onTestFinished(() => shards.stop());
  const alone = await startPeer(['--cluster-enabled', 'yes']);
  onTestFinished(() => alone.stop());
  await alone.command('CLUSTER', 'ADDSLOTSRANGE', 0, SLOT_COUNT - 1);
  const counters = createClusterCounters();
  const node = new NodeUnderTest(
    new RedisBackplane({
      ...optionsAt(shards.url, [...shards.nodes, `127.0.0.1:${alone.port}`]),
      timings: { ...TEST_TIMINGS, ...TIMINGS },
      counters,
    }),
  );
  onTestFinished(() => node.backplane.stop());
  await node.start(REALM);
  const readings = async (): Promise<number> => {
    const stats = String(await alone.command('INFO', 'commandstats'));
    return Number(/^cmdstat_cluster\|slots:calls=(\d+)/m.exec(stats)?.[1] ?? 0);
  };
  while ((await readings()) < 4) await setTimeout(20);
  await node.backplane.bus.watch(REALM, 'a', 'exact');
  expect(counters.connectionsLost).toEqual({ bus: 0, directory: 0, subscriber: 0 });
  expect(node.all('down')).toEqual([]);
});

describe('a primary that comes later', () => {
  it('and refuses this node is an outage until it is mended, and no traffic goes on as if it were there (G6)', async () => {
    const it = await scene();
    const { shards, subscriber } = it;
    const { channels } = createKeys({ prefix: it.prefix, database: 0 });
    const acknowledged = await publishThrough(it, async () => {
      const added = await shards.addPrimary();
      await added.command('ACL', 'SETUSER', 'default', '-ssubscribe');
      await shards.moveSlots([slotOf(channels.realm(REALM))], await shards.ownerOf(channels.realm(REALM)), added);
      await subscriber.until((node) => node.all('down').length > 0);
      const upCount = subscriber.all('up').length;
      const others = shards.servers.filter((server) => server !== added);
      for (const server of others) while ((await connectionCount(server)) < 2 * 3) await setTimeout(20);
      expect(subscriber.all('up')).toHaveLength(upCount);
      await added.command('ACL', 'SETUSER', 'default', '+@all');
      await subscriber.until((node) => node.all('up').length > upCount);
    });
    expectNoSilentLoss(it, acknowledged);
    await expectAgreement(it);
    expect(fenced(it)).toBe(0);
  });
});

describe('a start', () => {
  async function failureAt(server: Pick<RedisServer, 'url' | 'port'>, isSharded: boolean): Promise<string> {
    const backplane = new RedisBackplane({
      ...optionsAt(server.url, isSharded ? [`127.0.0.1:${server.port}`] : undefined),
      timings: { ...TEST_TIMINGS, startTimeoutMs: 1_500 },
      counters: createClusterCounters(),
    });
    const failure: unknown = await backplane
      .start(new NodeUnderTest(backplane) as never)
      .catch((error: unknown) => error);
    return String(failure);
  }

  it('at a server in cluster mode without backplane.redis.cluster ends with the name of the setting', async () => {
    const server = await startPeer(['--cluster-enabled', 'yes']);
    onTestFinished(() => server.stop());
    expect(await failureAt(server, false)).toContain('set backplane.redis.cluster.nodes');
  });

  it('with backplane.redis.cluster at another server ends with the name of the setting', async () => {
    const server = await startPeer();
    onTestFinished(() => server.stop());
    expect(await failureAt(server, true)).toContain('leave out backplane.redis.cluster');
  });

  it('waits for a Redis Cluster whose slots have no server', async () => {
    const server = await startPeer(['--cluster-enabled', 'yes']);
    onTestFinished(() => server.stop());
    expect(await failureAt(server, true)).toContain('it took longer than 1500 ms');
  });

  it('where no server listens ends with the setting and the reason', async () => {
    const port = await freePort();
    expect(await failureAt({ url: `redis://127.0.0.1:${port}`, port }, false)).toContain(
      `it took longer than 1500 ms; no connection to Redis (backplane.url): connect ECONNREFUSED 127.0.0.1:${port}`,
    );
  });
});
