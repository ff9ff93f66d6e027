import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { NodeId } from '../../../wamp/ids.js';
import { isNodeId, readNodeRow, type NodeChange } from './changes.js';
import type { LoadedNodes } from './scripts.js';

/** Dead nodes remembered: far more than die while a message about one of them is under way. */
const MAX_GONE_COUNT = 10_000;

export type PeerCounters = Pick<ClusterCounters, 'nodesGone' | 'rowsIgnored' | 'changes'>;

export interface PeersOptions {
  readonly node: NodeId;
  readonly nowMs: () => number;
  /** How long the change is waited for that says what a reading has shown: it comes behind what the node said last. */
  readonly hearMs: number;
  readonly counters: PeerCounters;
  readonly entered: (node: NodeId, reads: readonly number[]) => void;
  readonly gone: (node: NodeId) => void;
}

export interface Candidate {
  readonly node: NodeId;
  /**
   * `expired`: if its lease has run out. `certain`: it was said to be gone, and is to be reaped whatever the store says of it now.
   * `absent`: nobody listens to its inbox.
   */
  readonly grounds: 'expired' | 'certain' | 'absent';
}

/**
 * The other nodes, as changes and readings of the store show them, in whatever order these come. Each node is said
 * to have entered once and to be gone once, and is never heard of again.
 */
export class Peers {
  readonly #options: PeersOptions;
  readonly #known = new Set<NodeId>();
  readonly #gone = new Set<NodeId>();
  /** Known, and the store has lost them; they come back, or are reaped. */
  #missing = new Set<NodeId>();
  /** Gone, and yet the store has them: it has lost their tombstone. */
  #revenants = new Set<NodeId>();
  /** Read to be gone, when; not said yet. */
  readonly #vanished = new Map<NodeId, number>();
  #version = 0;
  #isStale = false;
  #changeCount = 0;

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** Of the membership, as far as known. */
  get version(): number {
    return this.#version;
  }

  /** Something was missed: to be read anew. */
  get isStale(): boolean {
    return this.#isStale;
  }

  get known(): ReadonlySet<NodeId> {
    return this.#known;
  }

  isGone(node: NodeId): boolean {
    return this.#gone.has(node);
  }

  /** Compared before and after a reading: whether it may be older than what is known. */
  get changeCount(): number {
    return this.#changeCount;
  }

  suspect(): void {
    this.#isStale = true;
  }

  hear(change: NodeChange): void {
    this.#changeCount++;
    const { version, node } = change;
    const isNext = version === this.#version + 1;
    if (isNext) this.#version = version;
    // A late `entered` may be of a node whose end was missed; one of a dead node, of one whose tombstone was lost.
    // `gone` is final and needs no reading.
    const isDoubtful = change.kind === 'entered' && (isNext ? this.#gone.has(node) : this.#isUnknown(node));
    if (version > this.#version || isDoubtful) this.#isStale = true;
    const isNews = change.kind === 'gone' ? this.#leave(node) : this.#enter(node, change.row);
    this.#options.counters.changes[isNews ? 'applied' : 'stale']++;
  }

  /** What a reading that began at `changeCount` showed. False: it may be old in parts, read again. */
  load(loaded: LoadedNodes, changeCount: number): boolean {
    for (const [node, row] of loaded.alive) this.#meet(node, row);
    if (changeCount !== this.#changeCount) return false;
    this.#version = loaded.version;
    this.#isStale = false;
    const ended = new Set(loaded.ended);
    const missing = [...this.#known].filter((node) => !loaded.alive.has(node));
    this.#missing = new Set(missing.filter((node) => !ended.has(node)));
    this.#revenants = new Set([...this.#gone].filter((node) => loaded.alive.has(node)));
    for (const node of missing) if (ended.has(node)) this.vanish(node);
    return true;
  }

  /** Its end was read: said if the change that says so is not heard in time. */
  vanish(node: NodeId): void {
    if (this.#known.has(node) && !this.#vanished.has(node)) this.#vanished.set(node, this.#options.nowMs());
  }

  /** Says what was not heard in time. */
  settle(): void {
    const { nowMs, hearMs } = this.#options;
    for (const [node, atMs] of this.#vanished) {
      if (nowMs() - atMs >= hearMs) this.end(node);
    }
  }

  /** Reaped to the end. */
  end(node: NodeId): void {
    this.#changeCount++;
    this.#leave(node);
  }

  /** Nodes that no lease in the store leads to. */
  lost(): readonly Candidate[] {
    return [
      ...[...this.#missing].map((node) => ({ node, grounds: 'expired' as const })),
      ...[...this.#revenants].map((node) => ({ node, grounds: 'certain' as const })),
    ];
  }

  #isUnknown(node: NodeId): boolean {
    return node !== this.#options.node && !this.#known.has(node);
  }

  #meet(node: string, row: string): void {
    if (isNodeId(node)) this.#enter(node, row);
    else this.#options.counters.rowsIgnored.shape++;
  }

  #enter(node: NodeId, text: string): boolean {
    if (node === this.#options.node || this.#gone.has(node)) return false;
    const isBack = this.#missing.delete(node);
    if (this.#known.has(node)) return isBack;
    this.#known.add(node);
    const row = readNodeRow(text);
    // It is there, whatever it says of itself: what is said to it is refused, and its end is seen.
    if (typeof row === 'string') this.#options.counters.rowsIgnored[row]++;
    this.#options.entered(node, typeof row === 'string' ? [] : row.reads);
    return true;
  }

  #leave(node: NodeId): boolean {
    if (node === this.#options.node) return false;
    this.#remember(node);
    this.#missing.delete(node);
    this.#revenants.delete(node);
    this.#vanished.delete(node);
    if (!this.#known.delete(node)) return false;
    this.#options.counters.nodesGone.all++;
    this.#options.gone(node);
    return true;
  }

  #remember(node: NodeId): void {
    this.#gone.add(node);
    if (this.#gone.size <= MAX_GONE_COUNT) return;
    for (const oldest of this.#gone) {
      this.#gone.delete(oldest);
      return;
    }
  }
}
