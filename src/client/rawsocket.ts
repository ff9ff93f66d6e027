import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { HEAD_BYTES, MOST_SENT_BYTES, writeFrameHead, type FrameKind } from '../transport/raw/frame-head.js';
import { FrameReader, type FrameSink } from '../transport/raw/frame-reader.js';
import type { SerializerId } from '../wamp/payload.js';
import { rawAddress } from './address.js';
import { connectReason } from './connect-errors.js';
import { NotConnectedError, UnencodableError } from './errors.js';
import { Heartbeat } from './heartbeat.js';
import type { Link, LinkOptions, LinkReceiver } from './link.js';

const MAGIC = 0x7f;
const HANDSHAKE_BYTES = 4;
/** The longest message that a client can announce, and its exponent less that of the shortest. */
const MAX_MESSAGE_BYTES = 2 ** 24;
const MAX_LENGTH = 15;
const LEAST_BYTES = 512;
const NUMBER: Readonly<Record<SerializerId, number>> = { json: 1, msgpack: 2, cbor: 3 };
/** Time for the router to close the connection too. */
const LINGER_MS = 2_000;
const NOTHING = new Uint8Array();

interface Opened {
  readonly socket: Socket;
  /** Longest message that the router takes. */
  readonly maxSentBytes: number;
}

/** Opens a RawSocket connection with the first of the serializers. Errors: NotConnectedError. */
export async function openRawSocket(options: LinkOptions, receiver: LinkReceiver): Promise<Link> {
  const serializer = options.serializers[0] ?? 'json';
  let socket: Socket;
  try {
    socket = dial(options);
  } catch (error) {
    // Certificates or a key that cannot be used.
    throw new NotConnectedError(connectReason(error));
  }
  return new RawSocketLink(await opened(socket, options, serializer), serializer, receiver);
}

function dial({ url, tls }: LinkOptions): Socket {
  const address = rawAddress(url);
  if ('path' in address) return connect(address.path);
  const { host, port, isSecure } = address;
  return isSecure ? connectTls({ host, port, ...tls }) : connect({ host, port, noDelay: true });
}

function opened(socket: Socket, options: LinkOptions, serializer: SerializerId): Promise<Opened> {
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0);
    const fail = (reason: string): void => {
      done();
      socket.on('error', () => undefined).destroy();
      reject(new NotConnectedError(reason));
    };
    const read = (chunk: Buffer): void => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length < HANDSHAKE_BYTES) return;
      const flaw = flawOf(answer, serializer);
      if (flaw !== undefined) {
        fail(flaw);
        return;
      }
      done();
      socket.pause();
      if (answer.length > HANDSHAKE_BYTES) socket.unshift(answer.subarray(HANDSHAKE_BYTES));
      resolve({ socket, maxSentBytes: LEAST_BYTES * 2 ** ((answer[1] ?? 0) >> 4) });
    };
    const failed = (error: Error): void => fail(connectReason(error));
    const closed = (): void =>
      fail('the server closed the connection in place of an answer to the RawSocket handshake');
    const stop = (): void => fail('interrupted');
    const timer = setTimeout(
      () => fail('the server did not answer the RawSocket handshake in time'),
      options.timeoutMs,
    );
    const done = (): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', stop);
      socket.off('data', read).off('error', failed).off('close', closed);
    };
    socket.on('data', read).on('error', failed).on('close', closed);
    options.signal?.addEventListener('abort', stop);
    if (options.signal?.aborted === true) stop();
    else socket.write(Uint8Array.of(MAGIC, (MAX_LENGTH << 4) | NUMBER[serializer], 0, 0));
  });
}

/** The reason why the answer of the server does not open the connection. */
function flawOf([magic, answer = 0, third, fourth]: Uint8Array, serializer: SerializerId): string | undefined {
  if (magic !== MAGIC) return 'the server does not speak RawSocket at this address';
  const number = answer & 0x0f;
  const code = answer >> 4;
  if (number === 0 && code === 1) return `the router does not offer the serializer ${serializer} here`;
  if (number === 0 && code === 2) return 'the router refused the longest message that this client takes';
  if (number === 0 && code === 4) return 'the router takes no further connection now';
  if (number === 0) return `the router refused the handshake with error ${code}`;
  if (number !== NUMBER[serializer]) return 'the router answered the handshake with another serializer';
  if (third !== 0 || fourth !== 0) return 'the router answered the handshake with reserved octets';
  return undefined;
}

class RawSocketLink implements Link, FrameSink {
  readonly serializer: SerializerId;
  readonly #socket: Socket;
  readonly #receiver: LinkReceiver;
  readonly #maxSentBytes: number;
  readonly #reader = new FrameReader(MAX_MESSAGE_BYTES, 0);
  readonly #heartbeat: Heartbeat;
  #isClosing = false;
  #flaw = '';

  constructor({ socket, maxSentBytes }: Opened, serializer: SerializerId, receiver: LinkReceiver) {
    this.serializer = serializer;
    this.#socket = socket;
    this.#receiver = receiver;
    this.#maxSentBytes = Math.min(maxSentBytes, MOST_SENT_BYTES);
    this.#heartbeat = new Heartbeat(
      () => this.#write('ping', NOTHING),
      (reason) => this.#fail(reason),
    );
    socket.on('data', (chunk: Buffer) => this.#reader.read(chunk, this));
    socket.on('error', (error) => (this.#flaw ||= connectReason(error)));
    socket.on('close', () => {
      this.#heartbeat.stop();
      receiver.closed(this.#flaw);
    });
    // The owner gets the link before its first message.
    setImmediate(() => this.#socket.resume());
  }

  /** Errors: UnencodableError. */
  send(message: Uint8Array, sent?: () => void): void {
    if (message.length > this.#maxSentBytes)
      throw new UnencodableError(
        `the message has ${message.length} bytes, and the router takes at most ${this.#maxSentBytes} over RawSocket`,
      );
    this.#write('message', message, sent);
  }

  /** Idempotent. */
  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#reader.stop();
    this.#socket.end();
    this.#socket.resume();
    const linger = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.once('close', () => clearTimeout(linger));
    if (this.#socket.closed) clearTimeout(linger);
  }

  pause(isPaused: boolean): void {
    this.#heartbeat.pause(isPaused);
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }

  frame(kind: FrameKind, payload: Uint8Array): boolean {
    this.#heartbeat.received();
    if (kind === 'message') this.#receiver.receive(payload);
    else if (kind === 'ping') this.#write('pong', payload);
    return true;
  }

  unreadable(): void {
    this.#fail('the router sent a frame with a reserved bit or type');
  }

  /** No frame can announce more than the reader takes. */
  overlong(): void {
    this.unreadable();
  }

  #write(kind: FrameKind, payload: Uint8Array, sent?: () => void): void {
    if (!this.#socket.writable) {
      sent?.();
      return;
    }
    const frame = Buffer.allocUnsafe(HEAD_BYTES + payload.length);
    writeFrameHead(frame, 0, kind, payload.length);
    frame.set(payload, HEAD_BYTES);
    this.#socket.write(frame, () => sent?.());
  }

  #fail(reason: string): void {
    this.#flaw ||= reason;
    this.#socket.destroy();
  }
}
