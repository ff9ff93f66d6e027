import type { NodeId } from '../../../wamp/ids.js';
import type { Wholeness } from './snapshot.js';

export interface KeepWatchOptions {
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** How long what a node wanted is kept at least. */
  readonly keepMs: number;
  /** Nodes of which something is kept that the store does not have. */
  readonly keptNodes: () => readonly NodeId[];
  readonly isMember: (node: NodeId) => boolean;
  /** Undefined: it does not serve the realm, as far as the store knows. */
  readonly wholeness: (node: NodeId) => Wholeness | undefined;
  /** Of the mirror; undefined while that is behind. */
  readonly version: () => number | undefined;
  /** The node is to confirm that it has the version. */
  readonly ask: (node: NodeId, version: number) => void;
  /** What it does not have in the store by now has ended. */
  readonly end: (node: NodeId) => void;
}

/**
 * Ends what is kept of other nodes since the store has lost it. Time alone ends nothing: a node that has not come back yet is not
 * dead, and only the membership declares it so (G2). A node that has the realm's version of now has seen what the store has, and
 * has written again what it wants, or serves the realm no more.
 */
export class KeepWatch {
  readonly #options: KeepWatchOptions;
  /** Which version each was asked for. */
  #asked = new Map<NodeId, number>();
  /** They had it. What was under way before the store lost its data may have looked like that, but not for as long as a tick. */
  #answered = new Set<NodeId>();
  #cancelTick: (() => void) | undefined;

  constructor(options: KeepWatchOptions) {
    this.#options = options;
  }

  /** Idempotent; ends by itself when nothing is kept. */
  start(): void {
    if (this.#cancelTick === undefined && this.#options.keptNodes().length > 0) this.#tickLater();
  }

  confirmed(node: NodeId, version: number): void {
    if (version >= (this.#asked.get(node) ?? Infinity)) this.#answered.add(node);
  }

  /** What was confirmed is of a time that the store has forgotten. */
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
    const { keptNodes, isMember, wholeness, version, ask, end } = this.#options;
    const answered = this.#answered;
    const current = version();
    this.forget();
    for (const node of keptNodes()) {
      // It is about to say that it is whole.
      if (wholeness(node) === 'loading') continue;
      // Whom the membership does not know nobody will declare dead.
      if (answered.has(node) || !isMember(node)) end(node);
      else if (current !== undefined) {
        this.#asked.set(node, current);
        ask(node, current);
      }
    }
  }
}
