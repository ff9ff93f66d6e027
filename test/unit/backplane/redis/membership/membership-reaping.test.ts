import { beforeEach, describe, expect, it } from 'vitest';
import {
  type Held,
  LEASE_MS,
  type Member,
  MembersWorld,
  NOTICED_MS,
  reapedCount,
  RENEW_MS,
} from '../../../../support/members.js';

let world: MembersWorld;
beforeEach(() => {
  world = new MembersWorld();
});

interface Reaping {
  readonly reaper: Member;
  readonly other: Member;
  readonly held: Held;
}

/** Whichever of two wins, held after the step. */
async function reaperAfter(step: string, one: Member, two: Member): Promise<Reaping> {
  const [first, second] = [one, two].map((member) => member.hold('after', step)) as [Held, Held];
  let won: Member | undefined;
  const reached = [first.reached.then(() => (won ??= one)), second.reached.then(() => (won ??= two))];
  await world.passUntil(Promise.race(reached));
  (won === one ? second : first).cancel();
  return won === one ? { reaper: one, other: two, held: first } : { reaper: two, other: one, held: second };
}

describe('a dead node', () => {
  it('is reaped by exactly one survivor, within its lease, and reported gone when its rows are (G5)', async () => {
    const [dead, ...survivors] = await world.settled('n-1', 'n-2', 'n-3', 'n-4');
    await dead.serve('realm');
    await dead.serve('other');
    dead.kill();
    await world.pass(NOTICED_MS);
    for (const survivor of survivors) {
      expect(survivor.events.filter((event) => event === 'gone n-1')).toHaveLength(1);
      expect(survivor.leftBehind).toEqual([]);
    }
    expect(reapedCount(...survivors)).toBe(1);
    expect(world.goneChanges('n-1')).toHaveLength(1);
    expect([...world.rows]).toEqual([]);
    expect(world.alive()).toEqual(['n-2', 'n-3', 'n-4']);
  });

  it('is not noticed before its lease has run out', async () => {
    const [dead, survivor] = await world.settled('n-1', 'n-2');
    dead.kill();
    await world.pass(LEASE_MS - RENEW_MS - 1);
    expect(survivor.events).not.toContain('gone n-1');
  });

  it('is reaped beside others that died with it', async () => {
    const names = Array.from({ length: 40 }, (_, at) => `d-${at}`);
    const [survivor, ...dead] = await world.settled('n-1', ...names);
    for (const member of dead) {
      await member.serve('realm');
      member.kill();
    }
    await world.pass(NOTICED_MS + 2 * RENEW_MS);
    expect(survivor.events.filter((event) => event.startsWith('gone'))).toHaveLength(40);
    expect(survivor.leftBehind).toEqual([]);
    expect(reapedCount(survivor)).toBe(40);
    expect(world.alive()).toEqual(['n-1']);
    await survivor.membership.leave();
    expect(world.keysLeft()).toEqual([world.keys.nodes.gone]);
  });

  it('is reaped by another when its reaper dies in between', async () => {
    const [dead, one, two] = await world.settled('n-1', 'n-2', 'n-3');
    for (const realm of ['a', 'b', 'c']) await dead.serve(realm);
    dead.kill();
    const { reaper, other } = await reaperAfter('withdraw b n-1', one, two);
    reaper.kill();
    expect(other.events).not.toContain('gone n-1');
    await world.pass(2 * NOTICED_MS);
    expect(other.events.slice(-2).sort()).toEqual(['gone n-1', `gone ${reaper.node}`].sort());
    expect(other.leftBehind).toEqual([]);
    expect([...world.rows]).toEqual([]);
    expect(world.alive()).toEqual([other.node]);
  });

  it('is reaped in the next attempt when a step fails', async () => {
    const [dead, survivor] = await world.settled('n-1', 'n-2');
    await dead.serve('realm');
    dead.kill();
    survivor.failing.push('begin_reap.lua', 'scan', 'withdraw realm n-1', 'forget n-1', 'end_node.lua');
    await world.pass(NOTICED_MS + 5 * RENEW_MS);
    expect(survivor.failing).toEqual([]);
    expect(survivor.failures).toHaveLength(5);
    expect(survivor.events).toEqual(['entered n-1 [1]', 'gone n-1']);
    expect(survivor.leftBehind).toEqual([]);
    expect(reapedCount(survivor)).toBe(1);
  });

  it('is reported gone once also when a stopped reaper goes on after another has finished', async () => {
    const [dead, one, two] = await world.settled('n-1', 'n-2', 'n-3');
    await dead.serve('realm');
    dead.kill();
    const { reaper, other, held } = await reaperAfter('withdraw realm n-1', one, two);
    reaper.freeze();
    held.release();
    await world.pass(2 * NOTICED_MS);
    expect(other.events).toContain('gone n-1');
    reaper.thaw();
    await world.pass(NOTICED_MS);
    expect(reaper.events.at(-1)).toBe('fenced');
    expect(world.goneChanges('n-1')).toHaveLength(1);
    expect(other.events.filter((event) => event === 'gone n-1')).toHaveLength(1);
  });

  it('is reported gone once also when two finish at the same time', async () => {
    const [dead, one, two] = await world.settled('n-1', 'n-2', 'n-3');
    await dead.serve('realm');
    dead.kill();
    const { reaper, other, held } = await reaperAfter('scan', one, two);
    // The reaper is slow, not dead: its claim runs out, its lease does not.
    world.twin.command('HSET', world.keys.nodes.dying, 'n-1', `${reaper.node} 0`);
    const end = other.hold('before', 'end_node.lua');
    await world.pass(RENEW_MS);
    await end.reached;
    held.release();
    await world.pass(0);
    end.release();
    await world.pass(NOTICED_MS);
    expect(world.goneChanges('n-1')).toHaveLength(1);
    expect(reapedCount(one, two)).toBe(1);
    for (const member of [one, two]) {
      expect(member.events.filter((event) => event === 'gone n-1')).toHaveLength(1);
    }
  });

  it('does not cost its reaper the claim while there is much to do', async () => {
    const [dead, one, two] = await world.settled('n-1', 'n-2', 'n-3');
    const realms = Array.from({ length: 30 }, (_, at) => `r${at}`);
    for (const realm of realms) await dead.serve(realm);
    dead.kill();
    // Withdrawing takes 30 × 2 × 500 ms: several claims.
    world.delayMs = () => 500;
    await world.pass(NOTICED_MS + 60_000);
    expect(reapedCount(one, two)).toBe(1);
    const withdrawals = [...one.done, ...two.done].filter((command) => command.startsWith('withdraw'));
    expect(withdrawals).toHaveLength(30);
    expect([...one.leftBehind, ...two.leftBehind]).toEqual([]);
  });

  it('is left to the others by a reaper that leaves', async () => {
    const [dead, one, two] = await world.settled('n-1', 'n-2', 'n-3');
    await dead.serve('a');
    await dead.serve('b');
    dead.kill();
    const { reaper, other, held } = await reaperAfter('withdraw a n-1', one, two);
    const leaving = reaper.membership.leave();
    held.release();
    await leaving;
    expect(reaper.count('withdraw b n-1')).toBe(0);
    expect(reaper.done.slice(-4)).toEqual(['begin_reap.lua', 'scan', `forget ${reaper.node}`, 'end_node.lua']);
    expect(other.events).not.toContain('gone n-1');
    await world.pass(NOTICED_MS);
    expect(other.events).toContain('gone n-1');
    await other.membership.leave();
    expect(world.keysLeft()).toEqual([world.keys.nodes.gone]);
  });
});

describe('the grace after an outage (G6)', () => {
  it('spares a node that died in it for one more lease', async () => {
    const [dead, one, two] = await world.settled('n-1', 'n-2', 'n-3');
    world.goAway();
    dead.kill();
    await world.pass(5 * LEASE_MS);
    world.isAway = false;
    const backAtMs = world.time.nowMs;
    await world.pass(LEASE_MS - 1);
    expect(reapedCount(one, two)).toBe(0);
    expect(world.alive()).toEqual(['n-1', 'n-2', 'n-3']);
    await world.pass(backAtMs + LEASE_MS + 2 * RENEW_MS - world.time.nowMs);
    expect(reapedCount(one, two)).toBe(1);
    for (const member of [one, two]) expect(member.events).toContain('gone n-1');
  });

  it('is enough for a node that comes back late', async () => {
    const [one, two] = await world.settled('n-1', 'n-2');
    world.goAway();
    await world.pass(LEASE_MS);
    two.freeze();
    await world.pass(LEASE_MS);
    world.isAway = false;
    await world.pass(LEASE_MS - 1_000);
    two.thaw();
    await world.pass(3 * LEASE_MS);
    expect(one.events).toEqual(['entered n-2 [1]']);
    expect(two.events).toEqual(['entered n-1 [1]']);
  });

  it('lets rows of nodes that died before anybody came be reaped by anybody who comes', async () => {
    const [dead] = await world.settled('n-1');
    await dead.serve('realm');
    dead.kill();
    await world.pass(100 * LEASE_MS);
    const [one] = await world.entered('n-2');
    expect(one.events).toEqual(['entered n-1 [1]']);
    await world.pass(LEASE_MS + RENEW_MS);
    expect(one.events).toEqual(['entered n-1 [1]', 'gone n-1']);
    expect([...world.rows]).toEqual([]);
  });
});

describe('a node that was reaped while it slept', () => {
  it('sends nothing on waking, withdraws what it wrote since, and is fenced once', async () => {
    const [late, one] = await world.settled('n-1', 'n-2');
    await late.serve('realm');
    late.freeze();
    await world.pass(2 * NOTICED_MS);
    expect(one.events).toContain('gone n-1');
    expect(late.membership.isLeaseValid()).toBe(false);
    // What it had under way when it was stopped.
    world.rows.add('realm n-1').add('sessions n-1');
    late.thaw();
    await world.pass(0);
    expect(late.events).toEqual(['entered n-2 [1]', 'fenced']);
    expect([...world.rows]).toEqual([]);
    const renewalCount = late.count('renew_lease.lua');
    await world.pass(5 * LEASE_MS);
    expect(await late.membership.renewOnce()).toBe('fenced');
    expect(late.count('renew_lease.lua')).toBe(renewalCount);
    expect(late.events).toHaveLength(2);
    expect(late.counters.leases.lost).toBe(1);
    expect(world.goneChanges('n-1')).toHaveLength(1);
    expect(late.membership.isLeaseValid()).toBe(false);
  });

  it('reports that it was declared dead before it withdraws anything, so that nothing is written behind', async () => {
    const [late] = await world.settled('n-1', 'n-2');
    await late.serve('realm');
    late.freeze();
    await world.pass(2 * NOTICED_MS);
    late.done.length = 0;
    late.thaw();
    await world.pass(0);
    const since = late.done.slice(late.done.indexOf('declared dead'));
    expect(since).toEqual([
      'declared dead',
      'begin_reap.lua',
      'scan',
      'withdraw realm n-1',
      'forget n-1',
      'end_node.lua',
    ]);
    expect(late.count('declared dead')).toBe(1);
  });

  it('is fenced also when the store fails while it withdraws', async () => {
    const [late] = await world.settled('n-1', 'n-2');
    await late.serve('realm');
    late.freeze();
    await world.pass(2 * NOTICED_MS);
    late.failing.push('withdraw realm n-1');
    late.thaw();
    await world.pass(0);
    expect(late.events.at(-1)).toBe('fenced');
    expect(late.failures).toHaveLength(1);
  });

  it('finishes its own reaping when its reaper has died', async () => {
    const [late, reaper] = await world.settled('n-1', 'n-2');
    await late.serve('realm');
    late.freeze();
    const held = reaper.hold('before', 'withdraw realm n-1');
    await world.pass(NOTICED_MS);
    await held.reached;
    reaper.kill();
    await world.pass(LEASE_MS);
    late.thaw();
    await world.pass(0);
    expect(late.events.at(-1)).toBe('fenced');
    expect([...world.rows]).toEqual([]);
    expect(world.alive()).toEqual(['n-2']);
  });

  it('is fenced before it leaves, if leaving is asked meanwhile', async () => {
    const [late] = await world.settled('n-1', 'n-2');
    await late.serve('realm');
    late.freeze();
    await world.pass(2 * NOTICED_MS);
    const held = late.hold('before', 'withdraw realm n-1');
    late.thaw();
    await world.pass(0);
    await held.reached;
    let hasLeft = false;
    void late.membership.leave().then(() => (hasLeft = true));
    await world.pass(0);
    expect(hasLeft).toBe(false);
    held.release();
    await world.pass(0);
    expect(hasLeft).toBe(true);
    expect(late.events.filter((event) => event === 'fenced')).toHaveLength(1);
    expect(late.count('forget n-1')).toBe(1);
  });

  it('is not reported fenced when it was leaving already', async () => {
    const [late, one] = await world.settled('n-1', 'n-2');
    late.freeze();
    await world.pass(2 * NOTICED_MS);
    late.isFrozen = false;
    await late.membership.leave();
    late.thaw();
    await world.pass(LEASE_MS);
    expect(late.events).toEqual(['entered n-2 [1]']);
    expect(one.events.filter((event) => event === 'gone n-1')).toHaveLength(1);
  });

  it('stops reaping others', async () => {
    const [dead, one, two] = await world.settled('n-1', 'n-2', 'n-3');
    await dead.serve('a');
    await dead.serve('b');
    dead.kill();
    const { reaper, other, held } = await reaperAfter('withdraw a n-1', one, two);
    reaper.freeze();
    held.release();
    await world.pass(2 * NOTICED_MS);
    expect(other.events.slice(-2).sort()).toEqual(['gone n-1', `gone ${reaper.node}`].sort());
    reaper.thaw();
    await world.pass(LEASE_MS);
    expect(reaper.events.at(-1)).toBe('fenced');
    expect(reaper.count(`forget ${reaper.node}`)).toBe(1);
    expect(reaper.count('forget n-1')).toBe(0);
    expect(reaper.counters.nodesReaped.all).toBe(0);
  });
});
