import { joinBatch } from '../codec/batch.js';
import type { SharedBody } from '../codec/shared-body.js';
import type { Counters } from '../telemetry/counters.js';
import type { SerializerId } from '../wamp/payload.js';
import type { Backlog, Backlogged } from './backlog.js';
import { CLOSE_FRAMES } from './close-codes.js';
import type { CloseCause } from './connection.js';
import { SYSTEM_CALL_BYTES, type EndOfTurn, type TurnFlusher } from './turn-flusher.js';

/** The socket below an outbox. Shaped like that of uWebSockets.js, so that no adapter stands on the hot path. */
export interface Wire {
  /** 1: taken; 0: taken and piling up; 2: dropped, its bound is passed. */
  send(message: Uint8Array, isBinary: boolean, compress: boolean): number;
  ping(): number;
  getBufferedAmount(): number;
  /** Runs `callback` at once and writes what it sent in one piece. */
  cork(callback: () => void): unknown;
  /** Both end the wire at once; its owner disposes of the outbox before they return. */
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
  readonly probes: ProbePeriod;
}

/** Another `number` with each period, of which there are several in the time of silence that a connection may keep. */
export interface ProbePeriod {
  readonly number: number;
}

/**
 * Whenever this many more bytes are queued in one turn, the wire gets what it takes, so that a turn queues no more than
 * it must. Far apart, because uWebSockets.js cannot cork while it runs a handler of another socket: each message is then
 * a system call.
 */
export const EARLY_WRITE_BYTES = 1_048_576;
/** Of `maxUnsentBytes`, where that is little. */
const EARLY_WRITE_SHARE = 0.25;

/** One flush hands over no more than the message that reaches this; the next turn goes on. */
export const FLUSH_BYTES = 1_048_576;

/** A batch ends with the message that reaches this: the peer has a limit for WebSocket messages too. */
const BATCH_BYTES = 65_536;

/**
 * After this many bytes a ping goes out. Its pong shows that they have arrived, even where all that waits is in the
 * kernel's buffer: a reader that takes so much within the idle timeout is alive, however slow its line is. That buffer
 * holds some MiB; of what waits beyond it uWebSockets.js sees by itself that it moves.
 */
export const PROBE_BYTES = 131_072;
export const PROBES_PER_PERIOD = 32;

/** Pongs that wait while the peer takes nothing. Whoever sends more pings than this meanwhile does not read. */
export const MAX_PONGS_UNREAD = 1_024;

const TAKEN = 1;
const DROPPED = 2;
const EMPTY = new Uint8Array(0);
/** A queue that grew longer than this is given back once a turn needs less than a quarter of it. */
const KEPT_QUEUE_LENGTH = 64;

/**
 * What is due to one connection: sent in order, in one write at the end of the turn, one WebSocket message per WAMP
 * message, or few per turn if batched (BAT-4). Bounded by `maxUnsentBytes`: when its reader lets more wait, the queue is
 * dropped and the wire closed (G7). Before that the wire gets what it takes, so that a reader is closed for what it did
 * not read, not for what one turn produced.
 * A wire that is given up is closed at once, also from within `write` of another outbox, so that its memory is free
 * before more is taken. Its owner must expect that, and tell the layers above later (`wasCut`).
 */
export class Outbox implements Backlogged, EndOfTurn {
  bufferedBytes = 0;
  readonly #wire: Wire;
  readonly #serializer: SerializerId;
  readonly #isBatched: boolean;
  readonly #options: OutboxOptions;
  readonly #backlog: Backlog;
  readonly #flusher: TurnFlusher<Outbox>;
  readonly #counters: Counters;
  readonly #earlyWriteBytes: number;
  readonly #queue: Uint8Array[] = [];
  /** Of those messages in the queue that are heads, at the same places. */
  readonly #bodies: (SharedBody | undefined)[] = [];
  #head = 0;
  #queueLength = 0;
  #queuedBytes = 0;
  /** The next early write is due when so much is queued. */
  #spillAtBytes: number;
  #pongsUnread = 0;
  #unprobedBytes = 0;
  #probes = 0;
  #probePeriod = 0;
  #isDue = false;
  #isDropped = false;
  #phase: 'open' | 'closing' | 'lingering' | 'gone' = 'open';
  #cause: CloseCause | undefined;
  #wasCut = false;
  #linger: NodeJS.Timeout | undefined;

  constructor(
    wire: Wire,
    serializer: SerializerId,
    isBatched: boolean,
    options: OutboxOptions,
    flusher: TurnFlusher<Outbox>,
    counters: Counters,
  ) {
    this.#wire = wire;
    this.#serializer = serializer;
    this.#isBatched = isBatched;
    this.#options = options;
    this.#backlog = options.backlog;
    this.#flusher = flusher;
    this.#counters = counters;
    this.#earlyWriteBytes = Math.min(EARLY_WRITE_BYTES, options.maxUnsentBytes * EARLY_WRITE_SHARE);
    this.#spillAtBytes = this.#earlyWriteBytes;
  }

  /** Why this side closes, once it does. */
  get cause(): CloseCause | undefined {
    return this.#cause;
  }

  /** False: what is written is ignored. */
  get isOpen(): boolean {
    return this.#phase === 'open';
  }

  /** The wire was closed from this side because of what waited: anybody may be in the middle of a loop over connections. */
  get wasCut(): boolean {
    return this.#wasCut;
  }

  /** Ignored once closing. Keeps the bytes until they are sent. `body`: what follows `message`, which then is a head. */
  write(message: Uint8Array, body?: SharedBody): void {
    if (this.#phase !== 'open') return;
    if (body !== undefined) {
      this.#writeShared(message, body);
      return;
    }
    this.#queue[this.#queueLength++] = message;
    this.#queued(message.length);
  }

  #writeShared(head: Uint8Array, body: SharedBody): void {
    // Several of one batch may have the same body, which can have one head only.
    if (this.#isBatched) this.#queue[this.#queueLength++] = body.join(head).slice();
    else {
      this.#bodies[this.#queueLength] = body;
      this.#queue[this.#queueLength++] = head;
    }
    this.#queued(head.length + body.length);
  }

  #queued(bytes: number): void {
    this.#queuedBytes += bytes;
    this.#flusher.queuedBytes += bytes;
    if (!this.#isDue) this.#makeDue();
    if (this.#queuedBytes >= this.#spillAtBytes) this.#writeEarly();
    if (this.#flusher.queuedBytes > this.#backlog.roomBytes) this.#backlog.check();
  }

  /** Bytes the operating system has not taken. */
  unsentBytes(): number {
    return this.#phase === 'gone' ? 0 : this.#queuedBytes + this.#wire.getBufferedAmount();
  }

  waitingBytes(): number {
    return this.#queuedBytes + this.bufferedBytes;
  }

  /** At the end of the turn: sends what is queued, then the close frame. The first cause counts. */
  close(cause: CloseCause): void {
    if (this.#phase !== 'open') return;
    this.#cause = cause;
    this.#phase = 'closing';
    if (!this.#isDue) this.#makeDue();
  }

  /** After `close`: the wire takes what it can at once, and ends. The caller may be in no loop over connections. */
  closeNow(): void {
    this.flush();
    if (this.#phase !== 'gone') this.#wire.close();
  }

  /** The end of the turn, or of one of several when there is much. */
  flush(): number {
    this.#isDue = false;
    if (this.#phase === 'gone') return 0;
    const queuedBytes = this.#queuedBytes;
    this.#sendQueue();
    const sentBytes = queuedBytes - this.#queuedBytes;
    if (this.#queuedBytes > 0) this.#makeDue();
    else if (this.#phase === 'closing') this.#endWhenRead();
    return sentBytes + SYSTEM_CALL_BYTES;
  }

  /** The wire has given bytes to the operating system. */
  drained(): void {
    this.#pongsUnread = 0;
    if (this.bufferedBytes > 0) this.#noteBuffered();
    if (this.#phase === 'lingering' && this.#wire.getBufferedAmount() === 0) this.#end();
  }

  /** The peer sent a ping, and the wire has answered. To close it here ends the reading of what is already there. */
  pinged(): void {
    this.#noteBuffered();
    if (this.bufferedBytes === 0) this.#pongsUnread = 0;
    else if (++this.#pongsUnread > MAX_PONGS_UNREAD) this.#overflow();
    this.#backlog.check();
  }

  /** The wire is gone. It is not touched again. */
  dispose(): void {
    this.#phase = 'gone';
    clearTimeout(this.#linger);
    if (this.bufferedBytes > 0) this.#backlog.note(this, 0);
    this.#counters.messagesUnsent.connection_closed += this.#queueLength - this.#head;
    this.#dropQueue();
  }

  spill(): void {
    if (this.#phase !== 'open' && this.#phase !== 'closing') return;
    this.#spill();
  }

  giveUp(): void {
    if (this.#phase === 'gone') return;
    this.#counters.limitsReached.total_unsent_bytes++;
    this.#cutSlowReader();
  }

  /** Closes the wire at once. What is queued is lost. The first cause counts. */
  cut(cause: CloseCause): void {
    if (this.#phase === 'gone') return;
    this.#cause ??= cause;
    this.#wasCut = true;
    this.#wire.close();
  }

  /** Called by the shared cork callback only. */
  sendSome(): void {
    const queue = this.#queue;
    const { compress } = this.#options;
    const isBinary = this.#serializer !== 'json';
    let sentBytes = 0;
    while (this.#head < this.#queueLength && sentBytes < FLUSH_BYTES) {
      const message = this.#messageAt(this.#head);
      // uWebSockets.js may take later messages again once it has drained: a hole in the order.
      if (this.#wire.send(message, isBinary, compress) === DROPPED) {
        // Closed by the caller: not under a cork.
        this.#isDropped = true;
        break;
      }
      queue[this.#head++] = EMPTY;
      sentBytes += message.length;
    }
    this.#sent(sentBytes);
  }

  #makeDue(): void {
    this.#isDue = true;
    this.#flusher.add(this);
  }

  #writeEarly(): void {
    this.#spill();
    if (this.#phase === 'open' && this.waitingBytes() > this.#options.maxUnsentBytes) this.#overflow();
    this.#spillAtBytes = this.#queuedBytes + this.#earlyWriteBytes;
  }

  /** Sends while the wire takes all of it; behind what piles up the rest of the queue stays. */
  #spill(): void {
    if (this.#wire.getBufferedAmount() > 0) {
      // Makes it try once more what it could not write before, and adds two bytes.
      this.#wire.ping();
      if (this.#wire.getBufferedAmount() > 0) {
        this.#noteBuffered();
        return;
      }
    }
    while (this.#head < this.#queueLength && this.#sendNext() === TAKEN);
    this.#settle();
  }

  #sendQueue(): void {
    if (this.#head === this.#queueLength) return;
    if (this.#isBatched) this.#sendBatches();
    else if (this.#queueLength - this.#head === 1) this.#sendOne();
    else sendCorked(this.#wire, this);
    this.#settle();
  }

  /** After something was sent. */
  #settle(): void {
    if (this.#isDropped) {
      this.#overflow();
      return;
    }
    if (this.#head === this.#queueLength) this.#resetQueue();
    this.#noteBuffered();
  }

  #noteBuffered(): void {
    if (this.#phase === 'gone') return;
    const bufferedBytes = this.#wire.getBufferedAmount();
    if (bufferedBytes > this.#options.maxUnsentBytes) this.#overflow();
    else if (bufferedBytes !== this.bufferedBytes) this.#backlog.note(this, bufferedBytes);
  }

  #sendOne(): void {
    const message = this.#messageAt(this.#head);
    if (this.#wire.send(message, this.#serializer !== 'json', this.#options.compress) === DROPPED) {
      this.#isDropped = true;
      return;
    }
    this.#queue[this.#head++] = EMPTY;
    this.#sent(message.length);
  }

  #sendBatches(): void {
    for (let sentBytes = 0; this.#head < this.#queueLength && sentBytes < FLUSH_BYTES;) {
      const queuedBytes = this.#queuedBytes;
      if (this.#sendNext() === DROPPED) return;
      sentBytes += queuedBytes - this.#queuedBytes;
    }
  }

  /** One WebSocket message: what the wire says of it. */
  #sendNext(): number {
    const end = this.#isBatched ? this.#batchEnd() : this.#head + 1;
    const queue = this.#queue;
    const message = this.#isBatched
      ? joinBatch(this.#serializer, queue.slice(this.#head, end))
      : this.#messageAt(this.#head);
    const result = this.#wire.send(message, this.#serializer !== 'json', this.#options.compress);
    if (result === DROPPED) {
      this.#isDropped = true;
      return DROPPED;
    }
    let sentBytes = this.#isBatched ? 0 : message.length;
    for (; this.#head < end; this.#head++) {
      if (this.#isBatched) sentBytes += queue[this.#head]?.length ?? 0;
      queue[this.#head] = EMPTY;
    }
    this.#sent(sentBytes);
    return result;
  }

  /** As it goes out. What has a body changes with the next message that has the same one. */
  #messageAt(index: number): Uint8Array {
    const message = this.#queue[index] ?? EMPTY;
    return index < this.#bodies.length ? (this.#bodies[index]?.join(message) ?? message) : message;
  }

  #batchEnd(): number {
    let end = this.#head;
    for (let bytes = 0; end < this.#queueLength && bytes < BATCH_BYTES; end++) bytes += this.#queue[end]?.length ?? 0;
    return end;
  }

  #sent(bytes: number): void {
    this.#counters.bytes.out += bytes;
    this.#queuedBytes -= bytes;
    this.#flusher.queuedBytes -= bytes;
    this.#unprobedBytes += bytes;
    if (this.#unprobedBytes >= PROBE_BYTES) this.#probe();
  }

  #probe(): void {
    this.#unprobedBytes = 0;
    const { number } = this.#options.probes;
    if (number !== this.#probePeriod) {
      this.#probePeriod = number;
      this.#probes = 0;
    }
    if (this.#probes++ < PROBES_PER_PERIOD) this.#wire.ping();
  }

  #dropQueue(): void {
    this.#flusher.queuedBytes -= this.#queuedBytes;
    this.#queuedBytes = 0;
    this.#head = 0;
    this.#queueLength = 0;
    this.#queue.length = 0;
    this.#bodies.length = 0;
  }

  /** Everything in it was sent. */
  #resetQueue(): void {
    // A queue that was mostly used stays: growing it anew each turn costs more than it holds.
    const queue = this.#queue;
    if (queue.length > KEPT_QUEUE_LENGTH && this.#queueLength < queue.length / 4) queue.length = 0;
    this.#head = 0;
    this.#queueLength = 0;
    if (this.#bodies.length > 0) this.#bodies.length = 0;
    this.#spillAtBytes = this.#earlyWriteBytes;
  }

  #overflow(): void {
    this.#counters.limitsReached.unsent_bytes++;
    this.#cutSlowReader();
  }

  #cutSlowReader(): void {
    this.#counters.messagesUnsent.slow_reader += this.#queueLength - this.#head;
    this.#dropQueue();
    this.cut('slow_reader');
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
  wire.cork(sendSomeOfCorked);
  corked = undefined;
}

function sendSomeOfCorked(): void {
  corked?.sendSome();
}
