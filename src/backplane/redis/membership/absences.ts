import type { NodeId } from '../../../wamp/ids.js';

export interface AbsencesOptions {
  readonly nowMs: () => number;
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** Longer than a node that lost its connections takes to come back. 0: nobody is looked for. */
  readonly absentMs: number;
  /** To be reaped, if the store finds that they have been absent long enough. */
  readonly judge: (nodes: readonly NodeId[]) => void;
}

/** Looks per absence: the store believes in one only while it is looked at again and again. */
const LOOKS_COUNT = 6;
/** When this node has just begun to listen the others may be about to: they are given as long, and as long again. */
const SETTLED_FACTOR = 2;

/**
 * Nodes to whose inbox nobody listens, as receipts show. A process that has died leaves no listener behind, one that hangs does:
 * therefore the store is asked to judge them, long before their lease has run out (G5).
 */
export class Absences {
  readonly #options: AbsencesOptions;
  readonly #absent = new Set<NodeId>();
  #listensSinceMs = -Infinity;
  #isListening = false;
  #cancelLook: (() => void) | undefined;

  constructor(options: AbsencesOptions) {
    this.#options = options;
  }

  /** Whether this node listens itself. Who does not judges nobody. */
  listens(isListening: boolean): void {
    if (isListening && !this.#isListening) this.#listensSinceMs = this.#options.nowMs();
    this.#isListening = isListening;
  }

  /** Nobody listens to the inbox of the node. */
  add(node: NodeId): void {
    if (this.#options.absentMs === 0) return;
    this.#absent.add(node);
    if (this.#cancelLook === undefined) this.#look();
  }

  /** Somebody does, or it has gone. */
  delete(node: NodeId): void {
    this.#absent.delete(node);
    if (this.#absent.size === 0) this.stop();
  }

  stop(): void {
    this.#cancelLook?.();
    this.#cancelLook = undefined;
  }

  #look(): void {
    const { nowMs, after, absentMs, judge } = this.#options;
    this.#cancelLook = after(absentMs / LOOKS_COUNT, () => this.#look());
    const isSettled = nowMs() - this.#listensSinceMs >= SETTLED_FACTOR * absentMs;
    if (this.#isListening && isSettled) judge([...this.#absent]);
  }
}
