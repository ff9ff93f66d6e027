import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, startRedisCluster, type TestCluster } from '../support/cluster.js';
import { GoProgram } from '../support/go-program.js';
import { openRealm } from '../support/open-realm.js';
import { logIn } from './clients/go-logins.js';

const program = new GoProgram('xconn');

const FEATURES = [
  ...['call', 'wildcard', 'shared', 'error of a callee', 'no such procedure', 'unregister', 'taken'],
  ...['progressive results', 'event', 'prefix', 'own event', 'unsubscribe', 'goodbye'],
].map((name) => `ok ${name}`);

describe.skipIf(program.obstacle !== undefined)('the Go client of xconn 0.1', { timeout: 120_000 }, () => {
  beforeAll(() => program.build(), 600_000);
  afterAll(() => program.remove());

  const config = openRealm({ requestIdCheck: 'strict' });
  describe.each([
    ['1 node', () => startCluster(1, config)],
    ['3 nodes over Redis', () => startRedisCluster(3, config)],
  ] as const)('features [%s]', (_topology, startNodes) => {
    let cluster: TestCluster;
    beforeAll(async () => (cluster = await startNodes()));
    afterAll(() => cluster.stop());

    it.each(['json', 'msgpack', 'cbor'])('two sessions in %s call each other and publish', async (serializer) => {
      expect(await program.run('features', cluster.url(0), cluster.url(1), serializer)).toEqual(FEATURES);
    });
  });

  it.each(['json', 'msgpack', 'cbor'])('two sessions over RawSocket in %s do the same', async (serializer) => {
    const cluster = await startCluster(1, { ...config, listeners: [{ type: 'rawsocket', port: 0 }] });
    const address = cluster.nodes[0]!.addresses.listeners[0]!;
    expect(await program.run('features', address, address, serializer)).toEqual(FEATURES);
    await cluster.stop();
  });

  it('joins with a ticket, with WAMP-CRA and with cryptosign, and is refused with another secret', async () => {
    const { right, wrong } = await logIn(program, 32);
    expect(right).toEqual(['joined tim user', 'joined carl user', 'joined salma user', 'joined device7 user']);
    expect(wrong).toHaveLength(3);
    for (const refusal of wrong) expect(refusal).toMatch(/^refused wamp\.error\.authentication_denied/);
  });
});
