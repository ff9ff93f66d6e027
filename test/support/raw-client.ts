import WebSocket from 'ws';
import type { TransportType } from '../../src/transport/connection.js';
import { Code } from '../../src/wamp/codes.js';
import type { SerializerId } from '../../src/wamp/payload.js';
import type { KeyPair } from './certificate.js';
import { LpSocket } from './lp-socket.js';
import { RsSocket } from './rs-socket.js';
import { serializers, type TestSerializer } from './serializers.js';

export type Message = unknown[];

export interface ConnectOptions {
  readonly serializer?: SerializerId;
  readonly isBatched?: boolean;
  readonly origin?: string;
  /** Of the opening handshake. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** RawSocket only: exponent of the longest message that the client takes, less 9. */
  readonly lengthExponent?: number;
  /** RawSocket over TLS only: the client's certificate and key. */
  readonly pair?: KeyPair;
  /** WebSocket only: the address that the client connects from. */
  readonly localAddress?: string;
  /** False: pings get no pong, as from a peer that is gone without a word. */
  readonly answersPings?: boolean;
}

export interface JoinOptions extends ConnectOptions {
  readonly realm?: string;
  /** Roles with their features; by default everything a modern client announces. */
  readonly roles?: Record<string, unknown>;
  readonly details?: Record<string, unknown>;
}

const ALL_FEATURES = {
  call_canceling: true,
  call_reroute: true,
  call_timeout: true,
  call_trustlevels: true,
  caller_identification: true,
  pattern_based_registration: true,
  pattern_based_subscription: true,
  payload_passthru_mode: true,
  progressive_call_invocations: true,
  progressive_call_results: true,
  publication_trustlevels: true,
  publisher_exclusion: true,
  publisher_identification: true,
  registration_revocation: true,
  shared_registration: true,
  subscriber_blackwhite_listing: true,
  subscription_revocation: true,
};
export const ALL_ROLES = {
  publisher: { features: ALL_FEATURES },
  subscriber: { features: ALL_FEATURES },
  caller: { features: ALL_FEATURES },
  callee: { features: ALL_FEATURES },
};

/** The features of every role but those named. */
export function rolesWithout(...features: string[]): Record<string, unknown> {
  const kept = Object.fromEntries(Object.entries(ALL_FEATURES).filter(([key]) => !features.includes(key)));
  return Object.fromEntries(Object.keys(ALL_ROLES).map((role) => [role, { features: kept }]));
}

const DEADLINE_MS = 60_000;

/** A WAMP client that sends any message of a test, also one that no library would send. */
export class RawClient {
  readonly serializer: TestSerializer;
  readonly transport: TransportType;
  /** How the WebSocket ended. Over RawSocket the code is 1005 for an end in order, and 1006 for a connection that was cut. */
  readonly closed: Promise<{ code: number; reason: string }>;
  session = 0;
  welcome: Record<string, unknown> = {};
  /** `Set-Cookie` of the opening handshake. */
  setCookies: readonly string[] = [];
  /** WebSocket messages received. */
  frameCount = 0;
  readonly #socket: WebSocket;
  /** The same, over RawSocket or long-poll. */
  readonly #raw: RsSocket | LpSocket | undefined;
  readonly #isBatched: boolean;
  readonly #inbox: Buffer[] = [];
  #waiting: (() => void) | undefined;
  #lastRequest = 0;
  #isClosed = false;

  private constructor(socket: WebSocket | RsSocket | LpSocket, serializer: TestSerializer, isBatched: boolean) {
    this.#socket = socket as WebSocket;
    this.#raw = socket instanceof RsSocket || socket instanceof LpSocket ? socket : undefined;
    if (socket instanceof RsSocket) this.transport = 'rawsocket';
    else this.transport = socket instanceof LpSocket ? 'longpoll' : 'websocket';
    this.serializer = serializer;
    this.#isBatched = isBatched;
    socket.on('message', (frame: Buffer) => {
      this.frameCount++;
      this.#inbox.push(...(isBatched ? split(serializer.id, frame) : [frame]));
      this.#waiting?.();
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.#isClosed = true;
        this.#waiting?.();
        resolve({ code, reason: reason.toString() });
      });
    });
    socket.on('error', () => undefined);
    socket.on('upgrade', ({ headers }) => (this.setCookies = headers['set-cookie'] ?? []));
  }

  /** `url`: `ws://…`, or `rs://…` for RawSocket, which has no batches and takes several messages in one write instead. */
  static async connect(url: string, options: ConnectOptions = {}): Promise<RawClient> {
    const serializer = serializers[options.serializer ?? 'json'];
    const isBatched = options.isBatched ?? false;
    const protocol = `wamp.2.${serializer.id}${isBatched ? '.batched' : ''}`;
    if (url.startsWith('rs')) {
      const socket = new RsSocket(url, {
        serializer: serializer.id,
        lengthExponent: options.lengthExponent ?? 15,
        ...(options.pair && { pair: options.pair }),
      });
      return RawClient.#opened(socket, serializer, false);
    }
    if (url.startsWith('lp')) {
      const urls = url.split(',').map((each) => each.replace(/^lp/, 'http'));
      const headers = { ...options.headers, ...(options.origin === undefined ? {} : { origin: options.origin }) };
      const socket = new LpSocket(urls[0]!, protocol, { urls, headers });
      const client = await RawClient.#opened(socket, serializer, isBatched);
      client.setCookies = socket.setCookies;
      return client;
    }
    const socket = new WebSocket(url, protocol, {
      perMessageDeflate: false,
      autoPong: options.answersPings ?? true,
      ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
      ...(options.origin === undefined ? {} : { origin: options.origin }),
      ...(options.headers === undefined ? {} : { headers: { ...options.headers } }),
    });
    return RawClient.#opened(socket, serializer, isBatched);
  }

  static async #opened(
    socket: WebSocket | RsSocket | LpSocket,
    serializer: TestSerializer,
    isBatched: boolean,
  ): Promise<RawClient> {
    const client = new RawClient(socket, serializer, isBatched);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  static async join(url: string, options: JoinOptions = {}): Promise<RawClient> {
    const client = await RawClient.connect(url, options);
    await client.hello(options);
    return client;
  }

  async hello(options: JoinOptions = {}): Promise<Message> {
    this.send([Code.HELLO, options.realm ?? 'realm1', { roles: options.roles ?? ALL_ROLES, ...options.details }]);
    const welcome = await this.expect(Code.WELCOME);
    this.session = welcome[1] as number;
    this.welcome = welcome[2] as Record<string, unknown>;
    this.#lastRequest = 0;
    return welcome;
  }

  /** The next id of this session's one request counter (ID-4). */
  nextRequest(): number {
    return ++this.#lastRequest;
  }

  send(message: unknown[]): void {
    this.sendBytes(this.serializer.encode(message));
  }

  sendBytes(message: Uint8Array): void {
    const frame = this.#isBatched ? joinOne(this.serializer.id, message) : message;
    this.#socket.send(frame, { binary: this.serializer.id !== 'json' });
  }

  /** Several messages in one WebSocket message; batched connections only. Over RawSocket: in one write; over long-poll: in one request each. */
  sendBatch(messages: readonly unknown[][]): void {
    const encoded = messages.map((message) => this.serializer.encode(message));
    if (this.#raw !== undefined && !this.#isBatched) {
      this.#raw.sendAll(encoded);
      return;
    }
    const parts = encoded.map((message) => joinOne(this.serializer.id, message));
    this.#socket.send(Buffer.concat(parts), { binary: this.serializer.id !== 'json' });
  }

  /** One WebSocket message cut into this many WebSocket frames (WS-1). Over RawSocket and long-poll: into this many writes. */
  sendFragmented(message: Uint8Array, fragmentCount: number): void {
    if (this.#raw !== undefined) {
      this.#raw.sendPieces(message, fragmentCount);
      return;
    }
    const length = Math.ceil(message.length / fragmentCount);
    for (let fragment = 0; fragment < fragmentCount; fragment++) {
      this.#socket.send(message.subarray(fragment * length, (fragment + 1) * length), {
        binary: this.serializer.id !== 'json',
        fin: fragment === fragmentCount - 1,
      });
    }
  }

  /** A WebSocket message as it is: no batching, opcode of choice. */
  sendFrame(frame: Uint8Array | string, isBinary: boolean): void {
    this.#socket.send(frame, { binary: isBinary });
  }

  /** Numbers the request, sends it and returns its id. `message` is [code, ...elements after the request id]. */
  request(code: number, ...elements: unknown[]): number {
    const request = this.nextRequest();
    this.send([code, request, ...elements]);
    return request;
  }

  /** The next message, whatever it is. Fails when the connection ends or nothing comes. */
  async receive(): Promise<Message> {
    return this.serializer.decode(await this.receiveBytes()) as Message;
  }

  /** What has arrived and was not received: after `closed`, all there will ever be. */
  get unread(): Message[] {
    return this.#inbox.map((bytes) => this.serializer.decode(bytes) as Message);
  }

  /** As `receive`; the bytes, for what decoding would hide. */
  async receiveBytes(): Promise<Buffer> {
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
      const next = this.#inbox.shift();
      if (next !== undefined) return next;
      if (this.#isClosed) throw new Error('the connection was closed while a message was awaited');
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) throw new Error(`no message within ${DEADLINE_MS} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#waiting = undefined;
    }
  }

  /** The next message, which must have this code. */
  async expect(code: number): Promise<Message> {
    const message = await this.receive();
    if (message[0] !== code) throw new Error(`expected message ${code}, got ${JSON.stringify(message)}`);
    return message;
  }

  async subscribe(topic: string, options: object = {}): Promise<number> {
    const request = this.request(Code.SUBSCRIBE, options, topic);
    const [, answered, subscription] = await this.expect(Code.SUBSCRIBED);
    if (answered !== request) throw new Error(`SUBSCRIBED answers ${String(answered)}, not ${request}`);
    return subscription as number;
  }

  async register(procedure: string, options: object = {}): Promise<number> {
    const request = this.request(Code.REGISTER, options, procedure);
    const answer = await this.receive();
    const [code, answered, registration] = answer;
    if (code !== Code.REGISTERED) throw new Error(`expected REGISTERED, got ${JSON.stringify(answer)}`);
    if (answered !== request) throw new Error(`REGISTERED answers ${String(answered)}, not ${request}`);
    return registration as number;
  }

  publish(topic: string, args?: unknown[], options: object = {}, kwargs?: object): number {
    return this.request(Code.PUBLISH, options, topic, ...payload(args, kwargs));
  }

  /** Publishes and waits for PUBLISHED. */
  async publishAcknowledged(topic: string, args?: unknown[], options: object = {}): Promise<number> {
    const request = this.publish(topic, args, { ...options, acknowledge: true });
    const [, answered, publication] = await this.expect(Code.PUBLISHED);
    if (answered !== request) throw new Error(`PUBLISHED answers ${String(answered)}, not ${request}`);
    return publication as number;
  }

  call(procedure: string, args?: unknown[], options: object = {}, kwargs?: object): number {
    return this.request(Code.CALL, options, procedure, ...payload(args, kwargs));
  }

  /**
   * Everything that came before the answer to a request the router always refuses: proves that nothing else is coming
   * on this connection.
   */
  async fence(): Promise<Message[]> {
    const request = this.request(Code.UNSUBSCRIBE, 1);
    const before: Message[] = [];
    for (;;) {
      const message = await this.receive();
      if (message[0] === Code.ERROR && message[1] === Code.UNSUBSCRIBE && message[2] === request) return before;
      before.push(message);
    }
  }

  /** Stops or goes on reading from the socket, to play the slow reader. */
  pause(isPaused: boolean): void {
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  /** False from the moment its end has begun, on either side. */
  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Ends the WebSocket without a word of WAMP. */
  drop(): void {
    this.#socket.terminate();
  }

  async close(): Promise<void> {
    this.#socket.close();
    await this.closed;
  }
}

function payload(args?: unknown[], kwargs?: object): unknown[] {
  if (kwargs !== undefined) return [args ?? [], kwargs];
  return args === undefined ? [] : [args];
}

/** Batch framing, written down a second time on purpose (BAT-1, BAT-2). */
export function joinOne(serializer: SerializerId, message: Uint8Array): Uint8Array {
  if (serializer === 'json') return Buffer.concat([message, Buffer.of(0x1e)]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  return Buffer.concat([length, message]);
}

function split(serializer: SerializerId, frame: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  if (serializer === 'json') {
    let start = 0;
    for (let end = frame.indexOf(0x1e); end !== -1; end = frame.indexOf(0x1e, start)) {
      parts.push(frame.subarray(start, end));
      start = end + 1;
    }
    return parts;
  }
  for (let at = 0; at < frame.length;) {
    const length = frame.readUInt32BE(at);
    parts.push(frame.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return parts;
}
