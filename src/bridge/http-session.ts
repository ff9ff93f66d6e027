import type { TransportDetails } from '../backplane/session-row.js';
import type { SharedBody } from '../codec/shared-body.js';
import { BaseSession, type BaseTraits } from '../session/base-session.js';
import { HTTP_TRANSPORT, type Session } from '../session/ports.js';
import type { HttpExchange } from '../transport/http/exchange.js';
import { fault, type Fault } from '../wamp/faults.js';
import { Code } from '../wamp/codes.js';
import type { Uri } from '../wamp/ids.js';
import type { RouterMessage } from '../wamp/messages.js';
import { ErrorUri } from '../wamp/uris.js';

/** The exchange that a session belongs to. */
export interface SessionOwner {
  received(message: RouterMessage): void;
  /** An EVENT in JSON, which the owner copies. */
  event(message: Uint8Array): void;
  /** The router ends the session. */
  closed(message: string): void;
}

export function transportOf({ remoteAddress }: HttpExchange): TransportDetails {
  return { type: HTTP_TRANSPORT, protocol: 'http', serializer: 'json', peer: remoteAddress };
}

/** The session of one HTTP request. Its messages take the way of every other session's message, from its intake on. */
export class HttpSession extends BaseSession implements Session {
  readonly serializer = 'json';
  readonly maxMessageBytes = Infinity;
  readonly #owner: SessionOwner;

  constructor(traits: BaseTraits, owner: SessionOwner) {
    super(traits);
    this.#owner = owner;
  }

  get isReachable(): boolean {
    return this.isOpen;
  }

  send(message: RouterMessage): Fault | undefined {
    if (!this.isOpen) return undefined;
    const flaw = jsonFlaw(message);
    if (flaw === undefined) this.#owner.received(message);
    return flaw;
  }

  write(message: Uint8Array, body?: SharedBody): void {
    if (this.isOpen) this.#owner.event(body === undefined ? message : body.join(message));
  }

  close(reason: Uri, message: string = reason): void {
    this.#end(message);
  }

  dismiss(): void {
    this.#end('the node ends: connect again');
  }

  abort({ message }: Fault): void {
    this.#end(message);
  }

  /** The answer of a request comes sooner than its credentials expire; `bridge/events` ends a stream with them. */
  endAfter(): void {
    // Only a call of the session itself could change the time.
  }

  #end(message: string): void {
    if (!this.isOpen) return;
    this.seal();
    this.#owner.closed(message);
  }
}

/** The reason why a result cannot be written in JSON. An ERROR always reaches the owner, which then leaves its payload out. */
function jsonFlaw(message: RouterMessage): Fault | undefined {
  if (message[0] !== Code.RESULT) return undefined;
  const encoded = message[3].in('json');
  if (encoded instanceof Uint8Array) return undefined;
  return fault(ErrorUri.INVALID_ARGUMENT, `the payload cannot be represented in json: ${encoded.message}`);
}
