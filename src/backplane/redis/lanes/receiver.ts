import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { NodeId } from '../../../wamp/ids.js';
import { unreachable } from '../../../wamp/unreachable.js';
import { BatchReader } from '../../wire/batch-reader.js';
import { kindOfFrame, type LaneItem } from '../../wire/format.js';
import { InboundLane, type InboundLaneOptions, type Place } from './inbound-lane.js';
import type { InboxEvents } from './ports.js';

export interface ReceiverOptions {
  readonly node: NodeId;
  readonly counters: Pick<
    ClusterCounters,
    'batches' | 'batchBytes' | 'itemsReceived' | 'itemsIgnored' | 'laneGaps' | 'messagesIgnored'
  >;
  readonly lane: InboundLaneOptions;
  readonly events: InboxEvents;
  /** `from` wants to hear this node's sequence now. */
  readonly sync: (from: NodeId) => void;
}

/** Closed nodes that are remembered; of an older one, a late message counts as an unknown node's. */
const MAX_GONE = 4_096;

/** Hears the other nodes. Anybody may write to its channel: what is not understood is counted and ignored. */
export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #reader: BatchReader;
  readonly #lanes = new Map<NodeId, InboundLane>();
  /** When each was heard last, and that was said. */
  readonly #gone = new Map<NodeId, number>();

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

  /** It was closed. */
  isGone(node: NodeId): boolean {
    return this.#gone.has(node);
  }

  close(node: NodeId): void {
    this.#lanes.delete(node);
    this.#gone.set(node, -Infinity);
    for (const oldest of this.#gone.keys()) {
      if (this.#gone.size <= MAX_GONE) break;
      this.#gone.delete(oldest);
    }
  }

  receive(message: Uint8Array): void {
    const { node, counters, events } = this.#options;
    counters.batches.in++;
    counters.batchBytes.in += message.length;
    const head = this.#reader.open(message);
    if (typeof head === 'string') {
      counters.messagesIgnored[head]++;
      return;
    }
    const { from, sequence, itemCount } = head;
    if (head.kind === 'probe') {
      if (from === node) events.probe(sequence);
      return;
    }
    const lane = this.#lanes.get(from);
    if (lane !== undefined && head.kind === 'gone') events.denied(from);
    else if (lane === undefined) this.#stranger(from);
    else this.#hear(lane, sequence, itemCount);
  }

  #stranger(from: NodeId): void {
    const { counters, events, lane } = this.#options;
    const heardAtMs = this.#gone.get(from);
    if (heardAtMs !== undefined) {
      counters.messagesIgnored.gone_sender++;
      const nowMs = lane.nowMs();
      if (nowMs - heardAtMs < lane.confirmMs) return;
      this.#gone.set(from, nowMs);
      events.goneSender(from);
    } else {
      counters.messagesIgnored.unknown_sender++;
      events.unknownSender(from);
    }
  }

  #hear(lane: InboundLane, sequence: number, itemCount: number): void {
    const { counters } = this.#options;
    const place = lane.placeOf(sequence, itemCount);
    if (place === 'duplicate' || place === 'far') {
      counters.messagesIgnored[place]++;
      return;
    }
    const items = this.#reader.items();
    if (items === undefined) {
      counters.messagesIgnored.shape++;
      return;
    }
    lane.advance(sequence, itemCount, place);
    if (place !== 'next') this.#gap(lane.from, place, itemCount);
    for (const item of items) this.#tell(lane.from, item);
  }

  #gap(from: NodeId, place: Place, itemCount: number): void {
    const { counters, events } = this.#options;
    const how = place === 'reset' ? 'reset' : itemCount === 0 ? 'heartbeat' : 'sequence';
    counters.laneGaps[how]++;
    events.gap(
      from,
      how === 'reset'
        ? `the heartbeats of ${from} do not fit what came in its name: its messages meanwhile were ignored, its lane is reset`
        : `messages of ${from} were lost, its ${how} shows`,
    );
  }

  #tell(from: NodeId, item: LaneItem): void {
    const { events } = this.#options;
    const { itemsReceived, itemsIgnored } = this.#options.counters;
    switch (item.kind) {
      case 'publication':
        itemsReceived.publication++;
        events.publication(from, item.realm, item.publication);
        return;
      case 'frame':
        itemsReceived[kindOfFrame(item.frame)]++;
        events.frame(from, item.realm, item.frame);
        return;
      case 'confirmed':
        itemsReceived.control++;
        events.confirmed(from, item.realm, item.version);
        return;
      case 'ask':
        itemsReceived.control++;
        events.asked(from, item.realm, item.version);
        return;
      case 'sync':
        itemsReceived.control++;
        this.#options.sync(from);
        return;
      case 'question':
      case 'answer':
        itemsIgnored.unsupported++;
        return;
      case 'unknown':
        itemsIgnored.unknown_kind++;
        return;
      default:
        unreachable(item);
    }
  }
}
