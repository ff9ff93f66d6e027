import type { NodeId } from '../wamp/ids.js';

interface Barrier {
  readonly revision: number;
  readonly waitingFor: Set<NodeId>;
  readonly resolve: () => void;
  readonly reject: (cause: Error) => void;
}

/** Waits until other nodes have confirmed a revision of the directory, or have gone (G2). */
export class Barriers {
  readonly #open = new Set<Barrier>();

  get size(): number {
    return this.#open.size;
  }

  /** Undefined: there is nobody to wait for. */
  wait(revision: number, nodes: Iterable<NodeId>): Promise<void> | undefined {
    const waitingFor = new Set(nodes);
    if (waitingFor.size === 0) return undefined;
    return new Promise((resolve, reject) => {
      this.#open.add({ revision, waitingFor, resolve, reject });
    });
  }

  /** The node has everything up to and including the revision. */
  confirm(node: NodeId, revision: number): void {
    for (const barrier of this.#open) if (barrier.revision <= revision) this.#strike(barrier, node);
  }

  drop(node: NodeId): void {
    for (const barrier of this.#open) this.#strike(barrier, node);
  }

  rejectAll(cause: Error): void {
    for (const barrier of this.#open) barrier.reject(cause);
    this.#open.clear();
  }

  #strike(barrier: Barrier, node: NodeId): void {
    if (!barrier.waitingFor.delete(node) || barrier.waitingFor.size > 0) return;
    this.#open.delete(barrier);
    barrier.resolve();
  }
}
