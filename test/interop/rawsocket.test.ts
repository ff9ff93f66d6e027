import { execFile } from 'node:child_process';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { selfSigned, selfSignedFiles } from '../support/certificate.js';
import { startCluster, type TestCluster } from '../support/cluster.js';
import { findPython } from '../support/python.js';
import { RawClient } from '../support/raw-client.js';
import { root } from '../support/root.js';
import { RsSocket } from '../support/rs-socket.js';
import { joinAutobahn } from './clients/autobahn-client.js';

const run = promisify(execFile);
const python = findPython();
const PYTHON_SESSIONS = ['asyncio', 'twisted'].flatMap((framework) =>
  ['json', 'msgpack', 'cbor'].map((serializer) => [framework, serializer] as const),
);
const folder = mkdtempSync(join(tmpdir(), 'gantry-raw-'));
const server = selfSignedFiles();
const device = selfSigned();
const clientCaFile = join(folder, 'ca.pem');
const anything = [
  { uri: '', match: 'prefix' as const, allow: { call: true, register: true, publish: true, subscribe: true } },
];

/** Changes nothing about a challenge. */
const UNBOUND = Buffer.alloc(32);
const KEY = newKey();

function newKey() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  // The last 32 bytes of the DER are the key itself.
  return { privateKey, pubkey: publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('hex') };
}

function sha256(data: Uint8Array): Buffer {
  return createHash('sha256').update(data).digest();
}

/** The next message over JSON. */
async function reply(client: RsSocket): Promise<unknown[]> {
  const [payload] = (await once(client, 'message')) as [Buffer];
  return JSON.parse(payload.toString()) as unknown[];
}

/** The answer to a login that is bound to this channel. */
async function joinBound(client: RsSocket, channelId: Uint8Array): Promise<unknown[]> {
  const authextra = { pubkey: KEY.pubkey, channel_binding: 'tls-unique' };
  client.send(
    JSON.stringify([Code.HELLO, 'realm1', { roles: { caller: {} }, authmethods: ['cryptosign'], authextra }]),
  );
  const [, , extra] = (await reply(client)) as [number, string, Record<string, string>];
  expect(extra).toEqual({ challenge: expect.any(String) as string, channel_binding: 'tls-unique' });
  const message = Buffer.from(extra['challenge'] ?? '', 'hex').map((byte, index) => byte ^ channelId[index]!);
  const signature = sign(null, message, KEY.privateKey).toString('hex') + Buffer.from(message).toString('hex');
  client.send(JSON.stringify([Code.AUTHENTICATE, signature, {}]));
  return reply(client);
}

/** The port of a listener. */
function portOf(url = ''): number {
  return Number(new URL(url.replace(/^rss?/, 'http')).port);
}

describe('RawSocket', () => {
  let cluster: TestCluster;
  let plain = '';
  let secured = '';

  beforeAll(async () => {
    writeFileSync(clientCaFile, device.cert);
    const tls = { certFile: server.certFile, keyFile: server.keyFile, clientCaFile };
    cluster = await startCluster(1, {
      listeners: [
        { type: 'rawsocket', port: 0 },
        { type: 'rawsocket', port: 0, tls },
      ],
      realms: [
        {
          name: 'realm1',
          anonymousRole: 'visitor',
          roles: [
            { name: 'visitor', permissions: anything },
            { name: 'device', permissions: anything },
          ],
          auth: {
            tls: { principals: { device7: { commonName: 'localhost', role: 'device' } } },
            cryptosign: { principals: { device9: { authorizedKeys: [KEY.pubkey], role: 'device' } } },
          },
        },
      ],
    });
    [plain = '', secured = ''] = cluster.nodes[0]!.addresses.listeners;
  });
  afterAll(async () => {
    await cluster.stop();
    server.remove();
    rmSync(folder, { recursive: true });
  });

  it('serves autobahn-js, which calls and publishes to a client of the WebSocket and back', async () => {
    const transports = [{ type: 'rawsocket', host: '127.0.0.1', port: portOf(plain) }];
    const near = await joinAutobahn(plain, 'json', { transports });
    const far = await joinAutobahn(cluster.url(0), 'msgpack');
    await far.register('com.example.add', ({ args: [a, b] }) => ({ args: [(a as number) + (b as number)] }));
    expect(await near.call('com.example.add', { args: [2, 3] }).result).toMatchObject({ args: [5] });
    await near.register('com.example.twice', ({ args: [a] }) => ({ args: [2 * (a as number)] }));
    expect(await far.call('com.example.twice', { args: [21] }).result).toMatchObject({ args: [42] });
    const events: unknown[] = [];
    const arrived = new Promise<void>((resolve) => {
      void near
        .subscribe('com.example.topic', ({ args }) => {
          events.push(args[0]);
          if (events.length === 2) resolve();
        })
        .then(async () => {
          await far.publish('com.example.topic', { args: ['one'] });
          await far.publish('com.example.topic', { args: ['x'.repeat(100_000)] });
        });
    });
    await arrived;
    expect(events).toEqual(['one', 'x'.repeat(100_000)]);
    await near.leave();
    await far.leave();
  });

  it('logs a client in by the certificate that the listener has verified, without a proxy', async () => {
    const details = { authmethods: ['tls'] };
    const client = await RawClient.join(secured, { serializer: 'cbor', pair: device, details });
    expect(client.welcome).toMatchObject({ authid: 'device7', authrole: 'device', authmethod: 'tls' });
    client.drop();
    for (const options of [{ pair: selfSigned() }, {}]) {
      const other = await RawClient.connect(secured, { serializer: 'cbor', ...options });
      other.send([Code.HELLO, 'realm1', { roles: { caller: {} }, ...details }]);
      expect((await other.expect(Code.ABORT))[2]).toBe('wamp.error.authentication_denied');
      other.drop();
    }
  });

  it.each(python === undefined ? [] : PYTHON_SESSIONS)('serves autobahn-python on %s in %s', async (...words) => {
    const program = join(root, 'test/interop/clients/autobahn_python_rawsocket.py');
    const { stdout } = await run(python!, [program, words[0], plain, words[1]]);
    expect(stdout).toBe('ok\n');
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('binds a login by cryptosign to its channel of %s', async (maxVersion) => {
    const open = async (): Promise<RsSocket> => {
      const client = new RsSocket(secured, { pair: { maxVersion } });
      await once(client, 'open');
      return client;
    };
    const [own, other, third] = [await open(), await open(), await open()];
    expect(own.channel().version).toBe(maxVersion);
    const [, , welcome] = await joinBound(own, sha256(own.channel().finished));
    expect(welcome).toMatchObject({ authid: 'device9', authmethod: 'cryptosign' });
    for (const [client, channelId] of [
      [other, sha256(own.channel().finished)],
      [third, UNBOUND],
    ] as const)
      expect(await joinBound(client, channelId)).toMatchObject([Code.ABORT, {}, 'wamp.error.authentication_denied']);
    for (const client of [own, other, third]) client.terminate();
  });

  it('ends its sessions when the node drains, behind the answers that are under way', async () => {
    const draining = await startCluster(1, { listeners: [{ type: 'rawsocket', port: 0 }], drain: { periodMs: 0 } });
    const [url = ''] = draining.nodes[0]!.addresses.listeners;
    const [caller, callee] = [await RawClient.join(url), await RawClient.join(url)];
    await callee.register('com.example.slow');
    const request = caller.call('com.example.slow');
    const [, invocation] = await callee.expect(Code.INVOCATION);
    const drained = draining.nodes[0]!.drain();
    await expect(RawClient.connect(url)).rejects.toThrow(/ECONNREFUSED/);
    callee.send([Code.YIELD, invocation, {}, ['done']]);
    expect(await caller.expect(Code.RESULT)).toEqual([Code.RESULT, request, {}, ['done']]);
    await Promise.all([drained, caller.closed, callee.closed]);
    expect(draining.nodes[0]!.counters.connectionsClosed.restart).toBe(2);
    await draining.stop();
  });
});
