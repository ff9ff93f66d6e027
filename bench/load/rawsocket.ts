import { connect, type Socket } from 'node:net';
import type { LoadClient, OnMessage } from './client.js';
import { serializers, type Serializer } from './endpoint.js';

const nothing = (): void => undefined;
const handshakeBytes = 4;
const headBytes = 4;
const [message, ping, pong] = [0, 1, 2];

// One read buffer for all connections of the process: a read is used up before the next one begins.
const readBuffer = Buffer.allocUnsafeSlow(512 * 1024);

/** As `WebSocketClient`, over RawSocket. */
export class RawSocketClient implements LoadClient {
  readonly framing = 'rawsocket';
  onMessage: OnMessage = nothing;
  onReadEnd: () => void = nothing;
  onFailure: (error: Error) => void = nothing;
  onClosed: () => void = nothing;

  readonly #socket: Socket;
  #opened: ((error?: Error) => void) | null;
  /** The beginning of a frame, or of the handshake, that the last read left incomplete. */
  #partial: Buffer = Buffer.alloc(0);
  #isClosing = false;

  private constructor(url: URL, serializer: Serializer, opened: (error?: Error) => void) {
    this.#opened = opened;
    this.#socket = connect({
      host: url.hostname,
      port: Number(url.port),
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (bytes, buffer) => {
          this.#read((buffer as Buffer).subarray(0, bytes));
          return true;
        },
      },
    });
    const hello = Buffer.of(0x7f, 0xf0 | (serializers.indexOf(serializer) + 1), 0, 0);
    this.#socket.on('connect', () => this.#socket.write(hello));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => {
      if (!this.#isClosing) this.#fail(new Error('the server closed the connection'));
      this.onClosed();
    });
  }

  static connect(url: string, serializer: Serializer): Promise<RawSocketClient> {
    return new Promise((resolve, reject) => {
      const client: RawSocketClient = new RawSocketClient(new URL(url), serializer, (error) => {
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
    if (!this.#socket.destroyed) this.#socket.end();
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

  #read(bytes: Buffer): void {
    try {
      const all = this.#partial.length === 0 ? bytes : Buffer.concat([this.#partial, bytes]);
      const rest = this.#consume(all, this.#opened === null ? 0 : this.#readHandshake(all));
      this.#partial = rest === all.length ? Buffer.alloc(0) : Buffer.from(all.subarray(rest));
      this.onReadEnd();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Returns where the first frame begins. */
  #readHandshake(all: Buffer): number {
    if (all.length < handshakeBytes) return 0;
    if (all[0] !== 0x7f || (all[1]! & 0x0f) === 0)
      throw new Error(`no RawSocket handshake: ${all.toString('hex', 0, handshakeBytes)}`);
    const opened = this.#opened;
    this.#opened = null;
    opened?.();
    return handshakeBytes;
  }

  /** Returns where the first frame begins that is not complete. */
  #consume(all: Buffer, start: number): number {
    let at = start;
    while (this.#opened === null && at + headBytes <= all.length) {
      const end = at + headBytes + all.readUIntBE(at + 1, 3);
      if (end > all.length) return at;
      const type = all[at];
      if (type === message) this.onMessage(all, at + headBytes, end);
      else if (type === ping) this.#answer(all.subarray(at, end));
      else if (type !== pong) throw new Error(`a frame that begins with ${type}`);
      at = end;
    }
    return at;
  }

  #answer(frame: Buffer): void {
    const answer = Buffer.from(frame);
    answer[0] = pong!;
    this.#socket.write(answer);
  }
}
