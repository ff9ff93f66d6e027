import { Code } from '../wamp/codes.js';
import { isDict } from '../wamp/dict.js';
import type { Dict, List } from '../wamp/options.js';
import { WampError } from './errors.js';
import type { Values } from '../codec/payload-values.js';
import { payloadAt } from './payload.js';

export interface CallResult extends Values {
  readonly details: Dict;
}

/** One request that waits for its answer. */
export interface OpenRequest {
  /** Code of the request, as ERROR repeats it. */
  readonly code: number;
  /** Receives the answer. False: more answers follow. */
  readonly answered: (message: List) => boolean;
  readonly failed: (error: Error) => void;
}

/** The code of the request that an answer belongs to. */
const REQUEST_OF: ReadonlyMap<unknown, number> = new Map([
  [Code.PUBLISHED, Code.PUBLISH],
  [Code.SUBSCRIBED, Code.SUBSCRIBE],
  [Code.UNSUBSCRIBED, Code.UNSUBSCRIBE],
  [Code.REGISTERED, Code.REGISTER],
  [Code.UNREGISTERED, Code.UNREGISTER],
  [Code.RESULT, Code.CALL],
]);

/** Requests of one session by their ids. */
export class Requests {
  readonly #pending = new Map<number, OpenRequest>();
  #last = 0;

  /** Sends a request under the next id. When that fails, the id is not used up: routers may insist on 1, 2, 3 … */
  issue(send: (id: number) => void): number {
    const id = this.#last + 1;
    send(id);
    this.#last = id;
    return id;
  }

  add(id: number, pending: OpenRequest): void {
    this.#pending.set(id, pending);
  }

  /** Hands an answer to the request that waits for it. False: the message answers no request. */
  settle(message: List): boolean {
    if (message[0] === Code.ERROR) return this.#fail(message);
    const id = message[1] as number;
    const pending = this.#pending.get(id);
    if (pending === undefined || REQUEST_OF.get(message[0]) !== pending.code) return false;
    if (pending.answered(message)) this.#pending.delete(id);
    return true;
  }

  failAll(error: Error): void {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const { failed } of all) failed(error);
  }

  #fail(message: List): boolean {
    const [, code, id, , uri] = message;
    const pending = this.#pending.get(id as number);
    if (pending === undefined || pending.code !== code || typeof uri !== 'string') return false;
    this.#pending.delete(id as number);
    const { args, kwargs } = payloadAt(message, 5);
    pending.failed(new WampError(uri, args, kwargs));
    return true;
  }
}

export function callResult(message: List): CallResult {
  const details = message[2];
  return { details: isDict(details) ? details : {}, ...payloadAt(message, 3) };
}
