import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endingWithUs } from '../support/children.js';
import { startCluster, startRedisCluster, type TestCluster } from '../support/cluster.js';
import { freePort } from '../support/free-port.js';
import { GantryProcess } from '../support/gantry-process.js';
import { openRealm } from '../support/open-realm.js';
import { root } from '../support/root.js';

const REALM = 'com.example.app';
const PASSWORD = 'secret123';
const SEED = '4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510';
const PUBKEY = '1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d';

const folder = mkdtempSync(join(tmpdir(), 'gantry-nexus-'));
const program = join(folder, 'nexus');
const source = join(root, 'test/interop/clients/nexus');

/** The reason why the program cannot be built here. */
function obstacle(): string | undefined {
  for (const words of [['version'], ['mod', 'download']])
    try {
      execFileSync('go', words, { cwd: source, stdio: 'ignore', timeout: 120_000 });
    } catch {
      return `\`go ${words.join(' ')}\` fails`;
    }
  return undefined;
}

const missing = obstacle();
if (missing !== undefined) console.warn(`The Go client of nexus is not tested: ${missing}.`);

function start(...words: string[]): ChildProcess {
  return endingWithUs(spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] }));
}

/** What the program writes until it ends. */
async function linesOf(child: ChildProcess): Promise<readonly string[]> {
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (part: string) => (text += part));
  await once(child, 'close');
  return text.trim().split('\n');
}

const FEATURES = [
  ...['call', 'disclosure', 'wildcard', 'shared', 'error of a callee', 'no such procedure', 'unregister', 'taken'],
  ...['progressive results', 'cancel', 'timeout', 'event', 'prefix', 'own event', 'eligible', 'unsubscribe', 'goodbye'],
].map((name) => `ok ${name}`);

describe.skipIf(missing !== undefined)('the Go client of nexus 3.2', { timeout: 120_000 }, () => {
  beforeAll(() => {
    execFileSync('go', ['build', '-o', program, '.'], { cwd: source, stdio: 'inherit' });
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  const config = openRealm({ requestIdCheck: 'strict' });
  describe.each([
    ['1 node', () => startCluster(1, config)],
    ['3 nodes over Redis', () => startRedisCluster(3, config)],
  ] as const)('features [%s]', (_topology, startNodes) => {
    let cluster: TestCluster;
    beforeAll(async () => (cluster = await startNodes()));
    afterAll(() => cluster.stop());

    it.each(['json', 'msgpack', 'cbor'])('two sessions in %s call each other and publish', async (serializer) => {
      const child = start('features', cluster.url(0), cluster.url(1), serializer);
      expect(await linesOf(child)).toEqual(FEATURES);
    });
  });

  it.each(['json', 'msgpack', 'cbor'])(
    'two sessions over RawSocket, TCP and Unix socket, in %s do the same',
    async (serializer) => {
      const path = join(folder, 'gantry.sock');
      const listeners = [{ type: 'rawsocket', port: 0 } as const, { type: 'rawsocket', path } as const];
      const cluster = await startCluster(1, { ...config, listeners });
      const address = cluster.nodes[0]!.addresses.listeners[0]!.replace('rs:', 'tcp:');
      expect(await linesOf(start('features', address, `unix://${path}`, serializer))).toEqual(FEATURES);
      await cluster.stop();
    },
  );

  it('joins with a ticket, with WAMP-CRA and with cryptosign, and is refused with another secret', async () => {
    const file = join(folder, 'gantry.json');
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
    const login = (...words: string[]): Promise<readonly string[]> => linesOf(start('login', url, REALM, ...words));

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
    const child = start('stay', await first.ready());
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
