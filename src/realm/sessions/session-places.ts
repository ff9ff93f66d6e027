import { BackplaneUnavailableError, type Backplane } from '../../backplane/backplane.js';
import type { EntryName, PlaceOutcome } from '../../backplane/expiring-store.js';
import { unavailable, type Unavailable } from '../../session/ports.js';
import { fault, type Fault } from '../../wamp/faults.js';
import type { SessionId, Uri } from '../../wamp/ids.js';
import { ErrorUri } from '../../wamp/uris.js';

/** How many sessions an authid may have in a realm, and what happens to one more. */
export interface AuthidRule {
  readonly max: number;
  /** The new session is refused, or the oldest one is closed. */
  readonly full: 'refuse' | 'replace';
}

export interface SessionPlacesOptions {
  readonly realm: Uri;
  readonly rule: AuthidRule;
  readonly backplane: Pick<Backplane, 'expiring' | 'directory' | 'ask'>;
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** Counts a session that was refused, or that another one replaces. */
  readonly onLimit: () => void;
  readonly onLostRequest: (operation: string, cause: unknown) => void;
}

/** The subject of the question that closes replaced sessions, and its body: their ids. */
export const REPLACED_SUBJECT = 'sessions.replaced';

/** The most ids in one question. */
export const MAX_REPLACED_IDS = 1_024;

/** A node enters the places of its sessions again three times in this time. */
const TTL_MS = 86_400_000;
const RENEW_MS = TTL_MS / 3;
/** Members that a refused session looks up in the directory: those that entered first are most probably gone. */
const MAX_LOOKED_UP = 64;
const ASK = { timeoutMs: 5_000 };
const MAX_ASKS = 3;

/**
 * Bounds the sessions of each authid in a realm, on all nodes together. Each session holds a place in the shared store. A
 * node that dies gives no place up: a session that finds all places taken compares them with the directory of sessions.
 */
export class SessionPlaces {
  readonly #options: SessionPlacesOptions;
  readonly #held = new Map<SessionId, EntryName>();
  #cancelRenewal: (() => void) | undefined;
  #isClosed = false;

  constructor(options: SessionPlacesOptions) {
    this.#options = options;
  }

  /** For a session that has entered the directory. Undefined: it has a place. */
  async enter(authid: string, session: SessionId): Promise<Fault | Unavailable | undefined> {
    const { rule, onLimit, onLostRequest } = this.#options;
    const name: EntryName = { kind: 'places', name: authid };
    try {
      const { isEntered, others } = await this.#enter(name, session);
      if (!isEntered || others.length > 0) onLimit();
      if (!isEntered) {
        const message = `this authid has its ${rule.max} sessions already (realms[].maxSessionsPerAuthid)`;
        return fault(ErrorUri.LIMIT_EXCEEDED, message);
      }
      this.#hold(name, session);
      if (others.length > 0) void this.#askToClose(others.map(Number));
      return undefined;
    } catch (cause) {
      onLostRequest('place of a session', cause);
      return unavailable('unreachable', 'the cluster could not be asked for the sessions of this authid');
    }
  }

  /** Also for a session without a place. */
  leave(session: SessionId): void {
    const name = this.#held.get(session);
    if (name === undefined) return;
    this.#held.delete(session);
    const { backplane, realm, onLostRequest } = this.#options;
    backplane.expiring
      .leave(realm, name, [`${session}`])
      .catch((cause: unknown) => onLostRequest('place of a session that has left', cause));
  }

  /** The shared store may have lost the places. */
  async renew(): Promise<void> {
    const { backplane, realm } = this.#options;
    try {
      for (const [session, name] of [...this.#held]) {
        if (this.#isClosed) return;
        if (!this.#held.has(session)) continue;
        await backplane.expiring.enter(realm, name, `${session}`, {
          max: MAX_REPLACED_IDS,
          full: 'refuse',
          ttlMs: TTL_MS,
        });
        // It may have left meanwhile, and its place with it.
        if (!this.#held.has(session)) await backplane.expiring.leave(realm, name, [`${session}`]);
      }
    } catch {
      // The store is away: when it is back, this is called again.
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelRenewal?.();
  }

  async #enter(name: EntryName, session: SessionId): Promise<PlaceOutcome> {
    const { realm, rule, backplane } = this.#options;
    const take = (): Promise<PlaceOutcome> =>
      backplane.expiring.enter(realm, name, `${session}`, { ...rule, ttlMs: TTL_MS });
    const outcome = await take();
    if (outcome.isEntered) return outcome;
    const oldest = outcome.others.slice(0, MAX_LOOKED_UP);
    const rows = await Promise.all(
      oldest.map((member) => backplane.directory.sessions.get(realm, Number(member) as SessionId)),
    );
    const stale = oldest.filter((_member, index) => rows[index] === undefined);
    if (stale.length === 0) return outcome;
    await backplane.expiring.leave(realm, name, stale);
    return take();
  }

  #hold(name: EntryName, session: SessionId): void {
    this.#held.set(session, name);
    if (this.#cancelRenewal === undefined && !this.#isClosed) this.#renewLater();
  }

  #renewLater(): void {
    this.#cancelRenewal = this.#options.after(RENEW_MS, () => {
      this.#cancelRenewal = undefined;
      if (this.#held.size === 0 || this.#isClosed) return;
      this.#renewLater();
      void this.renew();
    });
  }

  /** A node that cannot be reached now is asked again, a few times. */
  async #askToClose(sessions: readonly number[]): Promise<void> {
    const { realm, backplane, after, onLostRequest } = this.#options;
    for (let asked = 1; asked <= MAX_ASKS; asked++) {
      try {
        const { unanswered } = await backplane.ask(realm, REPLACED_SUBJECT, sessions.slice(0, MAX_REPLACED_IDS), ASK);
        const isOver = !unanswered.some(({ why }) => why === 'unreachable' || why === 'timeout');
        if (isOver || this.#isClosed) return;
      } catch (cause) {
        onLostRequest('closing of replaced sessions', cause);
        if (!(cause instanceof BackplaneUnavailableError) || this.#isClosed) return;
      }
      await new Promise<void>((resolve) => void after(ASK.timeoutMs, resolve));
    }
  }
}
