import type { NodeId } from '../../../src/wamp/ids.js';
import { pick, type PartStep } from '../schedule.js';
import type { VirtualTime } from '../virtual-time.js';
import type { ShardStore } from './shard-store.js';

/** Performs the steps of a schedule in which one part of the store fails. */
export class ShardFaults {
  readonly #store: ShardStore;
  readonly #time: VirtualTime;

  constructor(store: ShardStore, time: VirtualTime) {
    this.#store = store;
    this.#time = time;
  }

  perform(step: PartStep, nodes: readonly { readonly id: NodeId }[]): void {
    const store = this.#store;
    switch (step.what) {
      case 'away':
        store.takeAway(store.part(step.part), step.forMs, step.restarts);
        break;
      case 'lose-part': {
        const node = pick(nodes, step.node);
        if (node !== undefined) this.#time.after(step.forMs, store.cut(node.id, store.part(step.part)));
        break;
      }
      case 'fall-behind':
        store.fallBehind(store.part(step.part));
        break;
      case 'take-over':
        store.takeOver(step.part, step.lateMs, step.goesOn);
        break;
      case 'empty-part':
        store.empty(store.part(step.part), step.restarts);
        break;
    }
  }
}
