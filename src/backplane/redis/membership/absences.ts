import type { NodeId } from '../../../wamp/ids.js';

export interface AbsencesOptions {
  readonly nowMs: () => number;
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** Longer than a node that lost its connections takes to reconnect. 0: absences do not count. */
  readonly absentMs: number;
  /** Reaps the nodes, if the store finds that they have been absent long enough. */
  readonly reap: (nodes: readonly NodeId[]) => void;
}

/** Checks per absence: the store accepts an absence only while nodes check it again and again. */
const CHECK_COUNT = 6;
/** When this node has just subscribed, the others may be about to: they have this many times `absentMs`. */
const SETTLED_FACTOR = 2;

/**
 * Nodes whose inbox has no listener, as receipts and the ring's watch show. A process that has died leaves no subscriber,
 * and one that hangs does: therefore this node asks the store whether they are dead, long before their lease has run out
 * (G5).
 */
export class Absences {
  readonly #options: AbsencesOptions;
  readonly #absent = new Set<NodeId>();
  #listensSinceMs = -Infinity;
  #isListening = false;
  #cancelCheck: (() => void) | undefined;

  constructor(options: AbsencesOptions) {
    this.#options = options;
  }

  /** Whether this node itself is subscribed to its inbox. While it is not, it reaps nobody for an absence. */
  setListening(isListening: boolean): void {
    if (isListening && !this.#isListening) this.#listensSinceMs = this.#options.nowMs();
    this.#isListening = isListening;
  }

  /** The inbox of the node has no listener. */
  add(node: NodeId): void {
    if (this.#options.absentMs === 0) return;
    this.#absent.add(node);
    if (this.#cancelCheck === undefined) this.#check();
  }

  /** The inbox has a listener again, or the node has gone. */
  delete(node: NodeId): void {
    this.#absent.delete(node);
    if (this.#absent.size === 0) this.stop();
  }

  stop(): void {
    this.#cancelCheck?.();
    this.#cancelCheck = undefined;
  }

  #check(): void {
    const { nowMs, after, absentMs, reap } = this.#options;
    this.#cancelCheck = after(absentMs / CHECK_COUNT, () => this.#check());
    const isSettled = nowMs() - this.#listensSinceMs >= SETTLED_FACTOR * absentMs;
    if (this.#isListening && isSettled) reap([...this.#absent]);
  }
}
