import type { ReusedBlocks } from '../../../codec/reused-blocks.js';
import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import { observe } from '../../../telemetry/counters.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import type { Wire } from '../ports.js';
import type { Batch } from './batch.js';
import type { OutboundLane, Sealed } from './outbound-lane.js';
import type { LaneEvents } from './ports.js';

export interface TransmitterOptions {
  readonly wire: Wire;
  readonly counters: ClusterCounters;
  readonly events: Pick<LaneEvents, 'traffic' | 'peers'>;
  /** The memory of long batches. */
  readonly blocks: ReusedBlocks;
}

/** Publishes sealed batches, and settles each by its receipt. */
export class Transmitter {
  readonly #options: TransmitterOptions;
  readonly #underWay = new Map<Batch, Promise<void>>();
  /** Bytes of publications and frames that lanes have taken and that are not settled. */
  unacknowledgedBytes = 0;

  constructor(options: TransmitterOptions) {
    this.#options = options;
  }

  transmit(lane: OutboundLane, { bytes, itemCount, sequence, batch }: Sealed): void {
    const { wire, counters, blocks } = this.#options;
    counters.batches.out++;
    counters.batchBytes.out += bytes.length;
    counters.itemsSent.control += itemCount - batch.messageCount;
    observe(counters.batchItems, itemCount);
    const done = wire.publish(lane.channel, bytes).then(
      (listenerCount) => {
        // Redis has all of it, and the flush that has sent it has sealed all lanes that had copied from it.
        blocks.giveBack(bytes);
        if (listenerCount === 0) this.#missed(lane, batch);
        else {
          if (itemCount === 0) lane.heartbeatReceived(sequence);
          this.#delivered(lane, batch);
        }
      },
      (cause: unknown) => {
        this.#unknown(lane, batch, cause);
      },
    );
    this.#underWay.set(batch, done);
  }

  /** The lane's waiting batches are not sent: this node is cut off. */
  giveUp(lane: OutboundLane): void {
    const { counters, events } = this.#options;
    for (const { batch } of lane.takeLost()) {
      counters.sendsRefused.cut_off += batch.messageCount;
      this.#settle(batch, new BackplaneUnavailableError(`publish to ${lane.to}: this node is cut off`));
      batch.giveBack(lane.to, events.traffic);
    }
  }

  /** The lane's node has gone: its waiting batches count as delivered. */
  close(lane: OutboundLane): void {
    for (const { batch } of lane.close()) this.#settle(batch);
  }

  /** Resolves once every batch that was sent so far has its receipt, or has failed. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  #delivered(lane: OutboundLane, batch: Batch): void {
    this.#settle(batch);
    if (!lane.isUnreachable || lane.isClosed) return;
    lane.isUnreachable = false;
    this.#options.events.peers.reachable(lane.to);
  }

  #missed(lane: OutboundLane, batch: Batch): void {
    const { counters, events } = this.#options;
    if (lane.isClosed) {
      this.#settle(batch);
      return;
    }
    counters.receiptsMissed.all++;
    counters.sendsRefused.not_delivered += batch.messageCount;
    const isNews = !lane.isUnreachable;
    lane.isUnreachable = true;
    this.#settle(batch, new BackplaneUnavailableError(`publish to ${lane.to}: nobody listens`));
    if (isNews) events.peers.unreachable(lane.to);
    batch.giveBack(lane.to, events.traffic);
  }

  #unknown(lane: OutboundLane, batch: Batch, cause: unknown): void {
    const { counters } = this.#options;
    counters.publishErrors.all++;
    counters.sendsRefused.unknown += lane.isClosed ? 0 : batch.messageCount;
    this.#settle(batch, lane.isClosed ? undefined : new BackplaneUnavailableError(`publish to ${lane.to}`, cause));
  }

  #settle(batch: Batch, refusal?: BackplaneUnavailableError): void {
    this.#underWay.delete(batch);
    this.unacknowledgedBytes -= batch.itemBytes;
    batch.settle(refusal);
  }
}
