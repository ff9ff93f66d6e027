import WebSocket, { type ClientOptions } from 'ws';
import { createCounters, type Counters } from '../../src/telemetry/counters.js';
import type { TransportOptions } from '../../src/transport/transport-options.js';
import { SharedTransport } from '../../src/transport/shared-transport.js';
import { UwsServer } from '../../src/transport/uws/uws-server.js';
import { recordingAccept, type RecordingListener } from './listening.js';
import { RecordingLogger } from './recording-logger.js';

export const TRANSPORT_DEFAULTS: TransportOptions = {
  rules: { name: 'listen' },
  host: '127.0.0.1',
  port: 0,
  path: '/ws',
  hstsMaxAgeSeconds: 31_536_000,
  allowedOrigins: ['*'],
  serializers: ['json', 'msgpack', 'cbor'],
  requireSubprotocol: true,
  compression: 'off',
  trustProxyHeader: 'none',
  ipv6PrefixBits: 64,
  maxHeaderBytes: 16_384,
  maxPendingConnections: 1_000,
  maxMessageBytes: 1_048_576,
  receiveBufferBytes: 65_536,
  floodReceiveBufferBytes: 4_096,
  maxConnections: 1_000,
  maxConnectionsPerAddress: 0,
  idleTimeoutMs: 60_000,
  maxUnsentBytes: 4_194_304,
  maxTotalUnsentBytes: 1_073_741_824,
  maxTotalBodyBytes: 67_108_864,
  maxMemoryBytes: Number.MAX_SAFE_INTEGER,
  maxMessagesPerSecond: 0,
  maxPingsPerSecond: 1_000_000,
};

export interface Refused {
  readonly status: number;
  readonly body: string;
}

/** A real server on a free port, the listeners of its connections, and `ws` clients. */
export class UwsScene {
  readonly server: UwsServer;
  readonly shared: SharedTransport;
  readonly counters: Counters;
  readonly log: RecordingLogger;
  readonly listeners: RecordingListener[];
  readonly port: number;
  readonly #clients: PeerSocket[] = [];
  readonly #scheme: 'ws' | 'wss';

  private constructor(
    server: UwsServer,
    shared: SharedTransport,
    counters: Counters,
    log: RecordingLogger,
    listeners: RecordingListener[],
    port: number,
    isTls: boolean,
  ) {
    this.server = server;
    this.shared = shared;
    this.counters = counters;
    this.log = log;
    this.listeners = listeners;
    this.port = port;
    this.#scheme = isTls ? 'wss' : 'ws';
  }

  static async open(options: Partial<TransportOptions> = {}): Promise<UwsScene> {
    const counters = createCounters();
    const log = new RecordingLogger();
    const listeners: RecordingListener[] = [];
    const accept = recordingAccept(listeners);
    const all = { ...TRANSPORT_DEFAULTS, ...options };
    const shared = new SharedTransport(all, counters, log);
    const server = new UwsServer(all, accept, shared);
    const { port } = await server.start();
    shared.start();
    return new UwsScene(server, shared, counters, log, listeners, port, options.tls !== undefined);
  }

  url(path = '/ws'): string {
    return `${this.#scheme}://127.0.0.1:${this.port}${path}`;
  }

  /** A connected client and the listener at the other end. */
  async connect(
    protocols: string | string[] = 'wamp.2.json',
    options: ClientOptions = {},
  ): Promise<{ peer: PeerSocket; listener: RecordingListener }> {
    const opened = await this.tryConnect(protocols, options);
    if (!(opened instanceof PeerSocket)) throw new Error(`refused: ${opened.status} ${opened.body}`);
    return { peer: opened, listener: this.listeners.at(-1)! };
  }

  async tryConnect(protocols: string | string[], options: ClientOptions = {}): Promise<PeerSocket | Refused> {
    const socket = new WebSocket(this.url(), protocols, options);
    const peer = new PeerSocket(socket);
    this.#clients.push(peer);
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(peer));
      socket.once('error', reject);
      socket.once('unexpected-response', (_request, response) => {
        response.setEncoding('utf8');
        let body = '';
        response.on('data', (chunk: string) => (body += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      });
    });
  }

  /** A client of JSON sends a binary message. */
  breakRules(peer: PeerSocket): void {
    peer.send(Buffer.from('binary'));
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.socket.terminate();
    await this.server.stop();
    this.shared.stop();
  }
}

/** The client's end: keeps what arrives, in order. */
export class PeerSocket {
  readonly socket: WebSocket;
  readonly frames: { readonly bytes: Buffer; readonly isBinary: boolean }[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #waiting = new Set<() => void>();

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (bytes: Buffer, isBinary) => {
      this.frames.push({ bytes, isBinary });
      this.#wake();
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        this.#wake();
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  get texts(): string[] {
    return this.frames.map(({ bytes }) => bytes.toString());
  }

  send(message: string | Uint8Array): void {
    this.socket.send(message);
  }

  /** Stops reading from the socket, as a hanging reader does. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  async until(holds: (self: this) => boolean): Promise<void> {
    while (!holds(this)) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
