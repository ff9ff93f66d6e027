import type { ClusterGauges } from '../../telemetry/cluster-gauges.js';
import type { Parts } from './assemble.js';

/** What a node holds and sees of the cluster at the moment it is asked. The sums over realms are O(realms). */
export function clusterGauges(
  { lanes, membership, prober, realms }: Parts,
  whole: { isUp(): boolean; isIsolated(): boolean },
): ClusterGauges {
  return {
    get isUp() {
      return whole.isUp();
    },
    get isIsolated() {
      return whole.isIsolated();
    },
    get nodes() {
      return lanes.stats.openPeers + 1;
    },
    get nodesUnreachable() {
      return lanes.stats.unreachablePeers;
    },
    get leaseRemainingMs() {
      return membership.leaseRemainingMs;
    },
    get silenceMs() {
      return prober.silenceMs;
    },
    get unacknowledgedBytes() {
      return lanes.stats.unacknowledgedBytes;
    },
    get pendingBarriers() {
      return realms.stats.barrierCount;
    },
    get mirrorTopics() {
      return realms.stats.topicCount;
    },
    get mirrorRegistrations() {
      return realms.stats.registrationCount;
    },
    get mirrorVersionLag() {
      return realms.stats.versionLag;
    },
  };
}
