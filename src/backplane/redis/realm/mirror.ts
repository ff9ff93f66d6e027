import type { Callee, Registration } from '../../../routing/ports.js';
import { unreachable } from '../../../wamp/unreachable.js';
import type { NodeId, SessionId, Uri } from '../../../wamp/ids.js';
import type { TopicChange } from '../../backplane.js';
import type { InterestMirror } from '../../interest-mirror.js';
import type { MatchPolicy } from '../../../wamp/options.js';
import { TopicsMirror } from './topics-mirror.js';
import { ProceduresMirror, type Placement } from './procedures-mirror.js';
import type { ChangeBody } from './changes.js';
import type { RealmSnapshot } from './snapshot.js';
import type { MembershipView } from './ports.js';
import type { KeptRows } from './replica-state.js';
import { fromMember, toMember, type Member, type ServingState } from './rows.js';

type TopicsBefore = Pick<InterestMirror<NodeId>, 'nodes' | 'forEachOf'>;

/** The topics that this node wants. */
interface OwnTopics {
  readonly topics: Iterable<readonly [Uri, MatchPolicy]>;
  /** The cluster has wanted a topic for longer than the row of this node shows. */
  rewriteTopic(member: Member): void;
}

export interface RealmMirrorOptions {
  readonly node: NodeId;
  readonly membership: MembershipView;
  readonly registrationChanged: (registration: Registration) => void;
  readonly topicChanged: (change: TopicChange) => void;
  readonly rows: () => OwnTopics;
  /** A callee of this node is no longer registered. */
  readonly calleeRemoved: (member: Member, session: SessionId) => void;
  /** A node that serves the realm already has entered it: the store had lost it. */
  readonly enteredAgain: () => void;
}

/** The rows that outlive a load although the store does not have them. */
export interface Keep {
  /** Rows of other nodes. `recent` keeps their topics, and every row of nodes that the snapshot does not have. */
  readonly others: KeptRows;
  /** Does this node want this callee? A repair is about to make the store so. Undefined: the snapshot decides. */
  readonly own: ((member: Member, session: SessionId) => boolean) | undefined;
}

/** Rows of a node that the mirror keeps although the store does not have them. */
interface Kept {
  readonly topics: Set<Member>;
  readonly callees: Map<Member, Set<SessionId>>;
}

/** This node's copy of one realm: the nodes that serve it, the topics they want, the registrations. */
export class RealmMirror {
  readonly #options: RealmMirrorOptions;
  readonly #node: NodeId;
  readonly #procedures: ProceduresMirror;
  readonly #serving = new Map<NodeId, ServingState>();
  readonly #kept = new Map<NodeId, Kept>();
  readonly #topics: TopicsMirror;
  /** Callees of this node that a repair is about to write again. */
  readonly #unwritten = new Map<Member, Set<SessionId>>();

  constructor(options: RealmMirrorOptions) {
    this.#options = options;
    this.#node = options.node;
    this.#topics = new TopicsMirror(options.node, options.topicChanged);
    this.#procedures = new ProceduresMirror({
      changed: options.registrationChanged,
      removed: (member, callee) => this.#calleeRemoved(member, callee),
      isKept: (member, callee) => this.#isKept(member, callee),
    });
  }

  get topicCount(): number {
    return this.#topics.others.size;
  }

  get registrationCount(): number {
    return this.#procedures.size;
  }

  get procedures(): Pick<ProceduresMirror, 'get' | 'has'> {
    return this.#procedures;
  }

  /** Nodes of which the mirror keeps rows that the store does not have. */
  get keptNodes(): readonly NodeId[] {
    return [...this.#kept.keys()];
  }

  /** Nodes that serve the realm, as far as known. */
  get servingNodes(): readonly NodeId[] {
    return [...this.#serving.keys()];
  }

  /** Undefined: it does not serve the realm. */
  statusOf(node: NodeId): ServingState | undefined {
    return this.#serving.get(node);
  }

  /** Must a write of this node wait for it? */
  isWaitedFor(node: NodeId): boolean {
    return this.#serving.has(node) || this.#kept.has(node);
  }

  /** Nodes that serve the realm by the reply to a step. The next load keeps them if the store loses them before. */
  noteServing(nodes: Iterable<NodeId>): void {
    for (const node of nodes)
      if (!this.#serving.has(node) && !this.#options.membership.isGone(node)) this.#serve(node, 'loading');
  }

  nodesFor(topic: Uri): readonly NodeId[] {
    return this.#topics.others.nodesFor(topic);
  }

  /** Since when the cluster wants the topic. Undefined: no node does. */
  createdMs(topic: Uri, match: MatchPolicy): number | undefined {
    return this.#topics.createdMs(topic, match);
  }

  /**
   * Whether a snapshot that was read meanwhile may have this change already. A take-over removes all callees but its successors,
   * and the snapshot may show a successor after it has become a callee.
   */
  isUnclear(body: ChangeBody): boolean {
    return body.kind === 'claim' && body.isForced && this.#procedures.hasBehind(body.member, body.placed.order);
  }

  apply(body: ChangeBody): void {
    switch (body.kind) {
      case 'interest':
        this.#changeInterest(body);
        break;
      case 'claim':
        this.#claim(body, body.isForced);
        break;
      case 'release':
        for (const [id, sessions] of body.callees) {
          const member = this.#procedures.memberOf(id);
          if (member === undefined) continue;
          for (const session of sessions) this.#calleesKeptOf(body.node)?.get(member)?.delete(session);
          this.#procedures.remove(member, leaversOf(body.node, sessions));
        }
        break;
      case 'drop':
      case 'withdrawn':
        for (const id of body.ids) {
          const member = this.#procedures.memberOf(id);
          if (member !== undefined) this.#procedures.remove(member, ({ node }) => node === body.node);
        }
        if (body.kind === 'withdrawn') this.#withdrawn(body.node);
        break;
      case 'enter':
        this.#enter(body.node);
        break;
      case 'complete':
        this.#serving.set(body.node, 'complete');
        this.endKeep(body.node);
        break;
      default:
        unreachable(body);
    }
  }

  /** Takes over a snapshot, then `replay`s the changes since. Registrations that differ from before are announced at the end. */
  load(snapshot: RealmSnapshot, keep: Keep, replay: () => void): void {
    const before = this.#topics.others;
    this.#topics.load(snapshot.interest, this.#options.rows().topics, () => {
      const keptBefore = new Map(this.#kept);
      this.#takeNodes(snapshot, keep, keptBefore, before);
      this.#procedures.beginLoad(snapshot.procedures, this.#isWanted(keep));
      this.#keepCallees(snapshot, keep, keptBefore);
      replay();
    });
    this.#procedures.endLoad();
  }

  #takeNodes(snapshot: RealmSnapshot, keep: Keep, keptBefore: ReadonlyMap<NodeId, Kept>, before: TopicsBefore): void {
    const known = new Set([...this.#serving.keys(), ...this.#kept.keys(), ...before.nodes]);
    this.#kept.clear();
    this.#unwritten.clear();
    this.#serving.clear();
    for (const [node, servingState] of snapshot.nodes) {
      if (this.#options.membership.isGone(node)) this.#topics.dropNode(node);
      else this.#serve(node, servingState);
    }
    for (const node of known) {
      if (this.#keepsAll(node, keep, keptBefore)) {
        // Also for a node that wants nothing: it is waited for.
        this.#keptOf(node);
        this.#keepTopics(node, before, undefined);
      } else if (snapshot.nodes.has(node)) {
        const only = keep.others === 'nothing' ? (keptBefore.get(node)?.topics ?? new Set()) : undefined;
        this.#keepTopics(node, before, only);
      }
    }
  }

  /** Removes the rows of the node that the store does not have by now. */
  endKeep(node: NodeId): void {
    const kept = this.#kept.get(node);
    if (kept === undefined) return;
    this.#kept.delete(node);
    for (const member of kept.topics) this.#removeTopic(node, member);
    for (const [member, sessions] of kept.callees) this.#procedures.remove(member, leaversOf(node, [...sessions]));
  }

  /** Removes a node that is dead or has left. O(everything in the realm). */
  dropNode(node: NodeId): void {
    this.#procedures.removeNode(node);
    this.#withdrawn(node);
  }

  /** Removes callees of this node that it wants no more and the store does not have: no change will remove them. O(all callees). */
  removeUnwanted(isWanted: (member: Member, session: SessionId) => boolean): void {
    const unwanted: Placement[] = [];
    this.#procedures.forEach((placement) => {
      const { node, session } = placement.placed.callee;
      if (node === this.#node && !isWanted(placement.member, session)) unwanted.push(placement);
    });
    for (const { member, placed } of unwanted) this.removeOwn(member, placed.callee.session);
  }

  /** Removes a callee of this node that the store has not accepted again. */
  removeOwn(member: Member, session: SessionId): void {
    this.#procedures.remove(member, leaversOf(this.#node, [session]));
  }

  clear(): void {
    this.#topics.clear();
    this.#serving.clear();
    this.#kept.clear();
    this.#unwritten.clear();
    this.#procedures.clear();
  }

  #changeInterest({ node, added, removed, times, leavers }: Extract<ChangeBody, { kind: 'interest' }>): void {
    const kept = this.#kept.get(node);
    for (const [at, member] of added.entries()) {
      const entry = fromMember(member);
      const timeMs = times[at] ?? 0;
      const createdMs = entry === undefined ? timeMs : this.#topics.add(node, entry.uri, entry.match, timeMs);
      // Others wanted it first, which this node did not know when it wrote its row.
      if (createdMs !== timeMs && node === this.#node) this.#options.rows().rewriteTopic(member);
      kept?.topics.delete(member);
    }
    for (const [at, member] of removed.entries()) {
      kept?.topics.delete(member);
      const leaver = leavers[at] ?? 0;
      this.#removeTopic(node, member, leaver === 0 ? undefined : leaver);
    }
  }

  #removeTopic(node: NodeId, member: Member, leaver?: number): void {
    const entry = fromMember(member);
    if (entry !== undefined) this.#topics.remove(node, entry.uri, entry.match, leaver);
  }

  #claim(placement: Placement, isForced: boolean): void {
    const { node, session } = placement.placed.callee;
    this.#calleesKeptOf(node)?.get(placement.member)?.delete(session);
    this.#procedures.place(placement, isForced);
    // The change is late: the node was declared dead since, and no component would end a call to its callee.
    if (this.#options.membership.isGone(node)) this.#procedures.remove(placement.member, leaversOf(node, [session]));
  }

  #serve(node: NodeId, state: ServingState): void {
    this.#serving.set(node, state);
    this.#options.membership.foundRowsOf(node);
  }

  #withdrawn(node: NodeId): void {
    this.endKeep(node);
    this.#serving.delete(node);
    this.#topics.dropNode(node);
  }

  #enter(node: NodeId): void {
    const isAgain = this.#serving.has(node) && node !== this.#node;
    this.#serve(node, 'loading');
    if (!isAgain) return;
    this.#keepTopics(node, this.#topics.others, undefined, true);
    const placements: Placement[] = [];
    this.#procedures.forEach((placement) => {
      if (placement.placed.callee.node === node) placements.push(placement);
    });
    for (const placement of placements) this.#noteKept(placement);
    this.#options.enteredAgain();
  }

  #keepsAll(node: NodeId, { others }: Keep, keptBefore: ReadonlyMap<NodeId, Kept>): boolean {
    const { membership } = this.#options;
    if (node === this.#node || membership.isGone(node)) return false;
    const servingState = this.#serving.get(node);
    if (servingState === 'loading') return true;
    if (servingState === 'complete') return others === 'all';
    return membership.isMember(node) && (others !== 'nothing' || keptBefore.has(node));
  }

  #keepsCallee({ member, placed: { callee } }: Placement, keep: Keep, keptBefore: ReadonlyMap<NodeId, Kept>): boolean {
    if (callee.node === this.#node) return keep.own?.(member, callee.session) ?? false;
    if (this.#keepsAll(callee.node, keep, keptBefore)) return true;
    return keptBefore.get(callee.node)?.callees.get(member)?.has(callee.session) ?? false;
  }

  /** `only`: these topics, not all. */
  #keepTopics(node: NodeId, before: TopicsBefore, only: ReadonlySet<Member> | undefined, isHere = false): void {
    if (only?.size === 0) return;
    before.forEachOf(node, (topic, match, createdMs) => {
      const member = toMember(match, topic);
      if (only !== undefined && !only.has(member)) return;
      if (!isHere && this.#topics.others.has(node, topic, match)) return;
      this.#keptOf(node).topics.add(member);
      if (!isHere) this.#topics.add(node, topic, match, createdMs);
    });
  }

  /** Not wanted: callees of this node that it releases, and those of nodes that are gone since the rows were read. */
  #isWanted({ own }: Keep): (member: Member, callee: Callee) => boolean {
    const { membership } = this.#options;
    return (member, { node, session }) =>
      node === this.#node ? (own?.(member, session) ?? true) : !membership.isGone(node);
  }

  #keepCallees(snapshot: RealmSnapshot, keep: Keep, keptBefore: ReadonlyMap<NodeId, Kept>): void {
    const mayBeKept = new Map<NodeId, boolean>([[this.#node, keep.own !== undefined]]);
    const isVisited = ({ node }: Callee): boolean => {
      const known = mayBeKept.get(node);
      if (known !== undefined) return known;
      const isKept = this.#keepsAll(node, keep, keptBefore) || (keptBefore.get(node)?.callees.size ?? 0) > 0;
      mayBeKept.set(node, isKept);
      return isKept;
    };
    let member: Member | undefined;
    let present = new Set<SessionId>();
    this.#procedures.forEachBefore(isVisited, (placement) => {
      const { session } = placement.placed.callee;
      if (placement.member !== member) {
        member = placement.member;
        present = new Set(snapshot.procedures.get(member)?.callees.map(({ callee }) => callee.session));
      }
      if (present.has(session) || !this.#keepsCallee(placement, keep, keptBefore)) return;
      if (this.#procedures.placeBeside(placement)) this.#noteKept(placement);
    });
  }

  #noteKept({ member, placed: { callee } }: Placement): void {
    const callees = callee.node === this.#node ? this.#unwritten : this.#keptOf(callee.node).callees;
    const sessions = callees.get(member);
    if (sessions === undefined) callees.set(member, new Set([callee.session]));
    else sessions.add(callee.session);
  }

  #keptOf(node: NodeId): Kept {
    const known = this.#kept.get(node);
    if (known !== undefined) return known;
    const kept = { topics: new Set<Member>(), callees: new Map<Member, Set<SessionId>>() };
    this.#kept.set(node, kept);
    return kept;
  }

  #calleesKeptOf(node: NodeId): Map<Member, Set<SessionId>> | undefined {
    return node === this.#node ? this.#unwritten : this.#kept.get(node)?.callees;
  }

  #isKept(member: Member, { node, session }: Callee): boolean {
    return this.#calleesKeptOf(node)?.get(member)?.has(session) ?? false;
  }

  #calleeRemoved(member: Member, { node, session }: Callee): void {
    this.#calleesKeptOf(node)?.get(member)?.delete(session);
    if (node === this.#node) this.#options.calleeRemoved(member, session);
  }
}

function leaversOf(node: NodeId, sessions: readonly SessionId[]): (callee: Callee) => boolean {
  const leaving = new Set(sessions);
  return (callee) => callee.node === node && leaving.has(callee.session);
}
