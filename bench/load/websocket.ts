import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { LoadClient, OnMessage } from './client.js';
import { clientFrame } from './frame-template.js';

const nothing = (): void => undefined;

// One read buffer for all connections of the process: a read is used up before the next one begins.
const readBuffer = Buffer.allocUnsafeSlow(512 * 1024);

const endOfHead = Buffer.from('\r\n\r\n');

/**
 * A WebSocket client that does only what a load generator needs: whole unfragmented messages in, prepared frames out.
 * Anything else from the server is a failure, given to `onFailure` once.
 */
export class WebSocketClient implements LoadClient {
  readonly framing = 'websocket';
  onMessage: OnMessage = nothing;
  onReadEnd: () => void = nothing;
  onFailure: (error: Error) => void = nothing;
  onClosed: () => void = nothing;

  readonly #socket: Socket;
  #opened: ((error?: Error) => void) | null;
  /** The beginning of a message (or of the HTTP answer) that the last read left incomplete. */
  #partial = Buffer.allocUnsafe(0);
  #partialBytes = 0;
  #isClosing = false;

  private constructor(url: URL, protocol: string, localAddress: string | null, opened: (error?: Error) => void) {
    this.#opened = opened;
    this.#socket = connect({
      host: url.hostname,
      port: Number(url.port === '' ? 80 : url.port),
      ...(localAddress === null ? {} : { localAddress }),
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (bytes, buffer) => {
          this.#read(buffer as Buffer, bytes);
          return true;
        },
      },
    });
    this.#socket.on('connect', () => this.#socket.write(upgradeRequest(url, protocol)));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => {
      if (!this.#isClosing) this.#fail(new Error('the server closed the connection'));
      this.onClosed();
    });
  }

  static connect(url: string, protocol: string, localAddress: string | null = null): Promise<WebSocketClient> {
    return new Promise((resolve, reject) => {
      const client: WebSocketClient = new WebSocketClient(new URL(url), protocol, localAddress, (error) => {
        if (error === undefined) resolve(client);
        else reject(error);
      });
    });
  }

  write(frames: Buffer, written?: () => void): void {
    this.#socket.write(frames, written);
  }

  expectClose(): void {
    this.#isClosing = true;
  }

  close(): void {
    this.#isClosing = true;
    if (!this.#socket.destroyed) this.#socket.end(clientFrame(0x88, Buffer.of(0x03, 0xe8)));
  }

  destroy(): void {
    this.#isClosing = true;
    this.#socket.destroy();
  }

  #fail(error: Error): void {
    const opened = this.#opened;
    this.#opened = null;
    if (opened !== null) opened(error);
    else if (!this.#isClosing) this.onFailure(error);
    this.#isClosing = true;
    this.#socket.destroy();
  }

  #read(buffer: Buffer, bytes: number): void {
    try {
      const start = this.#opened === null ? 0 : this.#readHead(buffer, bytes);
      if (start < 0) return;
      this.#consume(buffer, start, bytes);
      this.onReadEnd();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Returns where the first frame begins, or -1 while the HTTP answer is not complete. */
  #readHead(buffer: Buffer, bytes: number): number {
    const before = this.#partialBytes;
    this.#keep(buffer, 0, bytes);
    const head = this.#partial.subarray(0, this.#partialBytes);
    const end = head.indexOf(endOfHead);
    if (end < 0) return -1;
    const status = head.toString('latin1', 0, head.indexOf(13));
    if (!status.startsWith('HTTP/1.1 101')) throw new Error(`no WebSocket upgrade: ${status}`);
    this.#partialBytes = 0;
    const opened = this.#opened;
    this.#opened = null;
    opened?.();
    return end + endOfHead.length - before;
  }

  #consume(buffer: Buffer, start: number, bytes: number): void {
    let at = this.#partialBytes === 0 ? start : this.#completePartial(buffer, start, bytes);
    while (at < bytes) {
      const size = frameBytes(buffer, at, bytes);
      if (size === 0 || at + size > bytes) {
        this.#keep(buffer, at, bytes);
        return;
      }
      this.#frame(buffer, at, at + size);
      at += size;
    }
  }

  /** Takes from the read what the kept frame lacks. */
  #completePartial(buffer: Buffer, start: number, bytes: number): number {
    let at = start;
    while (at < bytes) {
      const size = frameBytes(this.#partial, 0, this.#partialBytes);
      const missing = size === 0 ? 1 : size - this.#partialBytes;
      const taken = Math.min(missing, bytes - at);
      this.#keep(buffer, at, at + taken);
      at += taken;
      if (size !== 0 && this.#partialBytes === size) {
        this.#partialBytes = 0;
        this.#frame(this.#partial, 0, size);
        return at;
      }
    }
    return at;
  }

  #keep(buffer: Buffer, start: number, end: number): void {
    const needed = this.#partialBytes + end - start;
    if (this.#partial.length < needed) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#partial.length, 256));
      this.#partial.copy(grown, 0, 0, this.#partialBytes);
      this.#partial = grown;
    }
    buffer.copy(this.#partial, this.#partialBytes, start, end);
    this.#partialBytes = needed;
  }

  #frame(buffer: Buffer, start: number, end: number): void {
    const first = buffer[start]!;
    const size = buffer[start + 1]!;
    const body = start + (size < 126 ? 2 : size === 126 ? 4 : 10);
    if (first === 0x81 || first === 0x82) {
      this.onMessage(buffer, body, end);
      return;
    }
    if (first === 0x89) {
      this.#socket.write(clientFrame(0x8a, buffer.subarray(body, end)));
      return;
    }
    if (first !== 0x88) throw new Error(`a frame that begins with ${first}`);
    if (this.#isClosing) return;
    const reason =
      end - body >= 2 ? `${buffer.readUInt16BE(body)} ${buffer.toString('utf8', body + 2, end)}` : 'no reason';
    throw new Error(`the server closed the WebSocket: ${reason}`);
  }
}

/** The size of the whole frame at `at`, or 0 while its header is not complete. */
function frameBytes(buffer: Buffer, at: number, end: number): number {
  if (end - at < 2) return 0;
  const size = buffer[at + 1]!;
  if (size < 126) return 2 + size;
  if (size === 126) return end - at < 4 ? 0 : 4 + buffer[at + 2]! * 256 + buffer[at + 3]!;
  return end - at < 10 ? 0 : 10 + buffer.readUInt32BE(at + 2) * 2 ** 32 + buffer.readUInt32BE(at + 6);
}

function upgradeRequest(url: URL, protocol: string): string {
  const key = randomBytes(16).toString('base64');
  return [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${key}`,
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Protocol: ${protocol}`,
    '\r\n',
  ].join('\r\n');
}
