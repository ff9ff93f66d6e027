import { afterEach, describe, expect, it, vi } from 'vitest';
import { createCounters } from '../../../src/telemetry/counters.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { SharedTransport } from '../../../src/transport/shared-transport.js';
import type { TransportOptions } from '../../../src/transport/transport-options.js';
import { UwsServer } from '../../../src/transport/uws/uws-server.js';
import { selfSignedFiles } from '../../support/certificate.js';
import { handshake, RawHttp } from '../../support/raw-http.js';
import { PeerSocket, TRANSPORT_DEFAULTS, UwsScene } from '../../support/uws-scene.js';

let scenes: UwsScene[] = [];
afterEach(async () => {
  await Promise.all(scenes.map((scene) => scene.close()));
  scenes = [];
});

async function open(options: Partial<TransportOptions> = {}): Promise<UwsScene> {
  const scene = await UwsScene.open(options);
  scenes.push(scene);
  return scene;
}

function server(options: Partial<TransportOptions>): UwsServer {
  const accept = () => {
    throw new Error('nobody connects');
  };
  const all = { ...TRANSPORT_DEFAULTS, ...options };
  return new UwsServer(all, accept, new SharedTransport(all, createCounters(), silentLogger));
}

describe('sub-protocol negotiation (WS-1, WS-2)', () => {
  it.each([
    [['wamp.2.json'], 'wamp.2.json'],
    [['wamp.2.msgpack'], 'wamp.2.msgpack'],
    [['wamp.2.cbor'], 'wamp.2.cbor'],
    [['wamp.2.json.batched'], 'wamp.2.json.batched'],
    [['wamp.2.msgpack.batched'], 'wamp.2.msgpack.batched'],
    [['wamp.2.cbor.batched'], 'wamp.2.cbor.batched'],
    [['wamp.2.cbor', 'wamp.2.json'], 'wamp.2.cbor'],
    [['wamp.2.ubjson', 'wamp.2.flatbuffers', 'wamp.2.msgpack.batched', 'wamp.2.json'], 'wamp.2.msgpack.batched'],
    [['constructor', '__proto__', 'wamp.2.json'], 'wamp.2.json'],
  ])('takes of %j the first it supports', async (offer, chosen) => {
    const scene = await open();
    const { peer, listener } = await scene.connect(offer);
    expect(peer.socket.protocol).toBe(chosen);
    const { serializer, isBatched } = listener.connection;
    expect(`wamp.2.${serializer}${isBatched ? '.batched' : ''}`).toBe(chosen);
    expect(scene.counters.connectionsOpened[serializer]).toBe(1);
  });

  it.each([[[]], [['wamp.2.ubjson']], [['WAMP.2.JSON']], [['mqtt', 'graphql-ws']]])(
    'refuses %j with 400 and names what it supports',
    async (offer) => {
      const scene = await open({ serializers: ['json', 'cbor'] });
      expect(await scene.tryConnect(offer)).toEqual({
        status: 400,
        body: expect.stringContaining('wamp.2.json, wamp.2.json.batched, wamp.2.cbor, wamp.2.cbor.batched'),
      });
      expect(scene.counters.connectionsRefused.subprotocol).toBe(1);
      expect(scene.listeners).toEqual([]);
    },
  );

  it('refuses a serializer that is switched off', async () => {
    const scene = await open({ serializers: ['json'] });
    expect(await scene.tryConnect('wamp.2.msgpack')).toMatchObject({ status: 400 });
  });

  it('assumes wamp.2.json without a header, where that is configured, but not for a foreign one', async () => {
    const scene = await open({ requireSubprotocol: false });
    const { peer, listener } = await scene.connect([]);
    expect(peer.socket.protocol).toBe('');
    expect(listener.connection).toMatchObject({ serializer: 'json', isBatched: false });
    expect(await scene.tryConnect('mqtt')).toMatchObject({ status: 400 });
  });
});

describe('opening handshake', () => {
  it('logs no cookie, which is a secret', async () => {
    const scene = await open({ cookie: { name: 'c', sameSite: 'lax', secure: false, maxAgeSeconds: 60 } });
    const secret = 'a'.repeat(43);
    const { peer, listener } = await scene.connect('wamp.2.json', { headers: { Cookie: `c=${secret}` } });
    const { presented, fresh } = listener.connection.cookie!;
    expect(presented).toBe(secret);
    expect(fresh).toMatch(/^\S{43}$/);
    peer.pause();
    while (listener.connection.isOpen) listener.connection.write(Buffer.alloc(1_048_576));
    expect(scene.log.of('connection.slow_reader')).toHaveLength(1);
    for (const one of [secret, fresh!]) expect(JSON.stringify(scene.log.lines)).not.toContain(one);
  });

  it('admits pages of allowed origins and clients that are no pages; refuses the rest with 403', async () => {
    const scene = await open({ allowedOrigins: ['https://*.example.com'] });
    await scene.connect('wamp.2.json', { origin: 'https://app.example.com' });
    await scene.connect('wamp.2.json');
    expect(await scene.tryConnect('wamp.2.json', { origin: 'https://evil.test' })).toMatchObject({ status: 403 });
    expect(scene.counters.connectionsRefused.origin).toBe(1);
    expect(scene.log.of('connection.refused').map(({ fields }) => fields)).toEqual([
      { reason: 'origin', remoteAddress: '127.0.0.1', origin: 'https://evil.test' },
    ]);
  });

  it('refuses connections past the limit with 503, and admits again when one has gone', async () => {
    const scene = await open({ maxConnections: 2 });
    await scene.connect();
    const { peer, listener } = await scene.connect();
    expect(await scene.tryConnect('wamp.2.json')).toMatchObject({ status: 503 });
    expect(scene.counters.connectionsRefused.connections).toBe(1);
    peer.socket.terminate();
    await listener.until(({ isClosed }) => isClosed);
    expect(scene.server.connectionCount).toBe(1);
    await scene.connect();
  });

  it('limits connections per address, distinguished by what the nearest proxy saw', async () => {
    const scene = await open({ maxConnectionsPerAddress: 1, trustProxyHeader: 'x-forwarded-for' });
    const from = (header: string) => ({ headers: { 'x-forwarded-for': header } });
    const { listener } = await scene.connect('wamp.2.json', from('10.9.9.9, 192.0.2.1'));
    expect(listener.connection.remoteAddress).toBe('192.0.2.1');
    expect(await scene.tryConnect('wamp.2.json', from('10.8.8.8, 192.0.2.1'))).toMatchObject({ status: 503 });
    await scene.connect('wamp.2.json', from('192.0.2.2'));
    expect(scene.counters.connectionsRefused.connections_per_address).toBe(1);
  });

  it('takes the last of several proxy headers: the first may be the invention of the client', async () => {
    const scene = await open({ trustProxyHeader: 'x-forwarded-for' });
    const headers = { 'x-forwarded-for': ['192.0.2.7', '192.0.2.8, 192.0.2.1'] as unknown as string };
    const { listener } = await scene.connect('wamp.2.json', { headers });
    expect(listener.connection.remoteAddress).toBe('192.0.2.1');
  });

  it('believes no proxy header unless configured to', async () => {
    const scene = await open();
    const { listener } = await scene.connect('wamp.2.json', { headers: { 'x-forwarded-for': '192.0.2.1' } });
    expect(listener.connection.remoteAddress).toBe('127.0.0.1');
  });
});

describe('what a client may not send', () => {
  it.each([
    ['wamp.2.json', Buffer.from('[]'), /binary message.*JSON.*text/],
    ['wamp.2.msgpack', '[]', /text message.*msgpack.*binary/],
    ['wamp.2.cbor.batched', '[]', /text message.*cbor.*binary/],
  ])('reports that the wrong kind of message on %s is malformed (WS-3, PV-7)', async (subprotocol, message, reason) => {
    const scene = await open();
    const { peer, listener } = await scene.connect(subprotocol);
    peer.send(message);
    expect((await peer.closed).code).toBe(1002);
    expect(listener.events[0]).toEqual({
      kind: 'malformed',
      message: expect.stringMatching(reason),
      cause: 'protocol_violation',
    });
    expect(scene.counters.connectionsClosed.protocol_violation).toBe(1);
  });

  it.each([
    ['an empty batch (PV-12)', 'wamp.2.msgpack.batched', Buffer.alloc(0)],
    ['a batch cut short', 'wamp.2.msgpack.batched', Buffer.from([0, 0, 0, 9, 1])],
    ['an unfinished text batch', 'wamp.2.json.batched', '[1]'],
  ])('reports that %s is malformed', async (_, subprotocol, message) => {
    const scene = await open();
    const { peer, listener } = await scene.connect(subprotocol);
    peer.send(message);
    expect((await peer.closed).code).toBe(1002);
    expect(listener.events.map(({ kind }) => kind)).toEqual(['malformed', 'closed']);
  });

  it('answers a message somewhat too long, and closes', async () => {
    const scene = await open({ maxMessageBytes: 1_000 });
    const { peer, listener } = await scene.connect();
    listener.onMalformed = () => {
      listener.connection.write(Buffer.from('ABORT'));
      listener.connection.close('protocol_violation');
    };
    peer.send('x'.repeat(1_000));
    peer.send('x'.repeat(1_001));
    expect((await peer.closed).code).toBe(1008);
    expect(peer.texts).toEqual(['ABORT']);
    expect(listener.events).toEqual([
      { kind: 'received', message: expect.anything() },
      { kind: 'malformed', message: expect.stringMatching(/1001 bytes.*1000/), cause: 'limit' },
      { kind: 'closed' },
    ]);
    expect(scene.counters.limitsReached.message_bytes).toBe(1);
    expect(scene.counters.connectionsClosed.limit).toBe(1);
  });

  it.each(['Received too big message', 'WebSocket timed out from inactivity', 'Received invalid close payload'])(
    'believes no client that claims by itself why it was closed: %s',
    async (reason) => {
      const scene = await open();
      const { peer, listener } = await scene.connect();
      peer.socket.close(1000, reason);
      await listener.until(({ isClosed }) => isClosed);
      expect(scene.counters.connectionsClosed).toMatchObject({ peer: 1, limit: 0, idle_timeout: 0 });
      expect(scene.counters.violations.all).toBe(0);
    },
  );

  it('cuts a message far too long without reading it', async () => {
    const scene = await open({ maxMessageBytes: 1_000 });
    const { peer, listener } = await scene.connect();
    peer.send('x'.repeat(100_000));
    expect((await peer.closed).code).toBe(1006);
    await listener.until(({ isClosed }) => isClosed);
    expect(scene.counters.limitsReached.message_bytes).toBe(1);
    expect(scene.counters.connectionsClosed.limit).toBe(1);
    expect(scene.counters.bytes.in).toBe(0);
    expect(scene.log.of('connection.limit_reached')).toMatchObject([
      { level: 'info', fields: { remoteAddress: '127.0.0.1', message: expect.stringContaining('maxMessageBytes') } },
    ]);
  });

  it('cuts text that is not UTF-8 (PV-7)', async () => {
    const scene = await open();
    const { peer, listener } = await scene.connect();
    peer.socket.send(Buffer.from([0x22, 0xff, 0xfe, 0x22]), { binary: false });
    await listener.until(({ isClosed }) => isClosed);
    expect(listener.events).toEqual([{ kind: 'closed' }]);
    expect(scene.counters.connectionsClosed.protocol_violation).toBe(1);
    expect(scene.log.of('connection.malformed')).toMatchObject([
      { level: 'info', fields: { remoteAddress: '127.0.0.1', message: expect.stringMatching(/invalid/) } },
    ]);
  });

  it.each(['wamp.2.json', 'wamp.2.json.batched'])(
    'closes %s that sends too many messages a second',
    async (subprotocol) => {
      const scene = await open({ maxMessagesPerSecond: 5 });
      const { peer, listener } = await scene.connect(subprotocol);
      if (subprotocol === 'wamp.2.json') for (let index = 0; index < 20; index++) peer.send('[]');
      else peer.send('[]\x1e'.repeat(20));
      expect((await peer.closed).code).toBe(1008);
      expect(listener.texts).toHaveLength(5);
      expect(listener.events[5]).toEqual({
        kind: 'malformed',
        message: expect.stringContaining('5 messages'),
        cause: 'limit',
      });
      expect(scene.counters.limitsReached.messages_per_second).toBe(1);
      expect(scene.counters.connectionsClosed.limit).toBe(1);
    },
  );
});

describe('counting', () => {
  it('counts each connection once, by why it ended', async () => {
    const scene = await open();
    for (const cause of ['goodbye', 'goodbye_timeout', 'abort', 'handshake_timeout'] as const) {
      const { peer, listener } = await scene.connect();
      listener.connection.close(cause);
      await peer.closed;
    }
    const { peer, listener } = await scene.connect();
    peer.socket.close();
    await listener.until(({ isClosed }) => isClosed);
    expect(scene.counters.connectionsClosed).toMatchObject({
      goodbye: 1,
      goodbye_timeout: 1,
      abort: 1,
      handshake_timeout: 1,
      peer: 1,
    });
    expect(Object.values(scene.counters.connectionsClosed).reduce((sum, count) => sum + count)).toBe(5);
    expect(scene.log.of('connection.opened')).toHaveLength(5);
    expect(scene.log.of('connection.opened')[0]).toEqual({
      level: 'debug',
      event: 'connection.opened',
      fields: { serializer: 'json', isBatched: false, remoteAddress: '127.0.0.1' },
    });
    expect(scene.log.of('connection.closed').map(({ level, fields }) => [level, fields.reason])).toEqual([
      ['debug', 'goodbye'],
      ['debug', 'goodbye_timeout'],
      ['debug', 'abort'],
      ['debug', 'handshake_timeout'],
      ['debug', 'peer'],
    ]);
    expect(scene.server.connectionCount).toBe(0);
  });

  it('counts bytes in both directions, and a slow reader', async () => {
    const scene = await open({ maxUnsentBytes: 65_536 });
    const { peer, listener } = await scene.connect();
    peer.send('12345');
    await listener.until(({ texts }) => texts.length === 1);
    listener.connection.write(Buffer.from('123'));
    await peer.until(({ texts }) => texts.length === 1);
    expect(scene.counters.bytes).toEqual({ in: 5, out: 3 });
    peer.pause();
    for (let index = 0; index < 1_000; index++) listener.connection.write(Buffer.alloc(65_536));
    expect(scene.server.unsentBytes()).toBeLessThan(200_000);
    await listener.until(({ isClosed }) => isClosed);
    expect(scene.counters.connectionsClosed.slow_reader).toBe(1);
    expect(scene.counters.limitsReached.unsent_bytes).toBe(1);
    expect(scene.log.of('connection.slow_reader')).toMatchObject([
      { level: 'info', fields: { remoteAddress: '127.0.0.1', serializer: 'json' } },
    ]);
    expect(scene.server.unsentBytes()).toBe(0);
  });
});

describe('life of the server', () => {
  it('reports that a port is in use, and by which name it was asked for', async () => {
    const scene = await open();
    await expect(server({ port: scene.port }).start()).rejects.toMatchObject({
      name: 'ListenError',
      code: 'LISTEN_FAILED',
      message: `cannot listen on 127.0.0.1:${scene.port}: the port is in use`,
    });
  });

  it('reports that an address is not one of this machine', async () => {
    await expect(server({ host: '192.0.2.1' }).start()).rejects.toMatchObject({
      message: 'cannot listen on 192.0.2.1:0: this machine has no such address',
    });
  });

  it('reports which file for TLS cannot be used', async () => {
    const tls = selfSignedFiles();
    try {
      const missing = server({ tls: { certFile: '/nonexistent/cert.pem', keyFile: tls.keyFile } });
      await expect(missing.start()).rejects.toThrow(/cannot be read: .*\/nonexistent\/cert\.pem/);
      const swapped = server({ tls: { certFile: tls.keyFile, keyFile: tls.certFile } });
      await expect(swapped.start()).rejects.toThrow(/do not work together/);
    } finally {
      tls.remove();
    }
  });

  it('listens again at once at the port it had', async () => {
    const first = await UwsScene.open();
    await first.connect();
    await first.close();
    const second = await open({ port: first.port });
    await second.connect();
  });

  it('goes on with open connections when it no longer accepts new ones', async () => {
    const scene = await open();
    const { peer, listener } = await scene.connect();
    scene.server.stopListening();
    scene.server.stopListening();
    await expect(scene.tryConnect('wamp.2.json')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    peer.send('still here');
    await listener.until(({ texts }) => texts.length === 1);
    listener.connection.write(Buffer.from('yes'));
    await peer.until(({ texts }) => texts.length === 1);
  });

  it('answers an upgrade on a connection that is open already with 503 while it drains', async () => {
    const scene = await open();
    const client = new RawHttp(scene.port);
    await vi.waitFor(() => expect(scene.shared.sockets.count).toBe(1));
    scene.server.stopListening();
    client.socket.write(handshake());
    expect(await client.closed).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n/);
    expect(scene.counters.connectionsRefused.draining).toBe(1);
  });

  it('sends what was written, closes all with 1001 and ends each listener when it stops', async () => {
    const scene = await open();
    const pairs = await Promise.all(['wamp.2.json', 'wamp.2.cbor'].map((protocol) => scene.connect(protocol)));
    for (const listener of scene.listeners) listener.connection.write(Buffer.from('last words'));
    await Promise.all([scene.server.stop(), scene.server.stop()]);
    for (const { peer } of pairs) {
      expect(await peer.closed).toEqual({ code: 1001, reason: 'the router shuts down' });
      expect(peer.texts).toEqual(['last words']);
    }
    expect(scene.listeners.map(({ events }) => events)).toEqual([[{ kind: 'closed' }], [{ kind: 'closed' }]]);
    expect(scene.counters.connectionsClosed.shutdown).toBe(2);
  });

  it('does not wait long for a client that does not read when it stops', async () => {
    const scene = await open();
    const { peer, listener } = await scene.connect();
    peer.pause();
    for (let index = 0; index < 48; index++) listener.connection.write(Buffer.alloc(65_536));
    const startMs = performance.now();
    await scene.server.stop();
    expect(performance.now() - startMs).toBeLessThan(3_000);
    expect(listener.events).toEqual([{ kind: 'closed' }]);
  });

  it('speaks TLS, with the client address as traits', async () => {
    const tls = selfSignedFiles();
    const scene = await open({ tls });
    tls.remove();
    const { peer, listener } = await scene.connect('wamp.2.json', { rejectUnauthorized: false });
    expect(peer).toBeInstanceOf(PeerSocket);
    peer.send('secret');
    await listener.until(({ texts }) => texts.length === 1);
    expect(listener.texts).toEqual(['secret']);
  });
});
