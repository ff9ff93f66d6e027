import { deriveId } from '../../routing/derived-id.js';
import type { Claim, ClaimOutcome, Registration } from '../../routing/ports.js';
import { allCallees } from '../../routing/successors.js';
import type { NodeId, RegistrationId, SessionId, Uri } from '../../wamp/ids.js';
import type { MatchPolicy } from '../../wamp/options.js';
import { RegistrationTable } from './registration-table.js';
import type { LostSession, SessionDetails, SessionRow } from '../session-row.js';
import type { TopicChange } from '../backplane.js';
import { TopicTimes } from '../topic-times.js';

/** A change of the directory, as every node that it concerns receives it, in one order for all of them. */
export type DirectoryChange = { readonly version: number; readonly requester?: NodeId } & (
  | { readonly kind: 'registration'; readonly realm: Uri; readonly registration: Registration }
  | ({ readonly kind: 'watch' | 'unwatch'; readonly realm: Uri; readonly node: NodeId } & Interest & TopicEdge)
  | { readonly kind: 'snapshot'; readonly realm: Uri; readonly snapshot: Snapshot }
  | {
      readonly kind: 'withdrawn';
      readonly realm: Uri;
      readonly node: NodeId;
      readonly ended: readonly TopicChange[];
      /** The node has died: nothing of it comes any more. */
      readonly isDead: boolean;
    }
  /** To one node only: the sessions of another that died. */
  | { readonly kind: 'sessions_lost'; readonly node: NodeId; readonly sessions: readonly LostSession[] }
  | { readonly kind: 'gone'; readonly node: NodeId; readonly isClean: boolean }
);

/** The effect of a change of interest on the cluster. */
interface TopicEdge {
  readonly createdMs: number;
  /** Present: the cluster begins to want the topic, or ends to. */
  readonly edge?: TopicChange;
}

/** The result of a change of interest. */
interface Watched {
  /** No other node is concerned, and no earlier change is on its way to this one: it learns of the edge from the step itself. */
  readonly isImmediate: boolean;
  /** Present: immediate. */
  readonly edge?: TopicChange;
}

interface Interest {
  readonly topic: Uri;
  readonly match: MatchPolicy;
}

/** A realm at one version, for a node that begins to serve it. */
export interface Snapshot {
  readonly registrations: readonly Registration[];
  readonly interests: readonly ({ readonly node: NodeId; readonly createdMs: number } & Interest)[];
}

interface RealmRows {
  readonly registrations: RegistrationTable;
  /** Key: the node that serves the realm. */
  readonly interests: Map<NodeId, TopicTimes>;
  readonly sessions: Map<NodeId, Set<SessionId>>;
}

export interface SharedDirectoryOptions {
  readonly notify: (to: NodeId, change: DirectoryChange) => void;
  /** No change behind which an edge has its place is on its way to the node. */
  readonly hasEveryEdge: (node: NodeId) => boolean;
  readonly deriveRegistrationId?: typeof deriveId;
}

/**
 * The directory that the nodes of a hub share. Each method is one atomic step; every node that serves the realm is notified
 * of what it changed, in the order of the steps.
 */
export class SharedDirectory {
  readonly #notify: (to: NodeId, change: DirectoryChange) => void;
  readonly #hasEveryEdge: (node: NodeId) => boolean;
  readonly #derive: typeof deriveId;
  readonly #nodes = new Set<NodeId>();
  readonly #realms = new Map<Uri, RealmRows>();
  readonly #sessions = new Map<SessionId, SessionRow>();
  /** Only sessions that have some are in it. */
  readonly #testaments = new Map<SessionId, readonly Uint8Array[]>();
  #version = 0;

  constructor({ notify, hasEveryEdge, deriveRegistrationId = deriveId }: SharedDirectoryOptions) {
    this.#notify = notify;
    this.#hasEveryEdge = hasEveryEdge;
    this.#derive = deriveRegistrationId;
  }

  /** Version of the last change. */
  get version(): number {
    return this.#version;
  }

  enter(node: NodeId): void {
    this.#nodes.add(node);
  }

  /**
   * Removes every row of the node, then notifies the others that it has gone. `reaper` receives its sessions. Repeating it
   * changes nothing.
   */
  removeNode(node: NodeId, isClean: boolean, reaper?: NodeId): void {
    if (!this.#nodes.delete(node)) return;
    if (reaper !== undefined) this.#handOverSessions(node, reaper);
    for (const realm of [...this.#realms.keys()]) this.withdraw(node, realm, !isClean);
    const version = ++this.#version;
    for (const other of this.#nodes) this.#notify(other, { kind: 'gone', version, node, isClean });
  }

  /** Sends the node a snapshot of the realm. Returns its version. */
  serve(node: NodeId, realm: Uri): number {
    const rows = this.#rows(realm);
    const interests: ({ readonly node: NodeId; readonly createdMs: number } & Interest)[] = [];
    for (const [other, topics] of rows.interests)
      topics.forEach((topic, match, createdMs) => interests.push({ node: other, topic, match, createdMs }));
    rows.interests.set(node, new TopicTimes());
    const snapshot = { registrations: [...rows.registrations.all], interests };
    const version = ++this.#version;
    this.#notify(node, { kind: 'snapshot', version, realm, snapshot });
    return version;
  }

  withdraw(node: NodeId, realm: Uri, isDead = false): void {
    const rows = this.#realms.get(realm);
    const topics = rows?.interests.get(node);
    if (rows?.interests.delete(node) !== true) return;
    const ended: TopicChange[] = [];
    topics?.forEach((topic, match, createdMs) => {
      if (this.createdMs(realm, topic, match) === undefined) ended.push({ topic, match, createdMs, isWanted: false });
    });
    for (const session of rows.sessions.get(node) ?? []) this.#deleteSession(session);
    rows.sessions.delete(node);
    for (const registration of rows.registrations.dropNode(node)) this.#notifyRegistration(realm, registration);
    this.#notifyServing(realm, { kind: 'withdrawn', version: ++this.#version, realm, node, ended, isDead });
    if (rows.interests.size === 0) this.#realms.delete(realm);
  }

  /** The nodes that serve the realm. */
  serving(realm: Uri): Iterable<NodeId> {
    return this.#realms.get(realm)?.interests.keys() ?? [];
  }

  #isImmediate(realm: Uri, node: NodeId): boolean {
    return this.#realms.get(realm)?.interests.size === 1 && this.#hasEveryEdge(node);
  }

  /** Since when the cluster wants the topic. Undefined: no node does. O(nodes). */
  createdMs(realm: Uri, topic: Uri, match: MatchPolicy): number | undefined {
    for (const topics of this.#realms.get(realm)?.interests.values() ?? []) {
      const createdMs = topics.get(topic, match);
      if (createdMs !== undefined) return createdMs;
    }
    return undefined;
  }

  /** Undefined: the node watches it already. */
  watch(node: NodeId, realm: Uri, topic: Uri, match: MatchPolicy): Watched | undefined {
    const topics = this.#realms.get(realm)?.interests.get(node);
    if (topics === undefined) throw new Error(`watch in realm ${realm}, which ${node} does not serve`);
    const known = this.createdMs(realm, topic, match);
    const createdMs = known ?? Date.now();
    if (!topics.add(topic, match, createdMs)) return undefined;
    const watch = { kind: 'watch', realm, node, topic, match, createdMs } as const;
    const edge = known === undefined ? { edge: { topic, match, createdMs, isWanted: true } } : {};
    const isImmediate = this.#isImmediate(realm, node);
    this.#notifyServing(realm, { ...watch, ...(!isImmediate && edge), version: ++this.#version, requester: node });
    return { isImmediate, ...(isImmediate && edge) };
  }

  unwatch(node: NodeId, realm: Uri, topic: Uri, match: MatchPolicy, leaver?: SessionId): Watched | undefined {
    const createdMs = this.createdMs(realm, topic, match) ?? 0;
    if (this.#realms.get(realm)?.interests.get(node)?.delete(topic, match) !== true) return undefined;
    const unwatch = { kind: 'unwatch', realm, node, topic, match, createdMs } as const;
    const isLast = this.createdMs(realm, topic, match) === undefined;
    const end = { topic, match, createdMs, isWanted: false, ...(leaver !== undefined && { leaver }) };
    const edge = isLast ? { edge: end } : {};
    const isImmediate = this.#isImmediate(realm, node);
    this.#notifyServing(realm, { ...unwatch, ...(!isImmediate && edge), version: ++this.#version });
    return { isImmediate, ...(isImmediate && edge) };
  }

  registration(realm: Uri, match: MatchPolicy, procedure: Uri): Registration | undefined {
    return this.#realms.get(realm)?.registrations.find(match, procedure);
  }

  claim(node: NodeId, realm: Uri, claim: Claim): ClaimOutcome {
    const rows = this.#realms.get(realm);
    if (rows?.interests.has(node) !== true) throw new Error(`claim in realm ${realm}, which ${node} does not serve`);
    const outcome = rows.registrations.claim(claim);
    if (outcome.kind === 'granted') this.#notifyRegistration(realm, outcome.registration, node);
    return outcome;
  }

  /** A claim by force is certain: its callee may be REGISTERED. Repeating it changes nothing. */
  complete(node: NodeId, realm: Uri, registration: RegistrationId, callee: SessionId): void {
    const changed = this.#realms.get(realm)?.registrations.complete(registration, node, callee);
    if (changed !== undefined) this.#notifyRegistration(realm, changed);
  }

  release(node: NodeId, realm: Uri, registration: RegistrationId, callee: SessionId): void {
    const changed = this.#realms.get(realm)?.registrations.release(registration, node, callee);
    if (changed !== undefined) this.#notifyRegistration(realm, changed);
  }

  /** Drops rows like a store that has lost them and takes them no more: every callee of the node loses its procedures. */
  dropCallees(node: NodeId): void {
    for (const [realm, { registrations }] of this.#realms)
      for (const registration of registrations.dropNode(node)) this.#notifyRegistration(realm, registration);
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
    this.#deleteSession(session);
    this.#realms.get(known.realm)?.sessions.get(node)?.delete(session);
  }

  /** False: the node does not have the session. */
  setTestaments(node: NodeId, session: SessionId, testaments: readonly Uint8Array[]): boolean {
    if (this.#sessions.get(session)?.node !== node) return false;
    if (testaments.length === 0) this.#testaments.delete(session);
    else this.#testaments.set(session, testaments);
    return true;
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

  #handOverSessions(node: NodeId, reaper: NodeId): void {
    const sessions = [...this.#sessions.values()].filter((row) => row.node === node).map((row) => this.#lost(row));
    if (sessions.length > 0) this.#notify(reaper, { kind: 'sessions_lost', version: ++this.#version, node, sessions });
  }

  #lost(row: SessionRow): LostSession {
    const testaments = this.#testaments.get(row.session);
    return testaments === undefined ? row : { ...row, testaments };
  }

  #deleteSession(session: SessionId): void {
    this.#sessions.delete(session);
    this.#testaments.delete(session);
  }

  /** Rows of a node, itself included. */
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
      interests: new Map<NodeId, TopicTimes>(),
      sessions: new Map<NodeId, Set<SessionId>>(),
    };
    this.#realms.set(realm, rows);
    return rows;
  }

  #notifyRegistration(realm: Uri, registration: Registration, requester?: NodeId): void {
    const version = ++this.#version;
    const change = { kind: 'registration', version, realm, registration } as const;
    this.#notifyServing(realm, requester === undefined ? change : { ...change, requester });
  }

  #notifyServing(realm: Uri, change: DirectoryChange): void {
    for (const node of this.serving(realm)) this.#notify(node, change);
  }
}
