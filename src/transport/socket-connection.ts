import { splitBatch } from '../codec/batch.js';
import type { SharedBody } from '../codec/shared-body.js';
import type { Counters } from '../telemetry/counters.js';
import { isFault } from '../wamp/faults.js';
import type { SerializerId } from '../wamp/payload.js';
import type { ClientCertificate } from './opening/client-certificate.js';
import type {
  CloseCause,
  Connection,
  ConnectionCookie,
  ConnectionListener,
  ConnectionTraits,
  MalformedCause,
  TransportType,
} from './connection.js';
import type { GuardedConnection } from './bounds/memory-guard.js';
import { MessageRate } from './bounds/message-rate.js';
import { Outbox, type OutboxOptions } from './outbox.js';
import type { OutboxSocket } from './outbox-socket.js';
import { HEADROOM_BYTES, type Slab } from './slab.js';
import type { TurnFlusher } from './turn-flusher.js';

/** Dependencies that all connections of a server share. */
export interface ConnectionDependencies {
  readonly outbox: OutboxOptions;
  readonly maxMessageBytes: number;
  readonly maxMessagesPerSecond: number;
  readonly maxPingsPerSecond: number;
  readonly flusher: TurnFlusher<Outbox>;
  readonly slab: Slab;
  readonly counters: Counters;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

/**
 * One connection, whatever carries it: applies the limits to incoming messages, passes them up, and owns the outbox. A
 * server adds the framing of its transport.
 */
export class SocketConnection implements Connection, GuardedConnection {
  readonly transport: TransportType;
  readonly serializer: SerializerId;
  readonly isBatched: boolean;
  readonly maxSentBytes: number | undefined;
  readonly remoteAddress: string;
  readonly certificate: ClientCertificate | undefined;
  readonly channelId: Uint8Array | undefined;
  readonly authMethods: ReadonlySet<string> | undefined;
  readonly isSecure: boolean | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly cookie: ConnectionCookie | undefined;
  quietChecks = 0;
  readonly #dependencies: ConnectionDependencies;
  readonly #outbox: Outbox;
  readonly #rate: MessageRate | undefined;
  #pings: MessageRate | undefined;
  #listener: ConnectionListener | undefined;
  #isReading = true;
  #malformedCause: MalformedCause | undefined;

  constructor(socket: OutboxSocket, traits: ConnectionTraits, dependencies: ConnectionDependencies) {
    this.transport = traits.transport;
    this.serializer = traits.serializer;
    this.isBatched = traits.isBatched;
    this.maxSentBytes = traits.maxSentBytes;
    this.remoteAddress = traits.remoteAddress;
    this.certificate = traits.certificate;
    this.channelId = traits.channelId;
    this.isSecure = traits.isSecure;
    this.headers = traits.headers;
    this.authMethods = traits.authMethods;
    this.cookie = traits.cookie;
    this.#dependencies = dependencies;
    const { outbox, flusher, counters, maxMessagesPerSecond } = dependencies;
    this.#outbox = new Outbox(socket, traits.serializer, traits.isBatched, outbox, flusher, counters);
    if (maxMessagesPerSecond > 0) this.#rate = new MessageRate(maxMessagesPerSecond, dependencies.nowMs());
  }

  /** Once, before anything is received. */
  listen(listener: ConnectionListener): void {
    this.#listener = listener;
  }

  get isOpen(): boolean {
    return this.#outbox.isOpen;
  }

  /** Traits that a log line may have. The cookies are secret. */
  get logFields(): { readonly serializer: SerializerId; readonly isBatched: boolean; readonly remoteAddress: string } {
    const { serializer, isBatched, remoteAddress } = this;
    return { serializer, isBatched, remoteAddress };
  }

  write(message: Uint8Array, body?: SharedBody): void {
    this.#outbox.write(message, body);
  }

  unsentBytes(): number {
    return this.#outbox.unsentBytes();
  }

  close(cause: CloseCause): void {
    this.#isReading = false;
    // The listener answers every malformed message as a violation; the metric distinguishes limits.
    this.#outbox.close(this.#malformedCause ?? cause);
  }

  /** Ends the connection at once, because of the memory that it may hold. */
  cut(): void {
    this.#dependencies.counters.limitsReached.memory++;
    this.#outbox.cut('limit');
  }

  closeNow(): void {
    this.#outbox.closeNow();
  }

  /** Why this side closed, if it did. */
  get closeCause(): CloseCause | undefined {
    return this.#outbox.cause;
  }

  /** The listener has ended the connection, or a flaw has: nothing that arrives counts any more. */
  get isReading(): boolean {
    return this.#isReading;
  }

  /**
   * One message of the transport; `bytes` are valid only during the call. `headroomBytes`: where the listener may keep
   * them, and so many bytes before them.
   */
  received(bytes: Uint8Array, headroomBytes?: number): void {
    this.quietChecks = 0;
    if (!this.#isReading) return;
    const { counters, maxMessageBytes, slab } = this.#dependencies;
    counters.bytes.in += bytes.length;
    if (bytes.length > maxMessageBytes) this.overlong(bytes.length, maxMessageBytes);
    else if (this.isBatched) this.#batchReceived(slab.copy(bytes));
    else if (this.#admits()) {
      if (this.#listener?.takesNow() !== true) this.#keep(bytes);
      else if (headroomBytes === undefined) this.#listener.received(slab.copy(bytes), HEADROOM_BYTES);
      else this.#listener.received(bytes, headroomBytes);
    }
  }

  /** The peer has sent, or announced, a message that is too long. */
  overlong(length: number, maxBytes: number): void {
    this.#dependencies.counters.limitsReached.message_bytes++;
    const message = `a message of ${length} bytes; at most ${maxBytes} are accepted (limits.maxMessageBytes)`;
    this.malformed(message, 'limit');
  }

  /** The peer broke the rules of the transport or a limit: passes that up, and closes. */
  malformed(message: string, cause: MalformedCause): void {
    if (!this.#isReading) return;
    this.#isReading = false;
    this.#malformedCause = cause;
    this.#listener?.malformed(message, cause);
    this.close(cause);
  }

  /** See Connection. A transport that can pause its client overrides this, and `fellBehind`. */
  caughtUp(): void {
    return;
  }

  /** The listener has to keep a message until it can handle it: `caughtUp` follows. */
  protected fellBehind(): void {
    return;
  }

  drained(): void {
    this.#outbox.drained();
  }

  /** The peer sent a ping, which was answered. */
  pinged(): void {
    const { maxPingsPerSecond, counters } = this.#dependencies;
    const nowMs = this.#dependencies.nowMs();
    this.#pings ??= new MessageRate(maxPingsPerSecond, nowMs);
    if (!this.#pings.take(nowMs)) {
      counters.limitsReached.pings_per_second++;
      this.close('limit');
      this.closeNow();
      return;
    }
    this.#outbox.pinged();
  }

  /** The socket is gone. */
  ended(): void {
    this.#isReading = false;
    this.#outbox.dispose();
    if (this.#outbox.wasCut) setImmediate(() => this.#listener?.closed());
    else this.#listener?.closed();
  }

  #batchReceived(bytes: Uint8Array): void {
    const messages = splitBatch(this.serializer, bytes);
    if (isFault(messages)) {
      this.malformed(messages.message, 'protocol_violation');
      return;
    }
    for (const message of messages) {
      if (!this.#isReading) return;
      if (!this.#admits()) return;
      if (this.#listener?.takesNow() === true) this.#listener.received(message, 0);
      else this.#keep(message);
    }
  }

  #admits(): boolean {
    if (this.#rate?.take(this.#dependencies.nowMs()) === false) {
      this.#dependencies.counters.limitsReached.messages_per_second++;
      const { maxMessagesPerSecond } = this.#dependencies;
      this.malformed(`more than ${maxMessagesPerSecond} messages per second (limits.maxMessagesPerSecond)`, 'limit');
      return false;
    }
    return true;
  }

  #keep(message: Uint8Array): void {
    this.fellBehind();
    this.#listener?.keep(message);
  }
}
