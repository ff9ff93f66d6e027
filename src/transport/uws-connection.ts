import { splitBatch } from '../codec/batch.js';
import type { SharedBody } from '../codec/shared-body.js';
import type { Counters } from '../telemetry/counters.js';
import { isFault } from '../wamp/faults.js';
import type { SerializerId } from '../wamp/payload.js';
import type { ClientCertificate } from './client-certificate.js';
import type { CloseCause, Connection, ConnectionListener, ConnectionTraits, MalformedCause } from './connection.js';
import type { GuardedConnection } from './memory-guard.js';
import { MessageRate } from './message-rate.js';
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

/** One WebSocket: checks incoming frames, passes complete messages up, and owns the outbox. */
export class UwsConnection implements Connection, GuardedConnection {
  readonly serializer: SerializerId;
  readonly isBatched: boolean;
  readonly remoteAddress: string;
  readonly certificate: ClientCertificate | undefined;
  readonly cookie: string | undefined;
  quietChecks = 0;
  readonly #dependencies: ConnectionDependencies;
  readonly #outbox: Outbox;
  readonly #rate: MessageRate | undefined;
  #pings: MessageRate | undefined;
  #listener: ConnectionListener | undefined;
  #isReading = true;
  #malformedCause: MalformedCause | undefined;

  constructor(socket: OutboxSocket, traits: ConnectionTraits, dependencies: ConnectionDependencies) {
    this.serializer = traits.serializer;
    this.isBatched = traits.isBatched;
    this.remoteAddress = traits.remoteAddress;
    this.certificate = traits.certificate;
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

  /** One WebSocket message; `bytes` are valid only during the call. */
  received(bytes: ArrayBuffer, isBinary: boolean): void {
    this.quietChecks = 0;
    if (!this.#isReading) return;
    const { counters, maxMessageBytes, slab } = this.#dependencies;
    counters.bytes.in += bytes.byteLength;
    if (isBinary !== (this.serializer !== 'json')) {
      const kinds = isBinary
        ? 'a binary message, but JSON goes in text'
        : `a text message, but ${this.serializer} goes in binary`;
      this.#malformed(`${kinds} messages of WebSocket`, 'protocol_violation');
    } else if (bytes.byteLength > maxMessageBytes) {
      counters.limitsReached.message_bytes++;
      this.#malformed(
        `a message of ${bytes.byteLength} bytes; at most ${maxMessageBytes} are accepted (limits.maxMessageBytes)`,
        'limit',
      );
    } else if (this.isBatched) {
      this.#batchReceived(slab.copy(new Uint8Array(bytes)));
    } else if (this.#admits()) {
      if (this.#listener?.takesNow() === true)
        this.#listener.received(slab.copy(new Uint8Array(bytes)), HEADROOM_BYTES);
      else this.#listener?.keep(new Uint8Array(bytes));
    }
  }

  drained(): void {
    this.#outbox.drained();
  }

  /** The peer sent a ping, which uWebSockets.js has answered. */
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

  /** The WebSocket is gone. */
  ended(): void {
    this.#isReading = false;
    this.#outbox.dispose();
    if (this.#outbox.wasCut) setImmediate(() => this.#listener?.closed());
    else this.#listener?.closed();
  }

  #batchReceived(bytes: Uint8Array): void {
    const messages = splitBatch(this.serializer, bytes);
    if (isFault(messages)) {
      this.#malformed(messages.message, 'protocol_violation');
      return;
    }
    for (const message of messages) {
      if (!this.#isReading) return;
      if (!this.#admits()) return;
      if (this.#listener?.takesNow() === true) this.#listener.received(message, 0);
      else this.#listener?.keep(message);
    }
  }

  #admits(): boolean {
    if (this.#rate?.take(this.#dependencies.nowMs()) === false) {
      this.#dependencies.counters.limitsReached.messages_per_second++;
      const { maxMessagesPerSecond } = this.#dependencies;
      this.#malformed(`more than ${maxMessagesPerSecond} messages per second (limits.maxMessagesPerSecond)`, 'limit');
      return false;
    }
    return true;
  }

  #malformed(message: string, cause: MalformedCause): void {
    this.#isReading = false;
    this.#malformedCause = cause;
    this.#listener?.malformed(message, cause);
    this.close(cause);
  }
}
