import type { Frame } from '../../../routing/frames.js';
import type { Publication } from '../../../routing/ports.js';
import type { NodeId, Uri } from '../../../wamp/ids.js';
import { BatchWriter } from '../../wire/batch-writer.js';
import type { ItemWriter } from '../../wire/item-writer.js';
import { Batch } from './batch.js';
import type { LaneLimits } from './ports.js';

/** A message ready to leave. */
export interface Sealed {
  readonly bytes: Uint8Array;
  readonly itemCount: number;
  readonly batch: Batch;
}

export interface OutboundOptions {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly channel: string;
  readonly isReadable: boolean;
  readonly items: ItemWriter;
  readonly limits: LaneLimits;
  readonly maxItemBytes: () => number;
}

/** Realms for which a lane remembers what to confirm or ask while its peer is out of reach. */
const MAX_PENDING_REALMS = 4_096;

/** What this node says to another: collected into batches, each with the next number. */
export class OutboundLane {
  readonly to: NodeId;
  readonly channel: string;
  /** The peer reads a format that is written here. */
  readonly isReadable: boolean;
  isUnreachable = false;
  isClosed = false;
  /** It has been put down for the next flush. */
  isDue = false;
  owesSequence = false;
  owesSync = false;
  readonly #limits: LaneLimits;
  readonly #writer: BatchWriter;
  readonly #confirmations = new Map<Uri, number>();
  readonly #asks = new Map<Uri, number>();
  #batch = new Batch();
  #sealed: Sealed[] = [];
  #sequence = 0;
  /** The last number stands for a loss that the peer has not been told of yet. */
  #isLossUntold = false;

  constructor({ from, to, channel, isReadable, items, limits, maxItemBytes }: OutboundOptions) {
    this.to = to;
    this.channel = channel;
    this.isReadable = isReadable;
    this.#limits = limits;
    this.#writer = new BatchWriter(items, from, to, maxItemBytes);
  }

  /** The batch that holds the last item. */
  get batch(): Batch {
    return this.#batch;
  }

  /** Bytes of the last item. */
  get itemBytes(): number {
    return this.#writer.itemBytes;
  }

  /** Why the last item could not be said. */
  get flaw(): 'format' | 'too_large' {
    return this.#writer.isTooLarge ? 'too_large' : 'format';
  }

  /** False: it cannot be said: `flaw`. */
  publication(realm: Uri, publication: Publication): boolean {
    return this.#writer.publication(realm, publication) && this.#added();
  }

  /** As publication, of one that `other` has just taken. */
  copyLast(other: OutboundLane): void {
    this.#writer.copyLast(other.#writer);
    this.#added();
  }

  /** False: it cannot be said. */
  frame(realm: Uri, frame: Frame): boolean {
    if (!this.#writer.frame(realm, frame)) return false;
    this.#added();
    this.#batch.keep(realm, frame);
    return true;
  }

  /** The highest version per realm is said at the next flush that goes out. */
  confirm(realm: Uri, version: number): void {
    raise(this.#confirmations, realm, version);
  }

  ask(realm: Uri, version: number): void {
    raise(this.#asks, realm, version);
  }

  /** Something said here is lost, after all that was taken before: the peer is to see a gap. */
  lose(): void {
    this.#seal();
    if (this.#isLossUntold) return;
    this.#sequence++;
    this.#isLossUntold = true;
  }

  /** Everything that is to leave now, in order. */
  takeSealed(): readonly Sealed[] {
    this.#writeControls();
    this.#seal();
    if (this.owesSequence && this.#sealed.length === 0) this.#sealed.push(this.heartbeat());
    this.owesSequence = false;
    return this.#withdrawSealed();
  }

  /** As takeSealed for what will not leave: the peer is to see a gap. Controls wait for another time. */
  takeLost(): readonly Sealed[] {
    this.#seal();
    const sealed = this.#withdrawSealed();
    if (sealed.length > 0) this.#isLossUntold = true;
    return sealed;
  }

  /** Repeats the last number. Only right after a flush. */
  heartbeat(): Sealed {
    this.#isLossUntold = false;
    return { bytes: this.#writer.finish(this.#sequence), itemCount: 0, batch: new Batch() };
  }

  /** What was not sent yet is forgotten. */
  close(): readonly Sealed[] {
    this.isClosed = true;
    this.#confirmations.clear();
    this.#asks.clear();
    return this.takeLost();
  }

  #added(): true {
    const { itemBytes } = this.#writer;
    const isFull = this.#writer.byteLength > this.#limits.maxBatchBytes;
    if ((isFull || this.#writer.itemCount > this.#limits.maxItemsPerBatch) && this.#writer.itemCount > 1) {
      this.#sequence++;
      this.#push(this.#writer.itemCount - 1, this.#writer.finishBeforeLast(this.#sequence));
    }
    this.#batch.itemBytes += itemBytes;
    this.#batch.saidCount++;
    return true;
  }

  #writeControls(): void {
    for (const [realm, version] of this.#confirmations) this.#writer.version('confirmed', realm, version);
    for (const [realm, version] of this.#asks) this.#writer.version('ask', realm, version);
    this.#confirmations.clear();
    this.#asks.clear();
    if (this.owesSync) this.#writer.sync();
    this.owesSync = false;
  }

  #seal(): void {
    const { itemCount } = this.#writer;
    if (itemCount > 0) this.#push(itemCount, this.#writer.finish(++this.#sequence));
  }

  #push(itemCount: number, bytes: Uint8Array): void {
    this.#sealed.push({ bytes, itemCount, batch: this.#batch });
    this.#batch = new Batch();
    this.#isLossUntold = false;
  }

  #withdrawSealed(): readonly Sealed[] {
    const sealed = this.#sealed;
    this.#sealed = [];
    return sealed;
  }
}

function raise(versions: Map<Uri, number>, realm: Uri, version: number): void {
  const known = versions.get(realm);
  if (known === undefined && versions.size >= MAX_PENDING_REALMS) return;
  if (known === undefined || version > known) versions.set(realm, version);
}
