import { describe, expect, it } from 'vitest';
import { Cost, UNITS_PER_MS, type TurnMeter } from '../../../src/routing/turn-meter.js';
import { TurnScheduler, type TurnAccount, type TurnMember } from '../../../src/session/turn-scheduler.js';

const BUDGET_MS = 40;
/** 1 ms: one fortieth. */
const SHARE = UNITS_PER_MS;

/** A test ends the turns, and moves the time. */
class World {
  readonly meter: TurnMeter = { spent: 0 };
  readonly log: string[] = [];
  nowMs = 0;
  isHeld = false;
  readonly later: (() => void)[] = [];
  exhaustedCount = 0;
  floodedCount = 0;
  readonly #due: (() => void)[] = [];
  readonly scheduler = new TurnScheduler({
    meter: this.meter,
    budgetMs: BUDGET_MS,
    clock: { nowMs: () => this.nowMs, cpuMs: () => this.nowMs },
    loop: {
      atEndOfTurn: (action) => this.#due.push(action),
      later: (action) => this.later.push(action),
    },
    hooks: {
      isHeld: () => this.isHeld,
      flush: () => this.log.push('flush'),
      onExhausted: () => this.exhaustedCount++,
      onFlooded: () => this.floodedCount++,
    },
  });

  get isArmed(): boolean {
    return this.#due.length > 0;
  }

  /** Ends of this turn that are asked for: more than one would be several budgets. */
  get endCount(): number {
    return this.#due.length;
  }

  endTurn(): void {
    for (const action of this.#due.splice(0)) action();
  }

  /** What was handled since the last look, in order. */
  taken(): string[] {
    return this.log.splice(0);
  }
}

/** A connection whose messages are numbers: the cost of each. */
class Client implements TurnMember {
  readonly account: TurnAccount;
  readonly inbox: number[] = [];
  isAbandoned = false;
  onHandled: () => void = () => undefined;

  readonly name: string;
  readonly world: World;

  constructor(name: string, world: World) {
    this.name = name;
    this.world = world;
    this.account = world.scheduler.open(this);
  }

  /** As an endpoint does with what arrives. */
  receive(...costs: readonly number[]): void {
    const { scheduler } = this.world;
    for (const cost of costs) {
      if (!this.account.isQueued && scheduler.admits(this.account)) this.#handle(cost);
      else {
        this.inbox.push(cost);
        scheduler.queue(this.account);
      }
    }
  }

  handleNext(): boolean {
    const cost = this.inbox.shift();
    if (cost === undefined) return false;
    this.#handle(cost);
    return this.inbox.length > 0;
  }

  abandon(): void {
    this.isAbandoned = true;
  }

  #handle(cost: number): void {
    const before = this.world.meter.spent;
    this.world.log.push(this.name);
    this.world.meter.spent += cost;
    this.world.scheduler.charge(this.account, before, 0);
    this.onHandled();
  }
}

/** Names of one letter. */
function list(names: string): string[] {
  return Array.from(names);
}

function clients(world: World, names: string): Client[] {
  return list(names).map((name) => new Client(name, world));
}

describe('within what a turn does at once', () => {
  it('a connection is served at once, and again in the next turn', () => {
    const world = new World();
    const [a] = clients(world, 'a') as [Client];
    for (let turn = 0; turn < 3; turn++) {
      a.receive(...Array<number>(10).fill(SHARE / 10));
      expect(world.taken()).toEqual(Array(10).fill('a'));
      world.endTurn();
      expect(world.taken()).toEqual([]);
    }
    expect(world.exhaustedCount).toBe(0);
  });

  it('nothing runs at the end of a turn in which nothing came', () => {
    const world = new World();
    const [a] = clients(world, 'a') as [Client];
    a.receive(1);
    world.endTurn();
    expect(world.isArmed).toBe(false);
  });
});

describe('while everything is held', () => {
  it('nothing is handled, then all of it in order, and meanwhile it is asked now and then', () => {
    const world = new World();
    const [a, b] = clients(world, 'ab') as [Client, Client];
    world.isHeld = true;
    a.receive(1, 1);
    world.endTurn();
    b.receive(1);
    world.endTurn();
    world.endTurn();
    expect([world.taken(), world.isArmed, world.later.length]).toEqual([[], false, 1]);
    world.later.pop()!();
    world.endTurn();
    expect([world.taken(), world.later.length]).toEqual([[], 1]);
    world.isHeld = false;
    world.later.pop()!();
    world.endTurn();
    expect(world.taken().filter((what) => what !== 'flush')).toEqual(list('aab'));
    expect([world.exhaustedCount, world.later.length, world.isArmed]).toEqual([0, 0, false]);
    a.receive(1);
    expect(world.taken()).toEqual(['a']);
  });

  it('a turn in which the process stood still handles a few messages more at most', () => {
    const world = new World();
    const [a] = clients(world, 'a') as [Client];
    a.receive(1);
    world.isHeld = true;
    a.receive(...Array<number>(100).fill(1));
    expect(world.taken().length).toBeLessThanOrEqual(16);
    world.endTurn();
    expect(world.taken()).toEqual([]);
  });

  it('a scheduler that stops asks no more', () => {
    const world = new World();
    const [a] = clients(world, 'a') as [Client];
    world.isHeld = true;
    a.receive(1);
    world.endTurn();
    world.scheduler.stop();
    world.later.pop()!();
    expect([a.isAbandoned, world.isArmed]).toEqual([true, false]);
  });
});

describe('more than a node can handle', () => {
  it('is noticed when reading alone takes half of a turn, however little is handled', () => {
    const world = new World();
    const half = Math.floor((BUDGET_MS * UNITS_PER_MS) / 2 / Cost.KEPT);
    const read = (count: number): void => {
      const [a] = clients(world, 'a') as [Client];
      a.receive(1);
      for (let index = 0; index < count; index++) world.scheduler.kept(22, false);
      world.endTurn();
    };
    read(half);
    read(half);
    expect(world.floodedCount).toBe(0);
    read(half + 1);
    expect(world.floodedCount).toBe(1);
  });

  it('is reported again while the turn reads on, as often as it has read half of a turn more', () => {
    const world = new World();
    const half = Math.floor((BUDGET_MS * UNITS_PER_MS) / 2 / Cost.KEPT);
    const [a] = clients(world, 'a') as [Client];
    a.receive(1);
    for (let index = 0; index < 3 * (half + 1); index++) world.scheduler.kept(22, false);
    expect(world.floodedCount).toBe(3);
    world.endTurn();
  });

  it('is noticed in each turn in which an inbox fills up, once', () => {
    const world = new World();
    const [a] = clients(world, 'a') as [Client];
    for (let turn = 1; turn <= 2; turn++) {
      a.receive(1);
      world.scheduler.kept(22, true);
      world.scheduler.kept(22, true);
      world.endTurn();
      expect(world.floodedCount).toBe(turn);
    }
  });
});

describe('past what a turn does at once', () => {
  /** Somebody has used it up already. */
  function busyWorld(): World {
    const world = new World();
    new Client('z', world).receive(10 * SHARE);
    expect(world.taken()).toEqual(['z']);
    return world;
  }

  it('what is over waits for the end of the turn, in order, and what comes behind it too', () => {
    const world = new World();
    const [a, b] = clients(world, 'ab') as [Client, Client];
    a.receive(10 * SHARE, SHARE / 2, SHARE / 2);
    expect(world.taken()).toEqual(['a']);
    a.receive(1);
    b.receive(1);
    world.endTurn();
    // Who has had nothing in this turn comes first.
    expect(world.taken()).toEqual(list('baaa'));
    expect(world.scheduler.waitingCount).toBe(0);
  });

  it('inboxes are served in rounds, a share each', () => {
    const world = busyWorld();
    for (const client of clients(world, 'abc')) client.receive(...Array<number>(5).fill(SHARE / 2));
    expect(world.taken()).toEqual([]);
    world.endTurn();
    expect(world.taken()).toEqual(list('aabbccaabbccabc'));
  });

  it('who begins to wait comes before those who wait already, and is answered before they go on', () => {
    const world = new World();
    for (const flooder of clients(world, 'xyz')) flooder.receive(...Array<number>(100).fill(SHARE));
    world.endTurn();
    world.taken();
    for (const other of clients(world, 'fghijklmno')) other.receive(SHARE);
    const [late] = clients(world, 'L') as [Client];
    late.receive(1);
    expect(world.taken()).toEqual(list('fghijklmno'));
    world.endTurn();
    expect(world.taken().slice(0, 2)).toEqual(['L', 'flush']);
  });

  it('one message may cost more; its connection pays in the following rounds while others are served', () => {
    const world = busyWorld();
    const [rich, poor] = clients(world, 'rp') as [Client, Client];
    rich.receive(5 * SHARE, 1);
    poor.receive(...Array<number>(8).fill(SHARE));
    world.endTurn();
    expect(world.taken()).toEqual(list('rppppprppp'));
  });

  it('while anybody waits, a connection has a share of each turn, and pays with turns for what costs more', () => {
    const world = new World();
    const [flooder, a] = clients(world, 'xa') as [Client, Client];
    flooder.receive(...Array<number>(400).fill(SHARE));
    world.endTurn();
    world.taken();
    a.receive(3 * SHARE);
    expect(world.taken()).toEqual(['a']);
    world.endTurn();
    world.taken();
    a.receive(1);
    expect(world.taken()).toEqual([]);
    world.endTurn();
    expect(world.taken()).toContain('a');
  });

  it('debts are forgiven by a turn that leaves nobody waiting', () => {
    const world = new World();
    const [a] = clients(world, 'a') as [Client];
    a.receive(9 * SHARE);
    world.endTurn();
    a.receive(9 * SHARE, 1);
    expect(world.taken()).toEqual(list('aaa'));
  });
});

describe('the budget of a turn', () => {
  it('is one, also when what is served makes others wait', () => {
    const world = new World();
    const [a, b] = clients(world, 'ab') as [Client, Client];
    a.receive(...Array<number>(400).fill(SHARE));
    a.onHandled = () => b.receive(SHARE);
    for (let turn = 0; turn < 5; turn++) {
      expect(world.endCount).toBe(1);
      world.endTurn();
    }
    expect(a.inbox.length).toBeGreaterThan(0);
  });

  it('ends its work; the rest goes on in the next, behind what is to be sent', () => {
    const world = new World();
    const [a, b] = clients(world, 'ab') as [Client, Client];
    for (const client of [a, b]) client.receive(...Array<number>(50).fill(SHARE));
    const taken: number[] = [];
    for (let turn = 0; world.scheduler.waitingCount > 0; turn++) {
      world.endTurn();
      taken.push(world.taken().filter((name) => name !== 'flush').length);
    }
    expect(taken).toEqual([BUDGET_MS, BUDGET_MS, 20]);
    expect(world.exhaustedCount).toBe(2);
  });

  it('holds for all connections together: past a quarter of it nothing is done at once', () => {
    const world = new World();
    const many = Array.from({ length: 100 }, (_, index) => new Client(String(index), world));
    for (const client of many) client.receive(SHARE);
    expect(world.taken()).toHaveLength(BUDGET_MS / 4);
    world.endTurn();
    expect(world.taken()).toHaveLength(BUDGET_MS - BUDGET_MS / 4);
    world.endTurn();
    world.endTurn();
    expect(world.taken().sort()).toEqual(['flush', 'flush', ...many.slice(BUDGET_MS).map(({ name }) => name)].sort());
  });

  it('holds by the clock where work costs more than was counted', () => {
    const world = new World();
    const [a] = clients(world, 'a') as [Client];
    a.receive(...Array<number>(20).fill(SHARE));
    expect(world.taken()).toHaveLength(BUDGET_MS / 4);
    a.onHandled = () => (world.nowMs += BUDGET_MS / 2);
    world.endTurn();
    // Two until so much time has passed, two more until so much CPU time has.
    expect(world.taken()).toHaveLength(4);
    // While messages wait for a turn, it looks at the CPU time from the beginning.
    world.taken();
    world.endTurn();
    expect(world.taken()).toEqual(['flush', 'a', 'a']);
  });

  it('holds by the clock from the beginning in a turn that reads much', () => {
    const world = new World();
    const [a] = clients(world, 'a') as [Client];
    a.receive(...Array<number>(20).fill(SHARE));
    world.taken();
    for (let count = 0; count < BUDGET_MS * 1_000; count++) world.scheduler.kept(64, false);
    a.onHandled = () => (world.nowMs += BUDGET_MS / 2);
    world.endTurn();
    expect(world.taken()).toEqual(list('aa'));
  });

  it('counts work that no connection waits for', () => {
    const world = new World();
    const [a] = clients(world, 'a') as [Client];
    world.meter.spent += BUDGET_MS * UNITS_PER_MS;
    a.receive(1);
    expect(world.taken()).toEqual([]);
    world.endTurn();
    // What waits has the larger part of each turn to itself, so that everything ends some time.
    expect(world.taken()).toEqual(['a']);
  });
});

describe('a connection that ends', () => {
  it('is not served any more, also when it ends while it is served', () => {
    const world = new World();
    const [a, b] = clients(world, 'ab') as [Client, Client];
    for (const client of [a, b]) client.receive(...Array<number>(15).fill(SHARE));
    world.taken();
    a.onHandled = () => world.scheduler.forget(a.account);
    world.scheduler.forget(b.account);
    world.endTurn();
    expect(world.taken()).toEqual(['a']);
    expect(world.scheduler.waitingCount).toBe(0);
  });

  it('is notified when the scheduler stops, and what comes later is refused', () => {
    const world = new World();
    const [a, b] = clients(world, 'ab') as [Client, Client];
    a.receive(10 * SHARE, SHARE);
    world.scheduler.stop();
    expect(a.isAbandoned).toBe(true);
    b.receive(SHARE, SHARE);
    expect(b.isAbandoned).toBe(true);
    world.taken();
    world.endTurn();
    expect(world.taken()).toEqual([]);
  });
});
