import type { NodeId } from '../../../wamp/ids.js';

/**
 * Where the next message of a lane stands towards what came before. `reset`: the other node counts from elsewhere than this
 * one thought. `far`: ahead by more than can have been lost.
 */
export type Place = 'next' | 'behind_gap' | 'reset' | 'duplicate' | 'far';

export interface InboundLaneOptions {
  /** Monotonic. Asked only of a heartbeat that does not fit. */
  readonly nowMs: () => number;
  /** Time between two heartbeats that do not fit, after which they are believed. Below the interval of heartbeats. */
  readonly confirmMs: number;
}

/** More than a node can send to another within its lease, and few enough that sums stay exact. */
export const MAX_LOST_BATCHES = 2 ** 20;

/**
 * What another node has said to this one so far, by its counting. Anybody may write to the channel, so a number proves nothing:
 * a jump is believed at once when so much can have been lost, and what the node's heartbeats say twice is believed in any case.
 */
export class InboundLane {
  readonly from: NodeId;
  readonly #options: InboundLaneOptions;
  #last = 0;
  /** Up to here the numbers came one by one, or a heartbeat has confirmed them. What a jump has skipped lies behind it. */
  #settled = 0;
  /** A batch was ignored that a jump had skipped: the jump was false, or the batch late. Either way something is lost. */
  #hasIgnoredSkipped = false;
  #misfit: { readonly sequence: number; readonly sinceMs: number } | undefined;

  constructor(from: NodeId, options: InboundLaneOptions) {
    this.from = from;
    this.#options = options;
  }

  /** Of a batch with items, or of a heartbeat, which repeats the sequence of the last batch. */
  placeOf(sequence: number, itemCount: number): Place {
    const expected = itemCount === 0 ? this.#last : this.#last + 1;
    if (sequence === expected) return this.#hasIgnoredSkipped ? 'behind_gap' : 'next';
    if (sequence > expected && sequence - expected <= MAX_LOST_BATCHES) return 'behind_gap';
    if (itemCount === 0 && this.#isConfirmed(sequence)) return 'reset';
    if (sequence > expected) return 'far';
    if (itemCount > 0 && sequence > this.#settled) this.#hasIgnoredSkipped = true;
    return 'duplicate';
  }

  /** The message was taken, as `placeOf` said. */
  advance(sequence: number, itemCount: number, place: Place): void {
    const isSettled =
      place === 'reset' || sequence === this.#last || (place === 'next' && this.#settled === this.#last);
    if (isSettled) this.#settled = sequence;
    if (itemCount === 0) this.#misfit = undefined;
    this.#hasIgnoredSkipped = false;
    this.#last = sequence;
  }

  /** Whether a heartbeat that does not fit is not the first, and none that fits has come in between. */
  #isConfirmed(sequence: number): boolean {
    const nowMs = this.#options.nowMs();
    if (this.#misfit === undefined || sequence < this.#misfit.sequence) {
      this.#misfit = { sequence, sinceMs: nowMs };
      return false;
    }
    return nowMs - this.#misfit.sinceMs >= this.#options.confirmMs;
  }
}
