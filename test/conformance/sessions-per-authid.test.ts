import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.js';
import { Code } from '../../src/wamp/codes.js';
import { cleanups, startCluster, startRedisCluster, type TestCluster } from '../support/cluster.js';
import { RawClient } from '../support/raw-client.js';

const after = cleanups();
const LIMIT = 'wamp.error.limit_exceeded';
const REPLACED = 'gantry.close.session_replaced';

function configOf(rule: { onDuplicate: 'allow' | 'refuse' | 'replace'; maxSessionsPerAuthid?: number }): ConfigInput {
  const principals = { peter: { ticket: 'right', role: 'user' }, mary: { ticket: 'right', role: 'user' } };
  return {
    realms: [
      { name: 'realm1', roles: [{ name: 'user' }], anonymousRole: 'user', auth: { ticket: { principals } }, ...rule },
    ],
  };
}

/** A client that has authenticated: `answer` is WELCOME, or the reason of the ABORT. */
async function join(
  cluster: TestCluster,
  index: number,
  authid = 'peter',
): Promise<{ client: RawClient; answer: unknown }> {
  const client = await RawClient.connect(cluster.url(index));
  after(() => client.drop());
  client.send([Code.HELLO, 'realm1', { roles: { caller: {} }, authmethods: ['ticket'], authid }]);
  await client.expect(Code.CHALLENGE);
  client.send([Code.AUTHENTICATE, 'right', {}]);
  const answer = await client.receive();
  return { client, answer: answer[0] === Code.WELCOME ? 'welcome' : answer[2] };
}

async function leave(client: RawClient): Promise<void> {
  client.send([Code.GOODBYE, {}, 'wamp.close.close_realm']);
  await client.expect(Code.GOODBYE);
}

const TOPOLOGIES: readonly [string, (config: ConfigInput) => Promise<TestCluster>][] = [
  ['one node', (config) => startCluster(1, config)],
  ['three nodes in process', (config) => startCluster(3, config)],
  ['three nodes over Redis', (config) => startRedisCluster(3, config)],
];

describe.each(TOPOLOGIES)('several sessions of one authid: %s', (_name, start) => {
  it('may be any number by default', async () => {
    const cluster = await start(configOf({ onDuplicate: 'allow' }));
    after(() => cluster.stop());
    for (let index = 0; index < 6; index++) expect((await join(cluster, index)).answer).toBe('welcome');
  });

  it('are refused beyond the bound, on all nodes together, also when all join at once', async () => {
    const cluster = await start(configOf({ onDuplicate: 'refuse', maxSessionsPerAuthid: 3 }));
    after(() => cluster.stop());
    const joined = await Promise.all(Array.from({ length: 12 }, (_, index) => join(cluster, index)));
    const welcomed = joined.filter(({ answer }) => answer === 'welcome');
    expect(welcomed).toHaveLength(3);
    expect(joined.filter(({ answer }) => answer === LIMIT)).toHaveLength(9);
    expect((await join(cluster, 0, 'mary')).answer).toBe('welcome');
    const [first, second] = welcomed as [(typeof joined)[0], (typeof joined)[0]];
    await leave(first.client);
    second.client.drop();
    await second.client.closed;
    const admitted: unknown[] = [];
    while (admitted.length < 2) if ((await join(cluster, admitted.length)).answer === 'welcome') admitted.push(1);
    expect((await join(cluster, 2)).answer).toBe(LIMIT);
  });

  it('replace the oldest one, on whichever node it is', async () => {
    const cluster = await start(configOf({ onDuplicate: 'replace' }));
    after(() => cluster.stop());
    let last = (await join(cluster, 0)).client;
    for (let index = 1; index < 7; index++) {
      const { client, answer } = await join(cluster, index);
      expect(answer).toBe('welcome');
      const [code, , reason] = await last.receive();
      expect([code, reason]).toEqual([Code.GOODBYE, REPLACED]);
      last = client;
    }
    await leave(last);
    const limits = cluster.nodes.reduce((sum, { counters }) => sum + counters.limitsReached.sessions_per_authid, 0);
    expect(limits).toBe(6);
  });

  it('do not count when they are anonymous', async () => {
    const cluster = await start(configOf({ onDuplicate: 'refuse' }));
    after(() => cluster.stop());
    for (let index = 0; index < 4; index++)
      after(await RawClient.join(cluster.url(index)).then((client) => () => client.drop()));
  });
});
