import type { Client } from './client.js';
import type { ParticipantNode } from './journal.js';
import type { MetaEvent, Watcher } from './watcher.js';
import type { World } from './world.js';

const RULES = { session: 'SMA-2, TST-7', subscription: 'UMA-1, UMA-6', registration: 'RMA-1, UMA-1' };

type Kind = 'subscription' | 'registration';

/** What one watcher knows of one subscription or registration. */
interface Subject {
  /** Undefined: the watcher may have missed the last change. */
  exists: boolean | undefined;
  readonly sessions: Set<number>;
}

/** One session that holds or held a subscription or registration. */
interface Holding {
  readonly id: number;
  readonly client: { readonly session: number; readonly node: ParticipantNode };
  readonly askedAt: number;
  readonly from: number;
  readonly until: number;
}

/**
 * Checks that every watcher has received each meta event once, and all of one subject in order. Where its node has missed messages,
 * or was cut off, an event of a subscription or registration may be missing; nothing is excused for sessions but absence.
 */
export function judgeMetaEvents(world: World): void {
  for (const watcher of world.watchers) new Verdict(world, watcher).judge();
}

class Verdict {
  readonly #world: World;
  readonly #watcher: Watcher;
  readonly #subjects = new Map<string, Subject>();
  readonly #joined = new Set<number>();
  readonly #left = new Set<number>();
  /** Sessions whose testament it has received. */
  readonly #testaments = new Set<number>();
  /** By id, unless two sessions have had it: a watcher cannot distinguish them. */
  readonly #clients = new Map<number, Client | 'several'>();
  /** The watcher may have missed what happened before. */
  #isBlindUntil: number;

  constructor(world: World, watcher: Watcher) {
    this.#world = world;
    this.#watcher = watcher;
    this.#isBlindUntil = watcher.since < world.begunAt ? -Infinity : watcher.since;
    for (const client of [...world.clients, ...world.watchers])
      this.#clients.set(client.session, this.#clients.has(client.session) ? 'several' : client);
  }

  judge(): void {
    const { gapNotices, cutOffs } = this.#watcher.node;
    const losses = [...gapNotices.map(({ at }) => at), ...cutOffs.flatMap(({ from, until }) => [from, until])].sort(
      (one, other) => one - other,
    );
    for (const event of this.#watcher.seen) {
      while (losses.length > 0 && losses[0]! < event.at) this.#forget(losses.shift()!);
      if (event.isCutOff) this.#forget(event.at);
      if (event.of === 'session') this.#session(event);
      else this.#change(event.of, event);
    }
    for (const at of losses) this.#forget(at);
    if (!this.#watcher.isOpen) return;
    this.#judgeSessions();
    this.#judgeHoldings('subscription');
    this.#judgeHoldings('registration');
  }

  #forget(at: number): void {
    this.#isBlindUntil = Math.max(this.#isBlindUntil, at);
    for (const subject of this.#subjects.values()) {
      subject.exists = undefined;
      subject.sessions.clear();
    }
  }

  #session({ what, subject, at }: MetaEvent): void {
    const client = this.#clients.get(subject);
    if (client === 'several') return;
    const isJoin = what === 'on_join';
    const into = isJoin ? this.#joined : what === 'on_leave' ? this.#left : this.#testaments;
    if (into.has(subject)) this.#violate('session', `got ${what} of ${subject} twice`);
    if (what !== 'on_leave' && this.#left.has(subject))
      this.#violate('session', `got ${what} of ${subject} after its end`);
    if (!isJoin && client !== undefined && client.goneAt > at && client.node.declaredDeadAt > at)
      this.#violate('session', `got ${what} of ${subject}, which is there`);
    if (what === 'on_leave' && client?.hasTestament === true && !this.#testaments.has(subject) && this.#sees(client))
      this.#violate('session', `got on_leave of ${subject}, and not its testament before`);
    into.add(subject);
  }

  /** It has missed nothing since the session ended, or since its node was declared dead. */
  #sees({ goneAt, node }: Client): boolean {
    return Math.min(goneAt, node.removedAt) > this.#isBlindUntil;
  }

  #change(of: Kind, { what, subject: id, session, at }: MetaEvent): void {
    const subject = this.#subject(of, id);
    const { exists, sessions } = subject;
    const received = `got ${what} of ${of} ${id}, session ${String(session)},`;
    switch (what) {
      case 'on_create':
        if (exists === true) this.#violate(of, `${received} twice`);
        subject.exists = true;
        sessions.clear();
        return;
      case 'on_delete': {
        if (exists === false) this.#violate(of, `${received} without on_create`);
        const left = [...sessions].filter((one) => this.#mustEnd(of, id, one, at));
        if (left.length > 0) this.#violate(of, `${received} before the end of ${left.join()}`);
        subject.exists = false;
        sessions.clear();
        return;
      }
      case 'on_subscribe':
      case 'on_register':
        if (exists === false) this.#violate(of, `${received} before on_create`);
        if (sessions.has(session!) && this.#mustEnd(of, id, session!, at) && !this.#cameAgain(of, id, session!, at))
          this.#violate(of, `${received} twice`);
        sessions.add(session!);
        return;
      default:
        if (exists === false) this.#violate(of, `${received} after on_delete`);
        if (!sessions.delete(session!) && this.#mustHaveBegun(of, id, session!, at))
          this.#violate(of, `${received} without its beginning`);
    }
  }

  /**
   * No node knows the subscribers of a dead one; and one that is cut off cannot notify the others that a session leaves a
   * subscription. They learn only later that they have missed something.
   */
  #mustEnd(of: Kind, id: number, session: number, at: number): boolean {
    return this.#every(of, id, session, at, ({ client: { node }, until }) => {
      if (of === 'registration') return true;
      return !(isLost(node) || wasCutOff(node, until) || this.#wasCutShort(node, until));
    });
  }

  #mustHaveBegun(of: Kind, id: number, session: number, at: number): boolean {
    return this.#every(of, id, session, at, (one) => one.askedAt > this.#isBlindUntil && this.#mustBegin(one));
  }

  /** A node that is cut off cannot notify the others of a session that has joined those of a subscription that it has already. */
  #mustBegin({ client: { node }, from }: Holding): boolean {
    return node === this.#watcher.node || !(wasCutOff(node, from) || this.#wasCutShort(node, from));
  }

  /** A callee that registers again before its first event has arrived may be announced by that one and by the second one. */
  #cameAgain(of: Kind, id: number, session: number, at: number): boolean {
    const [before, last] = this.#holdingsOf(of, id, session, at).slice(-2);
    return of === 'registration' && last !== undefined && !this.#world.journal.wasQuiet(before!.from, last.from);
  }

  #every(of: Kind, id: number, session: number, before: number, isSo: (one: Holding) => boolean): boolean {
    const all = this.#holdingsOf(of, id, session, before);
    return all.length > 0 && all.every(isSo);
  }

  #holdingsOf(of: Kind, id: number, session: number, before: number): readonly Holding[] {
    if (this.#clients.get(session) === 'several') return [];
    return this.#holdings(of).filter((one) => one.id === id && one.client.session === session && one.from < before);
  }

  #holdings(of: Kind): readonly Holding[] {
    const { subscriptions, registrations } = this.#world.journal;
    return of === 'subscription' ? subscriptions : registrations;
  }

  #judgeSessions(): void {
    for (const client of this.#world.clients) {
      const { session, joinedAt, goneAt } = client;
      if (this.#clients.get(session) === 'several') continue;
      if (joinedAt > this.#isBlindUntil && !this.#joined.has(session) && !this.#wasCutShort(client.node, joinedAt))
        this.#violate('session', `never got on_join of ${session}`);
      if (goneAt === Infinity || this.#left.has(session)) continue;
      if (this.#sees(client) && !this.#isLeaveLost(client))
        this.#violate('session', `never got on_leave of ${session}`);
    }
  }

  /** The session's node has ended, or was cut off, with the event under way; or the node that has removed its rows has. */
  #isLeaveLost({ node, goneAt }: Client): boolean {
    if (this.#wasCutShort(node, goneAt)) return true;
    if (!isLost(node)) return false;
    return node.wereRowsLost || this.#world.nodes.some((other) => this.#isOver(other, node.removedAt));
  }

  #judgeHoldings(of: Kind): void {
    const open = this.#holdings(of).filter(({ until }) => until === Infinity);
    for (const holding of open) {
      const { id, client, from } = holding;
      const { exists, sessions } = this.#subject(of, id);
      if (exists === false) this.#violate(of, `never got on_create of ${of} ${id}`);
      if (from > this.#isBlindUntil && !sessions.has(client.session) && this.#mustBegin(holding))
        this.#violate(of, `never got the beginning of ${client.session} in ${id}`);
    }
    for (const [key, { exists }] of this.#subjects)
      if (exists === true && key.startsWith(of) && !open.some(({ id }) => key === `${of} ${id}`))
        this.#violate(of, `never got on_delete of ${key}`);
  }

  /** The node died or was cut off before what it sent at that time had arrived. */
  #wasCutShort(node: ParticipantNode, at: number): boolean {
    const { journal } = this.#world;
    const ends = isLost(node) ? [node.goneAt, ...node.isolatedAt] : node.isolatedAt;
    return ends.some((end) => end >= at && !journal.wasQuiet(at, end));
  }

  /** As `wasCutShort`, also for a node that leaves. */
  #isOver(node: ParticipantNode, at: number): boolean {
    const { journal } = this.#world;
    return [node.goneAt, ...node.isolatedAt].some((end) => end !== Infinity && end > at && !journal.wasQuiet(at, end));
  }

  #subject(of: string, id: number): Subject {
    const key = `${of} ${id}`;
    let subject = this.#subjects.get(key);
    if (subject === undefined) {
      subject = { exists: this.#isBlindUntil === -Infinity ? false : undefined, sessions: new Set() };
      this.#subjects.set(key, subject);
    }
    return subject;
  }

  #violate(of: MetaEvent['of'], what: string): void {
    this.#world.journal.violate(RULES[of], `the watcher of ${this.#watcher.node.id} ${what}`);
  }
}

/** It died, was declared dead, or left while it could not reach the others. */
function isLost({ state, declaredDeadAt, isolatedAt, goneAt }: ParticipantNode): boolean {
  return state === 'dead' || declaredDeadAt !== Infinity || (goneAt !== Infinity && isolatedAt.length > 0);
}

function wasCutOff({ cutOffs }: ParticipantNode, at: number): boolean {
  return cutOffs.some(({ from, until }) => from <= at && at <= until);
}
