import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { selfSigned } from '../support/certificate.js';
import { gantry, GantryProcess } from '../support/gantry-process.js';
import { autobahnConnection, joinAutobahn } from './clients/autobahn-client.js';

const REALM = 'com.example.app';
const DENIED = 'wamp.error.authentication_denied';
const HEADER = 'x-client-cert';
const server = selfSigned();
const device = selfSigned();
const otherDevice = selfSigned();
const fingerprint = new X509Certificate(device.cert).fingerprint256;

const folder = mkdtempSync(join(tmpdir(), 'gantry-certificates-'));
const servers: Server[] = [];
let router: GantryProcess;
let address: URL;

/** A router in front of which only this machine's proxy is trusted. */
const config = (trustedProxies: readonly string[] | undefined) => ({
  listen: {
    trustProxyHeader: 'x-forwarded-for',
    ...(trustedProxies === undefined ? undefined : { trustedProxies }),
    clientCertificate: { header: HEADER, format: 'pem' },
  },
  realms: [
    {
      name: REALM,
      anonymousRole: 'visitor',
      roles: [{ name: 'visitor' }, { name: 'device' }],
      auth: { tls: { principals: { device7: { certificateSha256: [fingerprint], role: 'device' } } } },
    },
  ],
  ops: { enabled: false },
  demo: { enabled: false },
});

async function start(name: string, trustedProxies: readonly string[]): Promise<GantryProcess> {
  const file = join(folder, name);
  writeFileSync(file, JSON.stringify(config(trustedProxies)));
  const started = new GantryProcess(['start', '--config', file, '--port', '0']);
  await started.ready();
  return started;
}

beforeAll(async () => {
  router = await start('gantry.json', ['127.0.0.1', '::1']);
  address = new URL(await router.ready());
});

afterAll(async () => {
  for (const one of servers) one.close();
  router.signal('SIGTERM');
  await router.exit;
  rmSync(folder, { recursive: true });
});

function listening(one: Server): Promise<number> {
  servers.push(one);
  return new Promise((done) => one.listen(0, '127.0.0.1', () => done((one.address() as AddressInfo).port)));
}

function joined(one: Socket, other: Socket): void {
  one.pipe(other).pipe(one);
  for (const [socket, peer] of [
    [one, other],
    [other, one],
  ] as const)
    socket.on('error', () => peer.destroy());
}

/** Ends TLS, verifies the client's certificate, and replaces the header of the request by it. */
function proxy(to: URL): Promise<number> {
  const options = { ...server, requestCert: true, ca: [device.cert, otherDevice.cert], rejectUnauthorized: false };
  return listening(
    createTlsServer(options, (client: TLSSocket) => {
      client.once('data', (request: Buffer) => {
        const lines = request
          .toString('latin1')
          .split('\r\n')
          .filter((line) => !line.toLowerCase().startsWith(`${HEADER}:`));
        const raw = client.authorized ? client.getPeerX509Certificate() : undefined;
        if (raw !== undefined) lines.splice(1, 0, `${HEADER}: ${encodeURIComponent(raw.toString())}`);
        const upstream = connect(Number(to.port), '127.0.0.1', () => {
          upstream.write(lines.join('\r\n'), 'latin1');
          joined(client, upstream);
        });
      });
      client.on('error', () => undefined);
    }),
  );
}

/** What a client with a certificate connects to, and reaches the proxy by TLS. */
async function tunnel(port: number, pair: { cert: string; key: string } | undefined, path: string): Promise<string> {
  const own = await listening(
    createServer((client) => {
      const secured = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...pair }, () =>
        joined(client, secured),
      );
      secured.on('error', () => client.destroy());
    }),
  );
  return `ws://127.0.0.1:${own}${path}`;
}

const byTls = { realm: REALM, authmethods: ['tls'] };

describe('a client with a TLS certificate', () => {
  it('is the principal of its certificate, without a challenge', async () => {
    const url = await tunnel(await proxy(address), device, address.pathname);
    const connection = autobahnConnection(url, 'json', byTls);
    const welcome = await new Promise<Record<string, unknown>>((resolve, reject) => {
      connection.onopen = (_session, details) => resolve(details);
      connection.onclose = (_how, { reason }) => (reject(new Error(String(reason))), true);
      connection.open();
    });
    expect(welcome).toMatchObject({ authid: 'device7', authrole: 'device', authmethod: 'tls', authprovider: 'static' });
    connection.close();
  });

  it('is nobody with another certificate, without one, or under another authid (AUT-4)', async () => {
    const port = await proxy(address);
    const known = await tunnel(port, device, address.pathname);
    await expect(joinAutobahn(known, 'json', { ...byTls, authid: 'device8' })).rejects.toMatchObject({ uri: DENIED });
    for (const pair of [otherDevice, undefined]) {
      const url = await tunnel(port, pair, address.pathname);
      await expect(joinAutobahn(url, 'json', byTls)).rejects.toMatchObject({ uri: DENIED });
      const visitor = await joinAutobahn(url, 'json', { realm: REALM });
      await visitor.leave();
    }
  });

  it('cannot write the header itself where it is no trusted proxy', async () => {
    const other = await start('other.json', ['192.0.2.1']);
    try {
      const { port, pathname } = new URL(await other.ready());
      const url = await tunnel(await proxy(new URL(`ws://127.0.0.1:${port}`)), device, pathname);
      await expect(joinAutobahn(url, 'json', byTls)).rejects.toMatchObject({ uri: DENIED });
    } finally {
      other.signal('SIGTERM');
      await other.exit;
    }
  });
});

it('is refused by `gantry check` without proxies that are trusted by name', async () => {
  const file = join(folder, 'open.json');
  writeFileSync(file, JSON.stringify(config(undefined)));
  const { stderr, code } = await gantry(['check', '--config', file]);
  expect(code).toBe(1);
  expect(stderr).toContain('listen.clientCertificate: Every client could write this header itself');
});
