import type { ClientOptions, RawData, WebSocket } from 'ws';
import type { SerializerId } from '../wamp/payload.js';
import { connectReason } from './connect-errors.js';
import { NotConnectedError } from './errors.js';
import { Heartbeat } from './heartbeat.js';
import type { Link, LinkOptions, LinkReceiver } from './link.js';

const MAX_MESSAGE_BYTES = 67_108_864;
/** Time for the router to close the connection too. */
const LINGER_MS = 2_000;

/** Opens a WebSocket. Errors: NotConnectedError. */
export async function openWebSocket(options: LinkOptions, receiver: LinkReceiver): Promise<Link> {
  // Loaded only now: a node does not need it.
  const ws = await import('ws');
  const protocols = options.serializers.map((serializer) => `wamp.2.${serializer}`);
  const settings: ClientOptions = {
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    handshakeTimeout: options.timeoutMs,
    headers: { ...options.headers },
    ...options.tls,
  };
  let socket: WebSocket;
  try {
    socket = new ws.WebSocket(options.url, protocols, settings);
  } catch (error) {
    throw new NotConnectedError(connectReason(error));
  }
  await opened(socket, options.signal);
  const serializer = options.serializers.find((id) => socket.protocol === `wamp.2.${id}`);
  if (serializer === undefined) {
    socket.terminate();
    throw new NotConnectedError('the server speaks WebSocket, but no WAMP with the serializers that were offered');
  }
  return new WebSocketLink(socket, serializer, receiver);
}

function opened(socket: WebSocket, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => socket.terminate();
    signal?.addEventListener('abort', stop);
    if (signal?.aborted === true) setImmediate(stop);
    socket.once('close', () => signal?.removeEventListener('abort', stop));
    socket.once('open', () => {
      signal?.removeEventListener('abort', stop);
      socket.removeAllListeners('error');
      resolve();
    });
    socket.once('error', (error) => {
      socket.on('error', () => undefined);
      reject(new NotConnectedError(connectReason(error)));
    });
  });
}

class WebSocketLink implements Link {
  readonly serializer: SerializerId;
  readonly #socket: WebSocket;
  readonly #heartbeat: Heartbeat;
  #isClosing = false;
  #flaw = '';

  constructor(socket: WebSocket, serializer: SerializerId, receiver: LinkReceiver) {
    this.serializer = serializer;
    this.#socket = socket;
    this.#heartbeat = new Heartbeat(
      () => {
        if (socket.readyState === socket.OPEN) socket.ping();
      },
      (reason) => {
        this.#flaw = reason;
        socket.terminate();
      },
    );
    socket.on('message', (data: RawData) => {
      this.#heartbeat.received();
      receiver.receive(bytesOf(data));
    });
    socket.on('pong', () => this.#heartbeat.received());
    socket.on('error', (error) => (this.#flaw = connectReason(error)));
    socket.on('close', (code, reason) => {
      this.#heartbeat.stop();
      receiver.closed(this.#flaw || describeEnd(code, reason.toString('utf8')));
    });
  }

  send(message: Uint8Array, sent?: () => void): void {
    if (this.#socket.readyState === this.#socket.OPEN)
      this.#socket.send(message, { binary: this.serializer !== 'json' }, () => sent?.());
    else sent?.();
  }

  /** Idempotent. */
  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#socket.close(1000);
    const linger = setTimeout(() => this.#socket.terminate(), LINGER_MS);
    this.#socket.once('close', () => clearTimeout(linger));
    if (this.#socket.readyState === this.#socket.CLOSED) clearTimeout(linger);
  }

  pause(isPaused: boolean): void {
    this.#heartbeat.pause(isPaused);
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }
}

function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}

function describeEnd(code: number, reason: string): string {
  const known = code === 1005 || code === 1006 ? '' : `code ${code}`;
  return [known, reason].filter((part) => part !== '').join(': ');
}
