import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, startRedisCluster, type TestCluster } from '../support/cluster.js';
import { freePort } from '../support/free-port.js';
import { GantryProcess } from '../support/gantry-process.js';
import { GoProgram } from '../support/go-program.js';
import { openRealm } from '../support/open-realm.js';
import { logIn } from './clients/go-logins.js';

const program = new GoProgram('nexus');

const FEATURES = [
  ...['call', 'disclosure', 'wildcard', 'shared', 'error of a callee', 'no such procedure', 'unregister', 'taken'],
  ...['progressive results', 'cancel', 'timeout', 'event', 'prefix', 'own event', 'eligible', 'unsubscribe', 'goodbye'],
].map((name) => `ok ${name}`);

describe.skipIf(program.obstacle !== undefined)('the Go client of nexus 3.2', { timeout: 120_000 }, () => {
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

  it.each(['json', 'msgpack', 'cbor'])(
    'two sessions over RawSocket, TCP and Unix socket, in %s do the same',
    async (serializer) => {
      const path = join(program.folder, 'gantry.sock');
      const listeners = [{ type: 'rawsocket', port: 0 } as const, { type: 'rawsocket', path } as const];
      const cluster = await startCluster(1, { ...config, listeners });
      const address = cluster.nodes[0]!.addresses.listeners[0]!.replace('rs:', 'tcp:');
      expect(await program.run('features', address, `unix://${path}`, serializer)).toEqual(FEATURES);
      await cluster.stop();
    },
  );

  it('joins with a ticket, with WAMP-CRA and with cryptosign, and is refused with another secret', async () => {
    const { right, wrong } = await logIn(program, 16);
    expect(right).toEqual([
      'joined tim user ticket',
      'joined carl user wampcra',
      'joined salma user wampcra',
      'joined device7 user cryptosign',
    ]);
    expect(wrong).toHaveLength(3);
    for (const refusal of wrong) expect(refusal).toMatch(/^refused the realm does not accept these credentials/);
  });

  it('reports the end of its session when the router restarts, so that a loop joins again', async () => {
    const port = String(await freePort());
    const words = ['start', '--port', port, '--set', 'ops.enabled=false', '--set', 'drain.periodMs=0'];
    const first = new GantryProcess(words);
    const child = program.start('stay', await first.ready());
    const lines = child.stdout!.setEncoding('utf8');
    await once(lines, 'data');
    first.signal('SIGTERM');
    await first.exit;
    const second = new GantryProcess(words);
    expect(await once(lines, 'data')).toEqual(['joined\n']);
    child.kill('SIGKILL');
    second.signal('SIGTERM');
    await second.exit;
  });
});
