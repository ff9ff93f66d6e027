import { once } from 'node:events';
import { connect, Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { RawScene } from '../../support/raw-scene.js';
import { rsFrame } from '../../support/rs-socket.js';

let scenes: RawScene[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(scenes.map((scene) => scene.close()));
  scenes = [];
});

async function open(options: Parameters<typeof RawScene.open>[0] = {}): Promise<RawScene> {
  const scene = await RawScene.open(options);
  scenes.push(scene);
  return scene;
}

async function dial({ port }: RawScene): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** The server of Node.js inside the scene. */
function nodeServer({ port }: RawScene): Server {
  const handles = (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles();
  const isOurs = (one: unknown): one is Server => {
    const address = one instanceof Server ? one.address() : null;
    return typeof address === 'object' && address?.port === port;
  };
  return handles.find(isOurs)!;
}

/** Everything that the router sends until it closes, in hexadecimal. */
async function answerTo(scene: RawScene, hex: string): Promise<string> {
  const socket = await dial(scene);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('hex');
}

describe('RawSocket handshake (RS-1, RS-2, RS-7)', () => {
  it.each([
    ['47 45 54 20', '', 'malformed_handshake'],
    ['7f f0 00 00', '', 'malformed_handshake'],
    ['7f f1 00 01', '7f300000', 'malformed_handshake'],
    ['7f f4 00 00', '7f100000', 'subprotocol'],
  ] as const)('answers %s with "%s", and closes', async (hex, answer, reason) => {
    const scene = await open();
    expect(await answerTo(scene, hex)).toBe(answer);
    expect(scene.counters.connectionsRefused[reason]).toBe(1);
    expect(scene.listeners).toEqual([]);
    await vi.waitFor(() => expect(scene.shared.sockets).toMatchObject({ count: 0, pendingCount: 0 }));
  });

  it('answers with 7f400000 when there are too many connections, and accepts again when one has ended', async () => {
    const scene = await open({ maxConnections: 1 });
    const { peer } = await scene.connect();
    expect(await answerTo(scene, '7ff10000')).toBe('7f400000');
    expect(scene.counters.connectionsRefused.connections).toBe(1);
    peer.socket.terminate();
    await vi.waitFor(() => expect(scene.shared.sockets.count).toBe(0));
    await scene.connect();
  });

  it('limits connections per address', async () => {
    const scene = await open({ maxConnectionsPerAddress: 1 });
    await scene.connect();
    expect(await answerTo(scene, '7ff10000')).toBe('7f400000');
    expect(scene.counters.connectionsRefused.connections_per_address).toBe(1);
  });

  it('accepts no client while memory is short', async () => {
    const used = { bytes: 0 };
    const scene = await open({ maxMemoryBytes: 1_000, usedMemoryBytes: () => used.bytes });
    used.bytes = 1_001;
    await vi.waitFor(() => expect(scene.log.of('server.memory_short')).toHaveLength(1));
    expect(await answerTo(scene, '7ff10000')).toBe('7f400000');
  });

  it('closes what is one too many of those that have sent no handshake', async () => {
    const scene = await open({ maxPendingConnections: 1 });
    await dial(scene);
    await vi.waitFor(() => expect(scene.shared.sockets.pendingCount).toBe(1));
    const late = await dial(scene);
    await once(late.resume(), 'close');
    expect(scene.counters.connectionsRefused.pending_connections).toBe(1);
  });

  it('closes a client that does not complete it in time', async () => {
    const scene = await open({ handshakeTimeoutMs: 100 });
    expect(await answerTo(scene, '7ff1')).toBe('');
    expect(await answerTo(scene, '')).toBe('');
    await vi.waitFor(() => expect(scene.counters.connectionsRefused.request_timeout).toBe(2));
  });

  it('reads it octet by octet, and a frame that follows in the same segment', async () => {
    const scene = await open();
    const socket = await dial(scene);
    socket.setNoDelay(true);
    for (const octet of [0x7f, 0xf1, 0])
      await new Promise((resolve) => socket.write(Buffer.of(octet), () => setImmediate(resolve)));
    socket.write(Buffer.concat([Buffer.of(0), rsFrame('first'), rsFrame('second')]));
    await vi.waitFor(() => expect(scene.listeners[0]?.texts).toEqual(['first', 'second']));
    expect(scene.listeners[0]?.connection).toMatchObject({ transport: 'rawsocket', serializer: 'json' });
  });

  it('announces the longest message that it takes', async () => {
    const scene = await open({ maxMessageBytes: 100_000 });
    const { socket } = await scene.connect('wamp.2.msgpack');
    expect(socket.answer.toString('hex')).toBe('7f720000');
  });
});

describe('RawSocket connection', () => {
  it('answers each PING with the same payload, also behind an unsolicited PONG, and sends none itself (RS-6)', async () => {
    const scene = await open();
    const { socket, listener } = await scene.connect();
    socket.socket.write(rsFrame('nobody asked', 2));
    for (const payload of ['', 'hi', '\u0000\u00ff'.repeat(1_000)]) socket.ping(payload);
    await vi.waitFor(() => expect(socket.pongs.map(String)).toEqual(['', 'hi', '\u0000\u00ff'.repeat(1_000)]));
    expect(listener.events).toEqual([]);
  });

  it('limits PINGs', async () => {
    const scene = await open({ maxPingsPerSecond: 10 });
    const { socket, peer } = await scene.connect();
    for (let index = 0; index < 100; index++) socket.ping('x');
    await peer.closed;
    expect(scene.counters.limitsReached.pings_per_second).toBe(1);
    expect(scene.counters.connectionsClosed.limit).toBe(1);
  });

  it('rejects a message above the announced length before it arrives (RS-3, PV-13)', async () => {
    const scene = await open({ maxMessageBytes: 1_000 });
    const { socket, peer, listener } = await scene.connect();
    listener.onMalformed = () => listener.connection.write(Buffer.from('ABORT'));
    socket.socket.write(Buffer.from('00000201', 'hex'));
    await peer.closed;
    expect(peer.texts).toEqual(['ABORT']);
    expect(listener.events[0]).toMatchObject({ kind: 'malformed', cause: 'limit' });
    expect(scene.counters.limitsReached.message_bytes).toBe(1);
  });

  it("takes the end of the client's side for the end of the connection", async () => {
    const scene = await open();
    const { socket, listener } = await scene.connect();
    socket.send('last');
    socket.close();
    await listener.until(({ isClosed }) => isClosed);
    expect(listener.texts).toEqual(['last']);
    expect(scene.counters.connectionsClosed.peer).toBe(1);
    await vi.waitFor(() => expect(scene.shared.sockets.count).toBe(0));
  });

  it('reads a share in each turn, so that another connection is read between', async () => {
    const scene = await open();
    const flood = await scene.connect('wamp.2.msgpack');
    const other = await scene.connect('wamp.2.msgpack');
    const order: string[] = [];
    flood.listener.onReceived = () => order.push('flood');
    other.listener.onReceived = () => order.push('other');
    const frame = rsFrame(Buffer.alloc(1_000));
    flood.socket.socket.write(Buffer.concat(Array.from({ length: 4_000 }, () => frame)));
    other.socket.socket.write(frame);
    await vi.waitFor(() => expect(order).toHaveLength(4_001));
    expect(order.indexOf('other')).toBeLessThan(1_000);
  });

  it('does not read on while the listener keeps messages', async () => {
    const scene = await open();
    const { socket, listener } = await scene.connect('wamp.2.msgpack');
    listener.takesNow = () => false;
    const frame = rsFrame(Buffer.alloc(1_000));
    socket.socket.write(Buffer.concat(Array.from({ length: 4_000 }, () => frame)));
    const fence = await scene.connect();
    for (let round = 0; round < 20; round++) {
      fence.peer.send('fence');
      await fence.listener.until(({ texts }) => texts.length > round);
    }
    const kept = listener.events.length;
    expect(kept).toBeLessThan(200);
    listener.takesNow = () => true;
    listener.connection.caughtUp();
    await listener.until(({ events }) => events.length === 4_000);
  });

  it('keeps count of what it has written while the client does not read', async () => {
    const scene = await open({ maxUnsentBytes: 1_048_576 });
    const { peer, listener } = await scene.connect('wamp.2.msgpack');
    peer.pause();
    while (listener.connection.isOpen) {
      listener.connection.write(Buffer.alloc(65_536));
      await new Promise(setImmediate);
    }
    expect(scene.counters.limitsReached.unsent_bytes).toBe(1);
    expect(scene.log.of('connection.slow_reader')).toHaveLength(1);
    expect(scene.server.unsentBytes()).toBe(0);
  });

  it('stops with its connections, and refuses new ones from the beginning of that', async () => {
    const scene = await open();
    const { peer, listener } = await scene.connect();
    const silent = await dial(scene);
    scene.server.stopListening();
    const refused = connect(scene.port, '127.0.0.1');
    expect(await once(refused, 'error')).toMatchObject([{ code: 'ECONNREFUSED' }]);
    listener.connection.write(Buffer.from('last'));
    const closing = once(silent.resume(), 'close');
    await scene.server.stop('restart');
    await peer.closed;
    await closing;
    expect(peer.texts).toEqual(['last']);
    expect(scene.counters.connectionsClosed.restart).toBe(1);
  });

  it('names the reason when it cannot listen', async () => {
    const scene = await open();
    await expect(RawScene.open({ port: scene.port })).rejects.toThrow(
      /cannot listen on 127.0.0.1:\d+: the port is in use/,
    );
  });
});

describe('the server of Node.js', () => {
  it('cannot end the process with a connection that the system did not accept', async () => {
    const scene = await open();
    expect(nodeServer(scene).emit('error', new Error('accept EMFILE'))).toBe(true);
    expect(scene.log.of('server.accept_failed')).toMatchObject([{ fields: { reason: 'raw' } }]);
    await scene.connect();
  });

  it('has closed before its last socket: a stop in between ends too', async () => {
    const scene = await open();
    const server = nodeServer(scene);
    const socket = await dial(scene);
    await vi.waitFor(() => expect(scene.shared.sockets.pendingCount).toBe(1));
    const stopped = once(server, 'close').then(() => scene.server.stop());
    scene.server.stopListening();
    socket.end();
    await stopped;
  });
});
