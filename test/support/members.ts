import { readNodeChange, type NodeChange } from '../../src/backplane/redis/membership/changes.js';
import { BackplaneUnavailableError } from '../../src/backplane/backplane.js';
import { createKeys } from '../../src/backplane/redis/keys.js';
import type { Lanes } from '../../src/backplane/redis/lanes/lanes.js';
import { StoreInboxListeners } from '../../src/backplane/redis/membership/inbox-listeners.js';
import { Membership } from '../../src/backplane/redis/membership/membership.js';
import { RingWatch } from '../../src/backplane/redis/membership/ring-watch.js';
import type { Script, Store } from '../../src/backplane/redis/ports.js';
import { createClusterCounters } from '../../src/telemetry/cluster-counters.js';
import type { NodeId, Uri } from '../../src/wamp/ids.js';
import { endOfTurn, seededRandom, VirtualTime } from '../simulation/virtual-time.js';
import { StoreTwin } from './store-twin.js';

export const LEASE_MS = 7_000;
export const RENEW_MS = 2_000;
export const ABSENT_MS = 1_500;
const BEAT_MS = 1_000;

/** The longest that a dead node can go unnoticed: its lease, and the renewal that notices. */
export const NOTICED_MS = LEASE_MS + RENEW_MS;

/** How many nodes these have reaped. */
export function reapedCount(...members: Member[]): number {
  return members.reduce((sum, member) => sum + member.counters.nodesReaped.all, 0);
}

/** The store, its clock, and nodes that tests stop, kill, cut off from messages and hold at any step. */
export class MembersWorld {
  readonly keys = createKeys({ prefix: 'p', database: 0 });
  readonly time = new VirtualTime();
  readonly members: Member[] = [];
  readonly published: NodeChange[] = [];
  /** Rows in realms: `<realm> <node>`, and `sessions <node>`. */
  readonly rows = new Set<string>();
  readonly twin: StoreTwin;
  /** How long a command, a reply or a message is under way. */
  delayMs: () => number = () => 0;
  random = seededRandom(1);
  isAway = false;
  /** Whether nodes watch their neighbours, with each heartbeat. */
  isBeating = false;
  /** Connections are lost with each. */
  outageCount = 0;
  turnEnded: () => void = () => undefined;

  constructor() {
    this.twin = new StoreTwin(
      () => 1_700_000_000_000 + this.time.nowMs,
      (channel, text) => this.#publish(channel, text),
      (channel) => this.#listenersOf(channel),
    );
  }

  member(name: string): Member {
    const member = new Member(this, name as NodeId);
    this.members.push(member);
    return member;
  }

  /** Several that have entered, and know of each other. */
  async entered<Names extends readonly string[]>(...names: Names): Promise<{ [Name in keyof Names]: Member }> {
    const members = names.map((name) => this.member(name));
    for (const member of members) {
      const entering = member.membership.enter();
      await this.pass(0);
      await entering;
    }
    await this.pass(0);
    return members as { [Name in keyof Names]: Member };
  }

  /** As `entered`, then passes the grace that begins with the first renewals. */
  async settled<Names extends readonly string[]>(...names: Names): Promise<{ [Name in keyof Names]: Member }> {
    const members = await this.entered(...names);
    await this.pass(2 * LEASE_MS);
    return members;
  }

  /** The changes that announced the end of the node. */
  goneChanges(node: string): unknown[] {
    return this.published.filter((change) => change.kind === 'gone' && change.node === node);
  }

  async pass(durationMs: number): Promise<void> {
    await endOfTurn();
    await this.time.advanceTo(this.time.nowMs + durationMs, () => this.turnEnded());
  }

  /** Lets time pass in small steps until something has happened. */
  async passUntil(happened: Promise<unknown>): Promise<void> {
    const seen: unknown[] = [];
    void happened.then(() => seen.push(happened));
    for (let count = 0; count < 1_000; count++) {
      await this.pass(50);
      if (seen.length > 0) return;
    }
    throw new Error('it did not happen');
  }

  goAway(): void {
    this.isAway = true;
    this.outageCount++;
  }

  flushAll(): void {
    this.twin.flushAll();
    this.rows.clear();
  }

  keysLeft(): unknown {
    return this.twin.command('KEYS', '*');
  }

  alive(): string[] {
    const loaded = this.twin.eval(
      'load_nodes.lua',
      [this.keys.nodes.alive, this.keys.nodes.dying, this.keys.nodes.gone, this.keys.nodes.meta],
      [],
    ) as [number, Buffer, Buffer[]];
    return loaded[2]
      .filter((_, at) => at % 2 === 0)
      .map(String)
      .sort();
  }

  hasTombstone(node: NodeId): boolean {
    return this.twin.command('ZSCORE', this.keys.nodes.gone, node) !== null;
  }

  #listenersOf(channel: string): number {
    const { channels } = this.keys;
    return this.members.filter(({ node, isListening }) => isListening && channels.inbox(node) === channel).length;
  }

  #publish(channel: string, message: Uint8Array): void {
    if (channel !== this.keys.channels.nodes) throw new Error(`published on ${channel}`);
    const change = readNodeChange(message);
    if (typeof change === 'string') throw new Error(`published with a flaw: ${change}`);
    this.published.push(change);
    for (const member of this.members) member.deliver(message);
  }
}

type Moment = 'before' | 'after';

interface Hold {
  readonly moment: Moment;
  readonly file: string;
  readonly reached: () => void;
  readonly released: Promise<void>;
}

export interface Held {
  /** A command has come to this point. */
  readonly reached: Promise<void>;
  release(): void;
  /** Nothing is held if nothing has come here yet. */
  cancel(): void;
}

/** One node: a Membership, its connection to the store, and the process around it. */
export class Member {
  readonly node: NodeId;
  readonly membership: Membership;
  readonly ringWatch: RingWatch;
  readonly counters = createClusterCounters();
  /** Its events: `entered n-2 [1]`, `gone n-2`, `fenced`, `emptied`; failed requests are in `failures`. */
  readonly events: string[] = [];
  readonly failures: string[] = [];
  /** Commands carried out: files of scripts, `withdraw <realm> <node>`, `forget <node>`; and `declared dead`. */
  readonly done: string[] = [];
  readonly served = new Set<Uri>();
  isDeaf = false;
  isDead = false;
  isFrozen = false;
  /** Its inbox has a subscriber in the store: also while it is frozen. */
  isListening = true;
  /** The part of the process that sends to other nodes. */
  lanes: Lanes | undefined;
  /** Names of commands that fail once each, in this order. */
  readonly failing: string[] = [];
  /** Rows of the node that were left when its death was reported. */
  readonly leftBehind: string[] = [];
  readonly #world: MembersWorld;
  #held: (() => void)[] = [];
  #holds: Hold[] = [];
  #commands: Promise<unknown> = Promise.resolve();
  #replies: Promise<unknown> = Promise.resolve();

  constructor(world: MembersWorld, node: NodeId) {
    this.#world = world;
    this.node = node;
    const { time, keys } = world;
    const store = this.#store();
    this.membership = new Membership({
      node,
      row: { name: 'test', reads: [1], startedAtMs: 0 },
      store,
      keys,
      nowMs: () => time.nowMs,
      after: (delayMs, action) => time.after(delayMs, () => this.turn(action)),
      random: () => world.random(),
      counters: this.counters,
      leaseMs: LEASE_MS,
      renewMs: RENEW_MS,
      absentMs: ABSENT_MS,
      peers: {
        entered: (peer, reads) => {
          this.events.push(`entered ${peer} [${reads.join()}]`);
          this.lanes?.open(peer, reads);
        },
        gone: (peer) => {
          this.events.push(`gone ${peer}`);
          this.lanes?.close(peer);
          this.leftBehind.push(...[...world.rows].filter((row) => row.endsWith(` ${peer}`)));
        },
      },
      own: {
        denied: () => this.done.push('denied'),
        declaredDead: () => this.done.push('declared dead'),
        fenced: () => this.events.push('fenced'),
        storeLost: () => {
          this.events.push('emptied');
          for (const realm of this.served) this.#writeUntilDone(realm);
        },
      },
      failed: (operation, cause) => this.failures.push(`${operation}: ${String(cause)}`),
      rows: {
        withdrawRealm: (of, realm) => this.#erase(`withdraw ${realm} ${of}`, `${realm} ${of}`),
        forgetSessions: (of) => this.#erase(`forget ${of}`, `sessions ${of}`),
      },
    });
    const lanes = { doubt: (peer: NodeId) => this.lanes?.doubt(peer) };
    const listeners = new StoreInboxListeners({ node, store, channels: keys.channels });
    this.ringWatch = new RingWatch({ node, membership: this.membership, lanes, listeners });
    this.membership.setListening(true);
    this.#beatLater();
  }

  /** Writes a row in the realm, and a session; later, if the store is away. */
  async serve(realm: Uri): Promise<void> {
    await this.membership.noteRealm(realm);
    this.served.add(realm);
    this.#writeUntilDone(realm);
    await this.#replies;
  }

  kill(): void {
    this.isDead = true;
    this.isListening = false;
    this.#held = [];
  }

  /** Its subscriber connection is lost, and it knows; or it has another one. */
  listen(isListening: boolean): void {
    this.isListening = isListening;
    this.turn(() => this.membership.setListening(isListening));
  }

  /** SIGSTOP. */
  freeze(): void {
    this.isFrozen = true;
  }

  /** SIGCONT: all that came meanwhile is there at once. */
  thaw(): void {
    this.isFrozen = false;
    const held = this.#held;
    this.#held = [];
    for (const action of held) this.#world.time.after(0, () => this.turn(action));
  }

  /** Stops the next command of this name before it is carried out, or before its reply is seen. */
  hold(moment: Moment, file: string): Held {
    const [released, release] = signal();
    const [reached, reach] = signal();
    const hold = { moment, file, reached: reach, released };
    this.#holds.push(hold);
    const cancel = (): void => {
      this.#holds = this.#holds.filter((one) => one !== hold);
    };
    return { reached, release, cancel };
  }

  deliver(message: Uint8Array): void {
    const { time, outageCount, delayMs } = this.#world;
    time.after(delayMs(), () => {
      if (!this.isDeaf && outageCount === this.#world.outageCount) this.turn(() => this.receive(message));
    });
  }

  receive(message: Uint8Array): void {
    this.membership.receive(message);
  }

  count(name: string): number {
    return this.done.filter((command) => command === name).length;
  }

  turn(action: () => void): void {
    if (this.isDead) return;
    if (this.isFrozen) this.#held.push(action);
    else action();
  }

  #beatLater(): void {
    this.#world.time.after(this.#world.random() * BEAT_MS, () => this.#beat());
  }

  #beat(): void {
    if (this.isDead) return;
    const { time, isBeating, isAway } = this.#world;
    time.after(BEAT_MS, () => this.#beat());
    if (!isBeating || isAway || this.isFrozen) return;
    this.lanes?.heartbeat();
    this.ringWatch.tick();
  }

  #store(): Store {
    return {
      run: async <Input, Reply>(script: Script<Input, Reply>, input: Input) => {
        const { keys, argv } = script.encode(input);
        return script.decode(await this.#command(script.file, () => this.#world.twin.eval(script.file, keys, argv)));
      },
      scanSet: (key) => this.#scan(key),
      scanHash: () => {
        throw new Error('not used');
      },
    };
  }

  async *#scan(key: string): AsyncIterable<readonly string[]> {
    const members = (await this.#command('scan', () => this.#world.twin.members(key))) as string[];
    for (let at = 0; at < members.length; at += 2) yield members.slice(at, at + 2);
  }

  async #erase(name: string, row: string): Promise<void> {
    await this.#command(name, () => this.#world.rows.delete(row));
  }

  async #write(realm: Uri): Promise<void> {
    await this.#command(`write ${realm}`, () => {
      // As the scripts of a realm refuse a node that has not entered it since the store lost its data.
      const noted = this.#world.twin.members(this.#world.keys.nodes.realmsOf(this.node));
      if (!noted.includes(realm)) throw new BackplaneUnavailableError('writing before it has entered');
      this.#world.rows.add(`${realm} ${this.node}`).add(`sessions ${this.node}`);
    });
  }

  #writeUntilDone(realm: Uri): void {
    this.#write(realm).catch(() => {
      this.#world.time.after(500, () => this.turn(() => this.#writeUntilDone(realm)));
    });
  }

  /** In the order asked, and so the replies. */
  #command(name: string, action: () => unknown): Promise<unknown> {
    const outage = this.#world.outageCount;
    const carriedOut = this.#commands.then(async () => {
      await this.#passage('before', name);
      this.#fail(name, outage);
      this.done.push(name);
      return action();
    });
    this.#commands = carriedOut.catch(() => undefined);
    const reply = this.#replies.then(async () => {
      const raw = await carriedOut;
      await this.#passage('after', name);
      await new Promise<void>((resolve) => this.turn(resolve));
      this.#fail(name, outage);
      return raw;
    });
    this.#replies = reply.catch(() => undefined);
    return reply;
  }

  async #passage(moment: Moment, name: string): Promise<void> {
    const hold = this.#holds.find((one) => one.moment === moment && one.file === name);
    if (hold !== undefined) {
      this.#holds = this.#holds.filter((one) => one !== hold);
      hold.reached();
      await hold.released;
    }
    const delayMs = this.#world.delayMs();
    if (delayMs > 0) await new Promise<void>((resolve) => this.#world.time.after(delayMs, resolve));
  }

  #fail(name: string, outage: number): void {
    const isFailing = this.failing[0] === name;
    if (isFailing) this.failing.shift();
    if (isFailing || this.#world.isAway || outage !== this.#world.outageCount)
      throw new BackplaneUnavailableError(name);
  }
}

function signal(): [signaled: Promise<void>, give: () => void] {
  let give: () => void = () => undefined;
  const signaled = new Promise<void>((resolve) => (give = resolve));
  return [signaled, give];
}
