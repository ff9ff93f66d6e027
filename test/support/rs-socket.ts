import { EventEmitter } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, TLSSocket, type ConnectionOptions } from 'node:tls';
import type { SerializerId } from '../../src/wamp/payload.js';

const NUMBERS = { json: 1, msgpack: 2, cbor: 3 } as const;

export interface RsOptions {
  readonly serializer?: SerializerId;
  /** Exponent of the longest message that the client takes, less 9. */
  readonly lengthExponent?: number;
  /** What goes out in the same write, behind the handshake. */
  readonly pipelined?: Uint8Array;
  /** Of TLS: the client's certificate and key, and its newest version. */
  readonly pair?: Pick<ConnectionOptions, 'cert' | 'key' | 'maxVersion'>;
}

/** The close code of a WebSocket for an end in order, and for a connection that was cut: RawSocket has no codes. */
export const [NO_CODE, CUT_CODE] = [1_005, 1_006];

/** `host:port` or the path of a socket, from `rs://…`, `rss://…` or `rs+unix:/…`. */
export function dial(url: string, pair?: RsOptions['pair']): Socket {
  if (url.startsWith('rs+unix:')) return connect({ path: url.slice('rs+unix:'.length) });
  const { hostname, port, protocol } = new URL(url.replace(/^rs/, 'http'));
  const target = { host: hostname, port: Number(port) };
  return protocol === 'https:' ? connectTls({ ...target, ...pair, rejectUnauthorized: false }) : connect(target);
}

/** The bytes of one frame, written down a second time on purpose (RS-4). */
export function rsFrame(payload: Uint8Array | string, type = 0): Buffer {
  const bytes = Buffer.from(payload);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  head[0] = type;
  return Buffer.concat([head, bytes]);
}

/** A RawSocket client with the surface of a client of `ws`, so that tests can use either. */
export class RsSocket extends EventEmitter {
  readonly socket: Socket;
  readonly protocol = '';
  readyState: 0 | 1 | 2 | 3 = 0;
  /** Octets of the router's handshake. */
  answer = Buffer.alloc(0);
  /** Payloads of PONGs. */
  readonly pongs: Buffer[] = [];
  readonly #serializer: SerializerId;
  #unread = Buffer.alloc(0);
  #hasEnd = false;

  constructor(url: string, { serializer = 'json', lengthExponent = 15, pipelined, pair }: RsOptions = {}) {
    super();
    this.#serializer = serializer;
    this.socket = dial(url, pair);
    const hello = Buffer.of(0x7f, (lengthExponent << 4) | NUMBERS[serializer], 0, 0);
    this.socket.write(pipelined === undefined ? hello : Buffer.concat([hello, pipelined]));
    this.socket.on('error', (error) => {
      if (this.readyState === 0) this.emit('error', error);
    });
    this.socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.socket.on('end', () => (this.#hasEnd = true));
    this.socket.on('close', () => {
      const before = this.readyState;
      this.readyState = 3;
      if (before === 0) this.emit('error', new Error(`refused: ${this.answer.toString('hex')}`));
      this.emit('close', this.#hasEnd ? NO_CODE : CUT_CODE, Buffer.alloc(0));
    });
  }

  /** Over TLS: this side's Finished message, and the version. */
  channel(): { readonly finished: Buffer; readonly version: string | null } {
    const { socket } = this;
    const finished = socket instanceof TLSSocket ? socket.getFinished() : undefined;
    if (!(socket instanceof TLSSocket) || finished === undefined) throw new Error('no TLS');
    return { finished, version: socket.getProtocol() };
  }

  send(message: string | Uint8Array, _options?: object): void {
    this.socket.write(rsFrame(message));
  }

  /** Several messages in one write. */
  sendAll(messages: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(messages.map((message) => rsFrame(message))));
  }

  /** One message, cut into this many writes. */
  sendPieces(message: Uint8Array, count: number): void {
    const frame = rsFrame(message);
    const length = Math.ceil(frame.length / count);
    for (let start = 0; start < frame.length; start += length) this.socket.write(frame.subarray(start, start + length));
  }

  ping(payload: Uint8Array | string): void {
    this.socket.write(rsFrame(payload, 1));
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  close(): void {
    this.readyState = 2;
    this.socket.end();
  }

  terminate(): void {
    this.socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    if (this.readyState === 0) this.#readAnswer();
    while (this.readyState > 0 && this.#unread.length >= 4) {
      const end = 4 + (this.#unread.readUInt32BE() & 0xff_ff_ff);
      if (this.#unread.length < end) return;
      const [type] = this.#unread;
      const payload = this.#unread.subarray(4, end);
      this.#unread = this.#unread.subarray(end);
      if (type === 0) this.emit('message', payload, this.#serializer !== 'json');
      else if (type === 2) this.pongs.push(payload);
    }
  }

  #readAnswer(): void {
    this.answer = this.#unread.subarray(0, 4);
    if (this.answer.length < 4) return;
    this.#unread = this.#unread.subarray(4);
    // 0 in the low half octet: the high one is an error code.
    if ((this.answer[1]! & 0x0f) === 0) return;
    this.readyState = 1;
    this.emit('open');
  }
}
