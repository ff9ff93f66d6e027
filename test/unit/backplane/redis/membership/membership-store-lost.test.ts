import { beforeEach, describe, expect, it } from 'vitest';
import type { NodeId } from '../../../../../src/wamp/ids.js';
import { LEASE_MS, MembersWorld, NOTICED_MS, reapedCount, RENEW_MS } from '../../../../support/members.js';

let world: MembersWorld;
beforeEach(() => {
  world = new MembersWorld();
});

describe('a store that lost its data (G6)', () => {
  it('is entered again under the same names, and nobody is reported gone', async () => {
    const [one, two, three] = await world.settled('n-1', 'n-2', 'n-3');
    await one.serve('a');
    await one.serve('b');
    world.flushAll();
    await world.pass(RENEW_MS);
    expect(world.alive()).toEqual(['n-1', 'n-2', 'n-3']);
    expect(world.twin.members(world.keys.nodes.realmsOf('n-1' as NodeId))).toEqual(['a', 'b']);
    expect([...world.rows].sort()).toEqual(['a n-1', 'b n-1', 'sessions n-1']);
    await world.pass(3 * LEASE_MS);
    for (const member of [one, two, three]) {
      expect(member.events.filter((event) => event === 'emptied')).toHaveLength(1);
      expect(member.events.filter((event) => event.startsWith('gone'))).toEqual([]);
      expect(member.counters.leases.emptied).toBe(1);
      expect(member.membership.isLeaseValid()).toBe(true);
    }
    const versions = world.published.map(({ version }) => version);
    expect(versions).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('notes the realms before it reports that', async () => {
    const [one] = await world.settled('n-1');
    await one.serve('a');
    world.flushAll();
    const held = one.hold('before', 'note_realms.lua');
    const renewing = one.membership.renewOnce();
    await held.reached;
    expect(one.events).toEqual([]);
    held.release();
    expect(await renewing).toBe('emptied');
    expect(one.events).toEqual(['emptied']);
  });

  it('is entered once more when it fails, or loses its data, in the middle of that', async () => {
    const [one] = await world.settled('n-1');
    await one.serve('a');
    world.flushAll();
    one.failing.push('note_realms.lua');
    await world.pass(RENEW_MS);
    await world.pass(RENEW_MS);
    expect(one.events).toEqual(['emptied']);
    world.flushAll();
    const held = one.hold('before', 'note_realms.lua');
    await world.pass(RENEW_MS);
    await held.reached;
    world.flushAll();
    held.release();
    await world.pass(RENEW_MS);
    expect(one.events).toEqual(['emptied', 'emptied']);
    expect(world.twin.members(world.keys.nodes.realmsOf('n-1' as NodeId))).toEqual(['a']);
  });

  it('makes nodes that do not come back be reaped after a lease, reported once and for good', async () => {
    const [dead, one, two] = await world.settled('n-1', 'n-2', 'n-3');
    dead.kill();
    world.flushAll();
    await world.pass(LEASE_MS - 1);
    for (const member of [one, two]) {
      expect(member.events).not.toContain('gone n-1');
      expect(member.count('begin_reap.lua')).toBe(0);
    }
    await world.pass(2 * RENEW_MS + 1);
    for (const member of [one, two]) {
      expect(member.events.filter((event) => event === 'gone n-1')).toHaveLength(1);
    }
    expect(world.goneChanges('n-1')).toHaveLength(1);
    expect(reapedCount(one, two)).toBe(1);
    expect(world.hasTombstone('n-1' as NodeId)).toBe(true);
  });

  it('makes a node that nobody knew be reaped after a lease, by its rows in a realm (G2, G5)', async () => {
    const [one, two] = await world.settled('n-1', 'n-2');
    for (const member of [one, two]) await member.serve('realm');
    world.rows.add('realm n-3').add('sessions n-3');
    for (const member of [one, two]) member.membership.foundRowsOf('n-3' as NodeId);
    await world.pass(LEASE_MS - RENEW_MS);
    expect(world.rows).toContain('realm n-3');
    await world.pass(2 * RENEW_MS);
    for (const member of [one, two])
      expect(member.events.filter((event) => event.includes('n-3'))).toEqual(['gone n-3']);
    expect([...world.rows].sort()).toEqual(['realm n-1', 'realm n-2', 'sessions n-1', 'sessions n-2']);
    expect(world.goneChanges('n-3')).toHaveLength(1);
    expect(reapedCount(one, two)).toBe(1);
  });

  it('leaves rows of a node that is long gone: who reads them later removes them (G2)', async () => {
    const [dead, one] = await world.settled('n-1', 'n-2');
    dead.kill();
    await world.pass(NOTICED_MS);
    expect(one.events).toContain('gone n-1');
    world.rows.add('realm n-1');
    const [late] = await world.settled('n-3');
    await late.serve('realm');
    late.membership.foundRowsOf('n-1' as NodeId);
    await world.pass(LEASE_MS + 3 * RENEW_MS);
    expect(late.events.filter((event) => event.includes('n-1'))).toEqual(['gone n-1']);
    expect(world.rows).not.toContain('realm n-1');
    expect(world.goneChanges('n-1')).toHaveLength(1);
  });

  it('does not end a node whose rows in a realm were found before the change of its entry came', async () => {
    const [one] = await world.settled('n-1');
    one.membership.foundRowsOf('n-2' as NodeId);
    const [two] = await world.entered('n-2');
    await world.pass(3 * LEASE_MS);
    expect(two.membership.isLeaseValid()).toBe(true);
    expect(one.events).toEqual(['entered n-2 [1]']);
  });

  it('does not spare a node that slept through it and was reaped: it is fenced', async () => {
    const [late, one] = await world.settled('n-1', 'n-2');
    late.freeze();
    world.flushAll();
    await world.pass(2 * NOTICED_MS);
    expect(one.events).toContain('gone n-1');
    late.thaw();
    await world.pass(RENEW_MS);
    expect(late.events).toEqual(['entered n-2 [1]', 'fenced']);
    expect(world.alive()).toEqual(['n-2']);
  });

  it('does not bring back a node that was reaped before: who knows that reaps it again', async () => {
    const [late, one] = await world.settled('n-1', 'n-2');
    await late.serve('realm');
    late.freeze();
    await world.pass(2 * NOTICED_MS);
    expect(one.events).toContain('gone n-1');
    world.flushAll();
    late.thaw();
    await world.pass(RENEW_MS);
    expect(late.events).toContain('emptied');
    await world.pass(3 * LEASE_MS);
    expect(late.events.at(-1)).toBe('fenced');
    expect(one.events.filter((event) => event.endsWith('n-1') || event.includes('n-1 '))).toEqual([
      'entered n-1 [1]',
      'gone n-1',
    ]);
    expect(world.alive()).toEqual(['n-2']);
    expect([...world.rows]).toEqual([]);
  });

  it('stops a reaping under way: the node may have come back', async () => {
    const [late, one] = await world.settled('n-1', 'n-2');
    for (const realm of ['a', 'b', 'c']) await late.serve(realm);
    late.freeze();
    const withdrawn = one.hold('after', 'withdraw a n-1');
    await world.passUntil(withdrawn.reached);
    const renewed = one.hold('before', 'renew_lease.lua');
    const renewing = one.membership.renewOnce();
    // The next step is under way behind the renewal that will find the store empty.
    withdrawn.release();
    world.flushAll();
    late.thaw();
    await world.pass(0);
    expect(late.events).toContain('emptied');
    renewed.release();
    expect(await renewing).toBe('emptied');
    await world.pass(3 * LEASE_MS);
    expect(one.count('withdraw c n-1')).toBe(0);
    expect([...world.rows]).toContain('c n-1');
    expect(one.events.filter((event) => event.startsWith('gone'))).toEqual([]);
  });

  it('has rows of a lost node looked for in the realms of its reaper', async () => {
    const [dead, one] = await world.settled('n-1', 'n-2');
    await dead.serve('realm');
    await one.serve('realm');
    dead.kill();
    // One shard of the store is lost, that of the nodes.
    world.twin.flushAll();
    await world.pass(LEASE_MS + 2 * RENEW_MS);
    expect(one.events).toContain('gone n-1');
    expect(one.leftBehind).toEqual([]);
  });
});
