import type { Codec } from '../codec/codec.js';
import type { Counters } from '../telemetry/counters.js';
import type { Connection } from '../transport/connection.js';
import { Code } from '../wamp/codes.js';
import type { Uri } from '../wamp/ids.js';
import type { RouterMessage } from '../wamp/messages.js';
import { NO_DETAILS } from '../wamp/options.js';
import { CloseUri } from '../wamp/uris.js';
import type { SessionReports } from './session-reports.js';

/** Counts what could not be read as a message. */
export const UNREADABLE = 0;

/** Sends the messages that the endpoint itself makes, and counts what one connection receives. */
export class EndpointOutput {
  readonly #connection: Connection;
  readonly #codec: Codec;
  readonly #counters: Counters;
  readonly #reports: Pick<SessionReports, 'unsendable'>;

  constructor(connection: Connection, codec: Codec, counters: Counters, reports: Pick<SessionReports, 'unsendable'>) {
    this.#connection = connection;
    this.#codec = codec;
    this.#counters = counters;
    this.#reports = reports;
  }

  /**
   * For messages without payload. Text that some serializer cannot represent is refused where it comes in; should any have passed,
   * this connection ends, and no other.
   */
  send(message: RouterMessage): void {
    const encoded = this.#codec.encode(message);
    if (!(encoded instanceof Uint8Array)) {
      this.#reports.unsendable(message[0], encoded.message);
      this.#connection.close('undecided');
      return;
    }
    const { messagesOut } = this.#counters;
    messagesOut[message[0]] = (messagesOut[message[0]] ?? 0) + 1;
    this.#connection.write(encoded);
  }

  /** Reason and message may come from another session. Where the serializer has no form for them, they are left out. */
  goodbye(reason: Uri, message: string | undefined): void {
    const full: RouterMessage = [Code.GOODBYE, message === undefined ? NO_DETAILS : { message }, reason];
    const short: RouterMessage = [Code.GOODBYE, NO_DETAILS, CloseUri.KILLED];
    const isEncodable = this.#codec.encode(full) instanceof Uint8Array;
    this.send(isEncodable ? full : short);
  }

  /** `code`: of the message received, or UNREADABLE. */
  countReceived(code: number): void {
    const { messagesIn } = this.#counters;
    messagesIn[code] = (messagesIn[code] ?? 0) + 1;
  }
}
