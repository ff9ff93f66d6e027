import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Bytes to a port as they are, and all that comes back: clients of libraries would tidy up. */
export class RawHttp {
  readonly socket: Socket;
  readonly closed: Promise<string>;
  #reply = '';
  readonly #waiting = new Set<() => void>();

  constructor(port: number, bytes: string | Buffer = '', { host = '127.0.0.1', isReading = true } = {}) {
    this.socket = connect(port, host);
    if (!isReading) this.socket.pause();
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve(this.#reply)));
    this.socket.setEncoding('latin1').on('data', (text: string) => {
      this.#reply += text;
      for (const wake of this.#waiting) wake();
      this.#waiting.clear();
    });
    if (bytes.length > 0) this.socket.write(bytes);
  }

  async connected(): Promise<this> {
    if (this.socket.connecting) await once(this.socket, 'connect');
    return this;
  }

  /** What came, once it has `end` in it. */
  async until(end: string): Promise<string> {
    while (!this.#reply.includes(end)) {
      if (this.socket.destroyed) throw new Error(`closed after: ${this.#reply}`);
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
        this.socket.once('close', resolve);
      });
    }
    return this.#reply;
  }
}

/** The lines of an opening handshake; `undefined` leaves one out, a list repeats it. */
export function handshake(
  headers: Readonly<Record<string, string | readonly string[] | undefined>> = {},
  path = '/ws',
): string {
  const all: Readonly<Record<string, string | readonly string[] | undefined>> = {
    Host: 'x',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol': 'wamp.2.json',
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value = []]) =>
    [value].flat().map((each) => `${name}: ${each}\r\n`),
  );
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}
