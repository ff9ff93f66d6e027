import type { NodeId } from '../../wamp/ids.js';

/**
 * Recovery of a store that has lost its rows: each node writes its own again in its own time. Until the last node has
 * written them, or has gone, no node writes anything else.
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

  /** The node has not written its rows again. */
  isMissing(node: NodeId): boolean {
    return this.#missing.has(node);
  }

  /** The node has written its rows. */
  end(node: NodeId): void {
    if (!this.#missing.delete(node) || this.isUnderWay) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { step } of waiting) step();
  }

  /** The node has gone: nobody waits for it, and its own steps do not run. */
  forget(node: NodeId): void {
    this.#waiting = this.#waiting.filter((one) => one.node !== node);
    this.end(node);
  }

  whenDone(node: NodeId, step: () => void): void {
    if (this.isUnderWay) this.#waiting.push({ node, step });
    else step();
  }
}
