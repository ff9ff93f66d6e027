import type { Codec } from '../codec/codec.js';
import type { Counters } from '../telemetry/counters.js';
import type { Connection } from '../transport/connection.js';
import type { RouterMessage } from '../wamp/messages.js';

/** Counts what could not be read as a message. */
export const UNREADABLE = 0;

/** Sends the messages that the endpoint itself makes, and counts what one connection receives. */
export class EndpointOutput {
  readonly #connection: Connection;
  readonly #codec: Codec;
  readonly #counters: Counters;

  constructor(connection: Connection, codec: Codec, counters: Counters) {
    this.#connection = connection;
    this.#codec = codec;
    this.#counters = counters;
  }

  /** For messages without payload, which every serializer can encode. */
  send(message: RouterMessage): void {
    const encoded = this.#codec.encode(message);
    if (!(encoded instanceof Uint8Array)) throw new Error(`message ${message[0]} is not encodable: ${encoded.message}`);
    const { messagesOut } = this.#counters;
    messagesOut[message[0]] = (messagesOut[message[0]] ?? 0) + 1;
    this.#connection.write(encoded);
  }

  /** `code`: of the message received, or UNREADABLE. */
  countReceived(code: number): void {
    const { messagesIn } = this.#counters;
    messagesIn[code] = (messagesIn[code] ?? 0) + 1;
  }
}
