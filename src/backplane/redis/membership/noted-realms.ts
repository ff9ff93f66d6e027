import type { NodeId, Uri } from '../../../wamp/ids.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import type { Keys } from '../keys.js';
import { inAnyOrder, type Store } from '../ports.js';
import type { ReportFailure } from './ports.js';
import { dropRealm, noteRealms } from './scripts.js';

/** `gone`: the node was declared dead. `absent`: the store does not know the node, because it lost its data. */
export type Noted = 'noted' | 'gone' | 'absent';

export interface NotedRealmsOptions {
  readonly node: NodeId;
  readonly store: Store;
  readonly keys: Keys;
  /** A note could not be removed. The reaper of this node then searches a realm in vain. */
  readonly failed: ReportFailure;
}

const NOTE_BATCH_COUNT = 500;

/** The realms in which this node may have rows. The store has a note of each, for the node that reaps this one (G5). */
export class NotedRealms {
  readonly #options: NotedRealmsOptions;
  readonly #realms = new Set<Uri>();

  constructor(options: NotedRealmsOptions) {
    this.#options = options;
  }

  get all(): ReadonlySet<Uri> {
    return this.#realms;
  }

  /** Rejects with BackplaneUnavailableError. The realm is one of `all` from the call on. */
  note(realm: Uri): Promise<Noted> {
    this.#realms.add(realm);
    return this.#note([realm]);
  }

  /** Notes every realm again, in a store that lost them. False: this node was declared dead. O(realms). */
  async noteAll(): Promise<boolean> {
    const realms = [...this.#realms];
    for (let at = 0; at < realms.length; at += NOTE_BATCH_COUNT) {
      const reply = await this.#note(realms.slice(at, at + NOTE_BATCH_COUNT));
      if (reply === 'gone') return false;
      if (reply === 'absent') throw new BackplaneUnavailableError('entering the cluster again');
    }
    return true;
  }

  /**
   * Realms that the store notes for this node and that it does not know, as after a failover to a replica that lacks its
   * withdrawal. They count as noted from now on, so that this node withdraws from them. O(realms of the node).
   */
  async findUnknown(): Promise<Uri[]> {
    const { store, keys, node } = this.#options;
    const unknown: Uri[] = [];
    for await (const noted of store.scanSet(keys.nodes.realmsOf(node)))
      for (const realm of noted) {
        if (this.#realms.has(realm)) continue;
        this.#realms.add(realm);
        unknown.push(realm);
      }
    return unknown;
  }

  /** This node has no row left in the realm. False: the realm was not noted. */
  delete(realm: Uri): boolean {
    return this.#realms.delete(realm);
  }

  /** Removes the note from the store too. Never rejects. */
  removeNote(realm: Uri): void {
    const { store, keys, node, failed } = this.#options;
    store
      .run(dropRealm, { keys: keys.nodes, node, realm })
      .catch((cause: unknown) => failed('dropping a realm', cause));
  }

  #note(realms: readonly Uri[]): Promise<Noted> {
    const { store, keys, node } = this.#options;
    return inAnyOrder(() => store.run(noteRealms, { keys: keys.nodes, node, realms }));
  }
}
