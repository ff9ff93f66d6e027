import { beforeEach, describe, expect, it } from 'vitest';
import { claimOf } from '../../../../contract/backplane/samples.js';
import { changeKindOf, RealmWorld, type WorldNode } from '../../../../support/realm-world.js';
import { settlementOf } from '../../../../support/settlement.js';

let world: RealmWorld;
beforeEach(() => {
  world = new RealmWorld();
});

describe('a store that lost its data', () => {
  async function established(): Promise<[WorldNode, WorldNode, WorldNode]> {
    const nodes = await world.serving('n1', 'n2', 'n3');
    for (const node of nodes) {
      await world.settled(node.watch('shared'));
      await world.settled(node.watch(`of.${node.id}`, 'prefix'));
      await world.settled(node.claim(claimOf(node.id, 'com.shared', { invoke: 'first' })));
      await world.settled(node.claim(claimOf(node.id, `com.${node.id}`)));
    }
    return nodes;
  }

  it('is filled again, without anybody losing interest or a callee meanwhile (G2, G6)', async () => {
    const nodes = await established();
    const [one] = nodes;
    const registrations = new Map(one.registrations);
    const notifiedCounts = nodes.map(({ notified }) => notified.length);
    let checkCount = 0;
    world.turnEnded = () => {
      checkCount++;
      for (const node of nodes)
        for (const other of nodes) if (other !== node) expect(other.interested('shared')).toContain(node.id);
    };
    world.delayMs = () => Math.floor(world.random() * 20);
    world.twin.flushAll();
    for (const [at, node] of nodes.entries()) {
      const resyncing = node.resync('store_emptied');
      await world.pass(at * 400);
      await world.settled(resyncing);
    }
    await world.pass(20_000);
    expect(checkCount).toBeGreaterThan(50);
    for (const node of nodes) {
      expect(node.registrations).toEqual(registrations);
      expect(node.revoked).toEqual([]);
      expect(world.storedTopics(node)).toEqual(['exact shared', `prefix of.${node.id}`]);
    }
    expect(nodes.map(({ notified }) => notified.length)).toEqual(notifiedCounts);
    expect(world.storedCallees()).toHaveLength(6);
  });

  it('is noticed by the first who writes, which waits until the others know all the same', async () => {
    const [one, two, three] = await established();
    world.twin.flushAll();
    three.bus.hold();
    const watching = settlementOf(one.watch('new'));
    const claiming = settlementOf(one.claim(claimOf(one.id, 'com.new')));
    await world.pass(200);
    expect([watching.state, claiming.state]).toEqual(['pending', 'pending']);
    expect([two.interested('shared'), three.interested('new')]).toEqual([['n1', 'n3'], ['n1']]);
    three.bus.release();
    await world.pass(2_000);
    expect([watching.state, claiming.state]).toEqual(['resolved', 'resolved']);
    expect(one.interested('shared')).toEqual(['n2', 'n3']);
  });

  /** The store is emptied, and one of three does not come back. */
  async function establishedWithout(): Promise<[WorldNode, WorldNode, WorldNode]> {
    const nodes = await established();
    const [one, two, late] = nodes;
    late.cut();
    world.twin.flushAll();
    await world.settled(Promise.all([one.resync('store_emptied'), two.resync('store_emptied')]));
    return nodes;
  }

  it.each([100, 6_900, 7_600, 30_000])(
    'waits for a node that comes back %i ms late as long as nobody has declared it dead (G2)',
    async (lateMs) => {
      const [one, two, late] = await establishedWithout();
      await world.pass(lateMs);
      expect([one.interested('shared'), two.interested('shared')]).toEqual([
        ['n2', late.id],
        ['n1', late.id],
      ]);
      expect(one.registrations.has(`exact com.${late.id}`)).toBe(true);
      const watching = settlementOf(one.watch('new'));
      const claiming = settlementOf(two.claim(claimOf(two.id, 'com.new')));
      await world.pass(5_000);
      expect([watching.state, claiming.state]).toEqual(['pending', 'pending']);
      await world.settled(late.heal());
      await world.pass(1_000);
      expect([watching.state, claiming.state]).toEqual(['resolved', 'resolved']);
      expect([late.interested('new'), late.registrations.has('exact com.new')]).toEqual([['n1'], true]);
      await world.pass(3 * world.limits.keepMs);
      expect([one.interested('shared'), late.interested('shared')]).toEqual([
        ['n2', late.id],
        ['n1', 'n2'],
      ]);
    },
  );

  it('forgets a node that never comes back when it has been declared dead', async () => {
    const [one, two, late] = await establishedWithout();
    await world.pass(10_000);
    const watching = settlementOf(one.watch('new'));
    await world.pass(1_000);
    expect(watching.state).toBe('pending');
    await world.settled(world.declareDead(late));
    await world.pass(100);
    expect(watching.state).toBe('resolved');
    expect([one.interested('shared'), two.interested('shared')]).toEqual([['n2'], ['n1']]);
    expect(one.registrations.has(`exact com.${late.id}`)).toBe(false);
  });

  it('does not keep for ever what a node had in a realm that it serves no more', async () => {
    const [one, two, late] = await establishedWithout();
    late.isCut = false;
    await world.settled(late.withdraw());
    await world.pass(2 * world.limits.keepMs);
    expect([one.interested('shared'), two.interested('shared')]).toEqual([['n2'], ['n1']]);
    expect(one.registrations.has(`exact com.${late.id}`)).toBe(false);
  });

  it('of which a node lacks only the last keeps that until the node has written it again', async () => {
    const [one, two, late] = await established();
    const restore = world.twin.snapshot();
    await world.settled(late.watch('last'));
    for (const node of [one, two, late]) node.cut();
    restore();
    await world.settled(Promise.all([one.heal(), two.heal()]));
    await world.pass(3 * world.limits.keepMs);
    expect(one.interested('last')).toEqual([late.id]);
    await world.settled(late.heal());
    await world.pass(3 * world.limits.keepMs);
    expect([one.interested('last'), two.interested('last')]).toEqual([[late.id], [late.id]]);
  });

  it('gives a procedure to who asks first; the other is revoked', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    await world.settled(one.claim(claimOf(one.id, 'com.x')));
    one.cut();
    world.twin.flushAll();
    const claiming = two.claim(claimOf(two.id, 'com.x'));
    await world.pass(100);
    await world.settled(one.heal());
    expect(await world.settled(claiming)).toMatchObject({ kind: 'granted' });
    await world.pass(1_000);
    expect([one.holds.size, one.revoked.length]).toEqual([0, 1]);
    for (const node of [one, two])
      expect(node.registrations.get('exact com.x')?.callees.map((callee) => callee.node)).toEqual(['n2']);
  });

  it('of its last moments only is filled again too', async () => {
    const [one, two, three] = await established();
    const restore = world.twin.snapshot();
    await world.settled(one.watch('late'));
    await world.settled(two.claim(claimOf(two.id, 'com.late')));
    one.unwatch('shared');
    await world.pass(10);
    for (const node of [one, two, three]) node.cut();
    restore();
    const missing: string[] = [];
    world.turnEnded = () => {
      for (const node of [two, three]) if (!node.interested('late').includes('n1')) missing.push(node.id);
    };
    await world.settled(Promise.all([three.heal(), world.pass(50), one.heal(), world.pass(100), two.heal()]));
    await world.pass(10_000);
    expect(missing).toEqual([]);
    expect(world.storedTopics(one)).toEqual(['exact late', 'prefix of.n1']);
    for (const node of [two, three]) {
      expect(node.interested('late')).toEqual(['n1']);
      expect(node.interested('shared')).toEqual([node === two ? 'n3' : 'n2']);
    }
    for (const node of [one, two, three]) {
      expect(node.registrations.has('exact com.late')).toBe(true);
      expect(node.registrations.size).toBe(5);
    }
  });

  it.each([0, 1])(
    'twice takes no change from before for one from behind its entry (G2), also when its reading fails %i times',
    async (failureCount) => {
      const [one, two] = await world.serving('n1', 'n2');
      await world.settled(one.watch('shared'));
      for (let count = 0; count < 8; count++) await world.settled(one.claim(claimOf(one.id, `com.${count}`)));
      // Node two receives that node one has its topics again, and is late with everything behind that.
      world.onPublished = (message) => {
        if (changeKindOf(message) === 'claim') two.subscriber.hold();
      };
      world.twin.flushAll();
      await world.settled(one.resync('store_emptied'));
      await world.pass(100);
      world.onPublished = (message) => {
        if (changeKindOf(message) === 'enter') two.store.loseScripts(failureCount);
        world.onPublished = () => undefined;
      };
      one.subscriber.hold();
      world.twin.flushAll();
      await world.settled(two.resync('store_emptied'));
      world.turnEnded = () => expect(two.interested('shared')).toEqual(['n1']);
      two.subscriber.release();
      await world.pass(100);
      one.subscriber.release();
      await world.settled(one.resync('store_emptied'));
      await world.pass(1_000);
      expect(one.registrations).toEqual(two.registrations);
    },
  );

  it('twice keeps nobody from waiting for a node that it named in between, and that is not back (G2)', async () => {
    const [one] = await world.serving('n1');
    one.cut();
    world.twin.flushAll();
    const [two] = await world.serving('n2');
    // Node one enters, and its reading fails.
    world.onPublished = () => one.store.loseScripts(2);
    const healing = one.heal();
    await world.pass(100);
    world.onPublished = () => undefined;
    two.cut();
    world.twin.flushAll();
    await world.settled(healing);
    const watching = settlementOf(one.watch('shared'));
    await world.pass(5_000);
    expect(watching.state).toBe('pending');
    await world.settled(two.heal());
    await world.pass(1_000);
    expect([watching.state, two.interested('shared')]).toEqual(['resolved', ['n1']]);
  });

  it('of the end of a take-over completes it again', async () => {
    const nodes = await world.serving('n1', 'n2', 'n3');
    const [one, two, three] = nodes;
    await world.settled(one.claim(claimOf(one.id, 'com.x', { invoke: 'random' })));
    let restore = (): void => undefined;
    world.onPublished = () => {
      restore = world.twin.snapshot();
      if (world.storedCallees().length === 2) world.onPublished = () => undefined;
    };
    const claim = claimOf(two.id, 'com.x', { invoke: 'random', force: true });
    expect(await world.settled(two.claim(claim))).toMatchObject({ kind: 'granted' });
    await world.pass(100);
    await world.settled(three.claim(claimOf(three.id, 'com.x', { invoke: 'random' })));
    for (const node of nodes) node.cut();
    restore();
    expect(world.storedCallees()).toHaveLength(2);
    for (const node of [three, two, one]) await world.settled(node.heal());
    await world.pass(1_000);
    // No callee is its successor for ever. One that came beside it since was replaced like those before.
    expect(world.storedCallees()).toEqual([`exact com.x n2 ${claim.callee.session}`]);
    for (const node of nodes) {
      const { callees, successors } = node.registrations.get('exact com.x')!;
      expect([callees.map(({ session }) => session), successors]).toEqual([[claim.callee.session], undefined]);
    }
    expect([two.revoked, three.revoked.length]).toEqual([[], 1]);
  });
});
