import { performance } from 'node:perf_hooks';
import type { deriveId } from '../../routing/derived-id.js';
import { after as afterDelay } from '../../util/timeout.js';
import type { NodeId, Uri } from '../../wamp/ids.js';
import type { Backplane } from '../backplane.js';
import { HubNodes } from './hub-nodes.js';
import { oncePerTurn, type Scheduler } from './lane.js';
import { MemoryNode } from './node.js';
import type { FaultPort, HubFaults } from './port.js';

export interface MemoryHubOptions {
  /** When each lane delivers; once per turn of the event loop without it. */
  readonly schedule?: Scheduler;
  /** Messages under way from one node to another at most: beyond it publications are refused, frames lost by name. */
  readonly laneLimitCount?: number;
  /** Messages a lane delivers at a time at most. */
  readonly batchCount?: number;
  readonly deriveRegistrationId?: typeof deriveId;
  /** Runs `action` once after `delayMs`; the returned function cancels it. */
  readonly after?: (delayMs: number, action: () => void) => () => void;
  /** How long a claim waits for the verdict on a node that holds what it wants and does not answer. */
  readonly takeoverMs?: number;
  /** Monotonic. */
  readonly nowMs?: () => number;
  /** Faults between the nodes; none without it. */
  readonly faults?: (port: FaultPort) => HubFaults;
}

const DEFAULT_TAKEOVER_MS = 10_000;
const DEFAULT_LANE_LIMIT_COUNT = 65_536;

/**
 * The backplane inside one process: joins any number of nodes (D1). A node alone pays nothing for it. Each node has
 * mirrors of its own, which only change by what reaches it; the decisions of the directory are made in one place.
 */
export class MemoryHub {
  readonly #nodes: HubNodes;
  readonly #joined = new Set<NodeId>();

  constructor(options: MemoryHubOptions = {}) {
    this.#nodes = new HubNodes({
      schedule: options.schedule ?? oncePerTurn,
      laneLimitCount: options.laneLimitCount ?? DEFAULT_LANE_LIMIT_COUNT,
      batchCount: options.batchCount ?? Infinity,
      deriveRegistrationId: options.deriveRegistrationId,
      after: options.after ?? afterDelay,
      takeoverMs: options.takeoverMs ?? DEFAULT_TAKEOVER_MS,
      nowMs: options.nowMs ?? (() => performance.now()),
      faults: options.faults,
    });
  }

  /** `refused`: publications that were not sent to every interested node. `lost`: gaps that were reported. */
  get counts(): { readonly refused: number; readonly lost: number } {
    return this.#nodes.counts;
  }

  /** A backplane for a node of this name, live from its `start` on. A name serves once. */
  join(node: NodeId): Backplane {
    if (this.#joined.has(node)) throw new Error(`a node named ${node} has joined this hub before`);
    this.#joined.add(node);
    return new MemoryNode(node, this.#nodes);
  }

  /** Rows of a node in the directory: 0 once it has gone (G5). */
  rowCount(node: NodeId): number {
    return this.#nodes.directory.rowCount(node);
  }

  /** The nodes that `node` believes to be interested in something of the realm. */
  interestedNodes(node: NodeId, realm: Uri): readonly NodeId[] {
    return this.#nodes.nodes.get(node)?.interestedNodes(realm) ?? [];
  }
}
