import { joinBatch } from '../codec/batch.js';
import type { SharedBody } from '../codec/shared-body.js';
import type { Counters } from '../telemetry/counters.js';
import type { SerializerId } from '../wamp/payload.js';
import type { Backlog, Backlogged } from './bounds/backlog.js';
import { CLOSE_FRAMES } from './close-codes.js';
import type { CloseCause } from './connection.js';
import { sendCorked, type CorkedWriter } from './corked-write.js';
import type { OutboxSocket } from './outbox-socket.js';
import { ReadProbe, type ProbePeriod } from './bounds/read-probe.js';
import { SYSTEM_CALL_BYTES, type EndOfTurn, type TurnFlusher } from './turn-flusher.js';

export interface OutboxOptions {
  readonly maxUnsentBytes: number;
  /** Bounds the unsent bytes of all connections together. */
  readonly backlog: Backlog;
  /** Compress sent messages with permessage-deflate. */
  readonly compress: boolean;
  /** How long a closing connection may take to read what was sent before. */
  readonly lingerMs: number;
  readonly probes: ProbePeriod;
}

/**
 * An early write is due whenever a turn has queued this many more bytes, so that a turn queues no more than it must.
 * Early writes are far apart, because uWebSockets.js cannot cork while it runs a handler of another socket: each message
 * is then a system call.
 */
export const EARLY_WRITE_BYTES = 1_048_576;
/** The same as a share of `maxUnsentBytes`, where that is smaller. */
const EARLY_WRITE_SHARE = 0.25;

/** One flush ends with the message that reaches this; the next turn continues. */
export const FLUSH_BYTES = 1_048_576;

/** A batch ends with the message that reaches this: the peer limits WebSocket messages too. */
const BATCH_BYTES = 65_536;

/** Pongs that may wait while the peer takes nothing. A peer that sends more pings in that time does not read. */
export const MAX_PONGS_UNREAD = 1_024;

const TAKEN = 1;
const DROPPED = 2;
const EMPTY = new Uint8Array(0);
/** A longer queue is released once a turn needs less than a quarter of it. */
const KEPT_QUEUE_LENGTH = 64;

/**
 * The messages for one connection, sent in order in one write at the end of the turn: one WebSocket message per WAMP
 * message, or few per turn if batched (BAT-4). At most `maxUnsentBytes` may wait. Past that bound the outbox drops the queue
 * and closes the socket (G7). Before that the socket gets what it takes, so that a reader is closed for what it did not
 * read, not for what one turn produced.
 * The outbox closes a slow reader's socket at once, also from within `write` of another outbox, so that its memory is free
 * before more is taken. The owner must expect that, and notify the layers above later (`wasCut`).
 */
export class Outbox implements Backlogged, EndOfTurn, CorkedWriter {
  bufferedBytes = 0;
  readonly #socket: OutboxSocket;
  readonly #serializer: SerializerId;
  readonly #isBatched: boolean;
  readonly #options: OutboxOptions;
  readonly #backlog: Backlog;
  readonly #flusher: TurnFlusher<Outbox>;
  readonly #counters: Counters;
  readonly #earlyWriteBytes: number;
  /** Begins with room for one message: an array that grows from none takes 128 bytes more for each idle connection. */
  readonly #queue: Uint8Array[] = [EMPTY];
  /** The bodies of those queued messages that are heads, at the same index. */
  readonly #bodies: (SharedBody | undefined)[] = [];
  #head = 0;
  #queueLength = 0;
  #queuedBytes = 0;
  /** The next early write is due when this much is queued. */
  #spillAtBytes: number;
  #pongsUnread = 0;
  readonly #probe: ReadProbe;
  #isDue = false;
  #isDropped = false;
  #phase: 'open' | 'closing' | 'lingering' | 'gone' = 'open';
  #cause: CloseCause | undefined;
  #wasCut = false;
  #linger: NodeJS.Timeout | undefined;

  constructor(
    socket: OutboxSocket,
    serializer: SerializerId,
    isBatched: boolean,
    options: OutboxOptions,
    flusher: TurnFlusher<Outbox>,
    counters: Counters,
  ) {
    this.#socket = socket;
    this.#serializer = serializer;
    this.#isBatched = isBatched;
    this.#options = options;
    this.#backlog = options.backlog;
    this.#flusher = flusher;
    this.#counters = counters;
    this.#probe = new ReadProbe(socket, options.probes);
    this.#earlyWriteBytes = Math.min(EARLY_WRITE_BYTES, options.maxUnsentBytes * EARLY_WRITE_SHARE);
    this.#spillAtBytes = this.#earlyWriteBytes;
  }

  /** Why this side closes the connection. */
  get cause(): CloseCause | undefined {
    return this.#cause;
  }

  /** False: `write` does nothing. */
  get isOpen(): boolean {
    return this.#phase === 'open';
  }

  /** `cut` has closed the socket, possibly while a caller iterates over connections. */
  get wasCut(): boolean {
    return this.#wasCut;
  }

  /** Does nothing once closing. Keeps the bytes until they are sent. `body`: what follows `message`, which then is a head. */
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
    // Several messages of one batch may have the same body, which holds one head at a time.
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

  /** Bytes that the operating system has not taken. */
  unsentBytes(): number {
    return this.#phase === 'gone' ? 0 : this.#queuedBytes + this.#socket.getBufferedAmount();
  }

  waitingBytes(): number {
    return this.#queuedBytes + this.bufferedBytes;
  }

  /** Sends the queue at the end of the turn, then the close frame. The first cause counts. */
  close(cause: CloseCause): void {
    if (this.#phase !== 'open') return;
    this.#cause = cause;
    this.#phase = 'closing';
    if (!this.#isDue) this.#makeDue();
  }

  /** After `close`: writes what the socket takes, and ends it at once. Not to be called while iterating over connections. */
  closeNow(): void {
    this.flush();
    if (this.#phase !== 'gone') this.#socket.close();
  }

  /** Sends at the end of a turn, or of several when much is queued. */
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

  /** The operating system has taken bytes from the socket. */
  drained(): void {
    this.#pongsUnread = 0;
    if (this.bufferedBytes > 0) this.#noteBuffered();
    if (this.#phase === 'lingering' && this.#socket.getBufferedAmount() === 0) this.#end();
  }

  /** The peer sent a ping, and the socket has answered. Closing here ends the reading of what has already arrived. */
  pinged(): void {
    this.#noteBuffered();
    if (this.bufferedBytes === 0) this.#pongsUnread = 0;
    else if (++this.#pongsUnread > MAX_PONGS_UNREAD) this.#overflow();
    this.#backlog.check();
  }

  /** The socket has ended. The outbox does not touch it again. */
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

  /** Closes the socket at once. The queue is lost. The first cause counts. */
  cut(cause: CloseCause): void {
    if (this.#phase === 'gone') return;
    this.#cause ??= cause;
    this.#wasCut = true;
    this.#socket.close();
  }

  /** Called by the shared cork callback only. */
  sendSome(): void {
    const queue = this.#queue;
    const { compress } = this.#options;
    const isBinary = this.#serializer !== 'json';
    let sentBytes = 0;
    while (this.#head < this.#queueLength && sentBytes < FLUSH_BYTES) {
      const message = this.#messageAt(this.#head);
      // uWebSockets.js may take later messages once it has drained: one message would be missing in the middle.
      if (this.#socket.send(message, isBinary, compress) === DROPPED) {
        // The caller closes the socket: not under a cork.
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

  /** Sends until the socket buffers; the rest stays in the queue. */
  #spill(): void {
    if (this.#socket.getBufferedAmount() > 0) {
      // A ping makes the socket retry what it could not write before, and adds two bytes.
      this.#socket.ping();
      if (this.#socket.getBufferedAmount() > 0) {
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
    else sendCorked(this.#socket, this);
    this.#settle();
  }

  /** After each write. */
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
    const bufferedBytes = this.#socket.getBufferedAmount();
    if (bufferedBytes > this.#options.maxUnsentBytes) this.#overflow();
    else if (bufferedBytes !== this.bufferedBytes) this.#backlog.note(this, bufferedBytes);
  }

  #sendOne(): void {
    const message = this.#messageAt(this.#head);
    if (this.#socket.send(message, this.#serializer !== 'json', this.#options.compress) === DROPPED) {
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

  /** Sends one WebSocket message. Returns what the socket's `send` returned. */
  #sendNext(): number {
    const end = this.#isBatched ? this.#batchEnd() : this.#head + 1;
    const queue = this.#queue;
    const message = this.#isBatched
      ? joinBatch(this.#serializer, queue.slice(this.#head, end))
      : this.#messageAt(this.#head);
    const result = this.#socket.send(message, this.#serializer !== 'json', this.#options.compress);
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

  /** The message as it is sent. One with a body is valid only until the next message with the same body. */
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
    this.#probe.sent(bytes);
  }

  #dropQueue(): void {
    this.#flusher.queuedBytes -= this.#queuedBytes;
    this.#queuedBytes = 0;
    this.#head = 0;
    this.#queueLength = 0;
    this.#queue.length = 0;
    this.#bodies.length = 0;
  }

  /** All queued messages were sent. */
  #resetQueue(): void {
    // A queue that is used stays: growing it anew each turn costs more than its memory.
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
    if (this.#socket.getBufferedAmount() === 0) {
      this.#end();
      return;
    }
    this.#phase = 'lingering';
    this.#linger = setTimeout(() => this.#socket.close(), this.#options.lingerMs);
  }

  #end(): void {
    const { code, reason } = CLOSE_FRAMES[this.#cause ?? 'shutdown'];
    this.#socket.end(code, reason);
  }
}
