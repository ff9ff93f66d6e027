import { histogram, tally, type Histogram, type Tally } from './counters.js';

/** What a node counts about the other nodes and the store between them. As Counters: plain numbers that only grow. */
export interface ClusterCounters {
  readonly batches: Tally<Direction>;
  readonly batchBytes: Tally<Direction>;
  readonly itemsSent: Tally<LaneItemKind>;
  readonly itemsReceived: Tally<LaneItemKind>;
  /** Items that a later release sends, and this one skips: `unsupported` are known, but nothing here uses them. */
  readonly itemsIgnored: Tally<'unknown_kind' | 'unsupported'>;
  /** Items per batch sent, by upper bound. */
  readonly batchItems: Histogram;
  /** Losses that a receiver noticed, by how. */
  readonly laneGaps: Tally<'sequence' | 'heartbeat' | 'reset'>;
  /** Batches that nobody listened to (receipt 0). */
  readonly receiptsMissed: Tally<'all'>;
  /** Batches of which nobody knows whether they arrived. */
  readonly publishErrors: Tally<'all'>;
  /** What other nodes were not told, by why; publications count as dropped events too. */
  readonly sendsRefused: Tally<
    'cut_off' | 'unreachable' | 'lane_full' | 'format' | 'too_large' | 'not_delivered' | 'unknown'
  >;
  /** Messages from the store that were ignored, by why. */
  readonly messagesIgnored: Tally<MessageFlaw>;
  /** The store's replies and rows that were not understood. */
  readonly rowsIgnored: Tally<'version' | 'shape'>;
  readonly changes: Tally<'applied' | 'stale'>;
  /** Mirrors read anew from the store, by why. */
  readonly mirrorReloads: Tally<'serve' | 'version_gap' | 'reconnected' | 'store_emptied' | 'asked'>;
  readonly barriers: Tally<'opened' | 'timed_out' | 'failed'>;
  /** Claims that waited for the verdict on whoever held what they want. */
  readonly takeovers: Tally<'granted' | 'refused' | 'timed_out'>;
  readonly barrierLatency: Histogram;
  readonly storeRoundTrip: Histogram;
  /** From saying to hearing the probe of the own inbox. */
  readonly probeRoundTrip: Histogram;
  readonly probesMissed: Tally<'all'>;
  readonly storeErrors: Tally<'connection' | 'timeout' | 'script' | 'refused'>;
  readonly connectionsLost: Tally<'bus' | 'directory' | 'subscriber'>;
  readonly leases: Tally<'renewed' | 'late' | 'lost' | 'emptied'>;
  /** Other nodes that left, died and were reaped by this one, or died and were reaped by another. */
  readonly nodesGone: Tally<'all'>;
  readonly nodesReaped: Tally<'all'>;
  readonly downs: Tally<'all'>;
}

export type Direction = 'in' | 'out';
export type LaneItemKind = 'publication' | 'invoke' | 'answer' | 'cancel' | 'control';
export type MessageFlaw =
  | 'magic'
  | 'version'
  | 'receiver'
  | 'checksum'
  | 'shape'
  | 'size'
  | 'unknown_sender'
  | 'gone_sender'
  | 'duplicate'
  | 'far'
  | 'change'
  | 'channel';

const ITEM_COUNT_BOUNDS = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];
const LATENCY_BOUNDS_MS = [0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000];

export function createClusterCounters(): ClusterCounters {
  return {
    batches: tally('in', 'out'),
    batchBytes: tally('in', 'out'),
    itemsSent: tally('publication', 'invoke', 'answer', 'cancel', 'control'),
    itemsReceived: tally('publication', 'invoke', 'answer', 'cancel', 'control'),
    itemsIgnored: tally('unknown_kind', 'unsupported'),
    batchItems: histogram(ITEM_COUNT_BOUNDS),
    laneGaps: tally('sequence', 'heartbeat', 'reset'),
    receiptsMissed: tally('all'),
    publishErrors: tally('all'),
    sendsRefused: tally('cut_off', 'unreachable', 'lane_full', 'format', 'too_large', 'not_delivered', 'unknown'),
    messagesIgnored: tally(
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
    ),
    rowsIgnored: tally('version', 'shape'),
    changes: tally('applied', 'stale'),
    mirrorReloads: tally('serve', 'version_gap', 'reconnected', 'store_emptied', 'asked'),
    barriers: tally('opened', 'timed_out', 'failed'),
    takeovers: tally('granted', 'refused', 'timed_out'),
    barrierLatency: histogram(LATENCY_BOUNDS_MS),
    storeRoundTrip: histogram(LATENCY_BOUNDS_MS),
    probeRoundTrip: histogram(LATENCY_BOUNDS_MS),
    probesMissed: tally('all'),
    storeErrors: tally('connection', 'timeout', 'script', 'refused'),
    connectionsLost: tally('bus', 'directory', 'subscriber'),
    leases: tally('renewed', 'late', 'lost', 'emptied'),
    nodesGone: tally('all'),
    nodesReaped: tally('all'),
    downs: tally('all'),
  };
}
