import type { NodeId } from '../../wamp/ids.js';

/** Where the next message of a lane stands towards what came before. */
export type Place = 'next' | 'behind_gap' | 'duplicate';

/** What another node has said to this one so far, by its counting. */
export class InboundLane {
  readonly from: NodeId;
  #last = 0;

  constructor(from: NodeId) {
    this.from = from;
  }

  /** Of a batch with items, or of a heartbeat, which repeats the sequence of the last batch. */
  placeOf(sequence: number, itemCount: number): Place {
    const expected = itemCount === 0 ? this.#last : this.#last + 1;
    if (sequence === expected) return 'next';
    return sequence > expected ? 'behind_gap' : 'duplicate';
  }

  advance(sequence: number): void {
    this.#last = sequence;
  }
}
