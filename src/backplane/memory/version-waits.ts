import type { NodeId } from '../../wamp/ids.js';
import { Barriers, type Waiter } from '../barriers.js';

interface Wait extends Waiter {
  readonly resolve: () => void;
  readonly reject: (cause: Error) => void;
}

/** Promises that other nodes have a version of the directory, or have gone (G2). */
export class VersionWaits {
  readonly #barriers = new Barriers<Wait>(
    () => 0,
    ({ resolve }) => resolve(),
  );

  get size(): number {
    return this.#barriers.size;
  }

  /** Undefined: there is nobody to wait for. `version`: never below that of an earlier wait. */
  wait(version: number, nodes: Iterable<NodeId>): Promise<void> | undefined {
    const waitingFor = new Set(nodes);
    if (waitingFor.size === 0) return undefined;
    return new Promise((resolve, reject) => {
      this.#barriers.wait(version, waitingFor, { isSettled: false, resolve, reject });
    });
  }

  /** The node has everything up to and including the version. */
  confirm(node: NodeId, version: number): void {
    this.#barriers.confirm(node, version);
  }

  drop(node: NodeId): void {
    this.#barriers.drop(node);
  }

  rejectAll(cause: Error): void {
    for (const { reject } of this.#barriers.takeAll()) reject(cause);
  }
}
