import type { NodeId } from '../../../wamp/ids.js';
import type { Channels } from '../keys.js';
import type { Store } from '../ports.js';
import type { InboxListeners } from './ports.js';
import { countListeners } from './scripts.js';

export interface StoreInboxListenersOptions {
  readonly node: NodeId;
  readonly store: Pick<Store, 'run'>;
  readonly channels: Pick<Channels, 'inbox'>;
}

/** Asks one server, at which all nodes listen. */
export class StoreInboxListeners implements InboxListeners {
  readonly #options: StoreInboxListenersOptions;

  constructor(options: StoreInboxListenersOptions) {
    this.#options = options;
  }

  async haveListeners(nodes: readonly NodeId[]): Promise<readonly boolean[] | undefined> {
    const { node, store, channels } = this.#options;
    const [ownCount, ...counts] = await store.run(countListeners, {
      inboxes: [node, ...nodes].map((of) => channels.inbox(of)),
    });
    // A server at which this node does not listen does not know the listeners.
    return ownCount === undefined || ownCount === 0 ? undefined : counts.map((count) => count > 0);
  }
}
