import type { ClusterCounters } from './cluster-counters.js';
import type { ClusterGauges } from './cluster-gauges.js';
import type { Histogram } from './counters.js';
import { labelled, single, type CounterDefinition, type GaugeDefinition } from './metric-definitions.js';

export interface ClusterHistogramDefinition {
  readonly name: string;
  readonly help: string;
  /** Units of the histogram in one unit of the page. */
  readonly scale: number;
}

export interface ClusterGaugeDefinition extends GaugeDefinition {
  value(gauges: ClusterGauges): number;
}

type HistogramKey = {
  [Key in keyof ClusterCounters]: ClusterCounters[Key] extends Histogram ? Key : never;
}[keyof ClusterCounters];

const MS_PER_SECOND = 1_000;

/** A counter without an entry here does not compile. */
export const CLUSTER_COUNTER_DEFINITIONS: Readonly<
  Record<Exclude<keyof ClusterCounters, HistogramKey>, CounterDefinition<ClusterCounters>>
> = {
  batches: labelled(
    'cluster_batches_total',
    'Batches between this node and others, each with all items of one turn for one node.',
    'direction',
    ({ batches }) => batches,
  ),
  batchBytes: labelled('cluster_batch_bytes_total', 'Bytes of those.', 'direction', ({ batchBytes }) => batchBytes),
  itemsSent: labelled(
    'cluster_items_sent_total',
    'Items sent to other nodes.',
    'kind',
    (counters) => counters.itemsSent,
  ),
  itemsReceived: labelled(
    'cluster_items_received_total',
    'Items received from other nodes.',
    'kind',
    (counters) => counters.itemsReceived,
  ),
  itemsIgnored: labelled(
    'cluster_items_ignored_total',
    'Items from other nodes that this node skipped.',
    'reason',
    ({ itemsIgnored }) => itemsIgnored,
  ),
  questions: labelled(
    'cluster_questions_total',
    'Questions of this node to the nodes of a realm, by the outcome for each node.',
    'fate',
    ({ questions }) => questions,
  ),
  laneGaps: labelled(
    'cluster_lane_gaps_total',
    'Gaps in the lanes from other nodes, by how this node detected them.',
    'reason',
    ({ laneGaps }) => laneGaps,
  ),
  receiptsMissed: single(
    'cluster_receipts_missed_total',
    'Batches that no node received: the receiver was not subscribed to its inbox.',
    ({ receiptsMissed }) => receiptsMissed.all,
  ),
  publishErrors: single(
    'cluster_publish_errors_total',
    'Batches without a reply of the store: they may or may not have arrived.',
    ({ publishErrors }) => publishErrors.all,
  ),
  sendsRefused: labelled(
    'cluster_sends_refused_total',
    'Items that this node could not send to other nodes, by reason.',
    'reason',
    ({ sendsRefused }) => sendsRefused,
  ),
  messagesIgnored: labelled(
    'cluster_messages_ignored_total',
    'Messages from the store that this node did not accept.',
    'reason',
    ({ messagesIgnored }) => messagesIgnored,
  ),
  rowsIgnored: labelled(
    'cluster_rows_ignored_total',
    'Rows and replies of the store that this node could not read.',
    'reason',
    ({ rowsIgnored }) => rowsIgnored,
  ),
  changes: labelled(
    'cluster_changes_total',
    'Changes of realms that this node received.',
    'fate',
    ({ changes }) => changes,
  ),
  mirrorReloads: labelled(
    'cluster_mirror_reloads_total',
    'Snapshots of realms that this node read from the store, by cause.',
    'reason',
    ({ mirrorReloads }) => mirrorReloads,
  ),
  barriers: labelled(
    'cluster_barriers_total',
    'Barriers: waits until every node has confirmed a subscription or registration.',
    'outcome',
    ({ barriers }) => barriers,
  ),
  takeovers: labelled(
    'cluster_takeovers_total',
    'REGISTERs that waited for the decision about the session that held the procedure.',
    'outcome',
    ({ takeovers }) => takeovers,
  ),
  probesMissed: single(
    'cluster_probes_missed_total',
    'Probes that did not come back through the store in time.',
    ({ probesMissed }) => probesMissed.all,
  ),
  storeErrors: labelled(
    'cluster_store_errors_total',
    'Failed commands and connections of the store.',
    'reason',
    ({ storeErrors }) => storeErrors,
  ),
  connectionsLost: labelled(
    'cluster_connections_lost_total',
    'Connections to the store that were lost.',
    'connection',
    ({ connectionsLost }) => connectionsLost,
  ),
  leases: labelled(
    'cluster_leases_total',
    'Renewals of the lease of this node, by outcome.',
    'outcome',
    ({ leases }) => leases,
  ),
  nodesGone: single(
    'cluster_nodes_gone_total',
    'Other nodes that left the cluster or died.',
    ({ nodesGone }) => nodesGone.all,
  ),
  nodesReaped: single(
    'cluster_nodes_reaped_total',
    'Dead nodes whose rows this node removed.',
    ({ nodesReaped }) => nodesReaped.all,
  ),
  downs: single('cluster_downs_total', 'Times other nodes could not be reached for long.', ({ downs }) => downs.all),
};

export const CLUSTER_HISTOGRAM_DEFINITIONS: Readonly<Record<HistogramKey, ClusterHistogramDefinition>> = {
  batchItems: { name: 'gantry_cluster_batch_items', help: 'Number of items in a batch that was sent.', scale: 1 },
  barrierLatency: {
    name: 'gantry_cluster_barrier_duration_seconds',
    help: 'Time until every node had confirmed a subscription or registration.',
    scale: MS_PER_SECOND,
  },
  storeRoundTrip: {
    name: 'gantry_cluster_store_round_trip_seconds',
    help: 'Time from a command to the reply of the store.',
    scale: MS_PER_SECOND,
  },
  probeRoundTrip: {
    name: 'gantry_cluster_probe_round_trip_seconds',
    help: 'Time from a probe of this node to its arrival through the store.',
    scale: MS_PER_SECOND,
  },
};

export const CLUSTER_GAUGE_DEFINITIONS: Readonly<Record<keyof ClusterGauges, ClusterGaugeDefinition>> = {
  isUp: {
    name: 'gantry_cluster_up',
    help: 'Whether other nodes can be reached: 1 or 0. Absent when this node is alone by configuration.',
    value: ({ isUp }) => (isUp ? 1 : 0),
  },
  isIsolated: {
    name: 'gantry_cluster_isolated',
    help: 'Whether this node has been cut off for so long that the others may have declared it dead: 1 or 0.',
    value: ({ isIsolated }) => (isIsolated ? 1 : 0),
  },
  storeServersMissing: {
    name: 'gantry_cluster_store_servers_missing',
    help: 'Servers of the store that this node has no connections to: the server, or primaries of a Redis Cluster.',
    value: ({ storeServersMissing }) => storeServersMissing,
  },
  nodes: {
    name: 'gantry_cluster_nodes',
    help: 'Nodes that count as alive for this one, itself included.',
    value: ({ nodes }) => nodes,
  },
  nodesUnreachable: {
    name: 'gantry_cluster_nodes_unreachable',
    help: 'Other nodes that did not receive the last batch sent to them.',
    value: ({ nodesUnreachable }) => nodesUnreachable,
  },
  leaseRemainingMs: {
    name: 'gantry_cluster_lease_remaining_seconds',
    help: 'Time until the lease of this node ends by its own clock.',
    value: ({ leaseRemainingMs }) => leaseRemainingMs / MS_PER_SECOND,
  },
  silenceMs: {
    name: 'gantry_cluster_silence_seconds',
    help: 'Time since this node last received its own probe through the store.',
    value: ({ silenceMs }) => silenceMs / MS_PER_SECOND,
  },
  unacknowledgedBytes: {
    name: 'gantry_cluster_unacknowledged_bytes',
    help: 'Bytes sent to other nodes without a receipt from the store.',
    value: ({ unacknowledgedBytes }) => unacknowledgedBytes,
  },
  pendingBarriers: {
    name: 'gantry_cluster_pending_barriers',
    help: 'Subscriptions and registrations that wait for other nodes.',
    value: ({ pendingBarriers }) => pendingBarriers,
  },
  mirrorTopics: {
    name: 'gantry_cluster_mirror_topics',
    help: 'Topics and patterns that other nodes want, all realms together.',
    value: ({ mirrorTopics }) => mirrorTopics,
  },
  mirrorRegistrations: {
    name: 'gantry_cluster_mirror_registrations',
    help: 'Registrations of all nodes that this node knows, all realms together.',
    value: ({ mirrorRegistrations }) => mirrorRegistrations,
  },
  mirrorVersionLag: {
    name: 'gantry_cluster_mirror_version_lag',
    help: 'Changes received but not applied, in the realm that is furthest behind.',
    value: ({ mirrorVersionLag }) => mirrorVersionLag,
  },
};
