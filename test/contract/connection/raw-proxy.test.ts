import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { selfSignedFiles } from '../../support/certificate.js';
import { RawScene } from '../../support/raw-scene.js';

const HELLO = Buffer.of(0x7f, 0xf1, 0, 0);
const ACCEPTED = '7fb10000';
const HERE = { trustedProxies: ['127.0.0.1'] };
const line = (source: string): Buffer => Buffer.from(`PROXY TCP4 ${source} 10.0.0.1 4660 8080\r\n`);
const binary = (source: readonly number[]): Buffer =>
  Buffer.concat([
    Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex'),
    Buffer.from([...source, 10, 0, 0, 1, 0x12, 0x34, 0x1f, 0x90]),
  ]);

const sockets: Socket[] = [];
let scene: RawScene | undefined;
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await scene?.close();
});

async function open(options: Parameters<typeof RawScene.open>[0]): Promise<RawScene> {
  scene = await RawScene.open(options);
  return scene;
}

async function dial({ port }: RawScene): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket.setNoDelay(true));
  await once(socket, 'connect');
  return socket;
}

/** The first octets of the router; empty when it closes instead. */
async function answerTo(socket: Socket, ...writes: readonly Uint8Array[]): Promise<string> {
  const answer = new Promise<string>((resolve) => {
    socket.once('data', (bytes: Buffer) => resolve(bytes.toString('hex')));
    socket.once('close', () => resolve(''));
  });
  for (const bytes of writes) await new Promise<void>((resolve) => socket.write(bytes, () => setImmediate(resolve)));
  return answer;
}

describe('PROXY headers', () => {
  it.each([
    ['version 1', line('203.0.113.7')],
    ['version 2', binary([203, 0, 113, 7])],
  ])('of %s name the client, however the bytes arrive', async (_version, header) => {
    const opened = await open({ proxyProtocol: HERE });
    const all = Buffer.concat([header, HELLO]);
    expect(await answerTo(await dial(opened), all)).toBe(ACCEPTED);
    expect(await answerTo(await dial(opened), header, HELLO)).toBe(ACCEPTED);
    expect(await answerTo(await dial(opened), ...Array.from(all, (byte) => Buffer.of(byte)))).toBe(ACCEPTED);
    expect(opened.listeners.map(({ connection }) => connection.remoteAddress)).toEqual(Array(3).fill('203.0.113.7'));
  });

  it('count connections by the client, not by the proxy', async () => {
    const opened = await open({ proxyProtocol: HERE, maxConnectionsPerAddress: 1 });
    for (const [source, answer] of [
      ['203.0.113.7', ACCEPTED],
      ['203.0.113.8', ACCEPTED],
      ['203.0.113.7', '7f400000'],
    ] as const)
      expect(await answerTo(await dial(opened), line(source), HELLO)).toBe(answer);
    expect(opened.counters.connectionsRefused.connections_per_address).toBe(1);
  });

  it('may leave the client out: then the proxy itself is the client', async () => {
    const opened = await open({ proxyProtocol: HERE });
    expect(await answerTo(await dial(opened), Buffer.from('PROXY UNKNOWN\r\n'), HELLO)).toBe(ACCEPTED);
    expect(opened.listeners[0]!.connection.remoteAddress).toBe('127.0.0.1');
  });

  it.each([
    ['is missing', HELLO],
    ['is malformed', Buffer.from('PROXY TCP4 nobody nowhere 1 2\r\n')],
    ['has no end', Buffer.alloc(2_000, line('203.0.113.7').subarray(0, 30))],
  ])('end the connection when one of a trusted proxy %s', async (_flaw, bytes) => {
    const opened = await open({ proxyProtocol: HERE });
    expect(await answerTo(await dial(opened), bytes)).toBe('');
    await vi.waitFor(() => expect(opened.shared.sockets).toMatchObject({ count: 0, pendingCount: 0 }));
    expect(opened.counters.connectionsRefused.proxy_header).toBe(1);
    expect(opened.listeners).toEqual([]);
  });

  it('have to arrive in the time of the handshake', async () => {
    const opened = await open({ proxyProtocol: HERE, handshakeTimeoutMs: 100 });
    expect(await answerTo(await dial(opened), line('203.0.113.7').subarray(0, 20))).toBe('');
    await vi.waitFor(() => expect(opened.counters.connectionsRefused.request_timeout).toBe(1));
  });

  it('count only from trusted addresses: others are clients, and may not write one', async () => {
    const opened = await open({ proxyProtocol: { trustedProxies: ['10.0.0.0/8'] } });
    expect(await answerTo(await dial(opened), HELLO)).toBe(ACCEPTED);
    expect(await answerTo(await dial(opened), line('203.0.113.7'), HELLO)).toBe('');
    expect(opened.listeners.map(({ connection }) => connection.remoteAddress)).toEqual(['127.0.0.1']);
    await vi.waitFor(() => expect(opened.counters.connectionsRefused.malformed_handshake).toBe(1));
  });

  it.each(['in one write with the TLS handshake', 'before it'])('come before TLS, %s', async (when) => {
    const files = selfSignedFiles();
    const { certFile, keyFile } = files;
    const opened = await open({ proxyProtocol: HERE, tls: { certFile, keyFile, requireClientCertificate: false } });
    const socket = await dial(opened);
    if (when === 'before it') socket.write(line('203.0.113.7'));
    else {
      socket.cork();
      socket.write(line('203.0.113.7'));
      setImmediate(() => socket.uncork());
    }
    const secured: TLSSocket = connectTls({ socket, rejectUnauthorized: false });
    sockets.push(secured);
    await once(secured, 'secureConnect');
    expect(await answerTo(secured, HELLO)).toBe(ACCEPTED);
    expect(opened.listeners[0]!.connection.remoteAddress).toBe('203.0.113.7');
    files.remove();
  });
});
