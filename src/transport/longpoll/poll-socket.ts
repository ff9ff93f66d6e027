import type { SerializerId } from '../../wamp/payload.js';
import type { OutboxSocket } from '../outbox-socket.js';

/** The end of an answered poll. `doubt`: the client may have received the answer or not. */
export type PollDelivery = 'written' | 'unwritten' | 'doubt';

/** The answer to one poll. `none`: nothing came in time, or a later poll is in its place. `unknown`: there is no such transport. */
export type PollAnswer =
  | { readonly kind: 'none' }
  | { readonly kind: 'unknown' }
  | {
      readonly kind: 'messages';
      readonly serializer: SerializerId;
      readonly bytes: Uint8Array;
      /** Must be called once, in a later turn: until then the next poll has to wait. */
      readonly settle: (delivery: PollDelivery) => void;
    };

/** A poll that waits: receives its answer once. */
export type Poll = (answer: PollAnswer) => void;

/** The owner of a poll socket, which it notifies at once. */
export interface PollSocketOwner {
  /** A client has taken bytes that waited. */
  drained(): void;
  /** No poll came for too long, or an answer may be lost: the owner ends the connection. */
  lost(why: 'idle' | 'doubt'): void;
  /** The socket has ended: the owner disposes of the outbox before it returns. Called once. */
  ended(): void;
}

export interface PollSocketOptions {
  readonly serializer: SerializerId;
  readonly isBatched: boolean;
  /** A poll is answered without messages after this time. */
  readonly receiveTimeoutMs: number;
  /** The socket is lost when no poll waits for this time. */
  readonly sessionTimeoutMs: number;
  /** Bytes of one answer; a single message may have more. */
  readonly maxReceiveBytes: number;
}

interface InFlight {
  readonly messages: readonly Uint8Array[];
  readonly bytes: number;
}

const TAKEN = 1;
const BUFFERED = 0;
const NONE = { kind: 'none' } as const;

/**
 * The way from an outbox to the polls of a client. Keeps messages until a poll takes them, and those in an answer until that
 * has been written: an answer that its client did not take goes back to the front (LP-4).
 */
export class PollSocket implements OutboxSocket {
  owner: PollSocketOwner | undefined;
  readonly #options: PollSocketOptions;
  #queue: Uint8Array[] = [];
  /** Bytes in the queue and in flight. */
  #bytes = 0;
  #inFlight: InFlight | undefined;
  #poll: Poll | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isCorked = false;
  #isEnded = false;

  constructor(options: PollSocketOptions) {
    this.#options = options;
    this.#arm();
  }

  /** A poll waits for messages. */
  get isPolled(): boolean {
    return this.#poll !== undefined;
  }

  /** Copies the message, because an outbox reuses memory. */
  send(message: Uint8Array): number {
    if (this.#isEnded) return TAKEN;
    this.#queue.push(new Uint8Array(message));
    this.#bytes += message.length;
    if (!this.#isCorked) this.#offer();
    return this.#bytes > 0 ? BUFFERED : TAKEN;
  }

  /** Sends nothing: each poll shows that the client is there. */
  ping(): number {
    return TAKEN;
  }

  getBufferedAmount(): number {
    return this.#bytes;
  }

  cork(callback: () => void): void {
    this.#isCorked = true;
    callback();
    this.#isCorked = false;
    this.#offer();
  }

  /** A poll begins to wait, in place of the one before. The function that is returned takes it away: its client has left. */
  receive(poll: Poll): () => void {
    this.#answer(NONE);
    this.#poll = poll;
    this.#arm();
    this.#offer();
    return () => {
      if (this.#poll !== poll) return;
      this.#poll = undefined;
      this.#arm();
    };
  }

  end(): void {
    this.close();
  }

  close(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    clearTimeout(this.#timer);
    this.#queue = [];
    this.#bytes = 0;
    this.#inFlight = undefined;
    const poll = this.#poll;
    this.#poll = undefined;
    this.owner?.ended();
    poll?.({ kind: 'unknown' });
  }

  #offer(): void {
    if (this.#poll === undefined || this.#inFlight !== undefined || this.#queue.length === 0) return;
    const messages = this.#queue.splice(0, this.#countOfNext());
    const [first] = messages;
    const bytes = first !== undefined && messages.length === 1 ? first : Buffer.concat(messages);
    const inFlight = { messages, bytes: bytes.length };
    this.#inFlight = inFlight;
    const { serializer } = this.#options;
    this.#answer({ kind: 'messages', serializer, bytes, settle: (delivery) => this.#settle(inFlight, delivery) });
    this.#arm();
  }

  /** One message; several batches are one batch. */
  #countOfNext(): number {
    const { isBatched, maxReceiveBytes } = this.#options;
    if (!isBatched) return 1;
    let count = 0;
    let bytes = 0;
    for (const { length } of this.#queue) {
      bytes += length;
      if (bytes > maxReceiveBytes) break;
      count++;
    }
    return Math.max(count, 1);
  }

  #answer(answer: PollAnswer): void {
    const poll = this.#poll;
    this.#poll = undefined;
    poll?.(answer);
  }

  #settle(inFlight: InFlight, delivery: PollDelivery): void {
    if (this.#inFlight !== inFlight) return;
    this.#inFlight = undefined;
    if (delivery === 'doubt') {
      this.owner?.lost('doubt');
      return;
    }
    if (delivery === 'unwritten') this.#queue.unshift(...inFlight.messages);
    else {
      this.#bytes -= inFlight.bytes;
      this.owner?.drained();
    }
    this.#offer();
  }

  /** Waits for the end of the poll, or for the next poll. */
  #arm(): void {
    if (this.#isEnded) return;
    clearTimeout(this.#timer);
    const { receiveTimeoutMs, sessionTimeoutMs } = this.#options;
    this.#timer = setTimeout(() => this.#late(), this.isPolled ? receiveTimeoutMs : sessionTimeoutMs);
  }

  #late(): void {
    if (this.#poll === undefined) {
      this.owner?.lost('idle');
      return;
    }
    this.#answer(NONE);
    this.#arm();
  }
}
