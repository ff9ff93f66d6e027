import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, startRedisCluster, type TestCluster } from '../support/cluster.js';
import { freePort } from '../support/free-port.js';
import { GantryProcess } from '../support/gantry-process.js';
import { GoProgram } from '../support/go-program.js';
import { openRealm } from '../support/open-realm.js';

const REALM = 'com.example.app';
const PASSWORD = 'secret123';
const SEED = '4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510';
const PUBKEY = '1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d';

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
    const file = join(program.folder, 'gantry.json');
    const anything = [{ uri: '', match: 'prefix', allow: { call: true } }];
    const auth = {
      ticket: {
        principals: { tim: { ticketSha256: createHash('sha256').update(PASSWORD).digest('hex'), role: 'user' } },
      },
      wampcra: {
        users: {
          carl: { secret: PASSWORD, role: 'user' },
          salma: { secret: PASSWORD, salt: 'salt123', iterations: 100, keylen: 16, role: 'user' },
        },
      },
      cryptosign: { principals: { device7: { authorizedKeys: [PUBKEY], role: 'user' } } },
    };
    const realm = { name: REALM, anonymousRole: null, roles: [{ name: 'user', permissions: anything }], auth };
    writeFileSync(file, JSON.stringify({ realms: [realm], ops: { enabled: false }, demo: { enabled: false } }));
    const router = new GantryProcess(['start', '--config', file, '--port', '0']);
    const url = await router.ready();
    const login = (...words: string[]): Promise<readonly string[]> => program.run('login', url, REALM, ...words);

    expect(await login('ticket', 'tim', PASSWORD)).toEqual(['joined tim user ticket']);
    expect(await login('wampcra', 'carl', PASSWORD)).toEqual(['joined carl user wampcra']);
    expect(await login('wampcra', 'salma', PASSWORD)).toEqual(['joined salma user wampcra']);
    expect(await login('cryptosign', 'device7', SEED)).toEqual(['joined device7 user cryptosign']);
    for (const words of [
      ['ticket', 'tim', 'another'],
      ['wampcra', 'salma', 'another'],
      ['cryptosign', 'device7', '0'.repeat(64)],
    ])
      expect(String(await login(...words))).toMatch(/^refused the realm does not accept these credentials/);

    router.signal('SIGTERM');
    await router.exit;
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
