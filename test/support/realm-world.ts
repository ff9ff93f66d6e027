import type { TopicChange } from '../../src/backplane/backplane.js';
import { createKeys } from '../../src/backplane/redis/keys.js';
import { parseChange } from '../../src/backplane/redis/realm/changes.js';
import { RealmReplica } from '../../src/backplane/redis/realm/replica.js';
import type { RealmLimits } from '../../src/backplane/redis/realm/ports.js';
import { toMember, unescapeMember, type Member } from '../../src/backplane/redis/realm/rows.js';
import { withdrawNode } from '../../src/backplane/redis/realm/scripts.js';
import type { deriveId } from '../../src/routing/derived-id.js';
import type { Claim, ClaimOutcome, Registration } from '../../src/routing/ports.js';
import { allCallees } from '../../src/routing/successors.js';
import { createClusterCounters } from '../../src/telemetry/cluster-counters.js';
import type { NodeId, RegistrationId, SessionId, Uri } from '../../src/wamp/ids.js';
import type { MatchPolicy } from '../../src/wamp/options.js';
import { endOfTurn, seededRandom, VirtualTime } from '../simulation/virtual-time.js';
import { Pipe, PipedStore } from './piped-store.js';
import { RealmTwin } from './realm-twin.js';

export const REALM = 'realm.one';

export const LIMITS: RealmLimits = {
  barrierTimeoutMs: 15_000,
  reaskMs: 500,
  takeoverMs: 10_000,
  maxInterestsPerStep: 500,
  keepMs: 7_000,
  retryMs: 500,
};

/** One realm with its store and its nodes. Tests hold, lose and delay every message and reply. */
export class RealmWorld {
  readonly keys = createKeys({ prefix: 'p', database: 0 });
  readonly realm = this.keys.realm(REALM);
  readonly time = new VirtualTime();
  readonly nodes: WorldNode[] = [];
  readonly messages: Uint8Array[] = [];
  readonly twin = new RealmTwin((_channel, message) => {
    this.messages.push(message);
    this.onPublished(message);
    for (const node of this.nodes) node.receive(() => node.directory.changed(message));
  });
  onPublished: (message: Uint8Array) => void = () => undefined;
  /** A callee whose claim was granted has lost its procedure, which now is this. */
  onRevoked: (session: SessionId, registration: Registration) => void = () => undefined;
  /** Sessions whose claims were granted, in the order of the grants. */
  readonly granted = new Map<SessionId, number>();
  delayMs: () => number = () => 0;
  random = seededRandom(1);
  confirmationLoss = 0;
  turnEnded: () => void = () => undefined;
  limits: RealmLimits = LIMITS;
  derive: typeof deriveId | undefined;

  add(name: string): WorldNode {
    const node = new WorldNode(this, name as NodeId);
    this.nodes.push(node);
    return node;
  }

  /** Adds nodes that serve the realm. */
  async serving<Names extends readonly string[]>(...names: Names): Promise<{ [Name in keyof Names]: WorldNode }> {
    const nodes = names.map((name) => this.add(name));
    for (const node of nodes) await this.settled(node.enter());
    return nodes as { [Name in keyof Names]: WorldNode };
  }

  async pass(durationMs: number): Promise<void> {
    await endOfTurn();
    await this.time.advanceTo(this.time.nowMs + durationMs, () => this.turnEnded());
  }

  /** Lets time pass until the promise is settled, for a minute at most. */
  async settled<T>(promise: T | Promise<T>): Promise<T> {
    const watched = { isSettled: false };
    const end = (): void => {
      watched.isSettled = true;
    };
    Promise.resolve(promise).then(end, end);
    for (let step = 0; step < 6_000; step++) {
      await this.pass(step === 0 ? 0 : 10);
      if (watched.isSettled) return promise;
    }
    throw new Error('the promise was never settled');
  }

  node(id: NodeId): WorldNode | undefined {
    return this.nodes.find((node) => node.id === id);
  }

  storedTopics(node: WorldNode): string[] {
    return this.twin
      .fields(this.realm.interest(node.id))
      .map(([topic]) => topic)
      .sort();
  }

  storedCallees(): string[] {
    return this.twin
      .fields(this.realm.procedures)
      .flatMap(([member]) =>
        this.twin.fields(this.realm.callees(unescapeMember(member)!)).map(([holder]) => `${member} ${holder}`),
      )
      .sort();
  }

  /** Declares a node dead: another node removes its rows, then all nodes learn of the death. */
  async declareDead(dead: WorldNode): Promise<void> {
    dead.cut();
    dead.isDead = true;
    for (;;) {
      try {
        const reaper = this.nodes.find(({ isCut, isDead }) => !isCut && !isDead);
        if (reaper !== undefined) {
          await withdrawNode(reaper.store, this.keys, dead.id, REALM);
          break;
        }
      } catch {
        // The next node continues.
      }
      await new Promise<void>((resolve) => this.time.after(500, resolve));
    }
    for (const node of this.nodes) node.receiveLater(() => node.nodeGone(dead.id));
  }
}

/** The kind of a published change, or why it cannot be read. */
export function changeKindOf(message: Uint8Array): string {
  const change = parseChange(message);
  return typeof change === 'string' ? change : change.body.kind;
}

type Wish = { isKnown: boolean };

/** A node: its directory, its connections, and the topics and callees of its sessions, as its routing sees them. */
export class WorldNode {
  readonly id: NodeId;
  readonly counters = createClusterCounters();
  readonly gone = new Set<NodeId>();
  readonly notified: Registration[] = [];
  readonly topicChanges: TopicChange[] = [];
  /** The last registration that the directory has sent, of each procedure that has callees. */
  readonly registrations = new Map<Member, Registration>();
  readonly wants = new Map<Member, Wish>();
  /** Callees whose claim was granted and that were not revoked or released. */
  readonly holds = new Map<
    string,
    { readonly member: Member; readonly session: SessionId; readonly id: RegistrationId }
  >();
  readonly revoked: string[] = [];
  readonly asked: string[] = [];
  readonly failures: unknown[] = [];
  readonly doubts: string[] = [];
  readonly store: PipedStore;
  readonly directory: RealmReplica;
  /** To the store, from the store, from the realm's channel, and to the other nodes. */
  readonly up: Pipe;
  readonly down: Pipe;
  readonly subscriber: Pipe;
  readonly bus: Pipe;
  isDead = false;
  isServing = false;
  isCut = false;
  #hasWithdrawn = false;
  #generation = 0;
  #inCall = 0;
  readonly #world: RealmWorld;

  constructor(world: RealmWorld, id: NodeId) {
    this.#world = world;
    this.id = id;
    this.up = new Pipe(world.time, () => world.delayMs());
    this.down = new Pipe(world.time, () => world.delayMs());
    this.subscriber = new Pipe(world.time, () => world.delayMs());
    this.bus = new Pipe(world.time, () => world.delayMs());
    this.store = new PipedStore(world.twin, this, () => this.isCut);
    this.directory = new RealmReplica({
      realm: REALM,
      node: id,
      store: this.store,
      keys: world.realm,
      channel: 'channel',
      membership: {
        isMember: (node) => !this.gone.has(node) && world.node(node) !== undefined,
        isGone: (node) => this.gone.has(node),
        foundRowsOf: () => undefined,
      },
      confirmations: {
        confirm: (to, _realm, version) => this.#send(to, (other) => other.directory.confirmed(id, version)),
        ask: (to, _realm, version) => {
          this.asked.push(`${to} ${version}`);
          this.#send(to, (other) => other.answer(id, version));
        },
      },
      counters: this.counters,
      nowMs: () => world.time.nowMs,
      after: (delayMs, action) => world.time.after(delayMs, action),
      schedule: (flush) => void world.time.after(0, flush),
      limits: world.limits,
      events: {
        topic: (_realm, change) => this.topicChanges.push(change),
        registration: (_realm, registration) => this.#registrationChanged(registration),
        failed: (operation, cause) => this.failures.push(operation, cause),
        doubted: (_realm, what) => this.doubts.push(what),
      },
      ...(world.derive === undefined ? undefined : { derive: world.derive }),
    });
  }

  async enter(): Promise<void> {
    await this.#call(() => this.directory.enter());
    this.isServing = true;
  }

  async withdraw(): Promise<void> {
    this.isServing = false;
    this.#hasWithdrawn = true;
    this.wants.clear();
    this.holds.clear();
    await this.#call(() => this.directory.withdraw());
  }

  watch(topic: Uri, match: MatchPolicy = 'exact'): void | Promise<void> {
    const member = toMember(match, topic);
    const watching = this.#call(() => this.directory.watch(topic, match));
    if (this.wants.has(member)) return watching;
    const wish: Wish = { isKnown: watching === undefined };
    this.wants.set(member, wish);
    watching?.then(
      () => (wish.isKnown = true),
      () => {
        if (this.wants.get(member) === wish) this.wants.delete(member);
      },
    );
    return watching;
  }

  unwatch(topic: Uri, match: MatchPolicy = 'exact', leaver?: SessionId): void {
    this.wants.delete(toMember(match, topic));
    this.#call(() => this.directory.unwatch(topic, match, leaver));
  }

  async claim(claim: Claim): Promise<ClaimOutcome> {
    const outcome = await this.#call(() => this.directory.claim(claim));
    if (outcome.kind !== 'granted') return outcome;
    const member = toMember(claim.match, claim.procedure);
    const { session } = claim.callee;
    this.#world.granted.set(session, this.#world.granted.size);
    const registration = this.registrations.get(member);
    const isNamed = registration !== undefined && allCallees(registration).some((callee) => callee.session === session);
    if (isNamed) this.holds.set(`${member} ${session}`, { member, session, id: outcome.registration.id });
    else this.revoked.push(`${member} ${session}`);
    return outcome;
  }

  release(member: Member, session: SessionId): Promise<void> {
    const held = this.holds.get(`${member} ${session}`);
    if (held === undefined) throw new Error(`${this.id} holds no ${member} for ${session}`);
    this.holds.delete(`${member} ${session}`);
    return this.#call(() => this.directory.release(held.id, session));
  }

  interested(topic: Uri): string[] {
    return [...this.directory.interestedNodes(topic)].sort();
  }

  /** Loses all connections of the node, with everything under way. */
  cut(): void {
    if (this.isCut) return;
    this.isCut = true;
    this.#generation++;
    this.store.disconnect();
    this.#call(() => this.directory.cutOff());
  }

  /** Reconnects the node, and retries the resync while the node is connected. */
  async heal(): Promise<void> {
    this.isCut = false;
    await this.resync('reconnected');
  }

  async resync(why: 'reconnected' | 'store_emptied'): Promise<void> {
    const generation = this.#generation;
    for (let attempt = 0; attempt < 20 && generation === this.#generation && !this.isDead; attempt++) {
      try {
        await this.#call(() => this.directory.resync(why));
        return;
      } catch {
        await new Promise<void>((resolve) => this.#world.time.after(500, resolve));
      }
    }
  }

  /** Receives a published message, unless the connection is lost meanwhile. */
  receive(message: () => void): void {
    if (this.isCut) return;
    const generation = this.#generation;
    this.subscriber.send(() => {
      if (generation === this.#generation) message();
    });
  }

  /** Receives a message that no lost connection can drop. */
  receiveLater(message: () => void): void {
    this.subscriber.send(message);
  }

  /** Confirms at once if the node does not serve the realm any more: then it cannot miss a change. */
  answer(asker: NodeId, version: number): void {
    if (this.#hasWithdrawn) this.#send(asker, (other) => other.directory.confirmed(this.id, version));
    else this.directory.asked(asker, version);
  }

  nodeGone(node: NodeId): void {
    this.gone.add(node);
    if (!this.isDead) this.directory.nodeGone(node);
  }

  #send(to: NodeId, deliver: (other: WorldNode) => void): void {
    const other = this.#world.node(to);
    if (this.isCut || other === undefined || this.#world.random() < this.#world.confirmationLoss) return;
    const generation = this.#generation;
    this.bus.send(() => {
      if (generation === this.#generation) other.receive(() => deliver(other));
    });
  }

  #registrationChanged(registration: Registration): void {
    if (this.#inCall > 0) throw new Error('the directory sent a registration inside a call');
    this.notified.push(registration);
    const member = toMember(registration.match, registration.procedure);
    if (registration.callees.length > 0) this.registrations.set(member, registration);
    else this.registrations.delete(member);
    for (const [key, held] of [...this.holds]) {
      if (held.member !== member) continue;
      if (allCallees(registration).some(({ node, session }) => node === this.id && session === held.session)) continue;
      this.holds.delete(key);
      this.revoked.push(key);
      this.#world.onRevoked(held.session, registration);
    }
  }

  #call<T>(call: () => T): T {
    this.#inCall++;
    try {
      return call();
    } finally {
      this.#inCall--;
    }
  }
}
