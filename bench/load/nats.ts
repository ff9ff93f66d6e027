import { CheckedTail } from './checked-payload.js';
import { source, type FanoutWire } from './fanout-wire.js';
import { FixedFrame } from './frame-template.js';
import { makePayload } from './payload.js';
import { SocketClient, type Opened } from './socket-client.js';

const options = { verbose: false, pedantic: false, lang: 'bench', version: '1', protocol: 1 };
const hello = `CONNECT ${JSON.stringify(options)}\r\nPING\r\n`;
const newline = 10;
const endBytes = 2;
const nothing = Buffer.alloc(0);

/** The text protocol of NATS: each MSG is one message, its payload alone. */
class NatsClient extends SocketClient {
  readonly framing = 'nats';
  /** The beginning of a line or message that the last read left incomplete. */
  #partial: Buffer = nothing;
  #confirmed: (() => void) | null = null;

  private constructor(url: URL, opened: Opened) {
    super({ host: url.hostname, port: Number(url.port) }, hello, opened);
  }

  static connect(url: string): Promise<NatsClient> {
    return SocketClient.open((opened) => new NatsClient(new URL(url), opened));
  }

  /** Resolves once the server has the subscription. */
  subscribe(subject: string): Promise<void> {
    this.socket.write(`SUB ${subject} 1\r\nPING\r\n`);
    return new Promise((resolve) => {
      this.#confirmed = resolve;
    });
  }

  protected override read(buffer: Buffer, bytes: number): boolean {
    const part = buffer.subarray(0, bytes);
    const all = this.#partial.length === 0 ? part : Buffer.concat([this.#partial, part]);
    const rest = this.#consume(all);
    this.#partial = rest === all.length ? nothing : Buffer.from(all.subarray(rest));
    return this.isOpen;
  }

  protected override farewell(): Buffer {
    return nothing;
  }

  /** Returns where the first line or message begins that is not complete. */
  #consume(all: Buffer): number {
    let at = 0;
    for (;;) {
      const lineEnd = all.indexOf(newline, at);
      if (lineEnd < 0) return at;
      const payload = lineEnd + 1;
      if (all[at] === 0x4d) {
        const end = payload + sizeAtEnd(all, lineEnd - 1);
        if (end + endBytes > all.length) return at;
        this.onMessage(all, payload, end);
        at = end + endBytes;
      } else {
        this.#control(all.toString('latin1', at, lineEnd - 1));
        at = payload;
      }
    }
  }

  #control(line: string): void {
    if (line === 'PING') this.socket.write('PONG\r\n');
    else if (line === 'PONG' && !this.isOpen) this.opened();
    else if (line === 'PONG') this.#confirmed?.();
    else if (!line.startsWith('INFO ')) throw new Error(`the server sent ${line}`);
  }
}

/** The number that ends just before `end`. */
function sizeAtEnd(all: Buffer, end: number): number {
  let size = 0;
  let weight = 1;
  for (let at = end - 1; all[at] !== 0x20; at -= 1) {
    size += (all[at]! - 48) * weight;
    weight *= 10;
  }
  return size;
}

export const nats: FanoutWire = {
  subscribe: async ({ url }, _serializer, topic) => {
    const client = await NatsClient.connect(url);
    await client.subscribe(topic);
    return client;
  },
  publisher: async ({ url }, { topic, payloadBytes }) => {
    const head = `PUB ${topic} ${payloadBytes}\r\n`;
    const frame = new FixedFrame(Buffer.from(`${head}${makePayload(payloadBytes, source)}\r\n`), head.length);
    return { client: await NatsClient.connect(url), frame };
  },
  check: ({ payloadBytes }) => new CheckedTail('', payloadBytes),
};
