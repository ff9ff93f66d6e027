import { setTimeout as sleep } from 'node:timers/promises';
import { Code } from '../../src/wamp/codes.js';
import type { RawClient } from './raw-client.js';

export interface AuthDetails {
  readonly session: number;
  readonly authmethod: string;
  readonly authid: string | null;
  readonly authextra: Record<string, unknown> | null;
  readonly ticket?: string;
  readonly claims?: Record<string, unknown>;
  readonly transport: Record<string, unknown>;
}

export type Asked = readonly [realm: string, authid: string | null, details: AuthDetails];

/** What a gatekeeper does with one question: returns a result, refuses, or leaves it unanswered. */
export type Answer = { readonly result: unknown } | { readonly error: string } | 'silence';

/** An authenticator: the only reader of its client's messages from now on. */
export class Gatekeeper {
  readonly client: RawClient;
  readonly asked: Asked[] = [];
  interruptCount = 0;

  private constructor(client: RawClient) {
    this.client = client;
  }

  /** Waits until the procedure is free: the gatekeeper of an earlier test may not have been removed yet. */
  static async at(client: RawClient, procedure: string, answer: (...asked: Asked) => Answer): Promise<Gatekeeper> {
    for (let attempt = 0; ; attempt++) {
      client.request(Code.REGISTER, {}, procedure);
      const message = await client.receive();
      if (message[0] === Code.REGISTERED) break;
      if (attempt === 200) throw new Error(`not registered: ${JSON.stringify(message)}`);
      await sleep(50);
    }
    const gatekeeper = new Gatekeeper(client);
    void gatekeeper.#serve(answer);
    return gatekeeper;
  }

  async #serve(answer: (...asked: Asked) => Answer): Promise<void> {
    for (;;) {
      const message = await this.client.receive().catch(() => undefined);
      if (message === undefined) return;
      if (message[0] === Code.INTERRUPT) this.interruptCount++;
      if (message[0] !== Code.INVOCATION) continue;
      const [, request, , , args] = message as [number, number, number, object, Asked];
      this.asked.push(args);
      const given = answer(...args);
      if (given === 'silence') continue;
      if ('error' in given) this.client.send([Code.ERROR, Code.INVOCATION, request, {}, given.error, ['a secret']]);
      else this.client.send([Code.YIELD, request, {}, [given.result]]);
    }
  }
}
