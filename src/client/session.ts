import { Code } from '../wamp/codes.js';
import { isDict, own } from '../wamp/dict.js';
import type { Dict, List } from '../wamp/options.js';
import { CloseUri, ErrorUri } from '../wamp/uris.js';
import { NotConnectedError, WampError } from './errors.js';
import type { ReceivedWelcome } from './handshake.js';
import { Invocations, type InvocationHandler } from './invocations.js';
import { Joining, type JoinOptions } from './joining.js';
import type { Link } from './link.js';
import type { Values } from '../codec/payload-values.js';
import { payloadAt, valueElements } from './payload.js';
import { callResult, Requests, type CallResult } from './requests.js';
import { encodeMessage } from './wire.js';

export interface ClientCall extends Partial<Values> {
  readonly options?: Dict;
  /** Receives progressive results. */
  readonly progress?: (result: CallResult) => void;
  /** Cancels the call. */
  readonly signal?: AbortSignal;
}

export interface WampEvent extends Values {
  readonly publication: number;
  readonly details: Dict;
}

export interface SubscriptionHandler {
  received(event: WampEvent): void;
  /** The router has ended the subscription; `reason`: a URI. */
  revoked?(reason?: string): void;
}

/** How long a router may take to answer CANCEL: some do not know it. */
const CANCEL_MS = 5_000;
const UNANSWERED = 'the router did not answer CANCEL';
/** How long a router may take to answer GOODBYE. */
const GOODBYE_MS = 2_000;

/** One session of a WAMP client, in all four roles. */
export class ClientSession {
  readonly id: number;
  readonly welcome: Dict;
  /** Resolves once with the end of the session that `leave` did not begin; never rejects. */
  readonly lost: Promise<NotConnectedError>;
  readonly #link: Link;
  readonly #requests = new Requests();
  readonly #invocations: Invocations;
  readonly #subscriptions = new Map<number, SubscriptionHandler>();
  #end: NotConnectedError | undefined;
  #isLeaving = false;
  #left: () => void = () => undefined;
  #lose: (error: NotConnectedError) => void = () => undefined;

  private constructor(link: Link, { session, details }: ReceivedWelcome) {
    this.id = session;
    this.welcome = details;
    this.#link = link;
    this.#invocations = new Invocations((message) => this.#send(message));
    this.lost = new Promise((resolve) => (this.#lose = resolve));
  }

  /** Connects and logs in. Errors: NotConnectedError. */
  static join(options: JoinOptions): Promise<ClientSession> {
    return new Joining(options, (link, welcome) => {
      const session = new ClientSession(link, welcome);
      return {
        session,
        receive: (message) => session.#receive(message),
        closed: (reason) => session.#closed(reason),
      };
    }).joined;
  }

  /** Errors: WampError, NotConnectedError, UnencodableError. */
  call(procedure: string, { options = {}, progress, signal, ...values }: ClientCall): Promise<CallResult> {
    const wants = progress === undefined ? options : { ...options, receive_progress: true };
    let request = 0;
    let timer: NodeJS.Timeout | undefined;
    let fail: (error: Error) => void = () => undefined;
    const cancel = (): void => {
      this.#send([Code.CANCEL, request, { mode: 'killnowait' }]);
      timer = setTimeout(() => fail(new WampError(ErrorUri.CANCELED, [UNANSWERED])), CANCEL_MS);
    };
    const result = new Promise<CallResult>((resolve, reject) => {
      fail = reject;
      const answered = (message: List): boolean => {
        const answer = callResult(message);
        if (own(answer.details, 'progress') === true) {
          progress?.(answer);
          return false;
        }
        resolve(answer);
        return true;
      };
      request = this.#request(Code.CALL, [wants, procedure, ...valueElements(values)], answered, reject);
    });
    signal?.addEventListener('abort', cancel);
    if (signal?.aborted === true) cancel();
    return result.finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
    });
  }

  /**
   * Resolves with the publication's id when the router acknowledges; where `options.acknowledge` is false, with nothing when
   * the system has taken the message. Errors: WampError, NotConnectedError, UnencodableError.
   */
  publish(topic: string, values: Partial<Values>, options: Dict = {}): Promise<number | undefined> {
    const isAcknowledged = own(options, 'acknowledge') !== false;
    const elements = [{ ...options, acknowledge: isAcknowledged }, topic, ...valueElements(values)];
    if (isAcknowledged) return this.#ask(Code.PUBLISH, elements, ([, , publication]) => publication as number);
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return new Promise((resolve) => {
      this.#requests.issue((id) => this.#send([Code.PUBLISH, id, ...elements], () => resolve(undefined)));
    });
  }

  /** Resolves with the subscription's id. */
  subscribe(topic: string, options: Dict, handler: SubscriptionHandler): Promise<number> {
    return this.#ask(Code.SUBSCRIBE, [options, topic], ([, , subscription]) => {
      this.#subscriptions.set(subscription as number, handler);
      return subscription as number;
    });
  }

  async unsubscribe(subscription: number): Promise<void> {
    await this.#ask(Code.UNSUBSCRIBE, [subscription], () => this.#subscriptions.delete(subscription));
  }

  /** Resolves with the registration's id. */
  register(procedure: string, options: Dict, handler: InvocationHandler): Promise<number> {
    return this.#ask(Code.REGISTER, [options, procedure], ([, , registration]) => {
      this.#invocations.serve(registration as number, handler);
      return registration as number;
    });
  }

  /** No call arrives afterwards; those that run may still be answered. */
  async unregister(registration: number): Promise<void> {
    await this.#ask(Code.UNREGISTER, [registration], () => this.#invocations.remove(registration));
  }

  /** Sends GOODBYE and closes the connection. Never rejects. */
  async leave(): Promise<void> {
    if (this.#end === undefined && !this.#isLeaving) {
      this.#isLeaving = true;
      const left = new Promise<void>((resolve) => (this.#left = resolve));
      this.#send([Code.GOODBYE, {}, CloseUri.CLOSE_REALM]);
      const timer = setTimeout(this.#left, GOODBYE_MS);
      await left;
      clearTimeout(timer);
    }
    this.#link.close();
  }

  pause(isPaused: boolean): void {
    this.#link.pause(isPaused);
  }

  #ask<Answer>(code: number, elements: List, read: (message: List) => Answer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const answered = (message: List): boolean => {
        resolve(read(message));
        return true;
      };
      this.#request(code, elements, answered, reject);
    });
  }

  #request(code: number, elements: List, answered: (message: List) => boolean, failed: (error: Error) => void): number {
    if (this.#end !== undefined) {
      failed(this.#end);
      return 0;
    }
    const id = this.#requests.issue((next) => this.#send([code, next, ...elements]));
    this.#requests.add(id, { code, answered, failed });
    return id;
  }

  #send(message: List, sent?: () => void): void {
    this.#link.send(encodeMessage(this.#link.serializer, message), sent);
  }

  #receive(message: List): void {
    switch (message[0]) {
      case Code.EVENT:
        this.#receiveEvent(message);
        return;
      case Code.INVOCATION:
        if (!this.#invocations.invoke(message)) this.#violated('INVOCATION');
        return;
      case Code.INTERRUPT:
        this.#invocations.interrupt(message[1]);
        return;
      case Code.GOODBYE:
        this.#receiveGoodbye(message);
        return;
      case Code.ABORT:
        this.#finish(`the router ended the session: ${describe(message)}`, message[2]);
        return;
      default:
        this.#receiveAnswer(message);
    }
  }

  /** An answer may belong to a request that nobody waits for, as PUBLISHED that was not asked for. */
  #receiveAnswer(message: List): void {
    if (this.#requests.settle(message)) return;
    const details = message[2];
    if (!isDict(details)) return;
    if (message[0] === Code.UNREGISTERED) this.#invocations.revoke(own(details, 'registration') as number);
    else if (message[0] === Code.UNSUBSCRIBED) this.#revoked(own(details, 'subscription'), own(details, 'reason'));
  }

  #revoked(subscription: unknown, reason: unknown): void {
    const handler = this.#subscriptions.get(subscription as number);
    this.#subscriptions.delete(subscription as number);
    handler?.revoked?.(typeof reason === 'string' ? reason : undefined);
  }

  #receiveEvent(message: List): void {
    const [, subscription, publication, details] = message;
    if (typeof subscription !== 'number' || typeof publication !== 'number' || !isDict(details)) {
      this.#violated('EVENT');
      return;
    }
    this.#subscriptions.get(subscription)?.received({ publication, details, ...payloadAt(message, 4) });
  }

  #receiveGoodbye(message: List): void {
    if (this.#isLeaving) {
      this.#left();
      return;
    }
    this.#send([Code.GOODBYE, {}, CloseUri.GOODBYE_AND_OUT]);
    this.#finish(`the router ended the session: ${describe(message)}`, message[2]);
  }

  #violated(name: string): void {
    this.#send([Code.ABORT, { message: `malformed ${name}` }, ErrorUri.PROTOCOL_VIOLATION]);
    this.#finish(`the router sent a malformed ${name}`);
  }

  #closed(reason: string): void {
    this.#finish(`the connection was closed${reason === '' ? '' : `: ${reason}`}`);
  }

  #finish(message: string, uri?: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = new NotConnectedError(message, typeof uri === 'string' ? uri : undefined);
    this.#requests.failAll(this.#end);
    this.#invocations.interruptAll();
    this.#left();
    if (!this.#isLeaving) this.#lose(this.#end);
    this.#link.close();
  }
}

function describe([, details, uri]: List): string {
  const text = isDict(details) ? own(details, 'message') : undefined;
  return `${typeof uri === 'string' ? uri : 'no reason'}${typeof text === 'string' ? `: ${text}` : ''}`;
}
