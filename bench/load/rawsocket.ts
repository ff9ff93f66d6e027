import { serializers, type Serializer } from './endpoint.js';
import { SocketClient, type Opened } from './socket-client.js';

const handshakeBytes = 4;
const headBytes = 4;
const [message, ping, pong] = [0, 1, 2];

export class RawSocketClient extends SocketClient {
  readonly framing = 'rawsocket';
  /** The beginning of a frame, or of the handshake, that the last read left incomplete. */
  #partial: Buffer = Buffer.alloc(0);

  private constructor(url: URL, serializer: Serializer, opened: Opened) {
    const hello = Buffer.of(0x7f, 0xf0 | (serializers.indexOf(serializer) + 1), 0, 0);
    super({ host: url.hostname, port: Number(url.port) }, hello, opened);
  }

  static connect(url: string, serializer: Serializer): Promise<RawSocketClient> {
    return SocketClient.open((opened) => new RawSocketClient(new URL(url), serializer, opened));
  }

  protected override read(buffer: Buffer, bytes: number): boolean {
    const part = buffer.subarray(0, bytes);
    const all = this.#partial.length === 0 ? part : Buffer.concat([this.#partial, part]);
    const rest = this.#consume(all, this.isOpen ? 0 : this.#readHandshake(all));
    this.#partial = rest === all.length ? Buffer.alloc(0) : Buffer.from(all.subarray(rest));
    return this.isOpen;
  }

  protected override farewell(): Buffer {
    return Buffer.alloc(0);
  }

  /** Returns where the first frame begins. */
  #readHandshake(all: Buffer): number {
    if (all.length < handshakeBytes) return 0;
    if (all[0] !== 0x7f || (all[1]! & 0x0f) === 0)
      throw new Error(`no RawSocket handshake: ${all.toString('hex', 0, handshakeBytes)}`);
    this.opened();
    return handshakeBytes;
  }

  /** Returns where the first frame begins that is not complete. */
  #consume(all: Buffer, start: number): number {
    let at = start;
    while (this.isOpen && at + headBytes <= all.length) {
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
    this.socket.write(answer);
  }
}
