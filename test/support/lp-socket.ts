import { EventEmitter } from 'node:events';
import { Agent, request, type IncomingMessage, type RequestOptions } from 'node:http';

export interface LpOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Where each request goes, in turn; absent: to the URL. */
  readonly urls?: readonly string[];
}

/** A list: in several writes. */
export type LpBody = string | Uint8Array | Uint8Array[];

export interface LpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** One HTTP request. Rejects when the connection ends without an answer. */
export function lpPost(url: string, body: LpBody = '', options: RequestOptions = {}): Promise<LpAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    sent.on('error', reject);
    if (!Array.isArray(body)) sent.end(body);
    else {
      for (const piece of body) sent.write(piece);
      sent.end();
    }
  });
}

/**
 * A client of long-poll with the events and methods of `ws` that tests use. Polls as long as it is open; sends one message
 * after the other.
 */
export class LpSocket extends EventEmitter {
  readyState: 0 | 1 | 2 | 3 = 0;
  transport = '';
  protocol = '';
  setCookies: readonly string[] = [];
  readonly #urls: readonly string[];
  readonly #options: LpOptions;
  readonly #agent = new Agent();
  #turn = 0;
  #sending = Promise.resolve();
  #resume: (() => void) | undefined;
  #paused: Promise<void> | undefined;

  /** `url`: of the path of long-poll. */
  constructor(url: string, protocol: string, options: LpOptions = {}) {
    super();
    this.#urls = options.urls ?? [url];
    this.#options = options;
    void this.#open(protocol);
  }

  send(data: Uint8Array | string): void {
    const body = typeof data === 'string' ? data : data.slice();
    this.#sending = this.#sending.then(() => this.#send(body));
  }

  sendAll(messages: readonly Uint8Array[]): void {
    for (const message of messages) this.send(message);
  }

  /** One message, its body in several writes. */
  sendPieces(message: Uint8Array, count: number): void {
    const length = Math.ceil(message.length / count);
    const pieces = Array.from({ length: count }, (_, index) => message.slice(index * length, (index + 1) * length));
    this.#sending = this.#sending.then(() => this.#send(pieces));
  }

  pause(): void {
    this.#paused ??= new Promise((resolve) => (this.#resume = resolve));
  }

  resume(): void {
    this.#resume?.();
    this.#paused = undefined;
  }

  close(code = 1005): void {
    if (this.readyState > 1) return;
    this.readyState = 2;
    void this.#sending
      .then(() => this.post('close'))
      .catch(() => undefined)
      .then(() => this.#ended(code));
  }

  terminate(): void {
    if (this.readyState === 3) return;
    const wasOpen = this.readyState === 1;
    this.#agent.destroy();
    // A client that is gone polls no more: the router would notice only after sessionTimeoutMs.
    if (wasOpen) void lpPost(this.#address('close')).catch(() => undefined);
    this.#ended(1006);
  }

  /** One request of this transport. Where a node does not listen, it goes to another, as behind a load balancer. */
  async post(operation: string, body: LpBody = ''): Promise<LpAnswer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await lpPost(this.#address(operation), body, { agent: this.#agent });
      } catch (error) {
        const isRefused = error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
        if (!isRefused || attempt >= this.#urls.length) throw error;
      }
    }
  }

  get #isOver(): boolean {
    return this.readyState === 3;
  }

  #address(operation: string): string {
    return `${this.#urls[this.#turn++ % this.#urls.length]}/${this.transport}/${operation}`;
  }

  async #open(protocol: string): Promise<void> {
    try {
      const body = JSON.stringify({ protocols: [protocol] });
      const headers = { ...this.#options.headers };
      const answer = await lpPost(`${this.#urls[this.#turn++ % this.#urls.length]}/open`, body, { headers });
      if (answer.status !== 200) throw new Error(`open: ${answer.status} ${answer.body.toString()}`);
      const opened = JSON.parse(answer.body.toString()) as { protocol: string; transport: string };
      this.transport = opened.transport;
      this.protocol = opened.protocol;
      this.setCookies = answer.headers['set-cookie'] ?? [];
    } catch (error) {
      this.readyState = 3;
      this.emit('error', error);
      this.emit('close', 1006, Buffer.alloc(0));
      return;
    }
    this.readyState = 1;
    this.emit('open');
    void this.#poll();
  }

  async #poll(): Promise<void> {
    while (this.readyState === 1) {
      await this.#paused;
      const answer = await this.post('receive').catch(() => undefined);
      if (this.#isOver) return;
      if (answer?.status === 200) this.emit('message', answer.body, !this.protocol.startsWith('wamp.2.json'));
      else if (answer?.status !== 204) this.#ended(1005);
    }
  }

  async #send(body: LpBody): Promise<void> {
    if (this.readyState !== 1) return;
    const answer = await this.post('send', body).catch(() => undefined);
    // 404 and 413: the polls show how the transport ends. Otherwise the message may have arrived or not.
    if (![204, 404, 413].includes(answer?.status ?? 0)) this.#ended(1006);
  }

  #ended(code: number): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.resume();
    this.#agent.destroy();
    this.emit('close', code, Buffer.alloc(0));
  }
}
