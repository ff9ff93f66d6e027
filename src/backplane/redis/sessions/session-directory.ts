import type { SessionId, Uri } from '../../../wamp/ids.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import { chunks } from '../../../util/chunks.js';
import { SingleFlight } from '../../../util/single-flight.js';
import type { SessionDetails } from '../../session-row.js';
import { shardOf, type SessionsKeys } from '../keys.js';
import type { OwnSessions, SessionsDirectoryOptions } from './ports.js';
import { packSession } from './rows.js';
import { joinSessions, leaveSessions, type SessionPlace } from './scripts.js';
import { placeOf } from './session-reader.js';
import { OwnTestaments } from './testaments.js';

interface Entered extends SessionPlace {
  readonly row: Uint8Array;
}

interface Join {
  readonly session: SessionId;
  readonly entered: Entered;
  readonly resolve: (isEntered: boolean) => void;
  readonly reject: (cause: Error) => void;
}

/** Which sessions this node has entered; memory decides, the store follows. */
export class SessionsDirectory implements OwnSessions {
  readonly #options: SessionsDirectoryOptions;
  /** Entered, or about to be. */
  readonly #entered = new Map<SessionId, Entered>();
  readonly #testaments: OwnTestaments;
  readonly #repairing = new SingleFlight(() => this.#repair());
  /** To be written at the end of the turn: the leaves, then the joins. */
  #joins = new Map<SessionId, Join>();
  #leaves = new Map<SessionId, SessionPlace>();
  #isScheduled = false;
  #isCutOff = false;
  #isOver = false;
  #isRetrying = false;
  #cancelRetry: (() => void) | undefined;

  constructor(options: SessionsDirectoryOptions) {
    this.#options = options;
    this.#testaments = new OwnTestaments({ ...options, unsure: (cause) => this.#unsure(cause) });
  }

  get count(): number {
    return this.#entered.size;
  }

  join(realm: Uri, details: SessionDetails): Promise<boolean> {
    const { session } = details;
    if (this.#isOver || this.#isCutOff) return Promise.reject(this.#unavailable());
    if (this.#entered.has(session)) return Promise.resolve(false);
    const { node, wallMs } = this.#options;
    const entered = { session, realm, row: packSession(node, wallMs(), details) };
    this.#entered.set(session, entered);
    return new Promise((resolve, reject) => {
      this.#joins.set(session, { session, entered, resolve, reject });
      this.#schedule();
    });
  }

  leave(session: SessionId): void {
    // In the order of the calls: its join first.
    if (this.#joins.has(session)) this.flush();
    const entered = this.#entered.get(session);
    if (entered === undefined) return;
    this.#entered.delete(session);
    this.#testaments.forget(session);
    if (this.#isCutOff) return;
    this.#leaves.set(session, entered);
    this.#schedule();
  }

  async setTestaments(session: SessionId, testaments: readonly Uint8Array[]): Promise<void> {
    if (this.#isOver || !this.#entered.has(session)) throw this.#unavailable();
    this.#testaments.want(session, testaments);
    if (this.#isCutOff) throw this.#unavailable();
    await this.#testaments.write(session);
  }

  leaveRealm(realm: Uri): void {
    for (const [session, entered] of [...this.#entered]) if (entered.realm === realm) this.leave(session);
  }

  flush(): void {
    if (this.#isCutOff || this.#isOver) return;
    const leaves = [...this.#leaves.values()];
    const joins = [...this.#joins.values()];
    this.#leaves = new Map();
    this.#joins = new Map();
    for (const [keys, part] of this.#partsOf(leaves)) void this.#writeLeaves(keys, part);
    for (const [keys, part] of this.#partsOf(joins)) void this.#writeJoins(keys, part);
  }

  cutOff(): void {
    if (this.#isCutOff || this.#isOver) return;
    this.#isCutOff = true;
    this.#cancelRetry?.();
    this.#isRetrying = false;
    this.#dropUnsent();
  }

  resync(): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    this.#isCutOff = false;
    return this.#repairing.run();
  }

  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#cancelRetry?.();
    this.#dropUnsent();
    this.#entered.clear();
    this.#testaments.clear();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#options.schedule(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  #dropUnsent(): void {
    const joins = this.#joins;
    this.#joins = new Map();
    this.#leaves = new Map();
    for (const join of joins.values()) this.#refuse(join, this.#unavailable());
  }

  async #writeJoins(keys: SessionsKeys, joins: readonly Join[]): Promise<void> {
    const { store, node } = this.#options;
    const sessions = joins.map(({ entered }) => entered);
    try {
      const replies = await store.run(joinSessions, { keys, node, isAgain: false, sessions });
      for (const [at, join] of joins.entries()) {
        if (replies[at] !== true) this.#forget(join);
        join.resolve(replies[at] === true);
      }
    } catch (cause) {
      for (const join of joins) this.#refuse(join, this.#unavailable(cause));
      this.#unsure(cause);
    }
  }

  async #writeLeaves(keys: SessionsKeys, sessions: readonly SessionPlace[]): Promise<void> {
    const { store, node } = this.#options;
    try {
      await store.run(leaveSessions, { keys, node, sessions });
    } catch (cause) {
      this.#unsure(cause);
    }
  }

  #refuse(join: Join, cause: Error): void {
    this.#forget(join);
    join.reject(cause);
  }

  /** Unless it has left and its id has been entered again meanwhile. */
  #forget({ session, entered }: Join): void {
    if (this.#entered.get(session) === entered) this.#entered.delete(session);
  }

  /** Nobody knows what the store has: it is compared soon, unless `resync` does so first. */
  #unsure(cause: unknown): void {
    if (!(cause instanceof BackplaneUnavailableError)) this.#options.events.failed('write of sessions', cause);
    if (this.#isRetrying || this.#isCutOff || this.#isOver) return;
    this.#isRetrying = true;
    this.#cancelRetry = this.#options.after(this.#options.limits.retryMs, () => {
      this.#isRetrying = false;
      this.#repairing.run().catch(() => undefined);
    });
  }

  async #repair(): Promise<void> {
    if (this.#isOver || this.#isCutOff) return;
    try {
      await this.#compare();
    } catch (cause) {
      this.#unsure(cause);
      throw cause instanceof BackplaneUnavailableError ? cause : this.#unavailable(cause);
    }
  }

  async #compare(): Promise<void> {
    const { store, shards, node, counters } = this.#options;
    // Rows that are written from here on match the memory. Earlier writes are carried out before the first part is read.
    this.flush();
    const stored = new Map<SessionId, SessionPlace>();
    const read = async (keys: SessionsKeys): Promise<void> => {
      for await (const part of store.scanHash(keys.of(node)))
        for (const [field, realm] of part) {
          const place = placeOf(field, realm);
          if (place === undefined) counters.rowsIgnored.shape++;
          else stored.set(place.session, place);
        }
    };
    const [testaments] = await Promise.all([this.#testaments.stored(), ...shards.map(read)]);
    const superfluous = [...stored.values()].filter(({ session }) => !this.#entered.has(session));
    const missing = [...this.#entered.values()].filter(
      ({ session }) => !stored.has(session) && !this.#joins.has(session),
    );
    const leaves = this.#partsOf(superfluous);
    await Promise.all(leaves.map(([keys, sessions]) => store.run(leaveSessions, { keys, node, sessions })));
    for (const [keys, part] of this.#partsOf(missing)) {
      // Everything of this node is being removed: nobody would remove this.
      if (this.#isOver) return;
      // The leave of one that has left meanwhile is published: with a row, it would be published again after this node's death.
      const current = part.filter((entered) => this.#entered.get(entered.session) === entered);
      if (current.length > 0) await this.#joinAgain(keys, current);
    }
    if (!this.#isOver) await this.#testaments.repair(testaments);
  }

  async #joinAgain(keys: SessionsKeys, sessions: readonly Entered[]): Promise<void> {
    const { store, node, events } = this.#options;
    const replies = await store.run(joinSessions, { keys, node, isAgain: true, sessions });
    for (const [at, entered] of sessions.entries()) {
      const { session, realm } = entered;
      const isCurrent = this.#entered.get(session) === entered;
      if (replies[at] === true) {
        // It left while it was being entered again.
        if (!this.#entered.has(session)) await store.run(leaveSessions, { keys, node, sessions: [entered] });
      } else if (isCurrent) {
        this.#entered.delete(session);
        this.#testaments.forget(session);
        events.taken(realm, session);
      }
    }
  }

  /** Groups sessions by shard, in parts within the limit of a step. */
  #partsOf<T extends { readonly session: SessionId }>(all: readonly T[]): (readonly [SessionsKeys, readonly T[]])[] {
    const { shards, limits } = this.#options;
    const byShard = new Map<number, T[]>();
    for (const one of all) {
      const shard = shardOf(one.session);
      const known = byShard.get(shard);
      if (known === undefined) byShard.set(shard, [one]);
      else known.push(one);
    }
    return [...byShard].flatMap(([shard, sessions]) => {
      const keys = shards[shard];
      if (keys === undefined) throw new Error(`there is no shard ${shard} of sessions`);
      return chunks(sessions, limits.maxSessionsPerStep).map((part) => [keys, part] as const);
    });
  }

  #unavailable(cause?: unknown): BackplaneUnavailableError {
    return new BackplaneUnavailableError('writing of sessions', cause);
  }
}
