import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, linkSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import type { RawTlsOptions } from '../../../src/transport/raw/raw-options.js';
import { selfSigned, selfSignedFiles, type KeyPair } from '../../support/certificate.js';
import { RawScene } from '../../support/raw-scene.js';
import { dial } from '../../support/rs-socket.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-raw-'));
afterAll(() => rmSync(folder, { recursive: true }));
let scenes: RawScene[] = [];
afterEach(async () => {
  await Promise.all(scenes.map((scene) => scene.close()));
  scenes = [];
});

async function open(options: Parameters<typeof RawScene.open>[0]): Promise<RawScene> {
  const scene = await RawScene.open(options);
  scenes.push(scene);
  return scene;
}

describe('Unix sockets (RS-8)', () => {
  const path = join(folder, 'gantry.sock');

  it('has the configured permissions from its beginning, and is removed at the end', async () => {
    const mask = 0o027;
    const before = process.umask(mask);
    const scene = await open({ path, mode: 0o600 });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(process.umask(before)).toBe(mask);
    await scene.close();
    expect(existsSync(path)).toBe(false);
    await open({ path, mode: 0o666 });
    expect(statSync(path).mode & 0o777).toBe(0o666);
  });

  it('counts no client for another', async () => {
    const scene = await open({ path, maxConnectionsPerAddress: 1 });
    await scene.connect();
    await scene.connect();
    expect(scene.server.connectionCount).toBe(2);
  });

  it('replaces a socket that a killed process left behind', async () => {
    const left = createServer().listen(path);
    await once(left, 'listening');
    const copy = join(folder, 'left.sock');
    // The name stays when the server is closed, as that of a killed process does.
    linkSync(path, copy);
    left.close();
    const scene = await open({ path: copy });
    await scene.connect();
  });

  it('takes nothing from another process, and no file that is no socket', async () => {
    await open({ path });
    await expect(RawScene.open({ path })).rejects.toThrow(`cannot listen on ${path}: another process listens there`);
    const file = join(folder, 'file');
    writeFileSync(file, 'precious');
    await expect(RawScene.open({ path: file })).rejects.toThrow('a file of this name that is no socket');
    expect(existsSync(file)).toBe(true);
    await expect(RawScene.open({ path: join(folder, 'none', 'x.sock') })).rejects.toThrow(/cannot listen on .*x\.sock/);
  });
});

describe('TLS (RS-8)', () => {
  const server = selfSignedFiles();
  const device = selfSigned();
  const stranger = selfSigned();
  const clientCaFile = join(folder, 'ca.pem');
  writeFileSync(clientCaFile, device.cert);
  afterAll(() => server.remove());
  const tls = (more: Partial<RawTlsOptions> = {}): RawTlsOptions => ({
    certFile: server.certFile,
    keyFile: server.keyFile,
    requireClientCertificate: false,
    ...more,
  });
  const sha256 = ({ cert }: KeyPair): string =>
    new X509Certificate(cert).fingerprint256.replaceAll(':', '').toLowerCase();

  it('knows the certificate of a client that its authority has signed, and no other', async () => {
    const scene = await open({ tls: tls({ clientCaFile }) });
    const known = await scene.connect('wamp.2.cbor', { pair: device });
    expect(known.listener.connection.certificate).toEqual({
      sha256: sha256(device),
      commonName: 'localhost',
      subject: { CN: 'localhost' },
    });
    for (const options of [{ pair: stranger }, {}]) {
      const { listener } = await scene.connect('wamp.2.cbor', options);
      expect(listener.connection.certificate).toBeUndefined();
    }
  });

  it('refuses clients without such a certificate, where that is configured', async () => {
    const scene = await open({ tls: tls({ clientCaFile, requireClientCertificate: true }) });
    await scene.connect('wamp.2.json', { pair: device });
    for (const options of [{ pair: stranger }, {}])
      await expect(scene.connect('wamp.2.json', options)).rejects.toThrow();
    await vi.waitFor(() => expect(scene.shared.sockets).toMatchObject({ count: 1, pendingCount: 0 }));
    expect(scene.listeners).toHaveLength(1);
  });

  it('asks for no certificate without an authority', async () => {
    const scene = await open({ tls: tls() });
    const { listener } = await scene.connect('wamp.2.json', { pair: device });
    expect(listener.connection.certificate).toBeUndefined();
  });

  it('counts connections from their accept, and ends those whose TLS handshake does not come', async () => {
    const scene = await open({ tls: tls(), handshakeTimeoutMs: 300 });
    const silent = connect(scene.port, '127.0.0.1');
    const plain = connect(scene.port, '127.0.0.1');
    for (const socket of [silent, plain]) socket.on('error', () => undefined).resume();
    await vi.waitFor(() => expect(scene.shared.sockets.pendingCount).toBe(2));
    plain.write(Buffer.from('7ff10000', 'hex'));
    await Promise.all([silent, plain].map((socket) => once(socket, 'close')));
    await vi.waitFor(() => expect(scene.shared.sockets).toMatchObject({ count: 0, pendingCount: 0 }));
    expect(scene.counters.connectionsRefused.request_timeout).toBeGreaterThan(0);
  });

  it('gives new connections the certificate that its files hold now; old ones stay', async () => {
    const files = selfSignedFiles();
    const scene = await open({
      tls: { certFile: files.certFile, keyFile: files.keyFile, requireClientCertificate: false },
    });
    const served = async (): Promise<string> => {
      const socket = dial(scene.url);
      await once(socket, 'secureConnect');
      const secured = socket instanceof TLSSocket ? socket : undefined;
      const certificate = secured?.getPeerX509Certificate();
      socket.destroy();
      return certificate?.fingerprint256 ?? 'none';
    };
    const old = await scene.connect();
    const before = await served();
    const next = selfSigned();
    writeFileSync(files.certFile, next.cert);
    await expect(scene.server.renewCertificate()).rejects.toThrow('the certificate and key of its TLS cannot be used');
    expect(await served()).toBe(before);
    writeFileSync(files.keyFile, next.key);
    await scene.server.renewCertificate();
    expect(await served()).toBe(new X509Certificate(next.cert).fingerprint256);
    old.peer.send('still here');
    await old.listener.until(({ texts }) => texts.includes('still here'));
    files.remove();
  });

  it('does not listen without usable files', async () => {
    const missing = tls({ keyFile: join(folder, 'none.pem') });
    await expect(RawScene.open({ tls: missing })).rejects.toThrow(/cannot be used: ENOENT/);
  });
});
