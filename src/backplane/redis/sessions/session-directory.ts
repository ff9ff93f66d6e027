import type { Identity } from '../../../routing/peer.js';
import { isId, type NodeId, type SessionId, type Uri } from '../../../wamp/ids.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import { chunks } from '../../../util/chunks.js';
import { SingleFlight } from '../../../util/single-flight.js';
import type { SessionsKeys } from '../keys.js';
import type { Store } from '../ports.js';
import type { OwnSessions, SessionsDirectoryOptions } from './ports.js';
import { forgetSessions, joinSessions, leaveSessions } from './scripts.js';

const FORGET_COUNT = 500;

/** Removes every session of a node. Whatever was done before it failed stays done: to be repeated. */
export async function forgetSessionsOf(store: Store, keys: SessionsKeys, node: NodeId): Promise<void> {
  while ((await store.run(forgetSessions, { keys, node, limitCount: FORGET_COUNT })) > 0);
}

interface Entered {
  readonly realm: Uri;
  readonly row: string;
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
  readonly #repairing = new SingleFlight(() => this.#repair());
  /** To be written at the end of the turn: the leaves, then the joins. */
  #joins = new Map<SessionId, Join>();
  #leaves = new Set<SessionId>();
  #isScheduled = false;
  #isCutOff = false;
  #isOver = false;
  #isRetrying = false;
  #cancelRetry: (() => void) | undefined;

  constructor(options: SessionsDirectoryOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#entered.size;
  }

  join(realm: Uri, { session, authid, authrole }: Identity): Promise<boolean> {
    if (this.#isOver || this.#isCutOff) return Promise.reject(this.#unavailable());
    if (this.#entered.has(session)) return Promise.resolve(false);
    const entered = { realm, row: JSON.stringify({ v: 1, realm, authid, authrole }) };
    this.#entered.set(session, entered);
    return new Promise((resolve, reject) => {
      this.#joins.set(session, { session, entered, resolve, reject });
      this.#schedule();
    });
  }

  leave(session: SessionId): void {
    // In the order said: its join first.
    if (this.#joins.has(session)) this.flush();
    if (!this.#entered.delete(session) || this.#isCutOff) return;
    this.#leaves.add(session);
    this.#schedule();
  }

  leaveRealm(realm: Uri): void {
    for (const [session, entered] of [...this.#entered]) if (entered.realm === realm) this.leave(session);
  }

  flush(): void {
    if (this.#isCutOff || this.#isOver) return;
    const { maxSessionsPerStep } = this.#options.limits;
    const leaves = [...this.#leaves];
    const joins = [...this.#joins.values()];
    this.#leaves = new Set();
    this.#joins = new Map();
    for (let at = 0; at < leaves.length; at += maxSessionsPerStep)
      void this.#writeLeaves(leaves.slice(at, at + maxSessionsPerStep));
    for (let at = 0; at < joins.length; at += maxSessionsPerStep)
      void this.#writeJoins(joins.slice(at, at + maxSessionsPerStep));
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
    this.#leaves = new Set();
    for (const join of joins.values()) this.#refuse(join, this.#unavailable());
  }

  async #writeJoins(joins: readonly Join[]): Promise<void> {
    const { store, keys, node } = this.#options;
    const sessions = joins.map(({ session, entered }) => [session, entered.row] as const);
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

  async #writeLeaves(sessions: readonly SessionId[]): Promise<void> {
    const { store, keys, node } = this.#options;
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
    const { store, keys, node } = this.#options;
    // What is written from here on is as memory says; what was written before has been carried out before the first part is read.
    this.flush();
    const stored = new Set<SessionId>();
    for await (const part of store.scanHash(keys.of(node))) {
      for (const [field] of part) {
        const id = Number(field);
        if (isId(id)) stored.add(id as SessionId);
        else this.#options.counters.rowsIgnored.shape++;
      }
    }
    const superfluous = [...stored].filter((session) => !this.#entered.has(session));
    const missing = [...this.#entered].filter(([session]) => !stored.has(session) && !this.#joins.has(session));
    const { maxSessionsPerStep } = this.#options.limits;
    for (const sessions of chunks(superfluous, maxSessionsPerStep))
      await store.run(leaveSessions, { keys, node, sessions });
    for (const part of chunks(missing, maxSessionsPerStep)) {
      // Everything of this node is being removed: nobody would remove this.
      if (this.#isOver) return;
      await this.#joinAgain(part);
    }
  }

  async #joinAgain(part: readonly (readonly [SessionId, Entered])[]): Promise<void> {
    const { store, keys, node, events } = this.#options;
    const sessions = part.map(([session, { row }]) => [session, row] as const);
    const replies = await store.run(joinSessions, { keys, node, isAgain: true, sessions });
    for (const [at, [session, entered]] of part.entries()) {
      const isCurrent = this.#entered.get(session) === entered;
      if (replies[at] === true) {
        // It left while it was being entered again.
        if (!this.#entered.has(session)) await store.run(leaveSessions, { keys, node, sessions: [session] });
      } else if (isCurrent) {
        this.#entered.delete(session);
        events.taken(entered.realm, session);
      }
    }
  }

  #unavailable(cause?: unknown): BackplaneUnavailableError {
    return new BackplaneUnavailableError('writing of sessions', cause);
  }
}
