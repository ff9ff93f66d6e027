import type { TransportDetails } from '../backplane/session-row.js';
import type { SharedBody } from '../codec/shared-body.js';
import type { Decision } from '../session/authorization/permission.js';
import type { Asker } from '../session/authorization/question.js';
import type { Authorizer, Session } from '../session/ports.js';
import type { HttpExchange } from '../transport/http/exchange.js';
import { fault, type Fault } from '../wamp/faults.js';
import { Code } from '../wamp/codes.js';
import type { Features } from '../wamp/features.js';
import type { SessionId, Uri } from '../wamp/ids.js';
import type { Publish, RouterMessage, Subscribe } from '../wamp/messages.js';
import type { Dict } from '../wamp/options.js';
import { ErrorUri } from '../wamp/uris.js';
import type { Identity } from './service.js';

/** The exchange that a session belongs to. */
export interface SessionOwner {
  received(message: RouterMessage): void;
  /** An EVENT in JSON, which the owner copies. */
  event(message: Uint8Array): void;
  /** The router ends the session. */
  closed(message: string): void;
}

export interface HttpSessionOptions {
  readonly session: SessionId;
  readonly realm: Uri;
  readonly identity: Identity;
  readonly authorizer: Authorizer;
  readonly transport: TransportDetails;
  readonly features: Features;
  readonly owner: SessionOwner;
}

export function transportOf({ remoteAddress }: HttpExchange): TransportDetails {
  return { type: 'http', protocol: 'http', serializer: 'json', peer: remoteAddress };
}

/** The session of one HTTP request. What it sends takes the way of every other session's message, from its intake on. */
export class HttpSession implements Session, Asker {
  readonly session: SessionId;
  readonly realm: Uri;
  readonly authid: string;
  readonly authrole: string;
  readonly authmethod: string;
  readonly authprovider: string;
  readonly authextra: Dict | undefined;
  readonly transport: TransportDetails;
  readonly features: Features;
  readonly serializer = 'json';
  readonly maxMessageBytes = Infinity;
  readonly #owner: SessionOwner;
  #authorizer: Authorizer;
  #isOpen = true;

  constructor({ session, realm, identity, authorizer, transport, features, owner }: HttpSessionOptions) {
    const { principal, authmethod } = identity;
    this.session = session;
    this.realm = realm;
    this.authid = principal.authid;
    this.authrole = principal.authrole;
    this.authmethod = authmethod;
    this.authprovider = principal.authprovider;
    this.authextra = principal.authextra;
    this.transport = transport;
    this.features = features;
    this.#authorizer = authorizer;
    this.#owner = owner;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get isReachable(): boolean {
    return this.#isOpen;
  }

  get authorizer(): Authorizer {
    return this.#authorizer;
  }

  mayPublish(message: Publish): Decision | Promise<Decision> {
    return this.#authorizer.authorize('publish', message[3], 'exact', this, message);
  }

  maySubscribe(message: Subscribe): Decision | Promise<Decision> {
    return this.#authorizer.authorize('subscribe', message[3], message[2].match, this, message);
  }

  reauthorize(authorizer: Authorizer): void {
    this.#authorizer = authorizer;
  }

  send(message: RouterMessage): Fault | undefined {
    if (!this.#isOpen) return undefined;
    const flaw = jsonFlaw(message);
    if (flaw === undefined) this.#owner.received(message);
    return flaw;
  }

  write(message: Uint8Array, body?: SharedBody): void {
    if (this.#isOpen) this.#owner.event(body === undefined ? message : body.join(message));
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

  /** The answer of a request comes sooner than its credentials expire; an event stream ends with them. */
  endAfter(): void {
    // The owner of the stream keeps the time.
  }

  /** Called by the owner only: the request has ended. */
  seal(): void {
    this.#isOpen = false;
  }

  #end(message: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
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
