/** One timer of the wheel, linked into the slot in which it will fire. */
interface Timer {
  dueTick: number;
  action: () => void;
  previous: Timer | undefined;
  next: Timer | undefined;
  slot: number;
}

const NOT_LINKED = -1;

export interface TimerWheelOptions {
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Receives the exceptions of actions; without it the wheel rethrows them. */
  readonly onError?: (error: unknown) => void;
  /** Resolution: an action runs up to this much late, never early. */
  readonly tickMs?: number;
  readonly slotCount?: number;
}

/**
 * All timeouts of a node on one interval: starting and cancelling one costs O(1) whatever their number (ADR 28). The
 * interval runs only while a timer is pending and does not keep the process alive.
 */
export class TimerWheel {
  readonly #nowMs: () => number;
  readonly #onError: ((error: unknown) => void) | undefined;
  readonly #tickMs: number;
  readonly #slots: (Timer | undefined)[];
  readonly #startMs: number;
  #tick = 0;
  #pendingCount = 0;
  #interval: NodeJS.Timeout | undefined;

  constructor({ nowMs, onError, tickMs = 10, slotCount = 1_024 }: TimerWheelOptions) {
    this.#nowMs = nowMs;
    this.#onError = onError;
    this.#tickMs = tickMs;
    this.#slots = new Array<Timer | undefined>(slotCount).fill(undefined);
    this.#startMs = nowMs();
  }

  get pendingCount(): number {
    return this.#pendingCount;
  }

  /** Runs `action` once, at least `delayMs` from now. The returned function cancels it; repeating that is harmless. */
  after(delayMs: number, action: () => void): () => void {
    const dueTick = Math.max(
      this.#tick + 1,
      Math.ceil((this.#nowMs() - this.#startMs + Math.max(0, delayMs)) / this.#tickMs),
    );
    const timer: Timer = { dueTick, action, previous: undefined, next: undefined, slot: NOT_LINKED };
    this.#link(timer);
    return () => {
      if (timer.slot !== NOT_LINKED) this.#unlink(timer);
    };
  }

  /** Fires the timers that are due. The wheel's own interval calls it; public for tests with a clock of their own. */
  advance(): void {
    const nowTick = Math.floor((this.#nowMs() - this.#startMs) / this.#tickMs);
    // After a pause of the process the wheel visits each slot at most once.
    const from = Math.max(this.#tick + 1, nowTick - this.#slots.length + 1);
    this.#tick = Math.max(this.#tick, nowTick);
    for (let tick = from; tick <= nowTick; tick++) this.#fireSlot(tick % this.#slots.length, nowTick);
  }

  /** Forgets all timers. Idempotent. */
  stop(): void {
    this.#slots.fill(undefined);
    this.#pendingCount = 0;
    this.#rest();
  }

  #fireSlot(slot: number, nowTick: number): void {
    let timer = this.#slots[slot];
    while (timer !== undefined) {
      const next: Timer | undefined = timer.next;
      if (timer.dueTick <= nowTick) {
        this.#unlink(timer);
        this.#run(timer.action);
        // The action may have cancelled the next timer; start over rather than follow a stale link.
        timer = next?.slot === slot ? next : this.#slots[slot];
      } else {
        timer = next;
      }
    }
  }

  #run(action: () => void): void {
    if (this.#onError === undefined) {
      action();
      return;
    }
    try {
      action();
    } catch (error) {
      this.#onError(error);
    }
  }

  #link(timer: Timer): void {
    const slot = timer.dueTick % this.#slots.length;
    const head = this.#slots[slot];
    timer.slot = slot;
    timer.next = head;
    if (head !== undefined) head.previous = timer;
    this.#slots[slot] = timer;
    this.#pendingCount++;
    this.#interval ??= setInterval(() => this.advance(), this.#tickMs).unref();
  }

  #unlink(timer: Timer): void {
    if (timer.previous === undefined) this.#slots[timer.slot] = timer.next;
    else timer.previous.next = timer.next;
    if (timer.next !== undefined) timer.next.previous = timer.previous;
    timer.previous = undefined;
    timer.next = undefined;
    timer.slot = NOT_LINKED;
    this.#pendingCount--;
    if (this.#pendingCount === 0) this.#rest();
  }

  #rest(): void {
    clearInterval(this.#interval);
    this.#interval = undefined;
  }
}
