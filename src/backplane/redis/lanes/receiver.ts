import { deliverRest, type Rest } from '../../../routing/rest.js';
import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { NodeId } from '../../../wamp/ids.js';
import { unreachable } from '../../../wamp/unreachable.js';
import { BatchReader } from '../../wire/batch-reader.js';
import { kindOfFrame, type LaneItem } from '../../wire/format.js';
import { InboundLane, type InboundLaneOptions, type SequencePlace } from './inbound-lane.js';
import type { LaneEvents } from './ports.js';

export interface ReceiverOptions {
  readonly node: NodeId;
  readonly counters: Pick<
    ClusterCounters,
    'batches' | 'batchBytes' | 'itemsReceived' | 'itemsIgnored' | 'laneGaps' | 'messagesIgnored'
  >;
  readonly lane: InboundLaneOptions;
  readonly events: LaneEvents;
  /** Sends `gone` to a closed node, which may not know that it was declared dead. Called at most once per `confirmMs` and node. */
  readonly sendGone: (to: NodeId) => void;
  /** Sends this node's sequence to a node that asks for it. */
  readonly sendSequence: (to: NodeId) => void;
  /** Asks a node for its sequence: messages were lost, or forged. Called at most once per `confirmMs` and node. */
  readonly askSequence: (of: NodeId) => void;
}

/** Items of a batch that a node left for a later turn. */
interface ItemsLeft {
  readonly lane: InboundLane;
  readonly items: readonly LaneItem[];
  next: number;
  /** The parts that are left of the publication before `next`. */
  publication: Rest | undefined;
}

/** Items between two looks at the clock, which costs a fraction of the cheapest item. */
const ITEMS_PER_CLOCK = 4;
/** Closed nodes that are remembered. A late message of an older one counts as that of an unknown node. */
const MAX_GONE = 4_096;
/** Unknown senders that are remembered. */
const MAX_EARLY = 256;

/** Receives the messages of other nodes. Anybody may write to its channel: it counts and ignores messages that it cannot read. */
export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #reader: BatchReader;
  readonly #lanes = new Map<NodeId, InboundLane>();
  /** Closed nodes, and when each was sent its `gone` last. */
  readonly #gone = new Map<NodeId, number>();
  /** Senders that are not open: their messages were ignored, and no later one may show that. */
  readonly #early = new Set<NodeId>();
  #left: ItemsLeft | undefined;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#reader = new BatchReader(options.node);
  }

  /** False: the node has been closed before. */
  open(node: NodeId): boolean {
    if (this.#gone.has(node)) return false;
    if (!this.#lanes.has(node)) this.#lanes.set(node, new InboundLane(node, this.#options.lane));
    return true;
  }

  /** Whether messages of the node were ignored before it was opened. Asked once. */
  takeEarly(node: NodeId): boolean {
    return this.#early.delete(node);
  }

  /** The node was closed before. */
  isGone(node: NodeId): boolean {
    return this.#gone.has(node);
  }

  close(node: NodeId): void {
    this.deliverRest(node);
    this.#lanes.delete(node);
    this.#early.delete(node);
    this.#gone.set(node, -Infinity);
    for (const oldest of this.#gone.keys()) {
      if (this.#gone.size <= MAX_GONE) break;
      this.#gone.delete(oldest);
    }
  }

  /** Processes a message while `hasTime`. False: items are left for `proceed`, which must be called before the next message. */
  receive(message: Uint8Array, hasTime: () => boolean): boolean {
    const { node, counters, events } = this.#options;
    counters.batches.in++;
    counters.batchBytes.in += message.length;
    const head = this.#reader.open(message);
    if (typeof head === 'string') {
      counters.messagesIgnored[head]++;
      return true;
    }
    const { from, sequence, itemCount } = head;
    if (head.kind === 'probe') {
      if (from === node) events.probes.received(sequence);
      return true;
    }
    const lane = this.#lanes.get(from);
    if (lane !== undefined && head.kind === 'gone') events.peers.denied(from);
    else if (lane === undefined) this.#receiveUnexpected(from);
    else return this.#receiveBatch(lane, sequence, itemCount, hasTime);
    return true;
  }

  /** Continues with the items that are left. False: some are left again. Those of a node that was closed meanwhile are dropped. */
  proceed(hasTime: () => boolean): boolean {
    const left = this.#left;
    if (left === undefined) return true;
    while (this.#isLeft(left)) {
      const isLong = this.#deliverNext(left);
      const isClockDue = isLong || left.next % ITEMS_PER_CLOCK === 0;
      if (isClockDue && this.#isLeft(left) && !hasTime()) return false;
    }
    if (left === this.#left) this.#left = undefined;
    return true;
  }

  /**
   * Delivers to all what was delivered to some of a publication of that node, in one step. To be called before an event that must not
   * overtake it and comes another way than its lane.
   */
  deliverRest(from: NodeId): void {
    const left = this.#left;
    if (left?.lane.from !== from) return;
    const { publication } = left;
    left.publication = undefined;
    deliverRest(publication);
  }

  /** Drops the items that are left. */
  abandon(): void {
    this.#left = undefined;
  }

  #isLeft(left: ItemsLeft): boolean {
    const { lane, items, next, publication } = left;
    if (left !== this.#left || this.#lanes.get(lane.from) !== lane) return false;
    return publication !== undefined || next < items.length;
  }

  /** Delivers an item, or a part of one. True: it was a part. */
  #deliverNext(left: ItemsLeft): boolean {
    const { lane, items, publication } = left;
    if (publication !== undefined) {
      if (!publication()) left.publication = undefined;
      return true;
    }
    const item = items[left.next++];
    if (item === undefined) return false;
    left.publication = this.#deliver(lane.from, item);
    return left.publication !== undefined;
  }

  /** A message of a node that is not open. */
  #receiveUnexpected(from: NodeId): void {
    const { counters, events, lane, sendGone } = this.#options;
    const sentAtMs = this.#gone.get(from);
    if (sentAtMs !== undefined) {
      counters.messagesIgnored.gone_sender++;
      const nowMs = lane.nowMs();
      if (nowMs - sentAtMs < lane.confirmMs) return;
      this.#gone.set(from, nowMs);
      sendGone(from);
    } else {
      counters.messagesIgnored.unknown_sender++;
      if (this.#early.size < MAX_EARLY) this.#early.add(from);
      events.peers.unknownSender(from);
    }
  }

  #receiveBatch(lane: InboundLane, sequence: number, itemCount: number, hasTime: () => boolean): boolean {
    const { counters, askSequence } = this.#options;
    const place = lane.placeOf(sequence, itemCount);
    if (place !== 'next' && lane.mayAsk()) askSequence(lane.from);
    if (place === 'duplicate' || place === 'far') {
      counters.messagesIgnored[place]++;
      return true;
    }
    const items = this.#reader.items();
    if (items === undefined) {
      counters.messagesIgnored.shape++;
      return true;
    }
    lane.advance(sequence, itemCount, place);
    if (place !== 'next') this.#gap(lane.from, place, itemCount);
    this.#left = { lane, items, next: 0, publication: undefined };
    return this.proceed(hasTime);
  }

  #gap(from: NodeId, place: SequencePlace, itemCount: number): void {
    const { counters, events } = this.#options;
    const how = place === 'reset' ? 'reset' : itemCount === 0 ? 'heartbeat' : 'sequence';
    counters.laneGaps[how]++;
    events.traffic.gap(
      from,
      how === 'reset'
        ? `the heartbeats of ${from} do not fit the messages that came in its name: those were ignored, and its lane is reset`
        : `messages of ${from} were lost, as its ${how} shows`,
    );
  }

  #deliver(from: NodeId, item: LaneItem): Rest | undefined {
    const { events } = this.#options;
    const { itemsReceived, itemsIgnored } = this.#options.counters;
    switch (item.kind) {
      case 'publication':
        itemsReceived.publication++;
        return events.traffic.publication(from, item.realm, item.publication);
      case 'frame':
        itemsReceived[kindOfFrame(item.frame)]++;
        events.traffic.frame(from, item.realm, item.frame);
        break;
      case 'confirmed':
        itemsReceived.control++;
        events.versions.confirmed(from, item.realm, item.version);
        break;
      case 'ask':
        itemsReceived.control++;
        events.versions.asked(from, item.realm, item.version);
        break;
      case 'sync':
        itemsReceived.control++;
        this.#options.sendSequence(from);
        break;
      case 'question':
      case 'answer':
        itemsReceived.question++;
        events.questions.questioned(from, item);
        break;
      case 'unknown':
        itemsIgnored.unknown_kind++;
        break;
      default:
        unreachable(item);
    }
    return undefined;
  }
}
