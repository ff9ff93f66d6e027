import { histogram, tally, type Histogram, type Tally } from './counters.js';

/** Counters about other nodes and the store between them. Like Counters: plain numbers that only grow. */
export interface ClusterCounters {
  readonly batches: Tally<Direction>;
  readonly batchBytes: Tally<Direction>;
  readonly itemsSent: Tally<LaneItemKind>;
  readonly itemsReceived: Tally<LaneItemKind>;
  /**
   * Items that this node skipped: of a kind or about a subject that only a later release knows; bodies that cannot be read;
   * answers to a question that waits no more.
   */
  readonly itemsIgnored: Tally<(typeof IGNORED_ITEMS)[number]>;
  /** Questions of this node, by the outcome for each node that was asked. */
  readonly questions: Tally<(typeof QUESTION_FATES)[number]>;
  /** Items per batch sent, by upper bound. */
  readonly batchItems: Histogram;
  /** Gaps that a receiver noticed, by how. */
  readonly laneGaps: Tally<(typeof GAP_SIGNS)[number]>;
  /** Batches that no node received (receipt 0). */
  readonly receiptsMissed: Tally<'all'>;
  /** Batches without a reply of the store. */
  readonly publishErrors: Tally<'all'>;
  /** Items that could not be sent to other nodes, by reason; publications count as dropped events too. */
  readonly sendsRefused: Tally<(typeof SEND_REFUSALS)[number]>;
  /** Messages from the store that were ignored, by flaw. */
  readonly messagesIgnored: Tally<MessageFlaw>;
  /** Rows and replies of the store that could not be read. */
  readonly rowsIgnored: Tally<(typeof ROW_FLAWS)[number]>;
  readonly changes: Tally<(typeof CHANGE_FATES)[number]>;
  /** Snapshots read from the store, by cause. */
  readonly mirrorReloads: Tally<(typeof RELOAD_CAUSES)[number]>;
  readonly barriers: Tally<(typeof BARRIER_FATES)[number]>;
  /** Claims that waited for the decision about the session that held the procedure. */
  readonly takeovers: Tally<(typeof TAKEOVER_FATES)[number]>;
  readonly barrierLatency: Histogram;
  readonly storeRoundTrip: Histogram;
  /** From sending to receiving a probe of the own inbox. */
  readonly probeRoundTrip: Histogram;
  readonly probesMissed: Tally<'all'>;
  readonly storeErrors: Tally<(typeof STORE_ERRORS)[number]>;
  readonly connectionsLost: Tally<(typeof STORE_CONNECTIONS)[number]>;
  readonly leases: Tally<(typeof LEASE_EVENTS)[number]>;
  /** Other nodes that left, died and were reaped by this one, or died and were reaped by another. */
  readonly nodesGone: Tally<'all'>;
  readonly nodesReaped: Tally<'all'>;
  readonly downs: Tally<'all'>;
}

/** Label values, each declared once: the counters have these keys and no others. */
const DIRECTIONS = ['in', 'out'] as const;
const LANE_ITEM_KINDS = ['publication', 'invoke', 'answer', 'cancel', 'question', 'control'] as const;
const IGNORED_ITEMS = ['unknown_kind', 'unsupported', 'malformed', 'unexpected'] as const;
const QUESTION_FATES = ['answered', 'gone', 'unreachable', 'timeout', 'unsupported', 'failed'] as const;
const GAP_SIGNS = ['sequence', 'heartbeat', 'reset'] as const;
const SEND_REFUSALS = [
  'cut_off',
  'unreachable',
  'lane_full',
  'format',
  'too_large',
  'not_delivered',
  'unknown',
] as const;
const MESSAGE_FLAWS = [
  'magic',
  'version',
  'receiver',
  'checksum',
  'shape',
  'size',
  'unknown_sender',
  'gone_sender',
  'duplicate',
  'far',
  'change',
  'channel',
] as const;
const ROW_FLAWS = ['version', 'shape'] as const;
const CHANGE_FATES = ['applied', 'stale'] as const;
const RELOAD_CAUSES = ['serve', 'version_gap', 'reconnected', 'store_emptied', 'asked'] as const;
const BARRIER_FATES = ['opened', 'timed_out', 'failed'] as const;
const TAKEOVER_FATES = ['granted', 'refused', 'timed_out'] as const;
const STORE_ERRORS = ['connection', 'timeout', 'script', 'refused'] as const;
const STORE_CONNECTIONS = ['bus', 'directory', 'subscriber'] as const;
const LEASE_EVENTS = ['renewed', 'late', 'lost', 'emptied'] as const;
const ALL = ['all'] as const;

export type Direction = (typeof DIRECTIONS)[number];
export type LaneItemKind = (typeof LANE_ITEM_KINDS)[number];
export type MessageFlaw = (typeof MESSAGE_FLAWS)[number];

const ITEM_COUNT_BOUNDS = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];
const LATENCY_BOUNDS_MS = [0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000];

export function createClusterCounters(): ClusterCounters {
  return {
    batches: tally(DIRECTIONS),
    batchBytes: tally(DIRECTIONS),
    itemsSent: tally(LANE_ITEM_KINDS),
    itemsReceived: tally(LANE_ITEM_KINDS),
    itemsIgnored: tally(IGNORED_ITEMS),
    questions: tally(QUESTION_FATES),
    batchItems: histogram(ITEM_COUNT_BOUNDS),
    laneGaps: tally(GAP_SIGNS),
    receiptsMissed: tally(ALL),
    publishErrors: tally(ALL),
    sendsRefused: tally(SEND_REFUSALS),
    messagesIgnored: tally(MESSAGE_FLAWS),
    rowsIgnored: tally(ROW_FLAWS),
    changes: tally(CHANGE_FATES),
    mirrorReloads: tally(RELOAD_CAUSES),
    barriers: tally(BARRIER_FATES),
    takeovers: tally(TAKEOVER_FATES),
    barrierLatency: histogram(LATENCY_BOUNDS_MS),
    storeRoundTrip: histogram(LATENCY_BOUNDS_MS),
    probeRoundTrip: histogram(LATENCY_BOUNDS_MS),
    probesMissed: tally(ALL),
    storeErrors: tally(STORE_ERRORS),
    connectionsLost: tally(STORE_CONNECTIONS),
    leases: tally(LEASE_EVENTS),
    nodesGone: tally(ALL),
    nodesReaped: tally(ALL),
    downs: tally(ALL),
  };
}
