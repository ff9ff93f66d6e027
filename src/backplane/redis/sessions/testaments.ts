import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import { chunks } from '../../../util/chunks.js';
import { isId, type NodeId, type SessionId } from '../../../wamp/ids.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import { shardOf, type SessionsKeys } from '../keys.js';
import { inAnyOrder, type Store } from '../ports.js';
import { packTestaments } from './rows.js';
import { setTestaments } from './scripts.js';

/** Writes of one repair that are under way at once. There may be many, and each may be large. */
const WRITES_AT_ONCE = 16;

export interface OwnTestamentsOptions {
  readonly node: NodeId;
  readonly store: Store;
  /** Index: `shardOf`. */
  readonly shards: readonly SessionsKeys[];
  readonly counters: Pick<ClusterCounters, 'rowsIgnored'>;
  /** The store may differ from what is wanted: a repair is to compare them. */
  readonly unsure: (cause: unknown) => void;
}

/** Testaments that the store has and that this node may not have, by session. */
export type StoredTestaments = ReadonlyMap<SessionId, Uint8Array>;

/** The testaments of this node's sessions; memory decides, the store follows. */
export class OwnTestaments {
  readonly #options: OwnTestamentsOptions;
  readonly #wanted = new Map<SessionId, readonly Uint8Array[]>();

  constructor(options: OwnTestamentsOptions) {
    this.#options = options;
  }

  /** Notes what the store is to have. `write` or `repair` writes it. */
  want(session: SessionId, testaments: readonly Uint8Array[]): void {
    if (testaments.length === 0) this.#wanted.delete(session);
    else this.#wanted.set(session, testaments);
  }

  /** The session has left. The step that removes its row removes its testaments from the store. */
  forget(session: SessionId): void {
    this.#wanted.delete(session);
  }

  clear(): void {
    this.#wanted.clear();
  }

  /** Rejects with BackplaneUnavailableError. */
  async write(session: SessionId): Promise<void> {
    try {
      if (await this.#writeWanted(session)) return;
      throw new BackplaneUnavailableError('writing of testaments: the store has lost the session');
    } catch (cause) {
      this.#options.unsure(cause);
      throw cause instanceof BackplaneUnavailableError
        ? cause
        : new BackplaneUnavailableError('writing of testaments', cause);
    }
  }

  async stored(): Promise<StoredTestaments> {
    const { store, shards, node, counters } = this.#options;
    const stored = new Map<SessionId, Uint8Array>();
    const read = async (keys: SessionsKeys): Promise<void> => {
      for await (const part of store.scanHash(keys.testaments(node)))
        for (const [field, bytes] of part) {
          const session = Number(field);
          if (isId(session)) stored.set(session as SessionId, bytes);
          else counters.rowsIgnored.shape++;
        }
    };
    await Promise.all(shards.map(read));
    return stored;
  }

  /** Writes what the store lacks, and removes what it should not have. The sessions themselves must be entered. */
  async repair(stored: StoredTestaments): Promise<void> {
    const differing = [...this.#wanted].flatMap(([session, testaments]) => {
      const bytes = stored.get(session);
      return bytes !== undefined && Buffer.compare(bytes, packTestaments(testaments)) === 0 ? [] : [session];
    });
    const superfluous = [...stored.keys()].filter((session) => !this.#wanted.has(session));
    for (const part of chunks([...differing, ...superfluous], WRITES_AT_ONCE))
      await Promise.all(part.map((session) => this.#writeWanted(session)));
  }

  /** False: the node does not have the session. Writes what is wanted by now, also when it is repeated. */
  #writeWanted(session: SessionId): Promise<boolean> {
    return inAnyOrder(() => this.#run(session));
  }

  #run(session: SessionId): Promise<boolean> {
    const { store, shards, node } = this.#options;
    const keys = shards[shardOf(session)];
    if (keys === undefined) throw new Error(`there is no shard of session ${session}`);
    const wanted = this.#wanted.get(session);
    const testaments = wanted && packTestaments(wanted);
    return store.run(setTestaments, { keys, node, session, testaments });
  }
}
