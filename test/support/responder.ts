import { Code } from '../../src/wamp/codes.js';
import { answer } from './exchange.js';
import type { Message, RawClient } from './raw-client.js';

/** What a Responder answers: who was called, by what. */
export interface Called {
  readonly session: number;
  readonly registration: number;
  readonly details: Record<string, unknown>;
}

/**
 * A callee that answers every INVOCATION by itself, at once, with who it is. It alone reads the messages of its client
 * from now on; those that are no invocations are for `other`.
 */
export class Responder {
  readonly client: RawClient;
  invocationCount = 0;
  readonly #others: Message[] = [];
  #waiting: (() => void) | undefined;
  #ended: Error | undefined;

  constructor(client: RawClient) {
    this.client = client;
    this.#run().catch((error: unknown) => {
      this.#ended = error instanceof Error ? error : new Error(String(error));
      this.#waiting?.();
    });
  }

  /** The next message that is no INVOCATION. */
  async other(): Promise<Message> {
    for (;;) {
      const message = this.#others.shift();
      if (message !== undefined) return message;
      if (this.#ended !== undefined) throw this.#ended;
      await new Promise<void>((resolve) => (this.#waiting = resolve));
    }
  }

  async register(procedure: string, options: object = {}): Promise<number> {
    const request = this.client.request(Code.REGISTER, options, procedure);
    const [code, answered, registration] = await this.other();
    if (code !== Code.REGISTERED || answered !== request) throw new Error(`${procedure} was not registered`);
    return registration as number;
  }

  async unregister(registration: number): Promise<void> {
    const request = this.client.request(Code.UNREGISTER, registration);
    const [code, answered] = await this.other();
    if (code !== Code.UNREGISTERED || answered !== request) throw new Error(`${registration} was not unregistered`);
  }

  async #run(): Promise<never> {
    for (;;) {
      const message = await this.client.receive();
      if (message[0] === Code.INVOCATION) this.#answer(message);
      else {
        this.#others.push(message);
        this.#waiting?.();
      }
    }
  }

  #answer([, request, registration, details]: Message): void {
    this.invocationCount++;
    answer(this.client, request as number, [{ session: this.client.session, registration, details }]);
  }
}

/** Calls, and gives what a Responder answered; the error URI when there was none. */
export async function whoAnswers(caller: RawClient, procedure: string): Promise<Called | string> {
  const call = caller.call(procedure);
  const message = await caller.receive();
  if (message[0] === Code.RESULT && message[1] === call) return (message[3] as [Called])[0];
  if (message[0] === Code.ERROR && message[2] === call) return message[4] as string;
  throw new Error(`expected the answer to CALL ${call}, got ${JSON.stringify(message)}`);
}
