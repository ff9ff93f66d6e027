import { ReusedBlocks } from '../../../codec/reused-blocks.js';
import type { Frame } from '../../../routing/frames.js';
import type { Publication } from '../../../routing/ports.js';
import type { NodeId, Uri } from '../../../wamp/ids.js';
import { BackplaneUnavailableError, MessageTooLargeError } from '../../backplane.js';
import type { Answer, Question } from '../../question.js';
import { encodeGone } from '../../wire/batch-writer.js';
import { FORMAT_VERSION, kindOfFrame } from '../../wire/format.js';
import { ItemWriter } from '../../wire/item-writer.js';
import type { Confirmations } from '../ports.js';
import { type Batch, Settlement } from './batch.js';
import { OutboundLane } from './outbound-lane.js';
import type { LanesOptions, LaneStats, SendPolicy } from './ports.js';
import { Receiver } from './receiver.js';
import { Transmitter } from './transmitter.js';

type Refusal = 'cut_off' | 'unreachable' | 'lane_full' | 'format' | 'too_large';

/** Sets of lanes that share a promise within one flush. */
const MAX_SHARED = 16;
const MAX_SENT_TOO_EARLY = 256;
/** The most that a frame holds besides its payload: two URIs and what fits into their shadow. */
const HEAD_BYTES = 262_144;
/** A batch of default size, and the item that no longer fits: it is written before the batch is sealed. */
const BLOCK_BYTES = 327_680;
/** Batches under way at the same time, in a turn or two: 4 MiB. */
const MAX_FREE_BLOCKS = 12;
const ACCEPTED = Promise.resolve();
const ALWAYS = (): boolean => true;

/**
 * One ordered lane to each other node and from it (D5). The items of one turn leave in one message per node. An item that is
 * refused or lost takes a number of its lane all the same, so that the receiver sees the gap.
 */
export class Lanes implements Confirmations {
  readonly #options: LanesOptions;
  readonly #items: ItemWriter;
  readonly #blocks: ReusedBlocks;
  readonly #receiver: Receiver;
  readonly #transmitter: Transmitter;
  readonly #outbound = new Map<NodeId, OutboundLane>();
  /**
   * Nodes to which a frame was sent before this node knew them: it may read a realm before it receives the membership change
   * about a node that serves it.
   */
  readonly #sentTooEarly = new Set<NodeId>();
  #lastNode: NodeId | undefined;
  #lastLane: OutboundLane | undefined;
  #due: OutboundLane[] = [];
  #isScheduled = false;
  #isCutOff = false;
  #shared: { readonly batches: readonly Batch[]; readonly settlement: Settlement }[] = [];
  readonly #refusals = new Map<Refusal, Promise<void>>();

  constructor(options: LanesOptions) {
    const { node, wire, counters, events, inbound } = options;
    this.#options = options;
    this.#items = new ItemWriter(node);
    this.#blocks = new ReusedBlocks(BLOCK_BYTES, MAX_FREE_BLOCKS);
    this.#transmitter = new Transmitter({ wire, counters, events, blocks: this.#blocks });
    this.#receiver = new Receiver({
      node,
      counters,
      lane: inbound,
      events,
      sendGone: (to) => this.#sendGone(to),
      sendSequence: (to) => this.#sendSequence(to),
      askSequence: (of) => this.#askSequence(of),
    });
  }

  /** Opens the lanes to and from a node. `reads`: the format versions it reads. Idempotent; a closed node stays closed. */
  open(node: NodeId, reads: readonly number[]): void {
    if (node === this.#options.node || this.#outbound.has(node) || !this.#receiver.open(node)) return;
    const { node: from, channelOf, limits } = this.#options;
    const isReadable = reads.includes(FORMAT_VERSION);
    const lane = new OutboundLane({
      from,
      to: node,
      channel: channelOf(node),
      isReadable,
      items: this.#items,
      limits,
      maxItemBytes: this.#options.maxItemBytes ?? (() => Infinity),
      blocks: this.#blocks,
    });
    this.#outbound.set(node, lane);
    this.#lastNode = undefined;
    if (this.#sentTooEarly.delete(node)) lane.markLoss();
    if (this.#receiver.takeEarly(node)) this.#askSequence(node);
  }

  /** The node has gone: its messages are ignored from now on, and what is sent to it is skipped. */
  close(node: NodeId): void {
    const lane = this.#outbound.get(node);
    this.#outbound.delete(node);
    this.#lastNode = undefined;
    this.#receiver.close(node);
    if (lane !== undefined) this.#transmitter.close(lane);
  }

  /** Resolves once every node has it, or has gone; rejects with BackplaneUnavailableError when one may lack it (G4). */
  publish(nodes: readonly NodeId[], realm: Uri, publication: Publication): Promise<void> {
    const [node] = nodes;
    if (node === undefined) return ACCEPTED;
    if (nodes.length > 1) return this.#publishToAll(nodes, realm, publication);
    const lane = this.#laneOf(node);
    if (lane === undefined) return ACCEPTED;
    let reason = this.#refusalOf(lane);
    if (reason === undefined && !lane.publication(realm, publication)) reason = lane.flaw;
    if (reason !== undefined) return this.#refused(this.#refuse(lane, reason));
    this.#taken(lane);
    this.#options.counters.itemsSent.publication++;
    return lane.batch.ownSettlement.promise;
  }

  /** Rejects, as publish does, a publication that other nodes may want without this node's knowledge. */
  refuse(): Promise<void> {
    this.#options.counters.sendsRefused.cut_off++;
    return this.#refused('cut_off');
  }

  /** False: it was not taken. A frame that was taken may still come back by `returned`. */
  send(to: NodeId, realm: Uri, frame: Frame): boolean {
    const lane = this.#laneOf(to);
    if (lane === undefined) {
      if (this.#sentTooEarly.size < MAX_SENT_TOO_EARLY && !this.#receiver.isGone(to)) this.#sentTooEarly.add(to);
      return true;
    }
    let reason = this.#refusalOf(lane);
    if (reason === undefined && !lane.frame(realm, frame)) reason = lane.flaw;
    if (reason !== undefined) {
      this.#refuse(lane, reason);
      // The peer may wait for this frame, and only the gap shows it that the frame does not come.
      if (reason === 'too_large') lane.markLoss();
      return false;
    }
    this.#taken(lane);
    this.#options.counters.itemsSent[kindOfFrame(frame)]++;
    return true;
  }

  /** False: it was not taken. A question that was taken may be lost: its sender waits for a bounded time. */
  sendQuestion(to: NodeId, item: Question | Answer): boolean {
    const lane = this.#outbound.get(to);
    if (lane === undefined) return false;
    let reason = this.#refusalOf(lane);
    if (reason === undefined && !lane.question(item)) reason = lane.flaw;
    if (reason !== undefined) {
      this.#options.counters.sendsRefused[reason]++;
      return false;
    }
    this.#taken(lane);
    this.#options.counters.itemsSent.question++;
    return true;
  }

  confirm(to: NodeId, realm: Uri, version: number): void {
    const lane = this.#outbound.get(to);
    if (lane === undefined) return;
    lane.confirm(realm, version);
    this.#schedule(lane);
  }

  ask(to: NodeId, realm: Uri, version: number): void {
    const lane = this.#outbound.get(to);
    if (lane === undefined) return;
    lane.ask(realm, version);
    this.#schedule(lane);
  }

  /** Asks every node for its sequence, which shows at once whether its last message was lost. */
  sync(): void {
    for (const to of this.#outbound.keys()) this.#askSequence(to);
  }

  /** The node's inbox seems to have no listener: the receipt of the next heartbeat decides. */
  doubt(node: NodeId): void {
    this.#outbound.get(node)?.unsettle();
  }

  /** Whether one frame may hold that many bytes of payload. Counted, if not. */
  carries(byteLength: number): boolean {
    if (byteLength <= (this.#options.maxItemBytes?.() ?? Infinity) - HEAD_BYTES) return true;
    this.#options.counters.sendsRefused.too_large++;
    return false;
  }

  /**
   * Sends the last sequence in each lane whose peer may not have it; the receipt shows whether the peer listens. A settled lane is
   * silent, so that idle nodes cost each other nothing. To be called about every second.
   */
  heartbeat(): void {
    this.flush();
    if (this.#sendPolicy() !== 'now') return;
    for (const lane of this.#outbound.values()) {
      if (!lane.isReadable) continue;
      if (lane.isUnsettled) this.#transmitter.transmit(lane, lane.heartbeat());
      else lane.rest();
    }
  }

  /** While cut off everything is refused at once; the lanes continue their sequences afterwards. */
  cutOff(isCutOff: boolean): void {
    this.#isCutOff = isCutOff;
    this.#refusals.clear();
    // Items that wait in their lanes are given back.
    if (this.#due.length > 0) this.#scheduleFlush();
  }

  /** Sends the items that were taken so far; those that may not be sent any more are given back. */
  flush(): void {
    this.#isScheduled = false;
    this.#shared = [];
    this.#refusals.clear();
    const policy = this.#sendPolicy();
    if (policy === 'later') return;
    if (this.#due.length > 0) this.#options.writeBefore?.();
    const due = this.#due;
    this.#due = [];
    for (const lane of due) {
      lane.isDue = false;
      if (lane.isClosed) continue;
      if (policy === 'never' || !lane.isReadable) this.#transmitter.giveUp(lane);
      else for (const sealed of lane.takeSealed()) this.#transmitter.transmit(lane, sealed);
    }
  }

  /** Resolves once all items that were taken so far have their receipt, or have failed. */
  async settle(): Promise<void> {
    this.flush();
    await this.#transmitter.settled();
  }

  /**
   * A message that arrived in this node's inbox. Never throws. False: `hasTime` ended before its last item; `proceed` continues,
   * and must have returned true before the next message.
   */
  receive(message: Uint8Array, hasTime: () => boolean = ALWAYS): boolean {
    return this.#receiver.receive(message, hasTime);
  }

  /** Continues with the items that `receive` has left. False: some are left again. */
  proceed(hasTime: () => boolean): boolean {
    return this.#receiver.proceed(hasTime);
  }

  /** Delivers to all what this node has delivered of a publication of that node to some. */
  deliverRest(from: NodeId): void {
    this.#receiver.deliverRest(from);
  }

  /** Drops the items that `receive` has left. */
  abandon(): void {
    this.#receiver.abandon();
  }

  get stats(): LaneStats {
    let unreachablePeers = 0;
    for (const lane of this.#outbound.values()) if (lane.isUnreachable) unreachablePeers++;
    const { size: openPeers } = this.#outbound;
    return { unacknowledgedBytes: this.#transmitter.unacknowledgedBytes, openPeers, unreachablePeers };
  }

  #publishToAll(nodes: readonly NodeId[], realm: Uri, publication: Publication): Promise<void> {
    const into: Batch[] = [];
    let refusal: Refusal | undefined;
    let first: OutboundLane | undefined;
    for (const node of nodes) {
      const lane = this.#outbound.get(node);
      if (lane === undefined) continue;
      let reason = this.#refusalOf(lane);
      if (reason === undefined) {
        if (first !== undefined) lane.copyLast(first);
        else if (lane.publication(realm, publication)) first = lane;
        else reason = lane.flaw;
      }
      if (reason === undefined) {
        this.#taken(lane);
        into.push(lane.batch);
      } else refusal = this.#refuse(lane, reason);
      // It is too large for the other nodes as well, and each attempt costs its length.
      if (reason === 'too_large') break;
    }
    this.#options.counters.itemsSent.publication += into.length;
    if (refusal !== undefined) return this.#refused(refusal);
    const [batch] = into;
    if (batch === undefined) return ACCEPTED;
    return into.length === 1 ? batch.ownSettlement.promise : this.#together(into).promise;
  }

  /** Mostly the lane of the last call: names of nodes come from several places, and comparing equal strings costs time. */
  #laneOf(node: NodeId): OutboundLane | undefined {
    if (node !== this.#lastNode) {
      this.#lastLane = this.#outbound.get(node);
      this.#lastNode = node;
    }
    return this.#lastLane;
  }

  #refusalOf(lane: OutboundLane): Refusal | undefined {
    if (this.#isCutOff) return 'cut_off';
    if (!lane.isReadable) return 'format';
    if (lane.isUnreachable) return 'unreachable';
    const { maxUnacknowledgedBytes } = this.#options.limits;
    return this.#transmitter.unacknowledgedBytes >= maxUnacknowledgedBytes ? 'lane_full' : undefined;
  }

  #taken(lane: OutboundLane): void {
    this.#transmitter.unacknowledgedBytes += lane.itemBytes;
    this.#schedule(lane);
  }

  #refuse(lane: OutboundLane, reason: Refusal): Refusal {
    this.#options.counters.sendsRefused[reason]++;
    // The publisher learns of an item that is too large, and everything else that the peer waits for still comes.
    if (reason !== 'too_large') lane.markLoss();
    return reason;
  }

  /** One promise for all refusals of a turn: an outage must not cost an error for each publication. */
  #refused(reason: Refusal): Promise<void> {
    const known = this.#refusals.get(reason);
    if (known !== undefined) return known;
    const cause =
      reason === 'too_large' ? new MessageTooLargeError() : new BackplaneUnavailableError(`publish: ${reason}`);
    const refused: Promise<void> = Promise.reject(cause);
    this.#refusals.set(reason, refused);
    this.#scheduleFlush();
    return refused;
  }

  #together(batches: readonly Batch[]): Settlement {
    for (const { batches: known, settlement } of this.#shared) {
      if (known.length === batches.length && known.every((batch, i) => batch === batches[i])) return settlement;
    }
    const settlement = new Settlement(batches.length);
    for (const batch of batches) batch.join(settlement);
    if (this.#shared.length < MAX_SHARED) this.#shared.push({ batches, settlement });
    return settlement;
  }

  #schedule(lane: OutboundLane): void {
    if (!lane.isDue) {
      lane.isDue = true;
      this.#due.push(lane);
    }
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#options.scheduleFlush(() => {
      if (this.#isScheduled) this.flush();
    });
  }

  #sendPolicy(): SendPolicy {
    return this.#isCutOff ? 'never' : (this.#options.sendPolicy?.() ?? 'now');
  }

  /** A node that was closed may have slept through its own end. */
  #sendGone(to: NodeId): void {
    const { node, channelOf, wire } = this.#options;
    if (this.#sendPolicy() === 'now') wire.publish(channelOf(to), encodeGone(node, to)).catch(() => undefined);
  }

  #sendSequence(to: NodeId): void {
    const lane = this.#outbound.get(to);
    if (lane === undefined) return;
    lane.showSequence();
    this.#schedule(lane);
  }

  #askSequence(of: NodeId): void {
    const lane = this.#outbound.get(of);
    if (lane === undefined) return;
    lane.requestSequence();
    this.#schedule(lane);
  }
}
