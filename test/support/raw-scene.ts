import type WebSocket from 'ws';
import { createCounters } from '../../src/telemetry/counters.js';
import type { RawOptions } from '../../src/transport/raw/raw-options.js';
import { RawServer } from '../../src/transport/raw/raw-server.js';
import { SharedTransport } from '../../src/transport/shared-transport.js';
import type { TransportBounds } from '../../src/transport/transport-options.js';
import type { SerializerId } from '../../src/wamp/payload.js';
import { recordingAccept, type RecordingListener } from './listening.js';
import { RecordingLogger } from './recording-logger.js';
import { rsFrame, RsSocket, type RsOptions } from './rs-socket.js';
import { PeerSocket, TRANSPORT_DEFAULTS } from './uws-scene.js';

const DEFAULTS: RawOptions = {
  rules: { name: 'raw' },
  host: '127.0.0.1',
  port: 0,
  mode: 0o660,
  serializers: ['json', 'msgpack', 'cbor'],
  handshakeTimeoutMs: 60_000,
  keepAliveMs: 30_000,
};

export interface RawPair {
  readonly peer: PeerSocket;
  readonly socket: RsSocket;
  readonly listener: RecordingListener;
}

/** A real RawSocket server on a free port, the listeners of its connections, and clients. */
export class RawScene {
  readonly counters = createCounters();
  readonly log = new RecordingLogger();
  readonly listeners: RecordingListener[] = [];
  readonly shared: SharedTransport;
  readonly server: RawServer;
  port = 0;
  readonly #options: Partial<RawOptions & TransportBounds>;
  readonly #clients: RsSocket[] = [];

  private constructor(options: Partial<RawOptions & TransportBounds>) {
    this.#options = options;
    this.shared = new SharedTransport({ ...TRANSPORT_DEFAULTS, ...options }, this.counters, this.log);
    const accept = recordingAccept(this.listeners);
    this.server = new RawServer({ ...DEFAULTS, ...options }, accept, this.shared);
  }

  static async open(options: Partial<RawOptions & TransportBounds> = {}): Promise<RawScene> {
    const scene = new RawScene(options);
    scene.port = (await scene.server.start()).port;
    scene.shared.start();
    return scene;
  }

  get url(): string {
    const { path, tls } = this.#options;
    if (path !== undefined) return `rs+unix:${path}`;
    return `${tls === undefined ? 'rs' : 'rss'}://127.0.0.1:${this.port}`;
  }

  /** A connected client and the listener at the other end. `subprotocol`: as WebSockets name it. */
  async connect(subprotocol = 'wamp.2.json', options: RsOptions = {}): Promise<RawPair> {
    const socket = new RsSocket(this.url, { serializer: subprotocol.split('.')[2] as SerializerId, ...options });
    this.#clients.push(socket);
    const peer = new PeerSocket(socket as unknown as WebSocket);
    const before = this.listeners.length;
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return { peer, socket, listener: this.listeners[before]! };
  }

  /** A frame of a reserved type. */
  breakRules(peer: PeerSocket): void {
    (peer.socket as unknown as RsSocket).socket.write(rsFrame('reserved', 3));
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.terminate();
    await this.server.stop();
    this.shared.stop();
  }
}
