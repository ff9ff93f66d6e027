import type { ClusterGauges } from '../../telemetry/cluster-gauges.js';
import type { Components } from './components.js';

/** The state of a node and its view of the cluster at the moment of reading. The sums over realms are O(realms). */
export function clusterGauges({ connections, lanes, membership, prober, realms, standing }: Components): ClusterGauges {
  return {
    get isUp() {
      return standing.isUp;
    },
    get isIsolated() {
      return standing.standing() === 'isolated';
    },
    get storeServersMissing() {
      return connections.missingServerCount;
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
