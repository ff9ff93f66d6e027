import type { Backplane } from '../../src/backplane/backplane.js';
import type { NodeId, Uri } from '../../src/wamp/ids.js';
import { FaultyHub } from '../support/memory-faults.js';
import type { ShardCluster } from './shards/shard-cluster.js';

/** What joins the nodes of a simulated cluster, and its faults. */
export interface Cluster {
  /** Until all nodes are there. */
  readonly beginMs: number;
  /** Longer than any timeout, delay and lease. */
  readonly longMs: number;
  /** Until nothing is left of sessions that have ended. */
  readonly endMs: number;
  /** Rows of a live node that serves the realm and has no session. */
  readonly ownRowCount: number;
  /** Undefined: the world decides when the lease of a node has run out. */
  readonly parts?: ShardCluster;
  /** Nothing is under way between nodes. */
  readonly isQuiet: boolean;
  join(name: NodeId, isDead: () => boolean): Backplane;
  interestedNodes(node: NodeId, realm: Uri): readonly string[];
  rowCount(node: NodeId): number;
  isIsolated(node: NodeId): boolean;
  isCutOff(node: NodeId): boolean;
  lacksRows(node: NodeId): boolean;
  kill(node: NodeId, keptCount: number): void;
  isolate(node: NodeId, returns: boolean): void;
  heal(node: NodeId): void;
  loseNext(from: NodeId, to: NodeId): void;
  returnNext(from: NodeId, to: NodeId): void;
}

export interface HubClusterOptions {
  readonly batchCount: number;
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** Delivers a message later, behind those of the same lane. */
  readonly deliverLater: (from: NodeId, to: NodeId, deliver: () => void) => void;
}

/** Nodes that share one store in memory. */
export class HubCluster implements Cluster {
  readonly beginMs = 60_000;
  readonly longMs = 60_000;
  readonly endMs = 60_000;
  // The node itself, and the realm it serves.
  readonly ownRowCount = 2;
  readonly isQuiet = true;
  readonly hub: FaultyHub;

  constructor({ batchCount, after, deliverLater }: HubClusterOptions) {
    this.hub = new FaultyHub({ batchCount, after, schedule: deliverLater });
  }

  join(name: NodeId): Backplane {
    return this.hub.join(name);
  }

  interestedNodes(node: NodeId, realm: Uri): readonly string[] {
    return this.hub.interestedNodes(node, realm);
  }

  rowCount(node: NodeId): number {
    return this.hub.rowCount(node);
  }

  isIsolated(node: NodeId): boolean {
    return this.hub.faults.isIsolated(node);
  }

  isCutOff(node: NodeId): boolean {
    return this.hub.faults.isCutOff(node);
  }

  lacksRows(node: NodeId): boolean {
    return this.hub.faults.lacksRows(node);
  }

  kill(node: NodeId, keptCount: number): void {
    this.hub.faults.kill(node, keptCount);
  }

  isolate(node: NodeId, returns: boolean): void {
    this.hub.faults.isolate(node, { returns });
  }

  heal(node: NodeId): void {
    this.hub.faults.heal(node);
  }

  loseNext(from: NodeId, to: NodeId): void {
    this.hub.faults.loseNext(from, to);
  }

  returnNext(from: NodeId, to: NodeId): void {
    this.hub.faults.returnNext(from, to);
  }
}
