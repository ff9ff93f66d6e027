import type { NodeId } from '../../../wamp/ids.js';
import type { RealmMirror } from './mirror.js';
import type { MembershipView } from './ports.js';

export interface KeptRowsCleanupOptions {
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** How long the mirror keeps rows of a node that the store does not have, at least. */
  readonly keepMs: number;
  readonly mirror: Pick<RealmMirror, 'keptNodes' | 'statusOf'>;
  readonly membership: Pick<MembershipView, 'isMember'>;
  /** Version the mirror has applied; undefined while it is behind. */
  readonly version: () => number | undefined;
  /** The node is to confirm that it has the version. */
  readonly ask: (node: NodeId, version: number) => void;
  /** Rows of the node that the store does not have by now are removed from the mirror. */
  readonly end: (node: NodeId) => void;
}

/**
 * Ends the rows of other nodes that the mirror keeps although the store has lost them. Time alone ends nothing: a node that has
 * not come back yet is not dead, and only the membership declares it so (G2). A node that has the realm's current version has
 * seen what the store has, and has written its rows again, or serves the realm no more.
 */
export class KeptRowsCleanup {
  readonly #options: KeptRowsCleanupOptions;
  /** Version that each node was asked to confirm. */
  #asked = new Map<NodeId, number>();
  /** Nodes that confirmed it. A confirmation from before the store lost its data may look alike, but is not under way for a tick. */
  #answered = new Set<NodeId>();
  #cancelTick: (() => void) | undefined;

  constructor(options: KeptRowsCleanupOptions) {
    this.#options = options;
  }

  /** Idempotent; ends by itself when nothing is kept. */
  start(): void {
    if (this.#cancelTick === undefined && this.#options.mirror.keptNodes.length > 0) this.#tickLater();
  }

  confirmed(node: NodeId, version: number): void {
    if (version >= (this.#asked.get(node) ?? Infinity)) this.#answered.add(node);
  }

  /** Confirmations so far are worth nothing: the store has lost data. */
  forget(): void {
    this.#asked = new Map();
    this.#answered = new Set();
  }

  stop(): void {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    this.forget();
  }

  #tickLater(): void {
    this.#cancelTick = this.#options.after(this.#options.keepMs / 2, () => {
      this.#cancelTick = undefined;
      this.#tick();
      this.start();
    });
  }

  #tick(): void {
    const { mirror, membership, version, ask, end } = this.#options;
    const answered = this.#answered;
    const current = version();
    this.forget();
    for (const node of mirror.keptNodes) {
      // It is about to mark its rows as complete.
      if (mirror.statusOf(node) === 'loading') continue;
      // A node that the membership does not know will never be declared dead.
      if (answered.has(node) || !membership.isMember(node)) end(node);
      else if (current !== undefined) {
        this.#asked.set(node, current);
        ask(node, current);
      }
    }
  }
}
