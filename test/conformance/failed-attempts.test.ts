import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.js';
import { Code } from '../../src/wamp/codes.js';
import { cleanups, startCluster, startRedisCluster, type TestCluster } from '../support/cluster.js';
import { RawClient } from '../support/raw-client.js';

const CONFIG: ConfigInput = {
  realms: [
    {
      name: 'realm1',
      roles: [{ name: 'user', permissions: [] }],
      auth: {
        ticket: { principals: { peter: { ticket: 'right', role: 'user' }, mary: { ticket: 'right', role: 'user' } } },
      },
    },
  ],
};
/** Not the address of the attack. */
const ELSEWHERE = '127.0.0.2';
const after = cleanups();

/** Sends HELLO and, when challenged, the ticket. Returns the answer of the router. */
async function attempt(client: RawClient, authid: string, ticket: string): Promise<unknown> {
  client.send([Code.HELLO, 'realm1', { roles: { caller: {} }, authmethods: ['ticket'], authid }]);
  let answer = await client.receive();
  if (answer[0] === Code.CHALLENGE) {
    client.send([Code.AUTHENTICATE, ticket, {}]);
    answer = await client.receive();
  }
  return answer[0] === Code.WELCOME ? 'welcome' : answer[2];
}

async function login(
  cluster: TestCluster,
  index: number,
  authid: string,
  localAddress = '127.0.0.1',
): Promise<unknown> {
  const client = await RawClient.connect(cluster.url(index), { localAddress });
  try {
    return await attempt(client, authid, 'right');
  } finally {
    client.drop();
  }
}

const TOPOLOGIES: readonly [string, (config: ConfigInput) => Promise<TestCluster>, number][] = [
  ['one node', (config) => startCluster(1, config), 1],
  ['three nodes in process', (config) => startCluster(3, config), 3],
  ['three nodes over Redis', (config) => startRedisCluster(3, config), 3],
];

describe.each(TOPOLOGIES)('failed attempts to authenticate: %s', (_name, start, nodeCount) => {
  it('are stopped, 10,000 of them, while others log in', async () => {
    // The attempts of one connection are one handshake, which takes as long as a busy machine needs.
    const limits = { maxFailedAuthenticationsPerConnection: 1_000, handshakeTimeoutMs: 300_000 };
    const cluster = await start({ ...CONFIG, limits: { ...CONFIG.limits, ...limits } });
    after(() => cluster.stop());
    const answers = new Map<unknown, number>();
    const attack = async (index: number): Promise<void> => {
      const client = await RawClient.connect(cluster.url(index));
      after(() => client.drop());
      for (let i = 0; i < 500; i++) {
        const answer = await attempt(client, 'peter', `guess ${i}`);
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      }
    };
    const progress = { isOver: false };
    const attacks = Promise.all(Array.from({ length: 20 }, (_, index) => attack(index))).finally(
      () => (progress.isOver = true),
    );
    let loginCount = 0;
    while (!progress.isOver) {
      const address = loginCount % 2 === 0 ? '127.0.0.1' : ELSEWHERE;
      expect([loginCount++, await login(cluster, loginCount, 'mary', address)]).toEqual([loginCount - 1, 'welcome']);
    }
    await attacks;
    expect(loginCount).toBeGreaterThan(3);
    const denied = answers.get('wamp.error.authentication_denied') ?? 0;
    expect(denied).toBeGreaterThanOrEqual(10);
    expect(denied).toBeLessThanOrEqual(10 * nodeCount);
    expect(answers.get('wamp.error.limit_exceeded')).toBe(10_000 - denied);
    expect(await login(cluster, 0, 'peter')).toBe('wamp.error.limit_exceeded');
    expect(await login(cluster, 0, 'peter', ELSEWHERE)).toBe('welcome');
    expect(
      cluster.nodes.reduce((sum, { counters }) => sum + counters.authenticationFailures['ticket,throttled'], 0),
    ).toBe(10_001 - denied);
  });

  it('look the same for an authid that does not exist, and end the connection after a few', async () => {
    const cluster = await start({ ...CONFIG, limits: { maxFailedAuthenticationsPerAuthid: 2 } });
    after(() => cluster.stop());
    const sequences: unknown[] = [];
    for (const authid of ['peter', 'nobody']) {
      const client = await RawClient.connect(cluster.url(0));
      const sequence: unknown[] = [];
      for (let i = 0; i < 5; i++) sequence.push(await attempt(client, authid, 'wrong'));
      sequences.push([...sequence, (await client.closed).code]);
    }
    const denied = 'wamp.error.authentication_denied';
    const limit = 'wamp.error.limit_exceeded';
    expect(sequences).toEqual(Array(2).fill([denied, denied, limit, limit, limit, 1008]));
  });
});
