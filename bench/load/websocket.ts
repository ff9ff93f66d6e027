import { randomBytes } from 'node:crypto';
import { clientFrame } from './frame-template.js';
import { SocketClient, type Opened } from './socket-client.js';

const endOfHead = Buffer.from('\r\n\r\n');

/** Takes unfragmented messages only. */
export class WebSocketClient extends SocketClient {
  readonly framing = 'websocket';
  /** The beginning of a message (or of the HTTP answer) that the last read left incomplete. */
  #partial = Buffer.allocUnsafe(0);
  #partialBytes = 0;

  private constructor(url: URL, protocol: string, localAddress: string | null, opened: Opened) {
    const target = {
      host: url.hostname,
      port: Number(url.port === '' ? 80 : url.port),
      ...(localAddress === null ? {} : { localAddress }),
    };
    super(target, upgradeRequest(url, protocol), opened);
  }

  static connect(url: string, protocol: string, localAddress: string | null = null): Promise<WebSocketClient> {
    return SocketClient.open((opened) => new WebSocketClient(new URL(url), protocol, localAddress, opened));
  }

  protected override read(buffer: Buffer, bytes: number): boolean {
    const start = this.isOpen ? 0 : this.#readHead(buffer, bytes);
    if (start < 0) return false;
    this.#consume(buffer, start, bytes);
    return true;
  }

  protected override farewell(): Buffer {
    return clientFrame(0x88, Buffer.of(0x03, 0xe8));
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
    this.opened();
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
      this.socket.write(clientFrame(0x8a, buffer.subarray(body, end)));
      return;
    }
    if (first !== 0x88) throw new Error(`a frame that begins with ${first}`);
    if (this.isClosing) return;
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
