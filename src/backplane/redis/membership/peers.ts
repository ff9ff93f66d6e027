import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { NodeId } from '../../../wamp/ids.js';
import { isNodeId, readNodeRow, type Flaw, type NodeChange, type NodeRow } from './changes.js';
import type { LoadedNodes } from './scripts.js';

/** Dead nodes that are remembered: far more than die while a message about one of them is under way. */
const MAX_GONE_COUNT = 10_000;
/** More nodes than a cluster has. The rows of the others are found again when their realm is read the next time. */
const MAX_UNLISTED_COUNT = 1_000;

export type PeerCounters = Pick<ClusterCounters, 'nodesGone' | 'rowsIgnored' | 'changes'>;

export interface PeersOptions {
  readonly node: NodeId;
  readonly nowMs: () => number;
  /** How long the `gone` change may take after a reading has shown it: it arrives behind the last messages of that node. */
  readonly changeMs: number;
  readonly leaseMs: number;
  readonly counters: PeerCounters;
  readonly entered: (node: NodeId, reads: readonly number[]) => void;
  readonly gone: (node: NodeId) => void;
}

export interface Candidate {
  readonly node: NodeId;
  /**
   * `expired`: its lease seems to have run out. `certain`: it is known to be gone, and is reaped whatever the store has of it
   * now. `absent`: its inbox has no listener.
   */
  readonly grounds: 'expired' | 'certain' | 'absent';
}

/**
 * The other nodes, as changes and readings of the store show them, in any order. Reports each node once as entered and once
 * as gone, and ignores it afterwards.
 */
export class Peers {
  readonly #options: PeersOptions;
  readonly #known = new Set<NodeId>();
  /** With the time at which this node learned it. */
  readonly #gone = new Map<NodeId, number>();
  /** Known nodes that the store has lost: they come back, or are reaped. */
  #missing = new Set<NodeId>();
  /** Gone nodes that the store has again, because it has lost their tombstones. */
  #resurrected = new Set<NodeId>();
  /**
   * Nodes with rows in a realm that the membership does not have, with the time at which this node found these. Most have just
   * entered. One that stays unlisted has died after the store lost its row here, or has left, and the store lost that in the realm.
   */
  readonly #unlisted = new Map<NodeId, number>();
  /** Nodes that a reading has shown to be gone, with its time. They are not reported yet. */
  readonly #unreported = new Map<NodeId, number>();
  #version = 0;
  #isStale = false;
  #changeCount = 0;

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** The membership's version, as far as known. */
  get version(): number {
    return this.#version;
  }

  /** A change was missed: the nodes are to be read again. */
  get isStale(): boolean {
    return this.#isStale;
  }

  get known(): ReadonlySet<NodeId> {
    return this.#known;
  }

  isGone(node: NodeId): boolean {
    return this.#gone.has(node);
  }

  isUnlisted(node: NodeId): boolean {
    return this.#unlisted.has(node);
  }

  /** A realm has rows of the node. */
  foundRowsOf(node: NodeId): void {
    if (!this.#isUnknown(node) || this.#gone.has(node) || this.#unlisted.has(node)) return;
    if (!isNodeId(node)) this.#options.counters.rowsIgnored.shape++;
    else if (this.#unlisted.size < MAX_UNLISTED_COUNT) this.#unlisted.set(node, this.#options.nowMs());
  }

  /** The nodes that this node has known to be gone for no longer than that, reported or not. */
  goneWithin(ms: number): readonly NodeId[] {
    const sinceMs = this.#options.nowMs() - ms;
    const gone = [...this.#gone].filter(([, atMs]) => atMs >= sinceMs).map(([node]) => node);
    return [...gone, ...this.#unreported.keys()];
  }

  /** Compared before and after a reading, to see whether that may be older than what is known. */
  get changeCount(): number {
    return this.#changeCount;
  }

  suspect(): void {
    this.#isStale = true;
  }

  /** A change as the channel of the membership delivers it. */
  change(change: NodeChange): void {
    this.#changeCount++;
    const { version, node } = change;
    const isNext = version === this.#version + 1;
    if (isNext) this.#version = version;
    // A late `entered` may be of a node whose end was missed; that of a dead node shows that its tombstone was lost.
    // `gone` is final and needs no reading.
    const isDoubtful = change.kind === 'entered' && (isNext ? this.#gone.has(node) : this.#isUnknown(node));
    if (version > this.#version || isDoubtful) this.#isStale = true;
    const isNews = change.kind === 'gone' ? this.#leave(node) : this.#enter(node, change.row);
    this.#options.counters.changes[isNews ? 'applied' : 'stale']++;
  }

  /** Takes a reading that began at `changeCount`. False: parts of it may be old, read again. */
  load(loaded: LoadedNodes, changeCount: number): boolean {
    for (const [node, row] of loaded.alive) this.#read(node, row);
    if (changeCount !== this.#changeCount) return false;
    this.#version = loaded.version;
    this.#isStale = false;
    const ended = new Set(loaded.ended);
    const missing = [...this.#known].filter((node) => !loaded.alive.has(node));
    this.#missing = new Set(missing.filter((node) => !ended.has(node)));
    this.#resurrected = new Set([...this.#gone.keys()].filter((node) => loaded.alive.has(node)));
    for (const node of missing) if (ended.has(node)) this.ended(node);
    return true;
  }

  /** A reading shows that the node is gone: reported with its change, or by `settle` if that does not come in time. */
  ended(node: NodeId): void {
    const isKnown = this.#known.has(node) || this.#unlisted.has(node);
    if (isKnown && !this.#unreported.has(node)) this.#unreported.set(node, this.#options.nowMs());
  }

  /** Reports nodes whose `gone` change did not come in time. */
  settle(): void {
    const { nowMs, changeMs } = this.#options;
    for (const [node, atMs] of this.#unreported) {
      if (nowMs() - atMs >= changeMs) this.end(node);
    }
  }

  /** This node has reaped it. */
  end(node: NodeId): void {
    this.#changeCount++;
    this.#leave(node);
  }

  /** Nodes that are to be reaped and that have no lease in the store. */
  lost(): readonly Candidate[] {
    const foundBeforeMs = this.#options.nowMs() - this.#options.leaseMs;
    const unlisted = [...this.#unlisted].filter(([, atMs]) => atMs <= foundBeforeMs).map(([node]) => node);
    return [
      ...[...this.#missing, ...unlisted].map((node) => ({ node, grounds: 'expired' as const })),
      ...[...this.#resurrected].map((node) => ({ node, grounds: 'certain' as const })),
    ];
  }

  #isUnknown(node: NodeId): boolean {
    return node !== this.#options.node && !this.#known.has(node);
  }

  #read(node: string, bytes: Uint8Array): void {
    if (isNodeId(node)) this.#enter(node, readNodeRow(bytes));
    else this.#options.counters.rowsIgnored.shape++;
  }

  #enter(node: NodeId, row: NodeRow | Flaw): boolean {
    if (node === this.#options.node || this.#gone.has(node)) return false;
    const isBack = this.#missing.delete(node);
    this.#unlisted.delete(node);
    if (this.#known.has(node)) return isBack;
    this.#known.add(node);
    // The node is known even if its row is not understood: items for it are refused, and its end is reported.
    if (typeof row === 'string') this.#options.counters.rowsIgnored[row]++;
    this.#options.entered(node, typeof row === 'string' ? [] : row.reads);
    return true;
  }

  #leave(node: NodeId): boolean {
    if (node === this.#options.node) return false;
    this.#remember(node);
    this.#missing.delete(node);
    this.#resurrected.delete(node);
    this.#unreported.delete(node);
    const wasUnlisted = this.#unlisted.delete(node);
    if (!this.#known.delete(node) && !wasUnlisted) return false;
    this.#options.counters.nodesGone.all++;
    this.#options.gone(node);
    return true;
  }

  #remember(node: NodeId): void {
    this.#gone.set(node, this.#gone.get(node) ?? this.#options.nowMs());
    if (this.#gone.size <= MAX_GONE_COUNT) return;
    for (const oldest of this.#gone.keys()) {
      this.#gone.delete(oldest);
      return;
    }
  }
}
