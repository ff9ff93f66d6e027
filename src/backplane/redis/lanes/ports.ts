import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { NodeId, Uri } from '../../../wamp/ids.js';
import type { BackplaneEvents } from '../../backplane.js';
import type { Returned, Wire } from '../ports.js';
import type { InboundLaneOptions } from './inbound-lane.js';

/** What is heard. Called one at a time, never inside a call of whoever speaks; must not throw. */
export interface InboxEvents extends Pick<BackplaneEvents, 'publication' | 'frame' | 'gap'> {
  /** `from` has every change of the realm up to the version. */
  confirmed(from: NodeId, realm: Uri, version: number): void;
  /** `from` wants to hear `confirm` once this node has the version. */
  asked(from: NodeId, realm: Uri, version: number): void;
  /** This node has heard itself: `encodeProbe`. */
  probe(number: number): void;
  /** A node that was closed speaks, perhaps unaware of that. Not more often than `confirmMs`. */
  goneSender(node: NodeId): void;
  /** Another node says that this one was declared dead. Anybody may say so, as often as it likes. */
  denied(by: NodeId): void;
  /** A node speaks that is not open and was not closed. As often as it speaks. */
  unknownSender(node: NodeId): void;
}

export interface LaneLimits {
  /** A batch is closed before the item that would make it larger; one item alone may be. */
  readonly maxBatchBytes: number;
  readonly maxItemsPerBatch: number;
  /** Of publications and frames, in all lanes, that have no receipt yet: beyond it they are refused. */
  readonly maxUnacknowledgedBytes: number;
}

/** What comes of the lanes. Called one at a time, never inside a call of whoever speaks; must not throw. */
export interface LaneEvents extends Omit<InboxEvents, 'goneSender'> {
  /** Nobody listened; until `reachable` nothing more is taken for the node. */
  unreachable(node: NodeId): void;
  reachable(node: NodeId): void;
  returned: Returned;
}

/** What becomes of what is to leave. `later`: it waits in its lane, within `maxUnacknowledgedBytes`, until a flush that may. */
export type Speech = 'now' | 'later' | 'never';

export interface LanesOptions {
  readonly node: NodeId;
  readonly channelOf: (node: NodeId) => string;
  readonly wire: Wire;
  /** Runs the flush once, at the end of this turn of the event loop. */
  readonly scheduleFlush: (flush: () => void) => void;
  /** Asked right before anything leaves: a process that slept past its lease must not speak before it knows. */
  readonly speech?: () => Speech;
  readonly counters: ClusterCounters;
  readonly limits: LaneLimits;
  /** Of one publication or frame: the store passes no larger one on. May change with the connection. */
  readonly maxItemBytes?: () => number;
  readonly inbound: InboundLaneOptions;
  readonly events: LaneEvents;
}

export interface LaneStats {
  readonly unacknowledgedBytes: number;
  readonly openPeers: number;
  readonly unreachablePeers: number;
}
