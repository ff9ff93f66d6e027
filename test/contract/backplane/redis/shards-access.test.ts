import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ServerAddress, StoreAccess } from '../../../../src/backplane/redis/connection/client-options.js';
import { RedisBackplane } from '../../../../src/backplane/redis/redis-backplane.js';
import { createClusterCounters } from '../../../../src/telemetry/cluster-counters.js';
import { silentLogger } from '../../../../src/telemetry/logger.js';
import { aclRules, IN_A_CLUSTER } from '../../../support/redis-acl.js';
import { TEST_TIMINGS } from '../../../support/redis-cluster.js';
import { startShards, type RedisShards } from '../../../support/redis-shards.js';
import { randomPrefix } from '../../../support/redis.js';
import { NodeUnderTest } from '../node-under-test.js';
import { publicationOf, REALM } from '../samples.js';

const PASSWORD = 'sesame';

let shards: RedisShards;
beforeAll(async () => {
  shards = await startShards({ hasReplicas: true, hasTls: true, hasNames: true });
});
afterAll(() => shards.stop());

/** The user has these rights on all servers, or on these; others it keeps. */
async function grant(options: Parameters<typeof aclRules>[1], servers = shards.servers): Promise<void> {
  const rules = aclRules(PASSWORD, { isSharded: true, ...options });
  for (const server of servers) await server.command('ACL', 'SETUSER', 'gantry', ...rules);
}

function nodeWith(prefix: string, access: Partial<StoreAccess> = {}): NodeUnderTest {
  const backplane = new RedisBackplane({
    name: 'n',
    access: {
      url: shards.url,
      username: 'gantry',
      password: PASSWORD,
      tls: { caFile: shards.caFile },
      cluster: { nodes: shards.nodes },
      connectTimeoutMs: 2_000,
      commandTimeoutMs: 2_000,
      ...access,
    },
    prefix,
    timings: { ...TEST_TIMINGS, startTimeoutMs: 20_000 },
    limits: { maxBatchBytes: 262_144, maxItemsPerBatch: 4_096, maxUnacknowledgedBytes: 67_108_864 },
    counters: createClusterCounters(),
    logger: silentLogger,
  });
  onTestFinished(() => backplane.stop());
  return new NodeUnderTest(backplane);
}

/** Publishes until it arrives: the store may be away for a moment. */
async function reaches(publisher: NodeUnderTest, subscriber: NodeUnderTest, topic: string): Promise<void> {
  const attempt = async (): Promise<void> => {
    await subscriber.backplane.bus.watch(REALM, topic, 'exact');
    await publisher.backplane.bus.publish(REALM, publicationOf(topic));
  };
  while (!subscriber.topics().includes(topic)) {
    await attempt().catch(() => undefined);
    await setTimeout(20);
  }
}

const failureOf = async (node: NodeUnderTest): Promise<string> =>
  String(await node.start(REALM).catch((error: unknown) => error));

describe('a Redis Cluster with TLS, names and a user with the least rights', () => {
  it('carries all that a node does, through a failover too, and denies nothing (G6)', async () => {
    const prefix = randomPrefix();
    await grant({ prefix });
    await shards.everywhere('ACL', 'LOG', 'RESET');
    const hosts = new Set<string>();
    const route = (announced: ServerAddress): ServerAddress => {
      if ('host' in announced) hosts.add(announced.host);
      return announced;
    };
    const nodes = shards.nodes.slice(0, 1);
    const [publisher, subscriber] = [nodeWith(prefix, { cluster: { nodes }, route }), nodeWith(prefix)];
    await publisher.start(REALM);
    await subscriber.start(REALM);
    await reaches(publisher, subscriber, 'before');
    // The address of the settings is asked once; the connections go to the names.
    expect([...hosts].sort()).toEqual(['127.0.0.1', 'localhost']);
    for (const primary of await shards.primaries()) await shards.failOver(primary);
    await reaches(publisher, subscriber, 'after');
    expect((await shards.everywhere('ACL', 'LOG')).flat()).toEqual([]);
    expect(publisher.all('fenced')).toEqual([]);
    const plain = (await shards.everywhere('CLIENT', 'LIST')).map(String).join('');
    const ports = shards.servers.map(({ port }) => `laddr=127.0.0.1:${port} `);
    const ofNodes = plain.split('\n').filter((line) => line.includes(' user=gantry '));
    expect(ofNodes.length).toBeGreaterThanOrEqual(2 * 9);
    expect(ofNodes.filter((line) => ports.some((port) => line.includes(port)))).toEqual([]);
  });

  it('ends the start where nobody vouches for the servers', async () => {
    await grant({});
    expect(await failureOf(nodeWith('gantry', { tls: {} }))).toMatch(
      /certificate of Redis is not trusted.*set backplane\.redis\.tls\.caFile/,
    );
  });

  it('ends the start for a user without password, or with a wrong one, without printing it', async () => {
    const failure = await failureOf(nodeWith('gantry', { password: 'wrong-sesame' }));
    expect(failure).toMatch(/refuses the user name or the password/);
    expect(failure).not.toContain('wrong-sesame');
  });

  it.each([...IN_A_CLUSTER.added.filter((right) => right !== 'pubsub|shardnumsub'), 'hset', 'zrem'])(
    'ends the start for a user without %s, and names it',
    async (right) => {
      await grant({ without: [right] });
      expect(await failureOf(nodeWith('gantry'))).toMatch(new RegExp(`denies .*${right.replace('|', '.')}`, 'i'));
    },
  );

  it('names the server where the rights differ', async () => {
    await grant({});
    const [server] = await shards.primaries();
    await grant({ without: ['hset'] }, [server!]);
    expect(await failureOf(nodeWith('gantry'))).toMatch(/localhost:\d+: Redis denies rights .*\+hset/);
  });

  it('does without the right to count listeners', async () => {
    await grant({ without: ['pubsub|shardnumsub', 'client|kill'] });
    const [one, other] = [nodeWith('gantry'), nodeWith('gantry')];
    await one.start(REALM);
    await other.start(REALM);
    await reaches(one, other, 'x');
  });
});

it('the rights in a Redis Cluster are those of the operations guide', () => {
  const guide = readFileSync(new URL('../../../../docs/operations.md', import.meta.url), 'utf8');
  const [, added = '', left = ''] = /rights above with `(.+?)` in place of `(.+?)`/.exec(guide) ?? [];
  const rights = (text: string): string[] => text.replaceAll(/['+]/g, '').split(' ').sort();
  expect(rights(added)).toEqual([...IN_A_CLUSTER.added].sort());
  expect(rights(left)).toEqual([...IN_A_CLUSTER.left].sort());
});
