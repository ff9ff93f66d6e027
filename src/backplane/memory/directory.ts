import { deriveId } from '../../routing/derived-id.js';
import type { Claim, ClaimOutcome, Registration } from '../../routing/ports.js';
import { allCallees } from '../../routing/successors.js';
import type { NodeId, RegistrationId, SessionId, Uri } from '../../wamp/ids.js';
import type { MatchPolicy } from '../../wamp/options.js';
import { RegistrationTable } from './registration-table.js';
import type { SessionDetails, SessionRow } from '../session-row.js';
import { TopicSets } from '../topic-sets.js';

/** A change of the directory, said to every node it concerns, in one order for all of them. */
export type Change = { readonly revision: number; readonly asker?: NodeId } & (
  | { readonly kind: 'registration'; readonly realm: Uri; readonly registration: Registration }
  | ({ readonly kind: 'watch' | 'unwatch'; readonly realm: Uri; readonly node: NodeId } & Interest)
  | { readonly kind: 'snapshot'; readonly realm: Uri; readonly snapshot: Snapshot }
  | { readonly kind: 'withdrawn'; readonly realm: Uri; readonly node: NodeId }
  /** To one node only: the sessions of another that died. */
  | { readonly kind: 'sessions_lost'; readonly node: NodeId; readonly sessions: readonly SessionRow[] }
  | { readonly kind: 'gone'; readonly node: NodeId; readonly isClean: boolean }
);

interface Interest {
  readonly topic: Uri;
  readonly match: MatchPolicy;
}

/** A realm as it is for a node that begins to serve it. */
export interface Snapshot {
  readonly registrations: readonly Registration[];
  readonly interests: readonly ({ readonly node: NodeId } & Interest)[];
}

interface RealmRows {
  readonly registrations: RegistrationTable;
  /** By node that serves the realm. */
  readonly interests: Map<NodeId, TopicSets>;
  readonly sessions: Map<NodeId, Set<SessionId>>;
}

export interface SharedDirectoryOptions {
  readonly tell: (to: NodeId, change: Change) => void;
  readonly deriveRegistrationId?: typeof deriveId;
}

/**
 * The truth the nodes of a hub share. Each method is one atomic step; what it changed is told to every node that
 * serves the realm, in the order of the steps.
 */
export class SharedDirectory {
  readonly #tell: (to: NodeId, change: Change) => void;
  readonly #derive: typeof deriveId;
  readonly #nodes = new Set<NodeId>();
  readonly #realms = new Map<Uri, RealmRows>();
  readonly #sessions = new Map<SessionId, SessionRow>();
  #revision = 0;

  constructor({ tell, deriveRegistrationId = deriveId }: SharedDirectoryOptions) {
    this.#tell = tell;
    this.#derive = deriveRegistrationId;
  }

  /** Number of the last change. */
  get revision(): number {
    return this.#revision;
  }

  enter(node: NodeId): void {
    this.#nodes.add(node);
  }

  /** Removes every row of the node, then tells the others that it has gone. Repeating it changes nothing. */
  bury(node: NodeId, isClean: boolean): void {
    if (!this.#nodes.delete(node)) return;
    if (!isClean) this.#handOverSessions(node);
    for (const realm of [...this.#realms.keys()]) this.withdraw(node, realm);
    const revision = ++this.#revision;
    for (const other of this.#nodes) this.#tell(other, { kind: 'gone', revision, node, isClean });
  }

  /** Tells the node the realm as it is. Returns the revision that will bear. */
  serve(node: NodeId, realm: Uri): number {
    const rows = this.#rows(realm);
    const interests: ({ readonly node: NodeId } & Interest)[] = [];
    for (const [other, topics] of rows.interests)
      topics.forEach((topic, match) => interests.push({ node: other, topic, match }));
    rows.interests.set(node, new TopicSets());
    const snapshot = { registrations: [...rows.registrations.all], interests };
    const revision = ++this.#revision;
    this.#tell(node, { kind: 'snapshot', revision, realm, snapshot });
    return revision;
  }

  withdraw(node: NodeId, realm: Uri): void {
    const rows = this.#realms.get(realm);
    if (rows?.interests.delete(node) !== true) return;
    for (const session of rows.sessions.get(node) ?? []) this.#sessions.delete(session);
    rows.sessions.delete(node);
    for (const registration of rows.registrations.dropNode(node)) this.#tellRegistration(realm, registration);
    this.#tellServing(realm, { kind: 'withdrawn', revision: ++this.#revision, realm, node });
    if (rows.interests.size === 0) this.#realms.delete(realm);
  }

  /** The nodes that serve the realm. */
  serving(realm: Uri): Iterable<NodeId> {
    return this.#realms.get(realm)?.interests.keys() ?? [];
  }

  /** False: the node watches it already. */
  watch(node: NodeId, realm: Uri, topic: Uri, match: MatchPolicy): boolean {
    const topics = this.#realms.get(realm)?.interests.get(node);
    if (topics === undefined) throw new Error(`watch in realm ${realm}, which ${node} does not serve`);
    if (!topics.add(topic, match)) return false;
    this.#tellServing(realm, { kind: 'watch', revision: ++this.#revision, asker: node, realm, node, topic, match });
    return true;
  }

  unwatch(node: NodeId, realm: Uri, topic: Uri, match: MatchPolicy): void {
    if (this.#realms.get(realm)?.interests.get(node)?.delete(topic, match) !== true) return;
    this.#tellServing(realm, { kind: 'unwatch', revision: ++this.#revision, realm, node, topic, match });
  }

  registration(realm: Uri, match: MatchPolicy, procedure: Uri): Registration | undefined {
    return this.#realms.get(realm)?.registrations.find(match, procedure);
  }

  claim(node: NodeId, realm: Uri, claim: Claim): ClaimOutcome {
    const rows = this.#realms.get(realm);
    if (rows?.interests.has(node) !== true) throw new Error(`claim in realm ${realm}, which ${node} does not serve`);
    const outcome = rows.registrations.claim(claim);
    if (outcome.kind === 'granted') this.#tellRegistration(realm, outcome.registration, node);
    return outcome;
  }

  /** A claim by force is certain: its callee may be REGISTERED. Repeating it changes nothing. */
  complete(node: NodeId, realm: Uri, registration: RegistrationId, callee: SessionId): void {
    const changed = this.#realms.get(realm)?.registrations.complete(registration, node, callee);
    if (changed !== undefined) this.#tellRegistration(realm, changed);
  }

  release(node: NodeId, realm: Uri, registration: RegistrationId, callee: SessionId): void {
    const changed = this.#realms.get(realm)?.registrations.release(registration, node, callee);
    if (changed !== undefined) this.#tellRegistration(realm, changed);
  }

  /** As if these rows had been lost and could not be written again: every callee of the node loses its procedures. */
  dropCallees(node: NodeId): void {
    for (const [realm, { registrations }] of this.#realms)
      for (const registration of registrations.dropNode(node)) this.#tellRegistration(realm, registration);
  }

  join(node: NodeId, realm: Uri, details: SessionDetails): boolean {
    const { session } = details;
    if (this.#sessions.has(session)) return false;
    this.#sessions.set(session, { ...details, node, realm, joinedAtMs: Date.now() });
    const { sessions } = this.#rows(realm);
    const ofNode = sessions.get(node);
    if (ofNode === undefined) sessions.set(node, new Set([session]));
    else ofNode.add(session);
    return true;
  }

  leave(node: NodeId, session: SessionId): void {
    const known = this.#sessions.get(session);
    if (known?.node !== node) return;
    this.#sessions.delete(session);
    this.#realms.get(known.realm)?.sessions.get(node)?.delete(session);
  }

  session(realm: Uri, session: SessionId): SessionRow | undefined {
    const row = this.#sessions.get(session);
    return row?.realm === realm ? row : undefined;
  }

  /** O(sessions of the realm). */
  sessionsOf(realm: Uri, roles?: readonly string[]): SessionRow[] {
    const ids = [...(this.#realms.get(realm)?.sessions.values() ?? [])].flatMap((sessions) => [...sessions]);
    const rows = ids.map((session) => this.#sessions.get(session)).filter((row) => row !== undefined);
    return roles === undefined ? rows : rows.filter(({ authrole }) => roles.includes(authrole));
  }

  #handOverSessions(node: NodeId): void {
    const [survivor] = this.#nodes;
    const sessions = [...this.#sessions.values()].filter((row) => row.node === node);
    if (survivor === undefined || sessions.length === 0) return;
    this.#tell(survivor, { kind: 'sessions_lost', revision: ++this.#revision, node, sessions });
  }

  /** What the directory still holds of a node. */
  rowCount(node: NodeId): number {
    let count = this.#nodes.has(node) ? 1 : 0;
    for (const session of this.#sessions.values()) if (session.node === node) count++;
    for (const { interests, registrations } of this.#realms.values()) {
      if (interests.has(node)) count += 1 + (interests.get(node)?.size ?? 0);
      for (const row of registrations.all) count += allCallees(row).filter((callee) => callee.node === node).length;
    }
    return count;
  }

  #rows(realm: Uri): RealmRows {
    const known = this.#realms.get(realm);
    if (known !== undefined) return known;
    const derive = this.#derive;
    const registrations = new RegistrationTable(
      (match, procedure, attempt) => derive(realm, match, procedure, attempt) as RegistrationId,
    );
    const rows = {
      registrations,
      interests: new Map<NodeId, TopicSets>(),
      sessions: new Map<NodeId, Set<SessionId>>(),
    };
    this.#realms.set(realm, rows);
    return rows;
  }

  #tellRegistration(realm: Uri, registration: Registration, asker?: NodeId): void {
    const revision = ++this.#revision;
    const change = { kind: 'registration', revision, realm, registration } as const;
    this.#tellServing(realm, asker === undefined ? change : { ...change, asker });
  }

  #tellServing(realm: Uri, change: Change): void {
    for (const node of this.serving(realm)) this.#tell(node, change);
  }
}
