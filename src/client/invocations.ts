import { Code } from '../wamp/codes.js';
import { isDict } from '../wamp/dict.js';
import type { Dict, List } from '../wamp/options.js';
import type { WampError } from './errors.js';
import type { Values } from '../codec/payload-values.js';
import { payloadAt, valueElements } from './payload.js';

export interface ReceivedInvocation extends Values {
  readonly details: Dict;
  /** Aborts when the caller does not want the result any more, or the session ends. */
  readonly signal: AbortSignal;
  /** Sends a result. Only the first that is no progress counts, and none after `fail`. Errors: UnencodableError. */
  succeed(values: Partial<Values>, options?: { readonly progress?: boolean }): void;
  fail(error: WampError): void;
}

export interface InvocationHandler {
  invoked(invocation: ReceivedInvocation): void;
  /** The router has ended the registration. */
  revoked?(): void;
}

/** Invocations of one session that wait for the answer of this client. The router bounds them. */
export class Invocations {
  readonly #handlers = new Map<number, InvocationHandler>();
  readonly #running = new Map<number, AbortController>();
  readonly #send: (message: List) => void;

  constructor(send: (message: List) => void) {
    this.#send = send;
  }

  serve(registration: number, handler: InvocationHandler): void {
    this.#handlers.set(registration, handler);
  }

  /** Invocations that run go on. */
  remove(registration: number): void {
    this.#handlers.delete(registration);
  }

  revoke(registration: number): void {
    const handler = this.#handlers.get(registration);
    this.#handlers.delete(registration);
    handler?.revoked?.();
  }

  /** False: the message is malformed. */
  invoke(message: List): boolean {
    const [, request, registration, details] = message;
    if (typeof request !== 'number' || typeof registration !== 'number' || !isDict(details)) return false;
    const handler = this.#handlers.get(registration);
    if (handler === undefined) {
      this.#send([Code.ERROR, Code.INVOCATION, request, {}, 'wamp.error.no_such_registration']);
      return true;
    }
    const controller = new AbortController();
    this.#running.set(request, controller);
    const isRunning = (): boolean => this.#running.get(request) === controller;
    handler.invoked({
      ...payloadAt(message, 4),
      details,
      signal: controller.signal,
      succeed: (values, { progress = false } = {}) => {
        if (!isRunning()) return;
        // Not ended by a result that cannot be sent: `fail` still can.
        this.#send([Code.YIELD, request, progress ? { progress } : {}, ...valueElements(values)]);
        if (!progress) this.#running.delete(request);
      },
      fail: (error) => {
        if (!isRunning()) return;
        this.#running.delete(request);
        this.#send([Code.ERROR, Code.INVOCATION, request, {}, error.uri, ...valueElements(error)]);
      },
    });
    return true;
  }

  interrupt(request: unknown): void {
    this.#running.get(request as number)?.abort();
  }

  interruptAll(): void {
    for (const controller of this.#running.values()) controller.abort();
    this.#running.clear();
  }
}
