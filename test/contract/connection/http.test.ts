import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { TransportOptions } from '../../../src/transport/transport-options.js';
import { handshake, RawHttp } from '../../support/raw-http.js';
import { PeerSocket, UwsScene } from '../../support/uws-scene.js';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-http-'));
  writeFileSync(join(directory, 'index.html'), '<!doctype html>');
  writeFileSync(join(directory, 'large.js'), Buffer.alloc(12_000_000, 'x'));
});
afterAll(() => rmSync(directory, { recursive: true }));

let scene: UwsScene;
const raws: RawHttp[] = [];
afterEach(async () => {
  for (const { socket } of raws.splice(0)) socket.destroy();
  await scene.close();
});

async function open(options: Partial<TransportOptions> = {}): Promise<void> {
  scene = await UwsScene.open(options);
}

function raw(bytes: string, options: { isReading?: boolean } = {}): RawHttp {
  const client = new RawHttp(scene.port, bytes, options);
  raws.push(client);
  return client;
}

/** Resolves once a message of `witness` has come through: whatever was sent before has been handled. */
async function fence(): Promise<void> {
  const { peer, listener } = await scene.connect();
  peer.send('fence');
  await listener.until(({ texts }) => texts.includes('fence'));
  peer.socket.terminate();
  await listener.until(({ isClosed }) => isClosed);
}

/** The server counts so many connections: its view comes a turn after what the client sees. */
async function sockets(count: number): Promise<void> {
  await vi.waitFor(() => expect(scene.shared.sockets.count).toBe(count), { timeout: 20_000, interval: 5 });
}

const GET = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const SILENT = '';

describe('HTTP beside the WebSocket', () => {
  it.each([
    ['GET / HTTP/1.1', 200, true],
    ['HEAD / HTTP/1.1', 200, false],
    ['GET /nothing HTTP/1.1', 404, true],
    ['HEAD /nothing HTTP/1.1', 404, false],
    ['GET /ws HTTP/1.1', 426, true],
    ['POST / HTTP/1.1', 405, true],
    ['OPTIONS /ws HTTP/1.1', 405, true],
  ])('answers %s with %i, and closes', async (line, status, hasBody) => {
    await open({ sites: [{ directory }] });
    const reply = await raw(`${line}\r\nHost: x\r\n\r\n`).closed;
    const [head = '', ...body] = reply.split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(head.match(/^connection: close$/gim)).toHaveLength(1);
    const [, length = ''] = /^content-length: (\d+)$/im.exec(head) ?? [];
    expect(Number(length)).toBeGreaterThan(10);
    expect(body.join().length).toBe(hasBody ? Number(length) : 0);
    expect(scene.counters.httpAnswers).toMatchObject({ [status]: 1 });
    await sockets(0);
  });

  it('ends a connection that asks again before it has its answer, however often it asks', async () => {
    await open({ sites: [{ directory }] });
    for (const path of ['/large.js', '/', '/ws', '/nothing']) {
      const before = scene.counters.connectionsRefused.no_request;
      for (const bytes of [GET(path).repeat(5_000), handshake({ 'Sec-WebSocket-Protocol': 'none' }).repeat(1_000)]) {
        await raw(bytes, { isReading: false }).connected();
      }
      await fence();
      await sockets(0);
      expect(scene.counters.connectionsRefused.no_request).toBe(before);
    }
    expect(Object.values(scene.counters.httpAnswers).reduce((sum, count) => sum + count)).toBeLessThanOrEqual(8);
  });

  it('keeps nothing of a page for a client that does not read it', async () => {
    await open({ sites: [{ directory }] });
    const clients = Array.from({ length: 20 }, () => raw(GET('/large.js'), { isReading: false }));
    await sockets(20);
    await vi.waitFor(() => expect(scene.counters.httpAnswers['200']).toBe(20));
    await fence();
    expect(scene.shared.sockets.count).toBe(20);
    for (const { socket } of clients) socket.destroy();
    await sockets(0);
  });

  it('counts connections that are no WebSockets, and closes those that are too many', async () => {
    await open({ sites: [{ directory }], maxConnections: 3 });
    const reading = [raw(GET('/large.js'), { isReading: false }), raw(GET('/large.js'), { isReading: false })];
    await vi.waitFor(() => expect(scene.counters.httpAnswers['200']).toBe(2));
    const { peer } = await scene.connect();
    expect(await scene.tryConnect('wamp.2.json')).toMatchObject({ status: 503 });
    expect(await raw(GET('/')).closed).toMatch(/^HTTP\/1\.1 503 .*retry-after: 2/is);
    reading[0]!.socket.destroy();
    await sockets(2);
    expect(await scene.tryConnect('wamp.2.json')).toBeInstanceOf(PeerSocket);
    peer.socket.terminate();
    expect(scene.counters.connectionsRefused.connections).toBe(2);
    const silent = Array.from({ length: 400 }, () => raw(SILENT));
    await Promise.all(silent.slice(-100).map(({ closed }) => closed));
    expect(scene.shared.sockets.count).toBeLessThanOrEqual(3 + 256);
  });

  it('counts them per address', async () => {
    await open({ sites: [{ directory }], maxConnectionsPerAddress: 2 });
    const reading = raw(GET('/large.js'), { isReading: false });
    await vi.waitFor(() => expect(scene.counters.httpAnswers['200']).toBe(1));
    await scene.connect();
    expect(await scene.tryConnect('wamp.2.json')).toMatchObject({ status: 503 });
    reading.socket.destroy();
    await sockets(1);
    await scene.connect();
    // Past a few more that would be answered why, a connection is closed at once.
    const silent = Array.from({ length: 40 }, () => raw(SILENT));
    await Promise.all(silent.slice(-20).map(({ closed }) => closed));
    expect(scene.shared.sockets.count).toBeLessThanOrEqual(2 + 16);
  });

  it('closes what is one too many of those that have sent no request', async () => {
    await open({ maxPendingConnections: 2 });
    const silent = [raw(SILENT), raw(SILENT)];
    await sockets(2);
    expect(await raw(SILENT).closed).toBe('');
    expect(scene.counters.connectionsRefused.pending_connections).toBe(1);
    silent[0]!.socket.destroy();
    await sockets(1);
    await scene.connect();
  });

  it('ends connections without a whole request, silent or slow', { timeout: 30_000 }, async () => {
    await open();
    const slow = raw('GET / HTTP/1.1\r\n');
    const drip = setInterval(() => slow.socket.write('a: b\r\n'), 200);
    await Promise.all([raw(SILENT).closed, slow.closed, raw('POST / HTTP/1.1\r\nHost: x\r\nContent-Le').closed]);
    clearInterval(drip);
    await sockets(0);
    expect(scene.counters.connectionsRefused.request_timeout).toBe(3);
  });
});

describe('opening handshake (RFC 6455, 4.2.1)', () => {
  it.each([
    ['no Upgrade', { Upgrade: undefined }, 426, 'upgrade_required'],
    ['another Upgrade', { Upgrade: 'h2c' }, 426, 'upgrade_required'],
    ['no Connection', { Connection: 'keep-alive' }, 400, 'malformed_handshake'],
    ['version 8', { 'Sec-WebSocket-Version': '8' }, 426, 'websocket_version'],
    ['no version', { 'Sec-WebSocket-Version': undefined }, 426, 'websocket_version'],
    ['no key', { 'Sec-WebSocket-Key': undefined }, 400, 'malformed_handshake'],
    ['a short key', { 'Sec-WebSocket-Key': 'c2hvcnQ=' }, 400, 'malformed_handshake'],
    ['a key that is no base64', { 'Sec-WebSocket-Key': '!!!!!!!!!!!!!!!!!!!!!!==' }, 400, 'malformed_handshake'],
  ] as const)('refuses %s', async (_, headers, status, reason) => {
    await open();
    const reply = await raw(handshake(headers)).closed;
    expect(reply).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    if (reason === 'websocket_version') expect(reply).toMatch(/^sec-websocket-version: 13\r$/im);
    expect(scene.counters.connectionsRefused[reason]).toBe(1);
    await sockets(0);
  });

  it.each([
    [{ Upgrade: 'WebSocket', Connection: 'keep-alive, upgrade' }],
    [{ Upgrade: ['h2c', 'websocket'], Connection: ['keep-alive', 'Upgrade'] }],
    [{ 'Sec-WebSocket-Protocol': ['mqtt', 'wamp.2.cbor', 'wamp.2.json'] }],
  ])('accepts %j', async (headers) => {
    await open();
    expect(await raw(handshake(headers)).until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 101 /);
  });

  it('takes the first that it supports of sub-protocols in several lines (WS-2)', async () => {
    await open();
    const reply = await raw(handshake({ 'Sec-WebSocket-Protocol': ['mqtt', 'wamp.2.cbor', 'wamp.2.json'] })).until(
      '\r\n\r\n',
    );
    expect(reply).toMatch(/^sec-websocket-protocol: wamp\.2\.cbor\r$/im);
  });

  it('reads headers of 16 KiB, and reports those that are too large', async () => {
    await open();
    const cookie = (length: number) => ({ Cookie: 'x'.repeat(length) });
    expect(await raw(handshake(cookie(16_000))).until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 101 /);
    expect(await raw(handshake(cookie(16_384))).closed).toMatch(/^HTTP\/1\.1 431 .*limits\.maxHeaderBytes/s);
    expect(await raw(`GET / HTTP/1.1\r\nHost: x\r\nCookie: ${'x'.repeat(20_000)}\r\n\r\n`).closed).toMatch(/ 431 /);
    expect(scene.counters.connectionsRefused).toMatchObject({ header_bytes: 2, no_request: 0 });
    // Twice as large, the library answers by itself: it gives no reason, only that there was no request.
    expect(await raw(handshake(cookie(40_000))).closed).toMatch(/^HTTP\/1\.1 431 /);
    expect(await raw('GET / HTTP/2.0\r\nHost: x\r\n\r\n').closed).toMatch(/^HTTP\/1\.1 505 /);
    expect(await raw('GET / HTTP/1.1\r\n\r\n').closed).toMatch(/^HTTP\/1\.1 400 /);
    await sockets(1);
    expect(scene.counters.connectionsRefused.no_request).toBe(3);
  });

  it('opens at each of its paths, with and without a slash at the end', async () => {
    await open({ path: ['/ws', '/wamp/v2/'] });
    for (const path of ['/ws', '/ws/', '/wamp/v2', '/wamp/v2/', '/ws/?token=1']) {
      expect(await raw(handshake({}, path)).until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 101 /);
    }
    for (const path of ['/ws//', '/ws/x', '/wamp', '/'])
      expect(await raw(handshake({}, path)).closed).toMatch(/^HTTP\/1\.1 404 .*\/ws or \/wamp\/v2\//s);
    expect(await raw(GET('/ws/')).closed).toMatch(/^HTTP\/1\.1 426 /);
  });

  it('believes X-Forwarded-For only from proxies', async () => {
    const from = { headers: { 'x-forwarded-for': '192.0.2.1' } };
    await open({ trustProxyHeader: 'x-forwarded-for', trustedProxies: ['192.0.2.0/24'] });
    const { listener } = await scene.connect('wamp.2.json', from);
    expect(listener.connection.remoteAddress).toBe('127.0.0.1');
  });

  it.each([
    ['spellings of IPv6', ['::1', '0::1', '[::1]', '[0:0::1]:80', '::0.0.0.1']],
    ['one network of IPv6', ['2001:db8::1', '2001:db8::2', '2001:DB8:0:0:ffff::']],
    ['mapped IPv4', ['9.9.9.9', '::ffff:9.9.9.9', '[::FFFF:909:909]:1', '9.9.9.9:1000', '009.9.9.9']],
  ])('counts %s as one address', async (_, spellings) => {
    await open({ trustProxyHeader: 'x-forwarded-for', maxConnectionsPerAddress: 1 });
    const from = (header: string) => ({ headers: { 'x-forwarded-for': header } });
    await scene.connect('wamp.2.json', from(spellings[0]!));
    for (const spelling of spellings) {
      expect(await scene.tryConnect('wamp.2.json', from(spelling))).toMatchObject({ status: 503 });
    }
    await scene.connect('wamp.2.json', from('2001:db9::1'));
  });
});

describe('listening', () => {
  it('means both families by localhost', async () => {
    await open({ host: 'localhost' });
    for (const host of ['127.0.0.1', '::1']) {
      const client = new RawHttp(scene.port, handshake(), { host });
      raws.push(client);
      expect(await client.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 101 /);
    }
  });
});
