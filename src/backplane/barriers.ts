import type { NodeId } from '../wamp/ids.js';

interface Barrier {
  readonly revision: number;
  waitingCount: number;
  readonly resolve: () => void;
  readonly reject: (cause: Error) => void;
}

/** Barriers that wait for one node, in the order of their revisions; those before `head` are done with. */
interface Line {
  barriers: Barrier[];
  head: number;
}

/**
 * Waits until other nodes have confirmed a revision of the directory, or have gone (G2). A confirmation costs what it
 * opens, however many wait: clients decide how many that are.
 */
export class Barriers {
  readonly #lines = new Map<NodeId, Line>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Undefined: there is nobody to wait for. `revision`: never below that of an earlier wait. */
  wait(revision: number, nodes: Iterable<NodeId>): Promise<void> | undefined {
    const waitingFor = new Set(nodes);
    if (waitingFor.size === 0) return undefined;
    this.#size++;
    return new Promise((resolve, reject) => {
      const barrier = { revision, waitingCount: waitingFor.size, resolve, reject };
      for (const node of waitingFor) this.#lineOf(node).barriers.push(barrier);
    });
  }

  /** The node has everything up to and including the revision. */
  confirm(node: NodeId, revision: number): void {
    const line = this.#lines.get(node);
    if (line === undefined) return;
    const { barriers } = line;
    for (; line.head < barriers.length; line.head++) {
      const barrier = barriers[line.head];
      if (barrier === undefined || barrier.revision > revision) break;
      this.#strike(barrier);
    }
    if (line.head === barriers.length) this.#lines.delete(node);
    else if (line.head * 2 > barriers.length) {
      line.barriers = barriers.slice(line.head);
      line.head = 0;
    }
  }

  drop(node: NodeId): void {
    this.confirm(node, Infinity);
  }

  rejectAll(cause: Error): void {
    for (const { barriers, head } of this.#lines.values()) {
      for (const { reject } of barriers.slice(head)) reject(cause);
    }
    this.#lines.clear();
    this.#size = 0;
  }

  #lineOf(node: NodeId): Line {
    let line = this.#lines.get(node);
    if (line === undefined) {
      line = { barriers: [], head: 0 };
      this.#lines.set(node, line);
    }
    return line;
  }

  #strike(barrier: Barrier): void {
    if (--barrier.waitingCount > 0) return;
    this.#size--;
    barrier.resolve();
  }
}
