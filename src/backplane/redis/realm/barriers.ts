import type { NodeId } from '../../../wamp/ids.js';

/** A watch or claim that waits for other nodes. */
export interface Pending {
  readonly isSettled: boolean;
  /** On the clock of the waits. */
  readonly deadlineMs: number;
  /** All nodes have confirmed, or none is left to. */
  open(): void;
  fail(cause: Error): void;
}

interface Barrier {
  readonly version: number;
  readonly openedAtMs: number;
  readonly pending: Pending;
  waitingCount: number;
}

/** Barriers that wait for one node, in the order of their versions; those before `head` are done. */
interface Line {
  barriers: Barrier[];
  head: number;
}

/**
 * Waits until other nodes have confirmed a version of the realm, or serve it no more (G2). Barriers whose `pending` was settled
 * otherwise are dropped in passing. A confirmation costs as much as it opens.
 */
export class RealmBarriers {
  readonly #nowMs: () => number;
  readonly #opened: (pending: Pending, waitedMs: number) => void;
  readonly #lines = new Map<NodeId, Line>();
  #size = 0;

  constructor(nowMs: () => number, opened: (pending: Pending, waitedMs: number) => void) {
    this.#nowMs = nowMs;
    this.#opened = opened;
  }

  get size(): number {
    return this.#size;
  }

  /** `version`: never below that of an earlier wait. Without nodes it opens at once. */
  wait(version: number, nodes: ReadonlySet<NodeId>, pending: Pending): void {
    if (nodes.size === 0) {
      this.#opened(pending, 0);
      return;
    }
    const barrier = { version, pending, openedAtMs: this.#nowMs(), waitingCount: nodes.size };
    this.#size++;
    for (const node of nodes) this.#lineOf(node).barriers.push(barrier);
  }

  /** The node has everything up to and including the version. */
  confirm(node: NodeId, version: number): void {
    this.#advance(node, (barrier) => barrier.version <= version);
  }

  drop(node: NodeId): void {
    this.confirm(node, Infinity);
  }

  /** Confirms the version for nodes that do not serve the realm as of it. */
  confirmAbsent(isServing: (node: NodeId) => boolean, version: number): void {
    for (const node of [...this.#lines.keys()]) if (!isServing(node)) this.confirm(node, version);
  }

  /** Nodes that something has waited for since before `sinceMs`, and the last version it waits for. */
  overdue(sinceMs: number): (readonly [NodeId, number])[] {
    const found: (readonly [NodeId, number])[] = [];
    for (const [node, { barriers, head }] of this.#lines) {
      const [first, last] = [barriers[head], barriers.at(-1)];
      if (first !== undefined && last !== undefined && first.openedAtMs <= sinceMs) found.push([node, last.version]);
    }
    return found;
  }

  /** Drops barriers that were settled otherwise. */
  sweep(): void {
    for (const node of [...this.#lines.keys()]) this.#advance(node, ({ pending }) => pending.isSettled);
  }

  /** Removes and returns everything that still waits, in order. */
  takeAll(): Pending[] {
    const taken = new Set<Barrier>();
    for (const { barriers, head } of this.#lines.values())
      for (const barrier of barriers.slice(head)) if (!barrier.pending.isSettled) taken.add(barrier);
    this.#lines.clear();
    this.#size = 0;
    return [...taken].sort((one, other) => one.version - other.version).map(({ pending }) => pending);
  }

  #lineOf(node: NodeId): Line {
    let line = this.#lines.get(node);
    if (line === undefined) {
      line = { barriers: [], head: 0 };
      this.#lines.set(node, line);
    }
    return line;
  }

  #advance(node: NodeId, isOver: (barrier: Barrier) => boolean): void {
    const line = this.#lines.get(node);
    if (line === undefined) return;
    for (; line.head < line.barriers.length; line.head++) {
      const barrier = line.barriers[line.head];
      if (barrier === undefined || !isOver(barrier)) break;
      this.#strike(barrier);
    }
    if (line.head === line.barriers.length) this.#lines.delete(node);
    else if (line.head * 2 > line.barriers.length) {
      line.barriers = line.barriers.slice(line.head);
      line.head = 0;
    }
  }

  #strike(barrier: Barrier): void {
    if (--barrier.waitingCount > 0) return;
    this.#size--;
    if (!barrier.pending.isSettled) this.#opened(barrier.pending, this.#nowMs() - barrier.openedAtMs);
  }
}
