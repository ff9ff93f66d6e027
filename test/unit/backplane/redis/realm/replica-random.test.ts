import { describe, expect, it } from 'vitest';
import { toHeld, toMember, type Member } from '../../../../../src/backplane/redis/realm/rows.js';
import type { Claim, Registration } from '../../../../../src/routing/ports.js';
import type { SessionId } from '../../../../../src/wamp/ids.js';
import { claimOf } from '../../../../contract/backplane/samples.js';
import { seededRandom } from '../../../../simulation/virtual-time.js';
import { RealmWorld, type WorldNode } from '../../../../support/realm-world.js';

interface Run {
  readonly seed: number;
  readonly steps: number;
  /** The faults that may happen besides the actions of clients. */
  readonly faults: readonly Fault[];
}

type Fault = 'cuts' | 'flushes' | 'failovers' | 'deaths' | 'losses' | 'force' | 'scripts';

const TOPICS = ['a', 'b', 'c', 'd', 'e'];
const PROCEDURES = ['p', 'q', 'r'];

/** Random clients on several nodes, with faults between them. Checks the promises after each turn and at the end. */
class RandomRealm {
  readonly world = new RealmWorld();
  readonly #random: () => number;
  readonly #run: Run;
  #nameCount = 0;
  #sessionCount = 0;
  /** Nodes that entered after a loss of data, before all others had written their rows again. */
  readonly #enteredLate = new Set<WorldNode>();
  /** Pairs of nodes of which the first has known that the second serves the realm. */
  readonly #met = new Set<string>();
  /** Pairs that had not met when data was lost. While the second is away, no row names it to the first. */
  readonly #unmet = new Set<string>();
  #lastLossMs = -Infinity;
  #restore: (() => void) | undefined;
  #leavingCount = 0;
  readonly #violations: string[] = [];

  constructor(run: Run) {
    this.#run = run;
    this.#random = seededRandom(run.seed);
    this.world.random = this.#random;
    this.world.delayMs = () =>
      this.#random() < 0.7 ? Math.floor(this.#random() * 5) : Math.floor(this.#random() * 60);
    this.world.confirmationLoss = this.#has('losses') ? 0.2 : 0;
    this.world.turnEnded = () => this.#check();
    this.world.onRevoked = (session, registration) => this.#checkSuccession(session, registration);
  }

  async play(): Promise<void> {
    for (let count = 0; count < 3; count++) this.#enter();
    await this.world.pass(1_000);
    for (let step = 0; step < this.#run.steps; step++) {
      this.#act();
      await this.world.pass(Math.floor(this.#random() * (this.#random() < 0.03 ? 10_000 : 40)));
    }
    for (const node of this.world.nodes) if (node.isCut && !node.isDead) void node.heal();
    await this.world.pass(60_000);
    this.#checkEnd();
    for (const node of this.#alive()) void node.withdraw();
    await this.world.pass(60_000);
    expect(this.world.twin.keys).toEqual([]);
    for (const node of this.world.nodes) expect(node.failures).toEqual([]);
  }

  #has(fault: Fault): boolean {
    return this.#run.faults.includes(fault);
  }

  #pick<T>(all: readonly T[]): T | undefined {
    return all[Math.floor(this.#random() * all.length)];
  }

  #alive(): WorldNode[] {
    return this.world.nodes.filter(({ isDead }) => !isDead);
  }

  #serving(): WorldNode[] {
    return this.#alive().filter(({ isServing }) => isServing);
  }

  #enter(): void {
    const node = this.world.add(`n${++this.#nameCount}`);
    // The node cannot know a node that has not come back since the store lost its data.
    const isAnyAway = this.#lastLossMs > -Infinity && this.#alive().some(({ isCut }) => isCut);
    if (isAnyAway || this.world.time.nowMs - this.#lastLossMs < 10_000) this.#enteredLate.add(node);
    node.enter().catch(() => {
      // A node that fails to enter does not serve the realm.
      node.directory.stop();
      void this.#declareDead(node);
    });
  }

  #act(): void {
    const node = this.#pick(this.#serving());
    if (node === undefined) return;
    const topic = this.#pick(TOPICS)!;
    const roll = this.#random();
    if (roll < 0.3) void Promise.resolve(node.watch(topic)).catch(() => undefined);
    else if (roll < 0.5) node.unwatch(topic);
    else if (roll < 0.7) void node.claim(this.#claim(node));
    else if (roll < 0.85) this.#release(node);
    else this.#disturb(node);
  }

  #claim(node: WorldNode): Claim {
    const procedure = this.#pick(PROCEDURES)!;
    const session = ++this.#sessionCount as SessionId;
    const invoke = procedure === 'p' ? 'single' : 'random';
    return claimOf(node.id, procedure, { session, invoke, force: this.#has('force') && this.#random() < 0.3 });
  }

  #release(node: WorldNode): void {
    const held = this.#pick([...node.holds.values()]);
    if (held !== undefined) void node.release(held.member, held.session).catch(() => undefined);
  }

  #disturb(node: WorldNode): void {
    const fault = this.#pick(['enter', 'withdraw', ...this.#run.faults]);
    switch (fault) {
      case 'enter':
        if (this.#alive().length < 5) this.#enter();
        break;
      case 'withdraw':
        if (this.#serving().length <= 2) break;
        void this.#undisturbed(() => node.withdraw());
        break;
      case 'cuts':
        if (node.isCut) break;
        node.cut();
        this.#later(() => void node.heal(), this.#random() < 0.2 ? 20_000 : 1_000);
        break;
      case 'deaths':
        if (this.#serving().length > 2) void this.#declareDead(node);
        break;
      case 'flushes':
        this.#lost();
        this.world.twin.flushAll();
        for (const one of this.#alive()) this.#later(() => void one.resync('store_emptied'));
        break;
      case 'failovers':
        this.#failOver();
        break;
      case 'scripts':
        node.store.loseScripts(1 + Math.floor(this.#random() * 4));
        break;
      case undefined:
      case 'losses':
      case 'force':
        break;
    }
  }

  #declareDead(node: WorldNode): Promise<void> {
    return this.#undisturbed(() => this.world.declareDead(node));
  }

  /** Prevents a failover meanwhile: only the membership, which is absent here, repairs a forgotten withdrawal. */
  async #undisturbed(leave: () => Promise<void>): Promise<void> {
    this.#leavingCount++;
    await leave().catch(() => undefined);
    this.#leavingCount--;
    this.#restore = undefined;
  }

  /** Restores the last snapshot of the store; all nodes reconnect. */
  #failOver(): void {
    if (this.#leavingCount > 0) return;
    const restore = this.#restore;
    this.#restore = this.world.twin.snapshot();
    if (restore === undefined || this.world.time.nowMs - this.#lastLossMs < 10_000) return;
    this.#lost();
    for (const node of this.#alive()) {
      node.cut();
      this.#later(() => void node.heal());
    }
    restore();
    this.#restore = undefined;
  }

  #lost(): void {
    this.#lastLossMs = this.world.time.nowMs;
    this.#restore = undefined;
    for (const node of this.#alive()) {
      if (!node.isServing) this.#enteredLate.add(node);
      for (const other of this.#alive()) {
        const pair = `${node.id} ${other.id}`;
        if (!this.#met.has(pair)) this.#unmet.add(pair);
      }
    }
  }

  #later(action: () => void, limitMs = 1_000): void {
    this.world.time.after(Math.floor(this.#random() * limitMs), action);
  }

  /** Checks that the other nodes know each interest that one node was promised (G2). */
  #check(): void {
    expect(this.#violations).toEqual([]);
    const serving = this.#serving().filter((node) => !this.#enteredLate.has(node));
    for (const node of serving) {
      for (const id of node.directory.servingNodes) this.#met.add(`${node.id} ${id}`);
      for (const [member, { isKnown }] of node.wants) {
        if (!isKnown) continue;
        for (const other of serving) {
          if (other === node || other.gone.has(node.id) || this.#unmet.has(`${node.id} ${other.id}`)) continue;
          const topic = member.slice('exact '.length);
          if (!other.directory.interestedNodes(topic).includes(node.id))
            throw new Error(`${other.id} does not know that ${node.id} wants ${topic}`);
        }
      }
    }
  }

  /** The session that was granted a procedure last holds it (SHR-2), unless data was lost. */
  #checkSuccession(revoked: SessionId, { invoke, callees }: Registration): void {
    if (invoke !== 'single' || this.#has('flushes') || this.#has('failovers')) return;
    const orderOf = (session: SessionId): number => this.world.granted.get(session) ?? Infinity;
    const former = callees.find(({ session }) => orderOf(session) < orderOf(revoked));
    if (former !== undefined)
      this.#violations.push(`${revoked} lost its procedure to ${former.session}, granted before`);
  }

  #checkEnd(): void {
    const serving = this.#serving();
    const stored = serving.map((node) => this.world.storedTopics(node));
    expect(stored).toEqual(serving.map((node) => [...node.wants.keys()].sort()));
    for (const node of serving) {
      expect([...node.wants.values()].every(({ isKnown }) => isKnown)).toBe(true);
      expect(node.directory.stats).toMatchObject({ barrierCount: 0, queuedCount: 0, versionLag: 0 });
      for (const topic of TOPICS) {
        const wanting = serving.filter((other) => other !== node && other.wants.has(toMember('exact', topic)));
        expect(node.interested(topic)).toEqual(wanting.map(({ id }) => id).sort());
      }
      expect(Object.fromEntries(node.registrations)).toEqual(Object.fromEntries(serving[0]!.registrations));
    }
    this.#checkCallees(serving);
  }

  #checkCallees(serving: readonly WorldNode[]): void {
    const held = serving.flatMap(({ id, holds }) =>
      [...holds.values()].map((one) => `${one.member} ${id} ${one.session}`),
    );
    expect(this.world.storedCallees()).toEqual(held.sort());
    const registrations = serving[0]?.registrations ?? new Map<Member, never>();
    const named = [...registrations].flatMap(([member, { callees }]) =>
      callees.map(({ node, session }) => `${member} ${node} ${session}`),
    );
    expect(named.sort()).toEqual(held);
    for (const node of serving)
      expect([...this.world.twin.members(this.world.realm.held(node.id))].sort()).toEqual(
        [...node.holds.values()].map(({ member, session }) => toHeld(member, session)).sort(),
      );
  }
}

const FAULTS: readonly (readonly Fault[])[] = [
  [],
  ['losses', 'force'],
  ['cuts', 'deaths', 'losses', 'force'],
  ['cuts'],
  ['cuts', 'deaths', 'losses'],
  ['flushes'],
  ['flushes', 'cuts', 'losses'],
  ['failovers'],
  ['scripts'],
  ['scripts', 'force', 'losses'],
  ['scripts', 'flushes', 'cuts'],
  ['cuts', 'flushes', 'failovers', 'deaths', 'losses', 'force', 'scripts'],
];

const SEEDS_EACH = Number(process.env['GANTRY_REALM_SEEDS'] ?? 12);
const FIRST_SEED = Number(process.env['GANTRY_REALM_FIRST_SEED'] ?? 1);

describe.each(FAULTS.map((faults) => [faults.join(', ') || 'nothing but clients', faults] as const))(
  'a realm with %s',
  (_name, faults) => {
    it('keeps what it promised all the while, and ends with everybody and the store agreeing', async () => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS_EACH; seed++) {
        try {
          await new RandomRealm({ seed, steps: 60, faults }).play();
        } catch (cause) {
          throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
        }
      }
    }, 120_000);
  },
);
