import { deliverRest, type Rest } from '../../routing/rest.js';
import type { NodeId } from '../../wamp/ids.js';

/** Decides when a lane delivers. Called at most once for each run of `deliver`, which may come at any later time. */
export type Scheduler = (from: NodeId, to: NodeId, deliver: () => void) => void;

/** One delivery per lane and turn of the event loop, so that a turn's messages travel as one batch. */
export const oncePerTurn: Scheduler = (_from, _to, deliver) => {
  setImmediate(deliver);
};

export interface LaneOptions {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly schedule: Scheduler;
  /** Messages under way at most. */
  readonly limitCount: number;
  /** Messages delivered per run at most. */
  readonly batchCount: number;
}

/**
 * One ordered way from a sender to a receiver (D5). First in, first out, never inside the sender's call.
 * `receive` gets each message once, or in its place the notice that a message was lost. It may leave a rest, which the lane does in
 * later runs before it delivers anything else.
 */
export class Lane<Message> {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly #options: LaneOptions;
  readonly #receive: (message: Message | undefined) => Rest | undefined;
  #rest: Rest | undefined;
  /** Undefined stands for one or more lost messages. */
  #queue: (Message | undefined)[] = [];
  #head = 0;
  #isScheduled = false;
  #isHeld = false;
  #isClosed = false;
  #loseNextCount = 0;
  #returnNextCount = 0;
  #whenEmpty: (() => void) | undefined;

  /** `receive` is called with undefined where messages were lost. */
  constructor(options: LaneOptions, receive: (message: Message | undefined) => Rest | undefined) {
    this.from = options.from;
    this.to = options.to;
    this.#options = options;
    this.#receive = receive;
  }

  get waitingCount(): number {
    return this.#queue.length - this.#head;
  }

  get isFull(): boolean {
    return this.waitingCount >= this.#options.limitCount;
  }

  /** False: the lane is full and the message was not taken. */
  push(message: Message): boolean {
    if (this.#isClosed) return true;
    if (this.isFull) return false;
    if (this.#loseNextCount > 0) {
      this.#loseNextCount--;
      this.lose();
      return true;
    }
    this.#append(message);
    return true;
  }

  /** A message sent here was lost: the receiver is notified in order. */
  lose(): void {
    if (this.#isClosed || (this.waitingCount > 0 && this.#queue.at(-1) === undefined)) return;
    this.#append(undefined);
  }

  loseNext(count: number): void {
    this.#loseNextCount += count;
  }

  /** The next messages find no listener, and their sender is notified. */
  returnNext(count: number): void {
    this.#returnNextCount += count;
  }

  /** The message that would be pushed now has to go back. The lane notifies the receiver of a loss. */
  mustReturn(): boolean {
    if (this.#returnNextCount === 0) return false;
    this.#returnNextCount--;
    this.lose();
    return true;
  }

  /** The messages under way, in order, without losses. */
  get waiting(): Message[] {
    return this.#queue.slice(this.#head).filter((message) => message !== undefined);
  }

  /** Forgets what is under way but the first `keptCount` messages. Returns whether anything was forgotten. */
  cut(keptCount: number): boolean {
    const forgotten = this.waitingCount > keptCount;
    if (forgotten) this.#queue.length = this.#head + keptCount;
    return forgotten;
  }

  /** Nothing is delivered while held. */
  hold(): void {
    this.#isHeld = true;
  }

  resume(): void {
    this.#isHeld = false;
    this.#scheduleRun();
  }

  /** Runs `action` once all that is under way has been delivered: at once, if nothing is. */
  whenEmpty(action: () => void): void {
    if (!this.#isBusy) action();
    else this.#whenEmpty = action;
  }

  /** Delivers now what is under way, unless it is held. */
  flush(): void {
    if (this.#isHeld || this.#isClosed) return;
    this.#doRest();
    this.#run(Infinity, true);
  }

  /** The sender has gone: delivers to all what was delivered to some, and then nothing any more. */
  end(): void {
    this.#doRest();
    this.close();
  }

  /** Delivers nothing any more: the receiver has gone. */
  close(): void {
    this.#isClosed = true;
    this.#rest = undefined;
    this.#queue = [];
    this.#head = 0;
  }

  #append(message: Message | undefined): void {
    this.#queue.push(message);
    this.#scheduleRun();
  }

  #scheduleRun(): void {
    if (this.#isScheduled || this.#isHeld || this.#isClosed || !this.#isBusy) return;
    this.#isScheduled = true;
    this.#options.schedule(this.from, this.to, () => {
      this.#isScheduled = false;
      this.#run();
    });
  }

  /** `isWhole`: in one step. */
  #run(limitCount = this.#options.batchCount, isWhole = false): void {
    if (!this.#isHeld && this.#rest?.() === false) this.#rest = undefined;
    // A message that is sent while this runs waits for the next run, as a batch on a wire would.
    let left = Math.min(this.waitingCount, limitCount);
    while (left-- > 0 && this.waitingCount > 0 && !this.#isHeld && this.#rest === undefined) {
      const message = this.#queue[this.#head];
      this.#queue[this.#head++] = undefined;
      this.#rest = this.#receive(message);
      if (isWhole) this.#doRest();
    }
    this.#compact();
    if (this.#isBusy) {
      this.#scheduleRun();
      return;
    }
    const action = this.#whenEmpty;
    this.#whenEmpty = undefined;
    action?.();
  }

  /** Something is under way, or was delivered to some of its receivers only. */
  get #isBusy(): boolean {
    return this.waitingCount > 0 || this.#rest !== undefined;
  }

  #doRest(): void {
    const rest = this.#rest;
    this.#rest = undefined;
    deliverRest(rest);
  }

  #compact(): void {
    if (this.#head === this.#queue.length) this.#queue.length = 0;
    else if (this.#head * 2 > this.#queue.length) this.#queue.splice(0, this.#head);
    else return;
    this.#head = 0;
  }
}
