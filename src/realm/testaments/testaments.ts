import type { Backplane } from '../../backplane/backplane.js';
import type { LostSession } from '../../backplane/session-row.js';
import type { Identity } from '../../routing/peer.js';
import type { Session } from '../../session/ports.js';
import type { Counters } from '../../telemetry/counters.js';
import { fault, type Fault } from '../../wamp/faults.js';
import type { SessionId, Uri } from '../../wamp/ids.js';
import { ErrorUri } from '../../wamp/uris.js';
import { readTestament, type Testament, type TestamentScope } from './testament.js';

export interface TestamentLimits {
  readonly maxTestamentsPerSession: number;
  readonly maxTestamentBytes: number;
  readonly maxTotalTestamentBytes: number;
}

export interface TestamentsOptions {
  readonly realm: Uri;
  readonly backplane: Backplane;
  /** Read at each use. */
  readonly limits: TestamentLimits;
  /** Bytes of the testaments of all realms of the node. */
  readonly total: { testamentBytes: number };
  readonly counters: Pick<Counters, 'testaments' | 'limitsReached'>;
  readonly after: (delayMs: number, action: () => void) => () => void;
  readonly publish: (publisher: Identity, testament: Testament) => void;
}

/** A testament of a session. */
export interface TestamentEntry {
  readonly scope: TestamentScope;
  /** Bytes that count in the total of the node; the decision about the testament may add a few to them. */
  readonly size: number;
  bytes: Uint8Array;
  /** The session may publish it. */
  isGranted: boolean;
}

/** A session that ended while this node could not know whether it was declared dead. */
interface Postponed {
  readonly publisher: Identity;
  readonly entries: readonly TestamentEntry[];
  readonly leave: () => void;
}

const SCOPES: readonly TestamentScope[] = ['detached', 'destroyed'];
const RETRY_MS = 100;

/**
 * The testaments of the sessions of one realm and node. The store has them beside the row of the session, so that another node
 * publishes them when this one dies: only the node that removes the row publishes (TST-7).
 */
export class Testaments {
  readonly #options: TestamentsOptions;
  readonly #of = new Map<SessionId, TestamentEntry[]>();
  #postponed: Postponed[] = [];
  #cancelRetry: (() => void) | undefined;
  #areWithheld = false;

  constructor(options: TestamentsOptions) {
    this.#options = options;
  }

  /**
   * Takes a place in the order of the session's testaments, and within its bounds; `grant` or `refuse` follows. The Fault
   * names the limit that was reached.
   */
  reserve(session: SessionId, scope: TestamentScope, bytes: Uint8Array): TestamentEntry | Fault {
    const { limits, total, counters } = this.#options;
    const entries = this.#of.get(session) ?? [];
    const { maxTestamentsPerSession, maxTestamentBytes, maxTotalTestamentBytes } = limits;
    if (entries.length >= maxTestamentsPerSession) {
      counters.limitsReached.testaments_per_session++;
      return reached(`this session has ${maxTestamentsPerSession} testaments`, 'maxTestamentsPerSession');
    }
    if (bytes.length > maxTestamentBytes) {
      counters.limitsReached.testament_bytes++;
      return reached(`the testament has more than ${maxTestamentBytes} bytes`, 'maxTestamentBytes');
    }
    if (total.testamentBytes + bytes.length > maxTotalTestamentBytes) {
      counters.limitsReached.total_testament_bytes++;
      return reached(`all testaments of this node have ${maxTotalTestamentBytes} bytes`, 'maxTotalTestamentBytes');
    }
    const entry: TestamentEntry = { scope, bytes, size: bytes.length, isGranted: false };
    total.testamentBytes += bytes.length;
    this.#of.set(session, [...entries, entry]);
    return entry;
  }

  /** Resolves once the store has it. Rejects with BackplaneUnavailableError: the session does not have the testament. */
  async grant(session: SessionId, entry: TestamentEntry): Promise<void> {
    // Flushed, or the session has ended: its row may wait for its removal, and the store does not have the testament.
    if (this.#of.get(session)?.includes(entry) !== true) return;
    entry.isGranted = true;
    try {
      await this.#store(session);
      this.#options.counters.testaments.added++;
    } catch (cause) {
      this.refuse(session, entry);
      this.#restore(session);
      throw cause;
    }
  }

  refuse(session: SessionId, entry: TestamentEntry): void {
    if (this.#drop(session, (one) => one === entry).length > 0) this.#options.counters.testaments.refused++;
  }

  /** Resolves once the store has them no more. Rejects with BackplaneUnavailableError: the session keeps them. */
  async flush(caller: Pick<Session, 'session' | 'isOpen'>, scope: TestamentScope): Promise<void> {
    const { session } = caller;
    const before = this.#of.get(session);
    const flushed = this.#drop(session, (one) => one.scope === scope);
    if (before === undefined || flushed.length === 0) return;
    try {
      await this.#store(session);
      this.#options.counters.testaments.flushed += flushed.length;
    } catch (cause) {
      if (caller.isOpen) this.#putBack(session, before, flushed);
      throw cause;
    }
  }

  /** The session ends without its testaments: nobody publishes them. */
  forget(session: SessionId): void {
    this.#options.counters.testaments.withheld += this.#drop(session, () => true).length;
  }

  /** From now on no session's testaments are published: the realm ends for all. */
  withhold(): void {
    this.#areWithheld = true;
  }

  /**
   * The session has ended. `leave` removes its row once its testaments are published: at once, unless another node may have
   * declared this one dead, or cannot be reached. A node that was declared dead publishes nothing.
   */
  end(session: Identity, leave: () => void): void {
    const entries = this.#of.size === 0 ? undefined : this.#of.get(session.session);
    if (entries === undefined && this.#isCertain) {
      leave();
      return;
    }
    if (entries !== undefined && this.#areWithheld) {
      this.forget(session.session);
      leave();
      return;
    }
    this.#of.delete(session.session);
    const publisher = { session: session.session, authid: session.authid, authrole: session.authrole };
    this.#postponed.push({ publisher, entries: entries ?? [], leave });
    this.#publishPostponed();
  }

  /** Publishes the testaments of a session of a dead node. */
  publishOf({ session, authid, authrole, testaments = [] }: LostSession): void {
    const { counters } = this.#options;
    counters.testaments.recovered += this.#publish({ session, authid, authrole }, testaments);
  }

  /** The realm ends on this node. */
  close(): void {
    if (this.#postponed.length > 0) this.#publishPostponed();
    this.#cancelRetry?.();
    for (const { entries } of this.#postponed) this.#release(entries);
    this.#postponed = [];
    for (const session of [...this.#of.keys()]) this.#drop(session, () => true);
  }

  /** Sessions have ended whose rows are not removed so far. */
  get isWaiting(): boolean {
    return this.#postponed.length > 0;
  }

  /** No other node may have declared this one dead, and the others can be reached. */
  get #isCertain(): boolean {
    const { backplane } = this.#options;
    return backplane.standing() === 'certain' && !backplane.isCutOff;
  }

  #publishPostponed(): void {
    const { backplane, counters } = this.#options;
    const standing = backplane.standing();
    if (this.#isCertain) {
      const postponed = this.#postponed;
      this.#postponed = [];
      for (const { publisher, entries, leave } of postponed) {
        this.#release(entries);
        const granted = entries.filter(({ isGranted }) => isGranted).map(({ bytes }) => bytes);
        counters.testaments.published += this.#publish(publisher, granted);
        leave();
      }
    } else if (standing === 'over') {
      for (const { entries } of this.#postponed) this.#release(entries);
      this.#postponed = [];
    } else if (this.#cancelRetry === undefined) {
      this.#cancelRetry = this.#options.after(RETRY_MS, () => {
        this.#cancelRetry = undefined;
        this.#publishPostponed();
      });
    }
  }

  /** Returns how many could be read. */
  #publish(publisher: Identity, packed: readonly Uint8Array[]): number {
    const testaments = packed.map(readTestament).filter((testament) => testament !== undefined);
    this.#options.counters.testaments.unreadable += packed.length - testaments.length;
    for (const scope of SCOPES)
      for (const testament of testaments) if (testament.scope === scope) this.#options.publish(publisher, testament);
    return testaments.length;
  }

  #store(session: SessionId): Promise<void> {
    const granted = (this.#of.get(session) ?? []).filter(({ isGranted }) => isGranted);
    const values = granted.map(({ bytes }) => bytes);
    return this.#options.backplane.directory.setTestaments(this.#options.realm, session, values);
  }

  /** After a refusal the store is to have what the session has; nobody waits for it. */
  #restore(session: SessionId): void {
    this.#store(session).catch(() => undefined);
  }

  /** In their places. */
  #putBack(session: SessionId, before: readonly TestamentEntry[], dropped: readonly TestamentEntry[]): void {
    const now = this.#of.get(session) ?? [];
    const kept = before.filter((entry) => dropped.includes(entry) || now.includes(entry));
    this.#of.set(session, [...kept, ...now.filter((entry) => !before.includes(entry))]);
    for (const { size } of dropped) this.#options.total.testamentBytes += size;
    this.#restore(session);
  }

  #drop(session: SessionId, isDropped: (entry: TestamentEntry) => boolean): readonly TestamentEntry[] {
    const entries = this.#of.get(session);
    if (entries === undefined) return [];
    const dropped = entries.filter(isDropped);
    const kept = entries.filter((entry) => !dropped.includes(entry));
    if (kept.length === 0) this.#of.delete(session);
    else this.#of.set(session, kept);
    this.#release(dropped);
    return dropped;
  }

  #release(entries: readonly TestamentEntry[]): void {
    for (const { size } of entries) this.#options.total.testamentBytes -= size;
  }
}

function reached(what: string, limit: keyof TestamentLimits): Fault {
  return fault(ErrorUri.LIMIT_EXCEEDED, `${what}, which is the limit (limits.${limit})`);
}
