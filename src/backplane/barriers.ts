import type { NodeId } from '../wamp/ids.js';

/** Waits for other nodes. */
export interface Waiter {
  /** It was answered otherwise: nothing waits any more. */
  readonly isSettled: boolean;
}

interface Barrier<W> {
  readonly version: number;
  readonly openedAtMs: number;
  readonly waiter: W;
  waitingCount: number;
}

/** Barriers that wait for one node, in the order of their versions; those before `head` are over. */
interface Line<W> {
  barriers: Barrier<W>[];
  head: number;
}

/**
 * Opens each waiter once other nodes have confirmed its version, or are not waited for any more (G2). A confirmation costs
 * what it opens, however many wait: clients decide how many that are. Waiters that were settled otherwise are dropped.
 */
export class Barriers<W extends Waiter> {
  readonly #nowMs: () => number;
  readonly #opened: (waiter: W, waitedMs: number) => void;
  readonly #lines = new Map<NodeId, Line<W>>();
  #size = 0;

  constructor(nowMs: () => number, opened: (waiter: W, waitedMs: number) => void) {
    this.#nowMs = nowMs;
    this.#opened = opened;
  }

  get size(): number {
    return this.#size;
  }

  /** `version`: never below that of an earlier wait. Without nodes the waiter is opened at once. */
  wait(version: number, nodes: ReadonlySet<NodeId>, waiter: W): void {
    if (nodes.size === 0) {
      this.#opened(waiter, 0);
      return;
    }
    const barrier = { version, waiter, openedAtMs: this.#nowMs(), waitingCount: nodes.size };
    this.#size++;
    for (const node of nodes) this.#lineOf(node).barriers.push(barrier);
  }

  /** The node has everything up to and including the version. */
  confirm(node: NodeId, version: number): void {
    this.#advance(node, (barrier) => barrier.version <= version);
  }

  /** Nothing waits for the node any more. */
  drop(node: NodeId): void {
    this.confirm(node, Infinity);
  }

  /** The nodes that do not serve, as of the version: they have nothing to confirm. */
  confirmAbsent(isServing: (node: NodeId) => boolean, version: number): void {
    for (const node of [...this.#lines.keys()]) if (!isServing(node)) this.confirm(node, version);
  }

  /** Nodes that a waiter has waited for since before `sinceMs`, each with the last version that is waited for. */
  overdue(sinceMs: number): (readonly [NodeId, number])[] {
    const found: (readonly [NodeId, number])[] = [];
    for (const [node, { barriers, head }] of this.#lines) {
      const [first, last] = [barriers[head], barriers.at(-1)];
      if (first !== undefined && last !== undefined && first.openedAtMs <= sinceMs) found.push([node, last.version]);
    }
    return found;
  }

  /** Drops waiters that were settled otherwise. */
  sweep(): void {
    for (const node of [...this.#lines.keys()]) this.#advance(node, ({ waiter }) => waiter.isSettled);
  }

  /** Removes and returns everything that still waits, in order. */
  takeAll(): W[] {
    const taken = new Set<Barrier<W>>();
    for (const { barriers, head } of this.#lines.values())
      for (const barrier of barriers.slice(head)) if (!barrier.waiter.isSettled) taken.add(barrier);
    this.#lines.clear();
    this.#size = 0;
    return [...taken].sort((one, other) => one.version - other.version).map(({ waiter }) => waiter);
  }

  #lineOf(node: NodeId): Line<W> {
    let line = this.#lines.get(node);
    if (line === undefined) {
      line = { barriers: [], head: 0 };
      this.#lines.set(node, line);
    }
    return line;
  }

  #advance(node: NodeId, isOver: (barrier: Barrier<W>) => boolean): void {
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

  #strike(barrier: Barrier<W>): void {
    if (--barrier.waitingCount > 0) return;
    this.#size--;
    if (!barrier.waiter.isSettled) this.#opened(barrier.waiter, this.#nowMs() - barrier.openedAtMs);
  }
}
