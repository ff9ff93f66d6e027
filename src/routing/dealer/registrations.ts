import type { NodeId, RegistrationId, SessionId, Uri } from '../../wamp/ids.js';
import type { MatchPolicy } from '../../wamp/options.js';
import { isReserved } from '../../wamp/uri-rules.js';
import { deriveId } from '../derived-id.js';
import { NumberTable, type HashSeed } from '../number-table.js';
import { PatternIndex } from '../pattern-index.js';
import type { Callee, Registration } from '../ports.js';
import { allCallees, withoutCallees } from '../successors.js';
import { PassedOver, type Reason } from './passed-over.js';

/**
 * A registration of the mirror: the same object while it lives, so that the round-robin position outlasts changes and a
 * pending call finds the current callees. No callees: it has ended.
 */
export interface RegistrationEntry {
  registration: Registration;
  /** Index of the callee that had the last turn (round robin); −1 before the first. */
  lastIndex: number;
  /** Undefined: no callee was ever passed over. */
  passedOver: PassedOver | undefined;
}

/** With fewer callees, each call asks busy callees again: no note is kept, and none can be out of date. */
const MAX_ASKED = 16;

export function isLarge({ registration }: RegistrationEntry): boolean {
  return registration.callees.length > MAX_ASKED;
}

/** All registrations of the cluster, mirrored so that a call is routed from memory (G8). */
export class Registrations {
  readonly #index = new PatternIndex<RegistrationEntry>();
  // Not a Map: a client can search for procedures whose derived ids share a bucket of a Map.
  readonly #byId: NumberTable<RegistrationEntry>;

  constructor(hashSeed: HashSeed) {
    this.#byId = new NumberTable(hashSeed);
  }

  get size(): number {
    return this.#index.size;
  }

  find(uri: Uri, match: MatchPolicy): Registration | undefined {
    return this.#index.get(uri, match)?.registration;
  }

  byId(id: RegistrationId): Registration | undefined {
    return this.#byId.get(id)?.registration;
  }

  /** O(registrations log registrations). */
  get all(): readonly Registration[] {
    return this.#byId.values().map(({ registration }) => registration);
  }

  /** The one registration that a call goes to (PBR-4). A call of `wamp.` never goes to a pattern (URI-2). */
  match(procedure: Uri): RegistrationEntry | undefined {
    return isReserved(procedure) ? this.#index.get(procedure, 'exact') : this.#index.best(procedure);
  }

  /**
   * A callee of this node takes no calls of the registration until `admit`. O(log callees). In small registrations
   * calls ask it all the same.
   */
  pass(id: RegistrationId, session: SessionId, reason: Reason): void {
    const entry = this.#byId.get(id);
    if (entry === undefined || (reason === 'busy' && !isLarge(entry))) return;
    (entry.passedOver ??= new PassedOver()).pass(session, reason);
  }

  /** A callee of this node takes calls of the registration. Idempotent; O(log callees). */
  admit(id: RegistrationId, session: SessionId): void {
    this.#byId.get(id)?.passedOver?.admit(session);
  }

  /**
   * Whether a call of the procedure would go to a registration of that URI and match policy, which matches it, if it
   * existed.
   */
  wouldMatch(procedure: Uri, uri: Uri, match: MatchPolicy): boolean {
    if (match === 'exact') return true;
    const known = this.#index.get(uri, match);
    if (known !== undefined) return this.match(procedure) === known;
    const registration: Registration = {
      id: 0 as RegistrationId,
      procedure: uri,
      match,
      invoke: 'single',
      createdMs: 0,
      callees: [],
    };
    const imagined: RegistrationEntry = { registration, lastIndex: -1, passedOver: undefined };
    this.#index.add(uri, match, imagined);
    const found = this.match(procedure);
    this.#index.remove(uri, match);
    return found === imagined;
  }

  /**
   * Like `match`, but without these registrations: a node that found them without callees may know that before their
   * rows arrive.
   */
  matchWithout(procedure: Uri, gone: ReadonlySet<RegistrationEntry>): RegistrationEntry | undefined {
    const hidden = [...gone].filter((entry) => {
      const { procedure: uri, match } = entry.registration;
      return this.#index.get(uri, match) === entry && this.#index.remove(uri, match);
    });
    const found = this.match(procedure);
    for (const entry of hidden) this.#index.add(entry.registration.procedure, entry.registration.match, entry);
    return found;
  }

  /** Whether the cluster knows this session as a callee of the procedure. O(callees). */
  has(procedure: Uri, match: MatchPolicy, session: SessionId): boolean {
    const entry = this.#index.get(procedure, match);
    return entry !== undefined && allCallees(entry.registration).some((callee) => callee.session === session);
  }

  /**
   * The id that a registration has or would get (ID-3). If another registration has the derived id, the next attempt is
   * used.
   */
  idFor(realm: Uri, procedure: Uri, match: MatchPolicy): RegistrationId {
    const existing = this.#index.get(procedure, match);
    if (existing !== undefined) return existing.registration.id;
    for (let attempt = 0; ; attempt++) {
      const id = deriveId(realm, match, procedure, attempt) as RegistrationId;
      if (!this.#byId.has(id)) return id;
    }
  }

  /** Takes over the complete new state of one registration. O(callees). */
  update(row: Registration): void {
    const entry = this.#index.get(row.procedure, row.match);
    if (entry === undefined) {
      if (row.callees.length > 0) this.#add(row);
      return;
    }
    if (row.callees.length === 0) {
      this.#index.remove(row.procedure, row.match);
      this.#forgetId(entry);
      entry.registration = row;
      return;
    }
    if (entry.registration.id !== row.id) {
      this.#forgetId(entry);
      this.#byId.set(row.id, entry);
    }
    entry.lastIndex = keptTurn(entry, row);
    entry.passedOver?.follow(row);
    entry.registration = row;
  }

  /** Drops the callees of a dead node: a late row would send calls to it (G3). O(all callees); little for those of other nodes. */
  dropNode(node: NodeId): void {
    const isOfNode = (callee: Callee): boolean => callee.node === node;
    for (const { registration } of this.#byId.some(Infinity)) {
      const row = withoutCallees(registration, isOfNode);
      if (row !== undefined) this.update(row);
    }
  }

  #add(row: Registration): void {
    const entry: RegistrationEntry = { registration: row, lastIndex: -1, passedOver: undefined };
    this.#index.add(row.procedure, row.match, entry);
    this.#byId.set(row.id, entry);
  }

  #forgetId(entry: RegistrationEntry): void {
    const id = entry.registration.id;
    if (this.#byId.get(id) === entry) this.#byId.delete(id);
  }
}

/** The round robin continues after the last callee served, or the nearest one before it that still exists (SHR-5). */
function keptTurn(entry: RegistrationEntry, row: Registration): number {
  const before = entry.registration.callees;
  for (let index = Math.min(entry.lastIndex, before.length - 1); index >= 0; index--) {
    const session = before[index]?.session;
    const now = row.callees.findIndex((callee) => callee.session === session);
    if (now !== -1) return now;
  }
  return -1;
}
