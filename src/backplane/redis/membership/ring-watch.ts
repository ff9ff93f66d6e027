import type { NodeId } from '../../../wamp/ids.js';
import type { InboxListeners } from './ports.js';

export interface RingWatchOptions {
  readonly node: NodeId;
  readonly membership: {
    /** The other nodes. */
    readonly members: ReadonlySet<NodeId>;
    absent(node: NodeId): void;
    present(node: NodeId): void;
  };
  /** The lanes refuse messages to an absent node at once, as the receipt of a heartbeat decides. */
  readonly lanes: { doubt(node: NodeId): void };
  readonly listeners: InboxListeners;
}

/** Each node is watched by as many others: one that pauses or dies meanwhile delays nothing. */
const SUCCESSOR_COUNT = 3;
/** Inboxes in one question. While more nodes than that die side by side, leases show the others. */
const MAX_ASKED_COUNT = 64;
/** The random end of a NodeId. The nodes of one machine, whose names are alike, are not neighbours by it. */
const RANDOM_LENGTH = 36;

/**
 * Watches the inboxes of this node's successors on a ring of all nodes, with one question for each heartbeat. So the death of a
 * process is noticed at a cost that does not depend on the number of nodes. A successor that is absent does not count as one:
 * the watch extends beyond it in the next question.
 */
export class RingWatch {
  readonly #options: RingWatchOptions;
  readonly #absent = new Set<NodeId>();
  #isAsking = false;

  constructor(options: RingWatchOptions) {
    this.#options = options;
  }

  /** To be called with each heartbeat, while this node may send. */
  tick(): void {
    const asked = this.#isAsking ? [] : this.#nodesToAsk();
    if (asked.length > 0) void this.#ask(asked);
  }

  async #ask(nodes: readonly NodeId[]): Promise<void> {
    this.#isAsking = true;
    try {
      const answers = await this.#options.listeners.haveListeners(nodes);
      answers?.forEach((isListening, at) => this.#answered(nodes[at] as NodeId, isListening));
    } catch {
      // The renewal of the lease meets the same failure, and reports it.
    } finally {
      this.#isAsking = false;
    }
  }

  #answered(node: NodeId, isListening: boolean): void {
    const { membership, lanes } = this.#options;
    if (!isListening) {
      this.#absent.add(node);
      membership.absent(node);
      lanes.doubt(node);
    } else if (this.#absent.delete(node)) membership.present(node);
  }

  /** All that are absent, and the next successors that are not. */
  #nodesToAsk(): NodeId[] {
    const ring = this.#ring();
    const known = new Set(ring);
    for (const node of this.#absent) if (!known.has(node)) this.#absent.delete(node);
    let presentCount = 0;
    const asked = ring.filter((node) => this.#absent.has(node) || ++presentCount <= SUCCESSOR_COUNT);
    return asked.slice(0, MAX_ASKED_COUNT);
  }

  /** The other nodes, beginning with the one behind this node. */
  #ring(): NodeId[] {
    const own = placeOf(this.#options.node);
    const nodes = [...this.#options.membership.members].map((node) => ({ node, place: placeOf(node) }));
    nodes.sort((a, b) => Number(b.place > own) - Number(a.place > own) || (a.place < b.place ? -1 : 1));
    return nodes.map(({ node }) => node);
  }
}

function placeOf(node: NodeId): string {
  return node.slice(-RANDOM_LENGTH);
}
