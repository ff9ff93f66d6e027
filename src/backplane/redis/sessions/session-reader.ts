import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import { chunks } from '../../../util/chunks.js';
import { isId, type NodeId, type SessionId, type Uri } from '../../../wamp/ids.js';
import type { LostSession, SessionRow, Sessions } from '../../session-row.js';
import { shardOf, type SessionsKeys } from '../keys.js';
import type { Store } from '../ports.js';
import { parseSession, parseTestaments } from './rows.js';
import {
  countSessions,
  leaveSessions,
  loadSessions,
  takeSessions,
  type SessionPlace,
  type TakenSession,
} from './scripts.js';

export interface SessionReaderOptions {
  readonly store: Store;
  /** Index: `shardOf`. */
  readonly shards: readonly SessionsKeys[];
  readonly counters: Pick<ClusterCounters, 'rowsIgnored'>;
}

/** Receives sessions of a node that is reaped, when their rows have been removed. */
export type SessionsLost = (node: NodeId, sessions: readonly LostSession[]) => void;

/** Sessions removed by one step. */
const FORGET_COUNT = 500;
/** Bytes of testaments that one step returns, and those of one session more. */
const TAKE_BYTES = 1_048_576;

/** Reads and removes sessions, whichever node has them. Every method rejects with BackplaneUnavailableError. */
export class SessionReader implements Sessions {
  readonly #options: SessionReaderOptions;

  constructor(options: SessionReaderOptions) {
    this.#options = options;
  }

  async get(realm: Uri, session: SessionId): Promise<SessionRow | undefined> {
    const { store, shards } = this.#options;
    const keys = shards[shardOf(session)];
    if (keys === undefined) return undefined;
    const [row] = await store.run(loadSessions, { keys, sessions: [{ session, realm }] });
    return row && this.#parse(realm, session, row);
  }

  async *list(realm: Uri, roles?: readonly string[]): AsyncGenerator<readonly SessionRow[]> {
    const { store, shards } = this.#options;
    for (const keys of shards) {
      // A scan may name a field twice.
      const seen = new Set<SessionId>();
      for await (const part of store.scanHash(keys.in(realm))) {
        const rows: SessionRow[] = [];
        for (const [field, bytes] of part) {
          const row = this.#parse(realm, Number(field), bytes);
          if (row === undefined || seen.has(row.session)) continue;
          seen.add(row.session);
          if (roles === undefined || roles.includes(row.authrole)) rows.push(row);
        }
        yield rows;
      }
    }
  }

  async count(realm: Uri, roles?: readonly string[]): Promise<number> {
    if (roles?.length === 0) return 0;
    const { store, shards } = this.#options;
    const wanted = [...new Set(roles)];
    const counts = await Promise.all(shards.map((keys) => store.run(countSessions, { keys, realm, roles: wanted })));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /**
   * Removes every session of a node; `lost` receives each part of them once it is removed. Rows removed before a failure
   * stay removed; repeating it hands over the rest.
   */
  async forget(node: NodeId, lost: SessionsLost | undefined): Promise<void> {
    await Promise.all(this.#options.shards.map((keys) => this.#forgetIn(keys, node, lost)));
  }

  async #forgetIn(keys: SessionsKeys, node: NodeId, lost: SessionsLost | undefined): Promise<void> {
    const { store, counters } = this.#options;
    for await (const part of store.scanHash(keys.of(node))) {
      const places = part.flatMap(([field, realm]) => placeOf(field, realm) ?? []);
      counters.rowsIgnored.shape += part.length - places.length;
      for (const sessions of chunks(places, FORGET_COUNT)) {
        if (lost === undefined) await store.run(leaveSessions, { keys, node, sessions });
        else await this.#handOver(keys, node, sessions, lost);
      }
    }
  }

  async #handOver(
    keys: SessionsKeys,
    node: NodeId,
    sessions: readonly SessionPlace[],
    lost: SessionsLost,
  ): Promise<void> {
    for (let done = 0; done < sessions.length;) {
      const rest = sessions.slice(done);
      const step = { keys, node, sessions: rest, maxBytes: TAKE_BYTES };
      const taken = await this.#options.store.run(takeSessions, step);
      if (taken.length === 0) return;
      const rows = taken.flatMap((one, at) => this.#lostSession(node, rest[at], one) ?? []);
      if (rows.length > 0) lost(node, rows);
      done += taken.length;
    }
  }

  #lostSession(node: NodeId, place: SessionPlace | undefined, taken: TakenSession): LostSession | undefined {
    const row = place && taken.row && this.#parse(place.realm, place.session, taken.row);
    if (row?.node !== node) return undefined;
    const testaments = taken.testaments && parseTestaments(taken.testaments);
    if (testaments === undefined) return row;
    if (typeof testaments !== 'string') return { ...row, testaments };
    this.#options.counters.rowsIgnored[testaments]++;
    return row;
  }

  #parse(realm: Uri, session: number, bytes: Uint8Array): SessionRow | undefined {
    const row = parseSession(realm, session, bytes);
    if (typeof row !== 'string') return row;
    this.#options.counters.rowsIgnored[row]++;
    return undefined;
  }
}

/** A field of the hash that lists the sessions of a node. */
export function placeOf(field: string, realm: Uint8Array): SessionPlace | undefined {
  const session = Number(field);
  return isId(session) ? { session: session as SessionId, realm: Buffer.from(realm).toString() } : undefined;
}
