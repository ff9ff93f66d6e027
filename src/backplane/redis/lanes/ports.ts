import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { NodeId, Uri } from '../../../wamp/ids.js';
import type { BackplaneEvents } from '../../backplane.js';
import type { Answer, Question } from '../../question.js';
import type { Wire } from '../ports.js';
import type { InboundLaneOptions } from './inbound-lane.js';

/** Receives the content of the lanes. */
export type LaneTraffic = Pick<BackplaneEvents, 'publication' | 'frame' | 'gap' | 'returned'>;

/** Receives the messages of other nodes about versions of a realm. */
export interface VersionReceiver {
  /** `from` has every change of the realm up to the version. */
  confirmed(from: NodeId, realm: Uri, version: number): void;
  /** `from` asks for `confirm` once this node has the version. */
  asked(from: NodeId, realm: Uri, version: number): void;
}

/** Receives questions of other nodes, and their answers to those of this node. */
export interface QuestionReceiver {
  questioned(from: NodeId, item: Question | Answer): void;
}

/** Receives what receipts and messages show about other nodes. */
export interface PeerObserver {
  /** The node's inbox has no listener; until `reachable` its lane takes nothing more. */
  unreachable(node: NodeId): void;
  reachable(node: NodeId): void;
  /** A message came from a node that is not open and was not closed. Called for each such message. */
  unknownSender(node: NodeId): void;
  /** Another node claims that this one was declared dead. Anybody may send that, as often as it likes. */
  denied(by: NodeId): void;
}

/** Receives the probes that this node has sent to itself: `encodeProbe`. */
export interface ProbeReceiver {
  received(number: number): void;
}

/** Each method is called one at a time, never inside a call of the lanes by their user, and must not throw. */
export interface LaneEvents {
  readonly traffic: LaneTraffic;
  readonly versions: VersionReceiver;
  readonly questions: QuestionReceiver;
  readonly peers: PeerObserver;
  readonly probes: ProbeReceiver;
}

export interface LaneLimits {
  /** A batch is closed before the item that would make it larger; a batch of one item may be larger. */
  readonly maxBatchBytes: number;
  readonly maxItemsPerBatch: number;
  /** Bytes of publications and frames without a receipt, in all lanes: beyond it they are refused. */
  readonly maxUnacknowledgedBytes: number;
}

/** Whether lanes may send. `later`: items wait in their lane, within `maxUnacknowledgedBytes`, until a flush that may send. */
export type SendPolicy = 'now' | 'later' | 'never';

export interface LanesOptions {
  readonly node: NodeId;
  readonly channelOf: (node: NodeId) => string;
  readonly wire: Wire;
  /** Runs the flush once, at the end of this turn of the event loop. */
  readonly scheduleFlush: (flush: () => void) => void;
  /**
   * Called before items leave: writes what they rely on first. That takes another connection, so the store may carry out the two
   * in either order when they arrive together.
   */
  readonly writeBefore?: () => void;
  /** Asked right before anything is sent: a process that slept past its lease must not send before the lease is confirmed. */
  readonly sendPolicy?: () => SendPolicy;
  readonly counters: ClusterCounters;
  readonly limits: LaneLimits;
  /** The largest publication or frame that the store passes on. May change with the connection. */
  readonly maxItemBytes?: () => number;
  readonly inbound: InboundLaneOptions;
  readonly events: LaneEvents;
}

export interface LaneStats {
  readonly unacknowledgedBytes: number;
  readonly openPeers: number;
  readonly unreachablePeers: number;
}
