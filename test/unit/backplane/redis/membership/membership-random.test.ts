import { expect, it } from 'vitest';
import { LEASE_MS, MembersWorld, type Member } from '../../../../support/members.js';
import { seededRandom } from '../../../../simulation/virtual-time.js';

const SEED_COUNT = Number(process.env['GANTRY_MEMBERSHIP_SEEDS'] ?? 60);
const FIRST_SEED = Number(process.env['GANTRY_MEMBERSHIP_SEED'] ?? 1);
const STEP_COUNT = 40;
const HEALED_MS = 12 * LEASE_MS;

/** One life of a cluster in which anything may happen to its nodes and its store, until it is left alone and heals. */
class Story {
  readonly world = new MembersWorld();
  readonly steps: string[] = [];
  /** Declared dead, and the store has forgotten that: a node that remembers reaps them without waiting for their lease. */
  readonly forgotten = new Set<Member>();
  readonly left = new Set<Member>();
  /** Members that were frozen, cut off from messages, or without a listener at some time: the others may have had a reason. */
  readonly doubtful = new Set<Member>();
  readonly #random: () => number;
  #nodeCount = 0;

  constructor(seed: number) {
    const random = seededRandom(seed);
    this.#random = random;
    const slownessMs = random() < 0.3 ? 0 : random() * 200;
    this.world.random = seededRandom(seed + 1_000_000);
    this.world.isBeating = random() < 0.7;
    this.world.delayMs = () => (random() < 0.02 ? 5 : 1) * random() * slownessMs;
    this.world.turnEnded = () => this.#checkLeases();
  }

  async play(): Promise<void> {
    for (let count = 0; count < 3; count++) this.#enter();
    for (let count = 0; count < STEP_COUNT; count++) {
      this.#happen();
      await this.world.pass(this.#random() * (this.#random() < 0.2 ? 2 * LEASE_MS : 1_500));
    }
    if (this.world.isAway) this.#comeBack();
    for (const member of this.world.members) {
      member.isDeaf = false;
      if (member.isFrozen) member.thaw();
      if (!member.isListening && !member.isDead) this.#toggleListener(member);
    }
    // Somebody to reap the others, in case they all find themselves dead.
    this.#enter();
    await this.world.pass(HEALED_MS);
  }

  alive(): Member[] {
    return this.#running().filter(({ events }) => !events.includes('fenced'));
  }

  #running(): Member[] {
    return this.world.members.filter((member) => !member.isDead && !this.left.has(member));
  }

  #pick(): Member | undefined {
    const running = this.#running();
    return running[Math.floor(this.#random() * running.length)];
  }

  #happen(): void {
    const { world } = this;
    const dice = this.#random();
    const member = this.#pick();
    if (dice < 0.12 || member === undefined) this.#enter();
    else if (dice < 0.2) this.#note('kill', member, () => member.kill());
    else if (dice < 0.32) this.#note('freeze', member, () => this.#freeze(member));
    else if (dice < 0.48) this.#thaw();
    else if (dice < 0.54) this.#note('leave', member, () => this.#leave(member));
    else if (dice < 0.68) this.#note('serve', member, () => this.#serve(member));
    else if (dice < 0.74) this.#note('deafen', member, () => (member.isDeaf = !member.isDeaf));
    else if (dice < 0.78) this.#note('toggle', member, () => this.#toggleListener(member));
    else if (dice < 0.84) {
      this.#flush();
    } else if (world.isAway) this.#comeBack();
    else if (dice < 0.91) {
      this.steps.push('away');
      world.goAway();
    }
  }

  #note(what: string, member: Member, action: () => void): void {
    this.steps.push(`${Math.round(this.world.time.nowMs)} ${what} ${member.node}`);
    action();
  }

  #enter(): void {
    const member = this.world.member(`n-${++this.#nodeCount}`);
    this.#note('enter', member, () => void this.#enterUntilDone(member));
  }

  async #enterUntilDone(member: Member): Promise<void> {
    try {
      await member.membership.enter();
    } catch {
      if (member.isDead || this.left.has(member)) return;
      // A process that cannot enter in time ends, and another is started.
      member.kill();
    }
  }

  /** One that nobody listens to is not frozen too: in a process that wakes the pause is noticed before the lost connection. */
  #freeze(member: Member): void {
    this.doubtful.add(member);
    if (member.isListening) member.freeze();
  }

  #toggleListener(member: Member): void {
    if (member.isFrozen) return;
    this.doubtful.add(member);
    member.listen(!member.isListening);
    if (member.isListening) void member.membership.renewOnce().catch(() => undefined);
  }

  #thaw(): void {
    const frozen = this.#running().find((member) => member.isFrozen);
    if (frozen !== undefined) this.#note('thaw', frozen, () => frozen.thaw());
  }

  #leave(member: Member): void {
    if (member.isFrozen) return;
    this.left.add(member);
    void member.membership.leave();
  }

  #serve(member: Member): void {
    if (member.isFrozen) return;
    member.serve(`realm${Math.floor(this.#random() * 5)}`).catch(() => undefined);
  }

  #comeBack(): void {
    this.steps.push(`${Math.round(this.world.time.nowMs)} back`);
    this.world.isAway = false;
    for (const member of this.#running()) member.turn(() => void member.membership.renewOnce().catch(() => undefined));
  }

  #flush(): void {
    this.steps.push(`${Math.round(this.world.time.nowMs)} flush`);
    for (const member of this.world.members) if (this.world.hasTombstone(member.node)) this.forgotten.add(member);
    this.world.flushAll();
  }

  #checkLeases(): void {
    for (const member of this.world.members) {
      if (member.isDead || member.isFrozen || this.left.has(member) || this.forgotten.has(member)) continue;
      if (member.membership.isLeaseValid() && this.world.hasTombstone(member.node)) {
        throw new Error(`${member.node} counts its lease as valid after its death`);
      }
    }
  }
}

async function check(story: Story): Promise<void> {
  await story.play();
  const { world } = story;
  const alive = story.alive();
  const names = alive.map(({ node }) => node as string).sort();
  expect(world.alive()).toEqual(names);
  for (const member of world.members) {
    const { events } = member;
    const peers = new Set(events.map((event) => event.split(' ')[1] ?? '').filter((peer) => peer !== ''));
    for (const peer of peers) {
      const about = events.filter((event) => event.split(' ')[1] === peer);
      // Once each, in this order.
      expect(['entered', 'entered gone']).toContain(about.map((event) => event.split(' ')[0]).join(' '));
    }
    expect(events.filter((event) => event === 'fenced').length).toBeLessThanOrEqual(1);
    if (events.includes('fenced')) expect(events.at(-1)).toBe('fenced');
  }
  for (const member of alive) {
    expect(member.membership.isLeaseValid()).toBe(true);
    const gone = new Set(member.events.filter((event) => event.startsWith('gone')).map((event) => event.slice(5)));
    const entered = member.events.filter((event) => event.startsWith('entered')).map((event) => event.split(' ')[1]!);
    const known = entered.filter((peer) => !gone.has(peer));
    expect([...known, member.node].sort()).toEqual(names);
  }
  for (const member of world.members) {
    if (!member.isDead && !story.left.has(member) && !story.doubtful.has(member))
      expect(member.events).not.toContain('fenced');
  }
  const rows = alive.flatMap(({ node, served }) => [...served].map((realm) => `${realm} ${node}`));
  const sessions = alive.filter(({ served }) => served.size > 0).map(({ node }) => `sessions ${node}`);
  expect([...world.rows].sort()).toEqual([...rows, ...sessions].sort());
  for (const { membership } of alive) {
    const leaving = membership.leave();
    await world.pass(LEASE_MS);
    await leaving;
  }
  expect([...world.rows]).toEqual([]);
  expect(world.keysLeft()).toEqual([world.keys.nodes.gone]);
}

it(`heals from whatever happens to ${SEED_COUNT} clusters, and reports each death once (G5, G6)`, async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEED_COUNT; seed++) {
    const story = new Story(seed);
    try {
      await check(story);
    } catch (cause) {
      throw new Error(`GANTRY_MEMBERSHIP_SEED=${seed}: ${story.steps.join(', ')}`, { cause });
    }
  }
});
