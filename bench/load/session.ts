import type { Endpoint, Serializer } from './endpoint.js';
import type { LoadClient } from './client.js';
import { connectTo } from './connect.js';
import { messageFrame } from './frame-template.js';
import type { Login } from './logins.js';
import { code, decode, encode, type Message } from './wamp.js';

interface Waiting {
  readonly resolve: (message: Message) => void;
  readonly reject: (error: Error) => void;
}

const welcomeKey = 0;

/** A WAMP session for everything that is not measured: joining, subscribing, registering, leaving. */
export class Session {
  readonly client: LoadClient;
  /** Receives events; null where none may come. */
  onEvent: ((event: Message) => void) | null = null;
  readonly #serializer: Serializer;
  readonly #waiting = new Map<number, Waiting>();
  #requests = 0;
  #login: Login | undefined;

  constructor(client: LoadClient, serializer: Serializer) {
    this.client = client;
    this.#serializer = serializer;
    client.onMessage = (buffer, start, end) => this.#receive(decode(serializer, buffer.subarray(start, end)));
    client.onFailure = (error) => this.#rejectAll(error);
  }

  static async join(endpoint: Endpoint, serializer: Serializer, localAddress: string | null = null): Promise<Session> {
    const client = await connectTo(endpoint.url, serializer, localAddress);
    const session = new Session(client, serializer);
    await session.#hello(endpoint.realm, {});
    return session;
  }

  /** Joins by the method of this login. */
  static async login(endpoint: Endpoint, serializer: Serializer, login: Login): Promise<Session> {
    const client = await connectTo(endpoint.url, serializer, null);
    const session = new Session(client, serializer);
    session.#login = login;
    await session.#hello(endpoint.realm, login.details);
    return session;
  }

  /** Resolves with the id of the subscription. */
  async subscribe(
    topic: string,
    match: 'exact' | 'prefix' | 'wildcard' = 'exact',
    getsRetained = false,
  ): Promise<number> {
    const options = { ...(match !== 'exact' && { match }), ...(getsRetained && { get_retained: true }) };
    return Number((await this.#request(code.subscribe, options, topic))[2]);
  }

  /** Resolves with PUBLISHED: the options must ask for it. */
  async publish(
    topic: string,
    options: { readonly acknowledge: true; readonly retain?: boolean },
    args: readonly unknown[],
  ) {
    await this.#request(code.publish, options, topic, args);
  }

  /** The first argument of the result. */
  async call(procedure: string, args: readonly unknown[] = []): Promise<unknown> {
    return (await this.callAll(procedure, args))[0];
  }

  /** The arguments of the result. */
  async callAll(procedure: string, args: readonly unknown[], kwargs: object = {}): Promise<readonly unknown[]> {
    const result = await this.#request(code.call, {}, procedure, args, kwargs);
    return (result[3] ?? []) as readonly unknown[];
  }

  async register(procedure: string, invoke: 'single' | 'roundrobin' = 'single', concurrency = 0): Promise<void> {
    const options = { ...(invoke !== 'single' && { invoke }), ...(concurrency > 0 && { concurrency }) };
    await this.#request(code.register, options, procedure);
  }

  /** GOODBYE both ways, then the WebSocket is closed; resolves when the connection is gone. */
  async leave(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.client.onClosed = resolve;
    });
    const goodbye = this.#answerTo(welcomeKey);
    // Either side may close the connection once both have sent GOODBYE.
    this.client.expectClose();
    this.#send([code.goodbye, {}, 'wamp.close.close_realm']);
    await Promise.race([goodbye, closed]);
    this.client.close();
    await closed;
  }

  async #hello(realm: string, details: object): Promise<void> {
    const welcome = this.#answerTo(welcomeKey);
    this.#send([code.hello, realm, { roles, ...details }]);
    await welcome;
  }

  #request(messageCode: number, options: object, uri: string, ...payload: readonly unknown[]): Promise<Message> {
    this.#requests += 1;
    const answer = this.#answerTo(this.#requests);
    this.#send([messageCode, this.#requests, options, uri, ...payload]);
    return answer;
  }

  #answerTo(key: number): Promise<Message> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(key, { resolve, reject });
    });
  }

  #send(message: Message): void {
    this.client.write(messageFrame(this.client.framing, this.#serializer, encode(this.#serializer, message)));
  }

  #receive(message: Message): void {
    switch (message[0]) {
      case code.challenge:
        this.#send([code.authenticate, this.#login?.answer(message[2] as Readonly<Record<string, unknown>>) ?? '', {}]);
        return;
      case code.welcome:
      case code.goodbye:
        this.#settle(welcomeKey, message);
        return;
      case code.subscribed:
      case code.registered:
      case code.published:
      case code.result:
        this.#settle(Number(message[1]), message);
        return;
      case code.event:
        if (this.onEvent !== null) this.onEvent(message);
        else this.#unexpected(message);
        return;
      default:
        this.#unexpected(message);
    }
  }

  #unexpected(message: Message): void {
    this.#rejectAll(new Error(`the router answered ${JSON.stringify(message)}`));
  }

  #settle(key: number, message: Message): void {
    this.#waiting.get(key)?.resolve(message);
    this.#waiting.delete(key);
  }

  #rejectAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

/** Roles of a client that uses everything which is measured. */
export const roles = {
  publisher: { features: {} },
  subscriber: { features: { pattern_based_subscription: true } },
  caller: { features: { progressive_call_results: true } },
  callee: { features: { progressive_call_results: true, shared_registration: true } },
};

/** Runs `task` for 0..count-1, at most `width` at a time. The first failure is thrown once none is under way. */
export async function inParallel(count: number, width: number, task: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  let failure: unknown = null;
  const lane = async (): Promise<void> => {
    while (next < count && failure === null) {
      const index = next;
      next += 1;
      try {
        await task(index);
      } catch (error) {
        failure ??= error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane));
  if (failure !== null) throw failure instanceof Error ? failure : new Error('a task failed with no error');
}
