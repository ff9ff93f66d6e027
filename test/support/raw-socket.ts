import { connect, type Socket } from 'node:net';
import type { SerializerId } from '../../src/wamp/payload.js';

const OPCODE_TEXT = 1;
const OPCODE_BINARY = 2;
const MASK = [0x11, 0x22, 0x33, 0x44];

/** A WebSocket written by hand on a TCP socket, for segments and frames that no library would send. */
export class RawSocket {
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #isOver = false;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake?.();
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#isOver = true;
        this.#wake?.();
        resolve();
      });
    });
  }

  /** The TCP connection, with the opening handshake done. */
  static async open(url: string, protocol: string): Promise<RawSocket> {
    const { hostname, port, pathname } = new URL(url);
    const socket = connect(Number(port), hostname);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const opened = new RawSocket(socket);
    opened.write(
      Buffer.from(
        `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
      ),
    );
    await opened.#until(() => opened.#received.includes('\r\n\r\n'));
    opened.#received = opened.#received.subarray(opened.#received.indexOf('\r\n\r\n') + 4);
    return opened;
  }

  /** One segment, as far as the kernel goes along. */
  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Stops reading, as a hanging reader does. */
  pause(): void {
    this.#socket.pause();
  }

  /** Resolves when the kernel has taken all of it. */
  drained(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#socket.write(bytes, () => resolve()));
  }

  /** Each piece is on its way before the next is handed over. */
  async writeSplit(bytes: Uint8Array, pieceBytes: number): Promise<void> {
    for (let start = 0; start < bytes.length; start += pieceBytes) {
      await new Promise<void>((resolve) => {
        this.#socket.write(bytes.subarray(start, start + pieceBytes), () => setImmediate(resolve));
      });
    }
  }

  /** The payload of the next frame of the router, whatever its kind; undefined when the connection ends instead. */
  async receiveFrame(): Promise<Buffer | undefined> {
    let frame: { readonly payload: Buffer; readonly bytes: number } | undefined;
    await this.#until(() => (frame = frameAt(this.#received)) !== undefined || this.#isOver);
    if (frame === undefined) return undefined;
    this.#received = this.#received.subarray(frame.bytes);
    return frame.payload;
  }

  /** Writes the same again and again, as fast as the router takes it, for so long or until the connection ends. */
  async flood(bytes: Uint8Array, durationMs: number): Promise<void> {
    const untilMs = Date.now() + durationMs;
    while (Date.now() < untilMs && !this.#isOver) {
      if (this.#socket.write(bytes)) await new Promise((resolve) => setImmediate(resolve));
      else await Promise.race([new Promise((resolve) => this.#socket.once('drain', resolve)), this.closed]);
    }
  }

  /** Ends it when all that was written has left. */
  end(): void {
    this.#socket.end();
  }

  drop(): void {
    this.#socket.destroy();
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => (this.#wake = resolve));
  }
}

/** A masked frame, whole, in the opcode of the serializer. */
export function maskedFrame(serializer: SerializerId, payload: Uint8Array): Buffer {
  return frameOf(0x80 | (serializer === 'json' ? OPCODE_TEXT : OPCODE_BINARY), payload);
}

/** `first`: FIN, the reserved bits and the opcode. */
export function frameOf(first: number, payload: Uint8Array, isMasked = true): Buffer {
  const { length } = payload;
  const mask = isMasked ? 0x80 : 0;
  const size =
    length < 126
      ? [mask | length]
      : [mask | (length < 65_536 ? 126 : 127), ...lengthBytes(length, length < 65_536 ? 2 : 8)];
  const body = isMasked ? payload.map((byte, index) => byte ^ MASK[index % 4]!) : payload;
  return Buffer.concat([Buffer.from([first, ...size, ...(isMasked ? MASK : [])]), body]);
}

function lengthBytes(length: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => Math.floor(length / 256 ** (count - 1 - index)) % 256);
}

/** Frames of a server: never masked. */
function frameAt(bytes: Buffer): { readonly payload: Buffer; readonly bytes: number } | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes[1]! & 0x7f;
  const head = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < head) return undefined;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < head + length) return undefined;
  return { payload: bytes.subarray(head, head + length), bytes: head + length };
}
