import type { SessionId } from '../../wamp/ids.js';
import type { Callee, Registration } from '../ports.js';
import { allCallees } from '../successors.js';
import { RankedSet } from './ranked-set.js';

/** `busy`: it has as many calls as it takes at once. `gone`: it has left, and the cluster has not said so yet. */
export type Reason = 'busy' | 'gone';

interface Note {
  readonly callee: Callee;
  readonly reason: Reason;
  readonly untilMs: number;
}

/** Marks that are looked for in a row one by one; for more of them a set of the row's sessions is made. */
const FEW_MARKS = 4;

/**
 * Callees of one registration that calls pass over, because they would not take one: a call must not find that out anew
 * from each of thousands. What is known of a callee of this node is exact. What a callee of another node has answered
 * counts for a while, or until it shows that it takes calls. Operations are O(log callees), but the first after a change of
 * the registration is O(callees).
 */
export class PassedOver {
  readonly #known = new Map<SessionId, Reason>();
  /** In the order in which they end, but for what a change of the number of callees makes of it. */
  readonly #heard = new Map<SessionId, Note>();
  #busyCount = 0;
  /** The registration that these are of. */
  #row: Registration | undefined;
  #positions: ReadonlyMap<SessionId, number> = new Map();
  #open = new RankedSet(0);

  /** Nobody is passed over: `open` need not be asked. */
  get isEmpty(): boolean {
    return this.#known.size === 0 && this.#heard.size === 0;
  }

  get hasBusy(): boolean {
    return this.#busyCount > 0;
  }

  /** A callee of this node takes no call until `admit`. */
  pass(session: SessionId, reason: Reason): void {
    this.#forget(session, this.#known.get(session));
    this.#known.set(session, reason);
    this.#note(session, reason);
  }

  /** A callee of this node takes calls. Idempotent. */
  admit(session: SessionId): void {
    const reason = this.#known.get(session);
    if (reason === undefined || !this.#known.delete(session)) return;
    this.#forget(session, reason);
  }

  /** A callee answered that it takes no call now. Ignored when it has registered anew since: then it may (G2). */
  hear(callee: Callee, reason: Reason, row: Registration, untilMs: number): void {
    if (this.#row !== row) this.#begin(row);
    const { session } = callee;
    const position = this.#positions.get(session);
    if (position === undefined || row.callees[position] !== callee) return;
    this.unhear(session);
    this.#heard.set(session, { callee, reason, untilMs });
    this.#note(session, reason);
  }

  /** A callee that answered so has shown since that it takes calls. Idempotent. */
  unhear(session: SessionId): void {
    const note = this.#heard.get(session);
    if (note === undefined || !this.#heard.delete(session)) return;
    this.#forget(session, note.reason);
  }

  /** Of the callees of the registration, by index, those that may take a call. Not to be changed by others. */
  open(row: Registration, nowMs: number): RankedSet {
    for (const [session, { untilMs }] of this.#heard) {
      if (untilMs > nowMs) break;
      this.unhear(session);
    }
    if (this.#row !== row) this.#begin(row);
    return this.#open;
  }

  /** What is known of callees that are there no more is forgotten. O(callees), nothing where nobody is passed over. */
  follow(row: Registration): void {
    if (this.isEmpty) return;
    const find = finder(allCallees(row), this.#known.size + this.#heard.size);
    for (const session of [...this.#known.keys()]) if (find(session) === undefined) this.admit(session);
    for (const [session, { callee }] of [...this.#heard]) if (find(session) !== callee) this.unhear(session);
  }

  #begin(row: Registration): void {
    this.#row = row;
    this.#positions = new Map(row.callees.map(({ session }, index) => [session, index]));
    this.#open = new RankedSet(row.callees.length);
    for (const session of this.#known.keys()) this.#close(session);
    for (const session of this.#heard.keys()) this.#close(session);
  }

  #note(session: SessionId, reason: Reason): void {
    if (reason === 'busy') this.#busyCount++;
    this.#close(session);
  }

  #forget(session: SessionId, reason: Reason | undefined): void {
    if (reason === undefined) return;
    if (reason === 'busy') this.#busyCount--;
    const position = this.#positions.get(session);
    if (position !== undefined && !this.#known.has(session) && !this.#heard.has(session)) this.#open.add(position);
  }

  #close(session: SessionId): void {
    const position = this.#positions.get(session);
    if (position !== undefined) this.#open.delete(position);
  }
}

function finder(callees: readonly Callee[], markCount: number): (session: SessionId) => Callee | undefined {
  if (markCount <= FEW_MARKS) return (wanted) => callees.find(({ session }) => session === wanted);
  const bySession = new Map(callees.map((callee) => [callee.session, callee]));
  return (wanted) => bySession.get(wanted);
}
