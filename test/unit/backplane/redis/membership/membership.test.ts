import { beforeEach, describe, expect, it } from 'vitest';
import { BackplaneUnavailableError } from '../../../../../src/backplane/backplane.js';
import type { NodeId } from '../../../../../src/wamp/ids.js';
import { LEASE_MS, MembersWorld, RENEW_MS } from '../../../../support/members.js';

let world: MembersWorld;
beforeEach(() => {
  world = new MembersWorld();
});

describe('entering and leaving', () => {
  it('notifies every node of every other one once, and of itself never', async () => {
    const [one, two, three] = await world.entered('n-1', 'n-2', 'n-3');
    expect(one.events).toEqual(['entered n-2 [1]', 'entered n-3 [1]']);
    expect(two.events).toEqual(['entered n-1 [1]', 'entered n-3 [1]']);
    expect(three.events).toEqual(['entered n-1 [1]', 'entered n-2 [1]']);
    expect(one.membership.isLeaseValid()).toBe(true);
  });

  it('resolves only once the other nodes are known', async () => {
    await world.entered('n-1');
    const two = world.member('n-2');
    const held = two.hold('before', 'load_nodes.lua');
    let isIn = false;
    const entering = two.membership.enter().then(() => (isIn = true));
    await held.reached;
    expect(isIn).toBe(false);
    held.release();
    await entering;
    expect(two.events).toEqual(['entered n-1 [1]']);
  });

  it('can be tried again when the store was away', async () => {
    const one = world.member('n-1');
    world.goAway();
    await expect(one.membership.enter()).rejects.toThrow(BackplaneUnavailableError);
    world.isAway = false;
    one.failing.push('load_nodes.lua');
    await expect(one.membership.enter()).rejects.toThrow(BackplaneUnavailableError);
    await one.membership.enter();
    expect(world.published).toHaveLength(1);
  });

  it('starts over when the store loses its data in between', async () => {
    const one = world.member('n-1');
    const held = one.hold('before', 'load_nodes.lua');
    const entering = one.membership.enter();
    await held.reached;
    world.flushAll();
    held.release();
    await entering;
    expect(world.alive()).toEqual(['n-1']);
  });

  it('leaves no key behind but tombstones, and the others learn of it once (G5)', async () => {
    const [one, two] = await world.entered('n-1', 'n-2');
    await two.serve('realm');
    await two.serve('other');
    await two.membership.leave();
    await two.membership.leave();
    await world.pass(3 * LEASE_MS);
    expect(one.events).toEqual(['entered n-2 [1]', 'gone n-2']);
    expect(one.leftBehind).toEqual([]);
    expect(two.events).toEqual(['entered n-1 [1]']);
    expect(two.membership.isLeaseValid()).toBe(false);
    await one.membership.leave();
    expect(world.keysLeft()).toEqual([world.keys.nodes.gone]);
    expect([...world.rows]).toEqual([]);
  });

  it('reports gone only after every realm and session was withdrawn', async () => {
    const [one, two] = await world.entered('n-1', 'n-2');
    await two.serve('realm');
    const held = two.hold('before', 'forget n-2');
    const leaving = two.membership.leave();
    await held.reached;
    await world.pass(0);
    expect(one.events).not.toContain('gone n-2');
    held.release();
    await leaving;
    await world.pass(0);
    expect(one.events).toContain('gone n-2');
    expect(two.done.slice(-5)).toEqual(['begin_reap.lua', 'scan', 'withdraw realm n-2', 'forget n-2', 'end_node.lua']);
  });

  it('needs no store for a node that never entered', async () => {
    const one = world.member('n-1');
    await one.membership.leave();
    expect(one.done).toEqual([]);
    await expect(one.membership.enter()).rejects.toThrow(BackplaneUnavailableError);
  });

  it('leaves also in the middle of entering', async () => {
    const one = world.member('n-1');
    const held = one.hold('after', 'enter_node.lua');
    const entering = one.membership.enter();
    await held.reached;
    const leaving = one.membership.leave();
    held.release();
    await expect(entering).rejects.toThrow(BackplaneUnavailableError);
    await leaving;
    await world.pass(LEASE_MS);
    expect(world.keysLeft()).toEqual([world.keys.nodes.gone]);
  });

  it('gives up at once when the store is away, and the others finish it (G6)', async () => {
    const [one, two] = await world.entered('n-1', 'n-2');
    await two.serve('realm');
    two.failing.push('withdraw realm n-2');
    await two.membership.leave();
    expect(two.failures).toHaveLength(1);
    expect(one.events).not.toContain('gone n-2');
    await world.pass(2 * LEASE_MS);
    expect(one.events.filter((event) => event === 'gone n-2')).toHaveLength(1);
    expect([...world.rows]).toEqual([]);
  });

  it('waits no longer than a lease for a store that does not answer', async () => {
    const [one] = await world.entered('n-1');
    await one.serve('realm');
    await one.serve('other');
    const held = one.hold('before', 'withdraw realm n-1');
    let hasLeft = false;
    void one.membership.leave().then(() => (hasLeft = true));
    await held.reached;
    await world.pass(LEASE_MS - 1);
    expect(hasLeft).toBe(false);
    await world.pass(1);
    expect(hasLeft).toBe(true);
    held.release();
    await world.pass(0);
    expect(one.done.at(-1)).toBe('withdraw realm n-1');
  });
});

describe('the lease', () => {
  it('holds from the moment its renewal was sent, not answered', async () => {
    const [one] = await world.entered('n-1');
    await world.pass(0);
    const sentAtMs = world.time.nowMs;
    const held = one.hold('after', 'renew_lease.lua');
    const renewing = one.membership.renewOnce();
    await held.reached;
    await world.pass(3_000);
    // Nothing is answered from now on but this.
    one.hold('before', 'renew_lease.lua');
    held.release();
    expect(await renewing).toBe('renewed');
    await world.pass(sentAtMs + LEASE_MS - 1 - world.time.nowMs);
    expect(one.membership.isLeaseValid()).toBe(true);
    expect(one.membership.leaseRemainingMs).toBe(1);
    await world.pass(1);
    expect(one.membership.isLeaseValid()).toBe(false);
    expect(one.membership.leaseRemainingMs).toBe(0);
  });

  it('is renewed in time by itself', async () => {
    const [one] = await world.entered('n-1');
    world.turnEnded = () => expect(one.membership.isLeaseValid()).toBe(true);
    await world.pass(60_000);
    const renewalCount = one.count('renew_lease.lua');
    expect(renewalCount).toBeGreaterThanOrEqual(60_000 / RENEW_MS);
    expect(renewalCount).toBeLessThanOrEqual(60_000 / (RENEW_MS * 0.9) + 1);
  });

  it('is not believed in by a process that wakes, and is again once the store reports that nobody reaped it', async () => {
    const [one] = await world.entered('n-1');
    await world.pass(RENEW_MS);
    one.freeze();
    await world.pass(LEASE_MS + 1);
    expect(one.membership.isLeaseValid()).toBe(false);
    one.thaw();
    await world.pass(RENEW_MS);
    expect(one.membership.isLeaseValid()).toBe(true);
    expect(one.counters.leases.late).toBe(1);
    expect(one.events).toEqual([]);
  });

  it('heals after any outage of a store that kept its data; nobody is reaped for it (G6)', async () => {
    const [one, two] = await world.entered('n-1', 'n-2');
    world.goAway();
    await world.pass(10 * LEASE_MS);
    expect(one.membership.isLeaseValid()).toBe(false);
    world.isAway = false;
    await world.pass(RENEW_MS);
    for (const member of [one, two]) expect(member.membership.isLeaseValid()).toBe(true);
    await world.pass(3 * LEASE_MS);
    for (const member of [one, two]) expect(member.events).toHaveLength(1);
    expect(one.counters.leases.late).toBe(1);
  });

  it('is renewed anew for who asks while a renewal is under way', async () => {
    const [one] = await world.entered('n-1');
    await world.pass(0);
    const held = one.hold('after', 'renew_lease.lua');
    const first = one.membership.renewOnce();
    await held.reached;
    world.flushAll();
    const second = one.membership.renewOnce();
    const third = one.membership.renewOnce();
    held.release();
    expect(await Promise.all([first, second, third])).toEqual(['renewed', 'emptied', 'emptied']);
    expect(one.events).toEqual(['emptied']);
  });

  it('fails by name when the store is away', async () => {
    const [one] = await world.entered('n-1');
    world.goAway();
    await expect(one.membership.renewOnce()).rejects.toThrow(BackplaneUnavailableError);
  });

  it('is not renewed any more when a renewal is answered after the node began to leave', async () => {
    const [one] = await world.entered('n-1');
    await world.pass(0);
    const held = one.hold('before', 'renew_lease.lua');
    const renewing = one.membership.renewOnce();
    await held.reached;
    world.flushAll();
    const leaving = one.membership.leave();
    held.release();
    await expect(renewing).rejects.toThrow(BackplaneUnavailableError);
    await leaving;
    await world.pass(3 * LEASE_MS);
    expect(one.count('enter_node.lua')).toBe(1);
    expect(one.events).toEqual([]);
    expect(world.keysLeft()).toEqual([world.keys.nodes.gone]);
  });

  it('is not renewed by a step of entering again that is answered after the node began to leave', async () => {
    const [one] = await world.entered('n-1');
    await world.pass(0);
    world.flushAll();
    const held = one.hold('after', 'enter_node.lua');
    const renewing = one.membership.renewOnce();
    await held.reached;
    const leaving = one.membership.leave();
    held.release();
    await expect(renewing).rejects.toThrow(BackplaneUnavailableError);
    await leaving;
    expect(one.events).toEqual([]);
    expect(world.keysLeft()).toEqual([world.keys.nodes.gone]);
  });
});

describe('realms of the node', () => {
  it('are noted before rows are written, and dropped when none is left', async () => {
    const [one] = await world.entered('n-1');
    await one.membership.noteRealm('a');
    await one.membership.noteRealm('b');
    one.membership.dropRealm('a');
    one.membership.dropRealm('never noted');
    await world.pass(0);
    expect(world.twin.members(world.keys.nodes.realmsOf('n-1' as NodeId))).toEqual(['b']);
    expect(one.count('drop_realm.lua')).toBe(1);
  });

  it('are noted by entering again when the store turns out to have lost its data', async () => {
    const [one] = await world.entered('n-1');
    await one.membership.noteRealm('a');
    world.flushAll();
    await one.membership.noteRealm('b');
    expect(world.twin.members(world.keys.nodes.realmsOf('n-1' as NodeId))).toEqual(['a', 'b']);
    expect(one.events).toEqual(['emptied']);
  });

  it('cannot be noted by a node that was declared dead: it fences itself', async () => {
    const [one, two] = await world.entered('n-1', 'n-2');
    two.freeze();
    await world.pass(2 * LEASE_MS);
    two.isFrozen = false;
    const notes = ['a', 'b'].map((realm) => two.membership.noteRealm(realm));
    for (const noted of notes) await expect(noted).rejects.toThrow(BackplaneUnavailableError);
    await world.pass(0);
    expect(two.events).toEqual(['entered n-1 [1]', 'fenced']);
    await expect(two.membership.noteRealm('a')).rejects.toThrow(BackplaneUnavailableError);
    expect(one.membership.isLeaseValid()).toBe(true);
  });

  it('cannot be noted while the store is away', async () => {
    const [one] = await world.entered('n-1');
    world.goAway();
    await expect(one.membership.noteRealm('a')).rejects.toThrow(BackplaneUnavailableError);
    one.membership.dropRealm('a');
    await world.pass(0);
    expect(one.failures).toHaveLength(1);
  });
});
