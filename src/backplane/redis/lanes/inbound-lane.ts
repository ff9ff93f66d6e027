import type { NodeId } from '../../../wamp/ids.js';

/**
 * The place of a message in the sequence of its lane. `reset`: the other node counts from another number than this node
 * expected. `far`: ahead by more than can have been lost.
 */
export type SequencePlace = 'next' | 'behind_gap' | 'reset' | 'duplicate' | 'far';

export interface InboundLaneOptions {
  /** Monotonic. Called only for a message that does not fit. */
  readonly nowMs: () => number;
  /** Time between two heartbeats that do not fit after which the lane accepts their number. Below the interval of heartbeats. */
  readonly confirmMs: number;
}

/** More than a node can send to another within its lease, and few enough that sums stay exact. */
export const MAX_LOST_BATCHES = 2 ** 20;

/**
 * The lane from another node to this one: which number comes next. Anybody may write to the channel, so that a number proves
 * nothing. The lane accepts a jump at once when that much can have been lost; it accepts any number that heartbeats repeat.
 */
export class InboundLane {
  readonly from: NodeId;
  readonly #options: InboundLaneOptions;
  #last = 0;
  /** Up to here the numbers came one by one, or a heartbeat has confirmed them. Numbers that a jump has skipped lie behind it. */
  #settled = 0;
  /** A batch was ignored that a jump had skipped: the jump was false, or the batch late. Either way something is lost. */
  #hasIgnoredSkipped = false;
  #mismatch: { readonly sequence: number; readonly sinceMs: number } | undefined;
  #askedAtMs = -Infinity;

  constructor(from: NodeId, options: InboundLaneOptions) {
    this.from = from;
    this.#options = options;
  }

  /**
   * The place of a batch with items, or of a heartbeat, which repeats the sequence of the last batch. The lane remembers a number
   * that does not fit: a later heartbeat may confirm it.
   */
  placeOf(sequence: number, itemCount: number): SequencePlace {
    const expected = itemCount === 0 ? this.#last : this.#last + 1;
    if (sequence === expected) return this.#hasIgnoredSkipped ? 'behind_gap' : 'next';
    if (sequence > expected && sequence - expected <= MAX_LOST_BATCHES) return 'behind_gap';
    if (itemCount === 0 && this.#isConfirmed(sequence)) return 'reset';
    if (sequence > expected) return 'far';
    if (itemCount > 0 && sequence > this.#settled) this.#hasIgnoredSkipped = true;
    return 'duplicate';
  }

  /**
   * Whether the peer may be asked for its sequence now: once per `confirmMs`. Its lane may be silent otherwise, and a forged number
   * would stay until its next message, which would be lost.
   */
  mayAsk(): boolean {
    const { nowMs, confirmMs } = this.#options;
    const now = nowMs();
    if (now - this.#askedAtMs < confirmMs) return false;
    this.#askedAtMs = now;
    return true;
  }

  /** Takes the message with the place that `placeOf` has returned. */
  advance(sequence: number, itemCount: number, place: SequencePlace): void {
    const isSettled =
      place === 'reset' || sequence === this.#last || (place === 'next' && this.#settled === this.#last);
    if (isSettled) this.#settled = sequence;
    if (itemCount === 0) this.#mismatch = undefined;
    this.#hasIgnoredSkipped = false;
    this.#last = sequence;
  }

  /** Whether an earlier heartbeat did not fit either, and none that fits has come in between. */
  #isConfirmed(sequence: number): boolean {
    const nowMs = this.#options.nowMs();
    if (this.#mismatch === undefined || sequence < this.#mismatch.sequence) {
      this.#mismatch = { sequence, sinceMs: nowMs };
      return false;
    }
    return nowMs - this.#mismatch.sinceMs >= this.#options.confirmMs;
  }
}
