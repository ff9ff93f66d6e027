import type { Codec } from '../codec/codec.js';
import { payloadOf } from '../codec/payload.js';
import type { SharedBody } from '../codec/shared-body.js';
import type { Counters } from '../telemetry/counters.js';
import type { Connection } from '../transport/connection.js';
import { Code } from '../wamp/codes.js';
import { fault, type Fault } from '../wamp/faults.js';
import type { Uri } from '../wamp/ids.js';
import type { RouterError, RouterMessage } from '../wamp/messages.js';
import { NO_DETAILS } from '../wamp/options.js';
import type { SerializerId } from '../wamp/payload.js';
import { ErrorUri } from '../wamp/uris.js';
import type { Login } from './auth/login.js';
import { BaseSession, type BaseTraits } from './base-session.js';
import type { Session } from './ports.js';

export interface SessionTraits extends BaseTraits {
  readonly login?: Login | undefined;
}

/** Ends a session from the router's side. */
export interface SessionCloser {
  goodbye(reason: Uri, message: string | undefined): void;
  dismiss(): void;
  abort(fault: Fault): void;
  endAfter(delayMs: number): void;
}

/** The connection of a session, and what encodes and counts for it. */
export interface SessionOutput {
  readonly connection: Connection;
  readonly codec: Codec;
  readonly counters: Counters;
  readonly closer: SessionCloser;
}

/** One session from WELCOME to its end: the realm routes to it. Sends nothing once it is closed (SES-12). */
export class EstablishedSession extends BaseSession implements Session {
  readonly login: Login | undefined;
  readonly serializer: SerializerId;
  readonly maxMessageBytes: number;
  readonly #connection: Connection;
  readonly #codec: Codec;
  readonly #counters: Counters;
  readonly #closer: SessionCloser;

  constructor(traits: SessionTraits, { connection, codec, counters, closer }: SessionOutput) {
    super(traits);
    this.login = traits.login;
    this.serializer = connection.serializer;
    this.maxMessageBytes = connection.maxSentBytes ?? Infinity;
    this.#connection = connection;
    this.#codec = codec;
    this.#counters = counters;
    this.#closer = closer;
  }

  /** The connection of a slow reader may be closing while the session still exists. */
  get isReachable(): boolean {
    return this.isOpen && this.#connection.isOpen;
  }

  send(message: RouterMessage): Fault | undefined {
    if (!this.isReachable) return undefined;
    const encoded = this.#codec.encode(message);
    if (!(encoded instanceof Uint8Array)) return this.#untranscodable(message, encoded.message);
    if (encoded.length > this.maxMessageBytes) return this.#tooLong(message);
    this.#queue(message[0], encoded);
    return undefined;
  }

  write(message: Uint8Array, body?: SharedBody): void {
    if (this.isOpen) this.#connection.write(message, body);
  }

  close(reason: Uri, message?: string): void {
    if (this.isOpen) this.#closer.goodbye(reason, message);
  }

  dismiss(): void {
    if (this.isOpen) this.#closer.dismiss();
  }

  abort(reason: Fault): void {
    if (this.isOpen) this.#closer.abort(reason);
  }

  endAfter(delayMs: number): void {
    if (this.isOpen) this.#closer.endAfter(delayMs);
  }

  #queue(code: number, encoded: Uint8Array): void {
    const { messagesOut } = this.#counters;
    messagesOut[code] = (messagesOut[code] ?? 0) + 1;
    this.#connection.write(encoded);
  }

  #untranscodable(message: RouterMessage, why: string): Fault | undefined {
    if (message[0] === Code.ERROR) {
      this.#sendWithoutPayload(message, why);
      return undefined;
    }
    if (message[0] === Code.EVENT) this.#counters.eventsDropped.untranscodable++;
    return fault(ErrorUri.INVALID_ARGUMENT, `the payload cannot be represented in ${this.serializer}: ${why}`);
  }

  /** The client takes no message of this length (RS-3). */
  #tooLong(message: RouterMessage): Fault | undefined {
    const why = `its receiver takes messages of at most ${this.maxMessageBytes} bytes`;
    if (message[0] === Code.ERROR) {
      this.#sendWithoutPayload(message, why);
      return undefined;
    }
    if (message[0] === Code.EVENT) this.#counters.eventsDropped.too_large++;
    return fault(ErrorUri.PAYLOAD_SIZE_EXCEEDED, `the message is too long: ${why}`);
  }

  /**
   * The waiting peer gets an ERROR in any case (G3). URI and details of the error come from another peer, and may be
   * what cannot be represented, or is too long.
   */
  #sendWithoutPayload([code, type, request, , error]: RouterError, why: string): void {
    const payload = payloadOf([`the payload of this error is lost: ${why}`]);
    for (const uri of [error, ErrorUri.INVALID_URI]) {
      const encoded = this.#codec.encode([code, type, request, NO_DETAILS, uri, payload]);
      if (!(encoded instanceof Uint8Array) || encoded.length > this.maxMessageBytes) continue;
      this.#queue(code, encoded);
      return;
    }
  }
}
