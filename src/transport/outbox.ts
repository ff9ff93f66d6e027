import { joinBatch } from '../codec/batch.js';
import type { Counters } from '../telemetry/counters.js';
import type { SerializerId } from '../wamp/payload.js';
import type { Backlog, Backlogged } from './backlog.js';
import { CLOSE_FRAMES } from './close-codes.js';
import type { CloseCause } from './connection.js';
import type { TurnFlusher } from './turn-flusher.js';

/** The socket below an outbox. Shaped like that of uWebSockets.js, so that no adapter stands on the hot path. */
export interface Wire {
  /** 1: taken; 0: taken and piling up; 2: dropped, its bound is passed. */
  send(message: Uint8Array, isBinary: boolean, compress: boolean): number;
  getBufferedAmount(): number;
  /** Runs `callback` at once and writes what it sent in one piece. */
  cork(callback: () => void): unknown;
  /** Both end the wire at once; its owner then disposes of the outbox. */
  end(code: number, reason: string): void;
  close(): void;
}

export interface OutboxOptions {
  readonly maxUnsentBytes: number;
  /** Of all connections together. */
  readonly backlog: Backlog;
  /** permessage-deflate for what is sent. */
  readonly compress: boolean;
  /** How long a closed connection may take to read what was sent before. */
  readonly lingerMs: number;
}

/**
 * Past this many bytes in one turn a write goes out early, so that a turn cannot queue without bound. Far apart, because
 * uWebSockets.js cannot cork while it runs a handler of another socket: each message is then a system call.
 */
export const EARLY_WRITE_BYTES = 1_048_576;
/** Of `maxUnsentBytes`, where that is little: a turn may pass the bound by no more. */
const EARLY_WRITE_SHARE = 0.25;

/** A batch ends with the message that reaches this: the peer has a limit for WebSocket messages too. */
const BATCH_BYTES = 65_536;

const DROPPED = 2;
const EMPTY = new Uint8Array(0);
/** A queue that grew longer than this is given back once a turn needs less than a quarter of it. */
const KEPT_QUEUE_LENGTH = 64;

/**
 * What is due to one connection: sent in order, in one write at the end of the turn, one WebSocket message per WAMP
 * message, or few per turn if batched (BAT-4). Bounded by `maxUnsentBytes`: past it the queue is dropped and the wire closed (G7).
 * The wire is never ended from within `write` or `close`, so a caller may be in the middle of a loop over connections.
 */
export class Outbox implements Backlogged {
  backlogBytes = 0;
  readonly #wire: Wire;
  readonly #serializer: SerializerId;
  readonly #isBatched: boolean;
  readonly #options: OutboxOptions;
  readonly #flusher: TurnFlusher;
  readonly #counters: Counters;
  readonly #earlyWriteBytes: number;
  readonly #queue: Uint8Array[] = [];
  #queueLength = 0;
  #queuedBytes = 0;
  #isDue = false;
  #phase: 'open' | 'closing' | 'overflown' | 'lingering' | 'gone' = 'open';
  #cause: CloseCause | undefined;
  #linger: NodeJS.Timeout | undefined;

  constructor(
    wire: Wire,
    serializer: SerializerId,
    isBatched: boolean,
    options: OutboxOptions,
    flusher: TurnFlusher,
    counters: Counters,
  ) {
    this.#wire = wire;
    this.#serializer = serializer;
    this.#isBatched = isBatched;
    this.#options = options;
    this.#flusher = flusher;
    this.#counters = counters;
    this.#earlyWriteBytes = Math.min(EARLY_WRITE_BYTES, options.maxUnsentBytes * EARLY_WRITE_SHARE);
  }

  /** Why this side closes, once it does. */
  get cause(): CloseCause | undefined {
    return this.#cause;
  }

  /** Ignored once closing. Keeps the bytes until they are sent. */
  write(message: Uint8Array): void {
    if (this.#phase !== 'open') return;
    this.#queue[this.#queueLength++] = message;
    this.#queuedBytes += message.length;
    if (!this.#isDue) this.#makeDue();
    if (this.#queuedBytes >= this.#earlyWriteBytes) this.#sendQueue();
  }

  /** Bytes the operating system has not taken. */
  unsentBytes(): number {
    return this.#phase === 'gone' ? 0 : this.#queuedBytes + this.#wire.getBufferedAmount();
  }

  /** At the end of the turn: sends what is queued, then the close frame. The first cause counts. */
  close(cause: CloseCause): void {
    if (this.#phase !== 'open') return;
    this.#cause = cause;
    this.#phase = 'closing';
    if (!this.#isDue) this.#makeDue();
  }

  /** The end of the turn. */
  flush(): void {
    this.#isDue = false;
    if (this.#phase === 'gone') return;
    this.#sendQueue();
    if (this.#phase === 'overflown') this.#wire.close();
    else if (this.#phase === 'closing') this.#endWhenRead();
  }

  /** The wire has given bytes to the operating system. */
  drained(): void {
    if (this.backlogBytes > 0) this.#noteBacklog();
    if (this.#phase === 'lingering' && this.#wire.getBufferedAmount() === 0) this.#end();
  }

  /** The wire is gone. It is not touched again. */
  dispose(): void {
    this.#phase = 'gone';
    clearTimeout(this.#linger);
    if (this.backlogBytes > 0) this.#options.backlog.note(this, 0);
    this.#counters.messagesUnsent.connection_closed += this.#queueLength;
    this.#emptyQueue();
  }

  giveUp(): void {
    if (this.#phase === 'gone' || this.#phase === 'overflown') return;
    this.#counters.limitsReached.total_unsent_bytes++;
    this.#giveUp(this.#queueLength);
  }

  /** Called by the shared cork callback only. */
  sendEach(): void {
    const queue = this.#queue;
    const { compress } = this.#options;
    const isBinary = this.#serializer !== 'json';
    for (let index = 0; index < this.#queueLength; index++) {
      if (this.#wire.send(queue[index] ?? EMPTY, isBinary, compress) === DROPPED) {
        // uWebSockets.js may take later messages again once it has drained: a hole in the order.
        this.#overflow(this.#queueLength - index);
        return;
      }
    }
  }

  #makeDue(): void {
    this.#isDue = true;
    this.#flusher.add(this);
  }

  #sendQueue(): void {
    if (this.#queueLength === 0) return;
    this.#counters.bytes.out += this.#queuedBytes;
    if (this.#isBatched) this.#sendBatches();
    else if (this.#queueLength === 1) this.#sendOne();
    else sendCorked(this.#wire, this);
    if (this.#phase === 'overflown') return;
    this.#emptyQueue();
    this.#noteBacklog();
  }

  #noteBacklog(): void {
    if (this.#phase === 'overflown') return;
    const waitingBytes = this.#wire.getBufferedAmount();
    if (waitingBytes > this.#options.maxUnsentBytes) this.#overflow(0);
    else if (waitingBytes !== this.backlogBytes) this.#options.backlog.note(this, waitingBytes);
  }

  #sendOne(): void {
    if (this.#send(this.#queue[0] ?? EMPTY) === DROPPED) this.#overflow(1);
  }

  #sendBatches(): void {
    const queue = this.#queue;
    for (let start = 0; start < this.#queueLength;) {
      let end = start;
      for (let bytes = 0; end < this.#queueLength && bytes < BATCH_BYTES; end++) bytes += queue[end]?.length ?? 0;
      if (this.#send(joinBatch(this.#serializer, queue.slice(start, end))) === DROPPED) {
        this.#overflow(this.#queueLength - start);
        return;
      }
      start = end;
    }
  }

  #send(message: Uint8Array): number {
    return this.#wire.send(message, this.#serializer !== 'json', this.#options.compress);
  }

  #emptyQueue(): void {
    const queue = this.#queue;
    // A queue that was mostly used stays: growing it anew each turn costs more than it holds.
    if (queue.length > KEPT_QUEUE_LENGTH && this.#queueLength < queue.length / 4) queue.length = 0;
    else for (let index = 0; index < this.#queueLength; index++) queue[index] = EMPTY;
    this.#queueLength = 0;
    this.#queuedBytes = 0;
  }

  #overflow(unsentCount: number): void {
    this.#counters.limitsReached.unsent_bytes++;
    this.#giveUp(unsentCount);
  }

  #giveUp(unsentCount: number): void {
    this.#counters.messagesUnsent.slow_reader += unsentCount;
    this.#cause ??= 'slow_reader';
    this.#phase = 'overflown';
    this.#emptyQueue();
    if (!this.#isDue) this.#makeDue();
  }

  #endWhenRead(): void {
    if (this.#wire.getBufferedAmount() === 0) {
      this.#end();
      return;
    }
    this.#phase = 'lingering';
    this.#linger = setTimeout(() => this.#wire.close(), this.#options.lingerMs);
  }

  #end(): void {
    const { code, reason } = CLOSE_FRAMES[this.#cause ?? 'shutdown'];
    this.#wire.end(code, reason);
  }
}

// One callback for all: a closure per connection and turn would be an allocation per write.
let corked: Outbox | undefined;

function sendCorked(wire: Wire, outbox: Outbox): void {
  corked = outbox;
  wire.cork(sendEachOfCorked);
  corked = undefined;
}

function sendEachOfCorked(): void {
  corked?.sendEach();
}
