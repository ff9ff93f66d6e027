import type { Frame } from '../../../routing/frames.js';
import type { Publication } from '../../../routing/ports.js';
import type { Blocks } from '../../../codec/reused-blocks.js';
import type { NodeId, Uri } from '../../../wamp/ids.js';
import type { Answer, Question } from '../../question.js';
import { BatchWriter } from '../../wire/batch-writer.js';
import type { ItemWriter } from '../../wire/item-writer.js';
import { Batch } from './batch.js';
import type { LaneLimits } from './ports.js';

/** A message ready to leave. */
export interface Sealed {
  readonly bytes: Uint8Array;
  readonly itemCount: number;
  readonly sequence: number;
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
  readonly blocks: Blocks;
}

/** Realms whose confirmations and questions a lane keeps while its peer cannot be reached. */
const MAX_PENDING_REALMS = 4_096;
/** Heartbeats after the last message: the receiver corrects a forged number once two have contradicted it. */
const TRAILING_HEARTBEATS = 3;

/** The lane from this node to another: collects items into batches, each with the next number. */
export class OutboundLane {
  readonly to: NodeId;
  readonly channel: string;
  /** The peer reads a format that is written here. */
  readonly isReadable: boolean;
  isUnreachable = false;
  isClosed = false;
  /** It is on the list for the next flush. */
  isDue = false;
  readonly #limits: LaneLimits;
  readonly #writer: BatchWriter;
  readonly #confirmations = new Map<Uri, number>();
  readonly #asks = new Map<Uri, number>();
  #batch = new Batch();
  #sealed: Sealed[] = [];
  #sequence = 0;
  #owesSequence = false;
  #owesSync = false;
  /** Heartbeats with at least the number `#settlesFrom` that the peer has yet to receive. */
  #heartbeatsLeft = TRAILING_HEARTBEATS;
  #settlesFrom = 0;
  /** The last number stands for a loss, and no message with a later number has shown the gap to the peer yet. */
  #isLossUnreported = false;

  constructor({ from, to, channel, isReadable, items, limits, maxItemBytes, blocks }: OutboundOptions) {
    this.to = to;
    this.channel = channel;
    this.isReadable = isReadable;
    this.#limits = limits;
    this.#writer = new BatchWriter(items, from, to, maxItemBytes, blocks);
  }

  /** The batch that holds the last item. */
  get batch(): Batch {
    return this.#batch;
  }

  /** Bytes of the last item. */
  get itemBytes(): number {
    return this.#writer.itemBytes;
  }

  /** Why the last item was not taken. */
  get flaw(): 'format' | 'too_large' {
    return this.#writer.isTooLarge ? 'too_large' : 'format';
  }

  /** The peer may not have the last number: a batch was lost, a forged one has arrived, or the peer has asked for it. */
  get isUnsettled(): boolean {
    return this.#heartbeatsLeft > 0 || this.isUnreachable;
  }

  /** False: it cannot be taken; `flaw` holds the reason. */
  publication(realm: Uri, publication: Publication): boolean {
    return this.#writer.publication(realm, publication) && this.#added();
  }

  /** Takes the publication that `other` has just taken, without encoding it again. */
  copyLast(other: OutboundLane): void {
    this.#writer.copyLast(other.#writer);
    this.#added();
  }

  /** False: it cannot be taken; `flaw` holds the reason. */
  frame(realm: Uri, frame: Frame): boolean {
    if (!this.#writer.frame(realm, frame)) return false;
    this.#added();
    this.#batch.keep(realm, frame);
    return true;
  }

  /** False: it cannot be taken; `flaw` holds the reason. */
  question(item: Question | Answer): boolean {
    const isWritten = item.kind === 'question' ? this.#writer.question(item) : this.#writer.answer(item);
    return isWritten && this.#added();
  }

  /** The next flush that may send carries the highest version of each realm. */
  confirm(realm: Uri, version: number): void {
    raise(this.#confirmations, realm, version);
  }

  ask(realm: Uri, version: number): void {
    raise(this.#asks, realm, version);
  }

  /** The next flush asks the peer for the sequence of its lane. */
  requestSequence(): void {
    this.#owesSync = true;
  }

  /** The next flush shows the peer the sequence of this lane, and heartbeats repeat it. */
  showSequence(): void {
    this.#owesSequence = true;
    this.unsettle();
  }

  /** The peer is to receive the last number, or a later one, again. */
  unsettle(): void {
    this.#heartbeatsLeft = TRAILING_HEARTBEATS;
    this.#settlesFrom = this.#sequence;
  }

  /** A heartbeat with this number has a listener. */
  heartbeatReceived(sequence: number): void {
    if (sequence >= this.#settlesFrom && this.#heartbeatsLeft > 0) this.#heartbeatsLeft--;
  }

  /** An item is lost, after all that were taken before: the peer is to see a gap. */
  markLoss(): void {
    this.#seal();
    if (this.#isLossUnreported) return;
    this.#sequence++;
    this.#isLossUnreported = true;
    this.unsettle();
  }

  /** Everything that is to leave now, in order. */
  takeSealed(): readonly Sealed[] {
    this.#writeControls();
    this.#seal();
    // A lost request would leave both ends of the lane silent.
    if (this.#owesSync) this.unsettle();
    this.#owesSync = false;
    if (this.#owesSequence && this.#sealed.length === 0) this.#sealed.push(this.heartbeat());
    this.#owesSequence = false;
    return this.#withdrawSealed();
  }

  /** Takes the batches that will not be sent: the peer is to see a gap. Controls wait for another flush. */
  takeLost(): readonly Sealed[] {
    this.#seal();
    const sealed = this.#withdrawSealed();
    if (sealed.length > 0) this.#isLossUnreported = true;
    return sealed;
  }

  /** Repeats the last number. Only right after a flush. */
  heartbeat(): Sealed {
    this.#isLossUnreported = false;
    const sequence = this.#sequence;
    return { bytes: this.#writer.finish(sequence), itemCount: 0, sequence, batch: new Batch() };
  }

  /** Keeps as little memory as an idle lane needs: a node has one for each other node. */
  rest(): void {
    this.#writer.release();
  }

  /** Ends the lane. Returns the batches that were not sent. */
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
    this.#batch.messageCount++;
    return true;
  }

  #writeControls(): void {
    for (const [realm, version] of this.#confirmations) this.#writer.version('confirmed', realm, version);
    for (const [realm, version] of this.#asks) this.#writer.version('ask', realm, version);
    this.#confirmations.clear();
    this.#asks.clear();
    if (this.#owesSync) this.#writer.sync();
  }

  #seal(): void {
    const { itemCount } = this.#writer;
    if (itemCount > 0) this.#push(itemCount, this.#writer.finish(++this.#sequence));
  }

  #push(itemCount: number, bytes: Uint8Array): void {
    const batch = this.#batch;
    this.#sealed.push({ bytes, itemCount, sequence: this.#sequence, batch });
    // Lost controls are asked for again, and a forged number shows in them as a message that does not fit.
    if (batch.messageCount > 0) this.unsettle();
    this.#batch = new Batch();
    this.#isLossUnreported = false;
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
