import type { NodeId } from '../../../wamp/ids.js';
import type { Channels } from '../keys.js';
import type { Store } from '../ports.js';
import type { InboxListeners } from './ports.js';
import { countListeners, countListenersOf } from './scripts.js';

export interface StoreInboxListenersOptions {
  readonly node: NodeId;
  readonly store: Pick<Store, 'run'>;
  readonly channels: Pick<Channels, 'inbox'>;
  /** Each inbox is at the server of a Redis Cluster that owns its slot. */
  readonly isSharded?: boolean;
}

/** Asks the servers at which the nodes listen. */
export class StoreInboxListeners implements InboxListeners {
  readonly #options: StoreInboxListenersOptions;

  constructor(options: StoreInboxListenersOptions) {
    this.#options = options;
  }

  async haveListeners(nodes: readonly NodeId[]): Promise<readonly boolean[] | undefined> {
    const { node, channels } = this.#options;
    const [ownCount, ...counts] = await this.#count([node, ...nodes].map((of) => channels.inbox(of)));
    // A server at which this node does not listen does not know the listeners.
    return ownCount === undefined || ownCount === 0 ? undefined : counts.map((count) => count > 0);
  }

  async #count(inboxes: readonly string[]): Promise<readonly number[]> {
    const { store, isSharded } = this.#options;
    if (isSharded !== true) return store.run(countListeners, { inboxes });
    const counts = await Promise.all(inboxes.map((inbox) => store.run(countListenersOf, { inbox })));
    // A user may lack the right at some of the servers: the rest would count for other inboxes.
    return counts.some(({ length }) => length !== 1) ? [] : counts.flat();
  }
}
