import type { NodeId } from '../../wamp/ids.js';

/**
 * What follows when a store has lost its rows: each node writes its own again in its own time, and until the last has, or
 * is no more, nobody writes anything else.
 */
export class MemoryRecovery {
  readonly #missing = new Set<NodeId>();
  #waiting: { readonly node: NodeId; readonly step: () => void }[] = [];

  get isUnderWay(): boolean {
    return this.#missing.size > 0;
  }

  begin(nodes: Iterable<NodeId>): void {
    for (const node of nodes) this.#missing.add(node);
  }

  /** The node has written its rows. */
  returned(node: NodeId): void {
    if (!this.#missing.delete(node) || this.isUnderWay) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { step } of waiting) step();
  }

  /** The node is no more: nobody waits for it, and what it was to write is not written. */
  forget(node: NodeId): void {
    this.#waiting = this.#waiting.filter((one) => one.node !== node);
    this.returned(node);
  }

  whenWhole(node: NodeId, step: () => void): void {
    if (this.isUnderWay) this.#waiting.push({ node, step });
    else step();
  }
}
