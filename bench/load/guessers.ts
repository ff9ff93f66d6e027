import { setTimeout as pause } from 'node:timers/promises';
import type { Activity } from './activity.js';
import type { Guessing } from './attacks.js';
import type { Endpoint } from './endpoint.js';
import { clientFrame } from './frame-template.js';
import type { Outcome, Plan } from './job.js';
import type { Login } from './logins.js';
import { code, decode, encode, type Message } from './wamp.js';
import { WebSocketClient } from './websocket.js';

const textFrame = 0x81;
const againMs = 50;

/** Connections that try wrong credentials over and over. One that the router closes is opened again. */
export class Guessers implements Activity {
  readonly #endpoint: Endpoint;
  readonly #attack: Guessing;
  readonly #clients = new Set<WebSocketClient>();
  #writtenBytes = 0;
  #cutCount = 0;
  #isGuessing = false;
  #failure: Error | null = null;

  constructor(endpoint: Endpoint, attack: Guessing) {
    this.#endpoint = endpoint;
    this.#attack = attack;
  }

  open(): Promise<void> {
    return Promise.resolve();
  }

  /** `messages` are the bytes that were written, `sent` how often the router closed a connection. */
  async run({ measureMs }: Plan): Promise<Outcome> {
    const { connections, logins } = this.#attack;
    const startMs = performance.now();
    this.#isGuessing = true;
    for (let index = 0; index < connections; index += 1) void this.#guess(logins[index % logins.length]!);
    await pause(measureMs);
    this.#isGuessing = false;
    if (this.#failure !== null) throw this.#failure;
    return {
      messages: this.#writtenBytes,
      seconds: (performance.now() - startMs) / 1_000,
      cpuSeconds: null,
      sent: this.#cutCount,
      latency: null,
    };
  }

  verify(): Promise<void> {
    return Promise.resolve();
  }

  remoteProgress(): void {
    throw new Error('attackers receive nothing that counts');
  }

  close(): Promise<void> {
    this.#isGuessing = false;
    for (const client of this.#clients) client.destroy();
    return Promise.resolve();
  }

  async #guess(login: Login): Promise<void> {
    while (this.#isGuessing) {
      const client = await WebSocketClient.connect(this.#endpoint.url, 'wamp.2.json').catch(() => null);
      if (client === null) {
        await pause(againMs);
        continue;
      }
      this.#clients.add(client);
      await this.#untilClosed(client, login);
      this.#clients.delete(client);
    }
  }

  #untilClosed(client: WebSocketClient, login: Login): Promise<void> {
    return new Promise((resolve) => {
      client.onClosed = () => {
        if (this.#isGuessing) this.#cutCount += 1;
        resolve();
      };
      client.onMessage = (buffer, start, end) =>
        this.#received(client, login, decode('json', buffer.subarray(start, end)));
      this.#hello(client, login);
    });
  }

  #received(client: WebSocketClient, login: Login, message: Message): void {
    if (message[0] === code.challenge) {
      this.#send(client, [code.authenticate, login.answer(message[2] as Record<string, unknown>), {}]);
      return;
    }
    if (message[0] !== code.abort)
      this.#failure ??= new Error(`the router answered ${JSON.stringify(message)} to a wrong credential`);
    this.#hello(client, login);
  }

  #hello(client: WebSocketClient, { details }: Login): void {
    if (this.#isGuessing) this.#send(client, [code.hello, this.#endpoint.realm, { roles: { caller: {} }, ...details }]);
  }

  #send(client: WebSocketClient, message: Message): void {
    const frame = clientFrame(textFrame, encode('json', message));
    this.#writtenBytes += frame.length;
    client.write(frame);
  }
}
