import type { Frame } from '../../../routing/frames.js';
import type { Publication } from '../../../routing/ports.js';
import { observe } from '../../../telemetry/counters.js';
import type { NodeId, Uri } from '../../../wamp/ids.js';
import { BackplaneUnavailableError, MessageTooLargeError } from '../../backplane.js';
import { encodeGone } from '../../wire/batch-writer.js';
import { FORMAT_VERSION, kindOfFrame } from '../../wire/format.js';
import { ItemWriter } from '../../wire/item-writer.js';
import { type Batch, Settlement } from './batch.js';
import { Receiver } from './receiver.js';
import { OutboundLane, type Sealed } from './outbound-lane.js';
import type { Confirmations } from '../ports.js';
import type { LanesOptions, LaneStats, Speech } from './ports.js';

type Refusal = 'cut_off' | 'unreachable' | 'lane_full' | 'format' | 'too_large';

/** Sets of lanes that share a promise within one flush. */
const MAX_SHARED = 16;
const MAX_SAID_TOO_EARLY = 256;
/** What a frame holds besides its payload, at most: two URIs and what fits into their shadow. */
const HEAD_BYTES = 262_144;
const ACCEPTED = Promise.resolve();

/**
 * One ordered lane to each other node and from it (D5). What is said in one turn leaves in one message per node. What is
 * refused or lost takes a number of its lane all the same, so that the receiver sees the gap.
 */
export class Lanes implements Confirmations {
  readonly #options: LanesOptions;
  readonly #items: ItemWriter;
  readonly #receiver: Receiver;
  readonly #outbound = new Map<NodeId, OutboundLane>();
  /** Nodes that something was said to before they were known: a realm may be read before the change is heard that says so. */
  readonly #saidTooEarly = new Set<NodeId>();
  #lastNode: NodeId | undefined;
  #lastLane: OutboundLane | undefined;
  readonly #underWay = new Map<Batch, Promise<void>>();
  #due: OutboundLane[] = [];
  #isScheduled = false;
  #isCutOff = false;
  #unacknowledgedBytes = 0;
  #shared: { readonly batches: readonly Batch[]; readonly settlement: Settlement }[] = [];
  readonly #refusals = new Map<Refusal, Promise<void>>();

  constructor(options: LanesOptions) {
    this.#options = options;
    this.#items = new ItemWriter(options.node);
    const { node, counters, events, inbound } = options;
    this.#receiver = new Receiver({
      node,
      counters,
      lane: inbound,
      events: { ...events, goneSender: (from) => this.#tellGone(from) },
      sync: (from) => {
        this.#tellSequence(from);
      },
    });
  }

  /** Knows a node from now on. `reads`: the format versions it reads. Idempotent; a closed node stays closed. */
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
    });
    this.#outbound.set(node, lane);
    this.#lastNode = undefined;
    if (this.#saidTooEarly.delete(node)) lane.lose();
  }

  /** The node has gone: nothing more is heard of it, and what is said to it is skipped. */
  close(node: NodeId): void {
    const lane = this.#outbound.get(node);
    this.#outbound.delete(node);
    this.#lastNode = undefined;
    this.#receiver.close(node);
    for (const { batch } of lane?.close() ?? []) this.#settle(batch);
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
    return lane.batch.alone.promise;
  }

  /** As publish, of what others may want without this node knowing. */
  refuse(): Promise<void> {
    this.#options.counters.sendsRefused.cut_off++;
    return this.#refused('cut_off');
  }

  /** False: it was not taken. A frame that was taken may still come back by `returned`. */
  send(to: NodeId, realm: Uri, frame: Frame): boolean {
    const lane = this.#laneOf(to);
    if (lane === undefined) {
      if (this.#saidTooEarly.size < MAX_SAID_TOO_EARLY && !this.#receiver.isGone(to)) this.#saidTooEarly.add(to);
      return true;
    }
    let reason = this.#refusalOf(lane);
    if (reason === undefined && !lane.frame(realm, frame)) reason = lane.flaw;
    if (reason !== undefined) {
      this.#refuse(lane, reason);
      // Somebody may wait for it who is not told otherwise.
      if (reason === 'too_large') lane.lose();
      return false;
    }
    this.#taken(lane);
    this.#options.counters.itemsSent[kindOfFrame(frame)]++;
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

  /** Asks every node for its sequence: a loss of its last message is seen at once. */
  sync(): void {
    for (const lane of this.#outbound.values()) {
      lane.owesSync = true;
      this.#schedule(lane);
    }
  }

  /** Whether one frame may hold so much. Counted, if not. */
  carries(byteLength: number): boolean {
    if (byteLength <= (this.#options.maxItemBytes?.() ?? Infinity) - HEAD_BYTES) return true;
    this.#options.counters.sendsRefused.too_large++;
    return false;
  }

  /** Tells every node the last sequence; the receipt shows whether it listens. To be called about every second. */
  heartbeat(): void {
    this.flush();
    if (this.#speech() !== 'now') return;
    for (const lane of this.#outbound.values()) if (lane.isReadable) this.#transmit(lane, lane.heartbeat());
  }

  /** While cut off everything is refused at once; the lanes go on with their numbers afterwards. */
  cutOff(isCutOff: boolean): void {
    this.#isCutOff = isCutOff;
    this.#refusals.clear();
    // What waited to be said later is given back.
    if (this.#due.length > 0) this.#scheduleFlush();
  }

  /** Sends what was said so far; what may not be said any more is given back. */
  flush(): void {
    this.#isScheduled = false;
    this.#shared = [];
    this.#refusals.clear();
    const speech = this.#speech();
    if (speech === 'later') return;
    const due = this.#due;
    this.#due = [];
    for (const lane of due) {
      lane.isDue = false;
      if (lane.isClosed) continue;
      if (speech === 'never' || !lane.isReadable) this.#giveUp(lane);
      else for (const sealed of lane.takeSealed()) this.#transmit(lane, sealed);
    }
  }

  /** Resolves once all that was said so far has its receipt, or has failed. */
  async settle(): Promise<void> {
    this.flush();
    await Promise.all(this.#underWay.values());
  }

  /** What arrived in this node's inbox. Never throws. */
  receive(message: Uint8Array): void {
    this.#receiver.receive(message);
  }

  get stats(): LaneStats {
    let unreachablePeers = 0;
    for (const lane of this.#outbound.values()) if (lane.isUnreachable) unreachablePeers++;
    const { size: openPeers } = this.#outbound;
    return { unacknowledgedBytes: this.#unacknowledgedBytes, openPeers, unreachablePeers };
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
      // As it is for the others, and each attempt costs its length.
      if (reason === 'too_large') break;
    }
    this.#options.counters.itemsSent.publication += into.length;
    if (refusal !== undefined) return this.#refused(refusal);
    const [batch] = into;
    if (batch === undefined) return ACCEPTED;
    return into.length === 1 ? batch.alone.promise : this.#together(into).promise;
  }

  /** Mostly it is that of the last: a node's name comes from several places, and alike strings are not compared for nothing. */
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
    return this.#unacknowledgedBytes >= this.#options.limits.maxUnacknowledgedBytes ? 'lane_full' : undefined;
  }

  #taken(lane: OutboundLane): void {
    this.#unacknowledgedBytes += lane.itemBytes;
    this.#schedule(lane);
  }

  #refuse(lane: OutboundLane, reason: Refusal): Refusal {
    this.#options.counters.sendsRefused[reason]++;
    // Its publisher is told, and all else that the peer waits for still comes.
    if (reason !== 'too_large') lane.lose();
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

  #speech(): Speech {
    return this.#isCutOff ? 'never' : (this.#options.speech?.() ?? 'now');
  }

  #transmit(lane: OutboundLane, { bytes, itemCount, batch }: Sealed): void {
    const { wire, counters } = this.#options;
    counters.batches.out++;
    counters.batchBytes.out += bytes.length;
    counters.itemsSent.control += itemCount - batch.saidCount;
    observe(counters.batchItems, itemCount);
    const done = wire.publish(lane.channel, bytes).then(
      (listenerCount) => {
        if (listenerCount > 0) this.#delivered(lane, batch);
        else this.#missed(lane, batch);
      },
      (cause: unknown) => {
        this.#unknown(lane, batch, cause);
      },
    );
    this.#underWay.set(batch, done);
  }

  #delivered(lane: OutboundLane, batch: Batch): void {
    this.#settle(batch);
    if (!lane.isUnreachable || lane.isClosed) return;
    lane.isUnreachable = false;
    this.#options.events.reachable(lane.to);
  }

  #missed(lane: OutboundLane, batch: Batch): void {
    const { counters, events } = this.#options;
    if (lane.isClosed) {
      this.#settle(batch);
      return;
    }
    counters.receiptsMissed.all++;
    counters.sendsRefused.not_delivered += batch.saidCount;
    const isNews = !lane.isUnreachable;
    lane.isUnreachable = true;
    this.#settle(batch, new BackplaneUnavailableError(`publish to ${lane.to}: nobody listens`));
    if (isNews) events.unreachable(lane.to);
    batch.giveBack(lane.to, events.returned);
  }

  #unknown(lane: OutboundLane, batch: Batch, cause: unknown): void {
    const { counters } = this.#options;
    counters.publishErrors.all++;
    counters.sendsRefused.unknown += lane.isClosed ? 0 : batch.saidCount;
    this.#settle(batch, lane.isClosed ? undefined : new BackplaneUnavailableError(`publish to ${lane.to}`, cause));
  }

  /** What waits in a lane will not leave. */
  #giveUp(lane: OutboundLane): void {
    const { counters, events } = this.#options;
    for (const { batch } of lane.takeLost()) {
      counters.sendsRefused.cut_off += batch.saidCount;
      this.#settle(batch, new BackplaneUnavailableError(`publish to ${lane.to}: this node is cut off`));
      batch.giveBack(lane.to, events.returned);
    }
  }

  #settle(batch: Batch, refusal?: BackplaneUnavailableError): void {
    this.#underWay.delete(batch);
    this.#unacknowledgedBytes -= batch.itemBytes;
    batch.settle(refusal);
  }

  /** It may have slept through its own end. */
  #tellGone(to: NodeId): void {
    const { node, channelOf, wire } = this.#options;
    if (this.#speech() === 'now') wire.publish(channelOf(to), encodeGone(node, to)).catch(() => undefined);
  }

  #tellSequence(to: NodeId): void {
    const lane = this.#outbound.get(to);
    if (lane === undefined) return;
    lane.owesSequence = true;
    this.#schedule(lane);
  }
}
