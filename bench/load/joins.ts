import type { Activity } from './activity.js';
import type { Endpoint } from './endpoint.js';
import { clientFrame } from './frame-template.js';
import type { JoinsJob, Outcome, Plan } from './job.js';
import { loginOf, type Login } from './logins.js';
import type { Meter } from './meter.js';
import { code, decode, encode } from './wamp.js';
import { WebSocketClient } from './websocket.js';

const textFrame = 0x81;
const roles = { caller: {}, subscriber: {} };

/** Sessions that join and leave again, over and over on the same connections. Each WELCOME counts. */
export class Joins implements Activity {
  readonly #endpoint: Endpoint;
  readonly #connections: number;
  readonly #login: Login;
  readonly #meter: Meter;
  readonly #clients: WebSocketClient[] = [];

  constructor(endpoint: Endpoint, job: JoinsJob, meter: Meter) {
    this.#endpoint = endpoint;
    this.#connections = job.connections;
    this.#login = loginOf(job.login);
    this.#meter = meter;
  }

  async open(): Promise<void> {
    for (let index = 0; index < this.#connections; index += 1) {
      const client = await WebSocketClient.connect(this.#endpoint.url, 'wamp.2.json');
      client.onFailure = (error) => this.#meter.fail(error);
      client.onMessage = (buffer, start, end) => this.#received(client, decode('json', buffer.subarray(start, end)));
      this.#clients.push(client);
    }
  }

  run(plan: Plan): Promise<Outcome> {
    return this.#meter.run(plan, {
      send: () => this.#clients.forEach((client) => this.#hello(client)),
      isSettled: () => this.#meter.received === this.#meter.sent,
    });
  }

  verify(): Promise<void> {
    return Promise.resolve();
  }

  remoteProgress(): void {
    throw new Error('nobody publishes here');
  }

  close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    return Promise.resolve();
  }

  #hello(client: WebSocketClient): void {
    this.#meter.sent += 1;
    this.#send(client, [code.hello, this.#endpoint.realm, { roles, ...this.#login.details }]);
  }

  #received(client: WebSocketClient, message: readonly unknown[]): void {
    switch (message[0]) {
      case code.challenge:
        this.#send(client, [code.authenticate, this.#login.answer(message[2] as Record<string, unknown>), {}]);
        break;
      case code.welcome:
        this.#meter.received += 1;
        this.#send(client, [code.goodbye, {}, 'wamp.close.close_realm']);
        break;
      case code.goodbye:
        if (this.#meter.isSending) this.#hello(client);
        break;
      default:
        this.#meter.fail(new Error(`the router answered ${JSON.stringify(message)}`));
    }
  }

  #send(client: WebSocketClient, message: readonly unknown[]): void {
    client.write(clientFrame(textFrame, encode('json', message)));
  }
}
