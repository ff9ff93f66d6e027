import { beforeEach, describe, expect, it } from 'vitest';
import { BackplaneUnavailableError } from '../../../../../src/backplane/backplane.js';
import { parseChange } from '../../../../../src/backplane/redis/realm/changes.js';
import type { RegistrationId } from '../../../../../src/wamp/ids.js';
import { claimOf } from '../../../../contract/backplane/samples.js';
import { changeKindOf, RealmWorld } from '../../../../support/realm-world.js';
import { settlementOf } from '../../../../support/settlement.js';

let world: RealmWorld;
beforeEach(() => {
  world = new RealmWorld();
});

describe('claims', () => {
  it('of a node alone are kept', async () => {
    const [one] = await world.serving('n1');
    const outcome = await world.settled(one.claim(claimOf(one.id, 'com.x')));
    await world.pass(100);
    expect(outcome).toMatchObject({ kind: 'granted', registration: { callees: [{ node: 'n1' }] } });
    expect([one.holds.size, one.notified.length, world.storedCallees().length]).toEqual([1, 1, 1]);
  });

  it('resolve after this node has been notified too', async () => {
    const [one] = await world.serving('n1', 'n2');
    one.subscriber.hold();
    const claiming = settlementOf(one.claim(claimOf(one.id, 'com.x')));
    await world.pass(100);
    expect([claiming.state, one.notified]).toEqual(['pending', []]);
    one.subscriber.release();
    await world.pass(1_000);
    expect([claiming.state, one.notified.length]).toEqual(['resolved', 1]);
  });

  it('try the next id while another procedure has it (ID-3)', async () => {
    world.derive = (_realm, _match, _procedure, attempt) => (attempt < 3 ? 7 : 1_000 + attempt);
    const [one, two] = await world.serving('n1', 'n2');
    const id = 7 as RegistrationId;
    await world.settled(one.claim(claimOf(one.id, 'com.other', { registration: id })));
    const outcome = await world.settled(two.claim(claimOf(two.id, 'com.x', { registration: id })));
    expect(outcome).toMatchObject({ kind: 'granted', registration: { id: 1_003, procedure: 'com.x' } });
    expect(one.registrations.get('exact com.x')?.id).toBe(1_003);
  });

  it('whose reply was lost fail, and leave nothing', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    one.down.hold();
    const claiming = one.claim(claimOf(one.id, 'com.x'));
    const watching = one.watch('a');
    await world.pass(10);
    expect(world.storedCallees()).toHaveLength(1);
    one.cut();
    one.down.release();
    expect(await world.settled(claiming)).toMatchObject({ kind: 'failed' });
    await expect(watching).rejects.toThrow(BackplaneUnavailableError);
    await world.settled(one.heal());
    await world.pass(10);
    expect([world.storedCallees(), world.storedTopics(one), two.registrations.size]).toEqual([[], [], 0]);
  });

  it('that the store has not carried out are repeated, alone, shared and by force', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    const shared = { invoke: 'random' } as const;
    await world.settled(two.claim(claimOf(two.id, 'com.shared', shared)));
    await world.settled(two.claim(claimOf(two.id, 'com.forced')));
    for (const claim of [
      claimOf(one.id, 'com.alone'),
      claimOf(one.id, 'com.shared', shared),
      claimOf(one.id, 'com.forced', { force: true }),
    ]) {
      one.store.loseScripts(1);
      const claiming = one.claim(claim);
      const watching = one.watch(claim.procedure);
      expect(await world.settled(claiming)).toMatchObject({ kind: 'granted' });
      await watching;
    }
    await world.pass(1_000);
    expect(two.revoked).toHaveLength(1);
    expect(one.failures).toEqual([]);
  });

  it('that the store has not carried out fail when their session has left', async () => {
    const [one] = await world.serving('n1');
    const claim = claimOf(one.id, 'com.x');
    one.store.loseScripts(1);
    const claiming = one.claim(claim);
    void one.directory.release(claim.registration, claim.callee.session);
    expect(await world.settled(claiming)).toMatchObject({ kind: 'failed' });
    await world.pass(1_000);
    expect(world.storedCallees()).toEqual([]);
  });

  it('by force revoke callees of other nodes, which tidy up after them', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    const claim = claimOf(one.id, 'com.x');
    await world.settled(one.claim(claim));
    await world.settled(two.claim(claimOf(two.id, 'com.x', { force: true })));
    await world.pass(10);
    expect(one.revoked).toEqual([`exact com.x ${claim.callee.session}`]);
    expect(world.twin.members(world.realm.held(one.id))).toEqual([]);
    await world.settled(one.withdraw());
    expect(two.registrations.size).toBe(1);
  });

  it('taken by force between the grant and its reply are granted and revoked', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    one.down.hold();
    const claiming = one.claim(claimOf(one.id, 'com.x'));
    await world.pass(10);
    await world.settled(two.claim(claimOf(two.id, 'com.x', { force: true })));
    one.down.release();
    expect(await world.settled(claiming)).toMatchObject({ kind: 'granted' });
    expect(one.holds.size).toBe(0);
    await world.settled(one.resync('reconnected'));
    expect(world.storedCallees()).toEqual([expect.stringContaining(' n2 ')]);
  });

  describe('by force', () => {
    /** Node n1 holds com.x and n2 claims it by force; n3 does not send the confirmation that n2 waits for. */
    async function beingTaken() {
      const [one, two, three] = await world.serving('n1', 'n2', 'n3');
      const held = claimOf(one.id, 'com.x');
      await world.settled(one.claim(held));
      world.onPublished = (message) => {
        const change = parseChange(message);
        const isOffer =
          typeof change === 'object' && change.body.kind === 'claim' && change.body.placed.takesOver === 'single';
        if (isOffer) three.bus.hold();
      };
      const taking = claimOf(two.id, 'com.x', { force: true });
      const claiming = settlementOf(two.claim(taking));
      await world.pass(100);
      const successors = (node: typeof one): number[] =>
        node.registrations.get('exact com.x')?.successors?.map(({ session }) => session) ?? [];
      expect([successors(one), successors(two), claiming.state]).toEqual([
        [taking.callee.session],
        [taking.callee.session],
        'pending',
      ]);
      return { one, two, three, held, taking, claiming, successors };
    }

    it.each(['single', 'first'] as const)(
      'and beside others (%s) are put once every node has answered: until then nobody learns of them',
      async (invoke) => {
        const [one, two, three] = await world.serving('n1', 'n2', 'n3');
        const held = claimOf(one.id, 'com.x', { invoke });
        await world.settled(one.claim(held));
        three.subscriber.hold();
        const claims = [1, 2].map(() =>
          settlementOf(two.claim(claimOf(two.id, 'com.x', { invoke, force: invoke === 'single' }))),
        );
        const leaver = claimOf(two.id, 'com.x', { invoke });
        const left = settlementOf(two.claim(leaver));
        await world.pass(1_000);
        void two.directory.release(leaver.registration, leaver.callee.session);
        expect(one.registrations.get('exact com.x')).toEqual(expect.objectContaining({ callees: [held.callee] }));
        expect(one.registrations.get('exact com.x')).not.toHaveProperty('successors');
        expect(world.storedCallees()).toHaveLength(1);
        three.subscriber.release();
        await world.pass(1_000);
        expect([...claims, left].map(({ state }) => state)).toEqual(['resolved', 'resolved', 'resolved']);
        expect(world.storedCallees()).toHaveLength(invoke === 'single' ? 1 : 3);
        expect(two.holds.size).toBe(invoke === 'single' ? 1 : 2);
      },
    );

    it('leave the procedure with its holder until every node knows', async () => {
      const { one, two, three, held, taking, claiming } = await beingTaken();
      expect([one.holds.size, one.registrations.get('exact com.x')?.callees]).toEqual([1, [held.callee]]);
      three.bus.release();
      await world.pass(100);
      expect([claiming.state, one.revoked]).toEqual(['resolved', [`exact com.x ${held.callee.session}`]]);
      for (const node of [one, two, three])
        expect(node.registrations.get('exact com.x')).toMatchObject({ callees: [taking.callee] });
      expect(world.storedCallees()).toEqual([expect.stringContaining(' n2 ')]);
    });

    it.each(['times out', 'cannot reach the store', 'learns that the store was emptied'])(
      'leave it with its holder for good when the claim %s',
      async (what) => {
        const { one, two, three, held, claiming, successors } = await beingTaken();
        if (what === 'times out') await world.pass(20_000);
        if (what === 'cannot reach the store') two.cut();
        if (what === 'learns that the store was emptied') {
          world.twin.flushAll();
          await world.settled(Promise.all([one, two, three].map((node) => node.resync('store_emptied'))));
        }
        await world.pass(100);
        expect(claiming.state).toBe('resolved');
        if (two.isCut) await world.settled(two.heal());
        three.bus.release();
        await world.settled(three.resync('reconnected'));
        await world.pass(1_000);
        expect([one.holds.size, one.revoked, two.holds.size]).toEqual([1, [], 0]);
        for (const node of [one, two, three]) {
          expect(node.registrations.get('exact com.x')).toMatchObject({ callees: [held.callee] });
          expect(successors(node)).toEqual([]);
        }
        expect(world.twin.members(world.realm.held(two.id))).toEqual([]);
      },
    );

    it('leave it with its holder for good when the node that claims dies', async () => {
      const { one, two, held } = await beingTaken();
      await world.settled(world.declareDead(two));
      await world.pass(100);
      expect([one.holds.size, one.revoked]).toEqual([1, []]);
      expect(one.registrations.get('exact com.x')).toMatchObject({ callees: [held.callee] });
      expect(one.registrations.get('exact com.x')).not.toHaveProperty('successors');
    });

    it('are carried through behind a reconnection, and when the store was emptied, once they were answered', async () => {
      for (const why of ['reconnected', 'store_emptied'] as const) {
        world = new RealmWorld();
        const { one, two, three, held, taking, claiming } = await beingTaken();
        two.up.hold();
        three.bus.release();
        await world.pass(100);
        // The claim is granted, but the step that publishes it is under way.
        expect([claiming.state, one.holds.size]).toEqual(['resolved', 1]);
        two.cut();
        if (why === 'store_emptied') world.twin.flushAll();
        two.up.release();
        if (why === 'store_emptied') await world.settled(Promise.all([one, three].map((node) => node.resync(why))));
        await world.settled(two.heal());
        await world.pass(100);
        expect([one.revoked, two.holds.size]).toEqual([[`exact com.x ${held.callee.session}`], 1]);
        for (const node of [one, two, three])
          expect(node.registrations.get('exact com.x')).toMatchObject({ callees: [taking.callee] });
        expect(world.storedCallees()).toEqual([expect.stringContaining(' n2 ')]);
      }
    });
  });

  describe('of a procedure that another callee takes over meanwhile', () => {
    const isForced = (message: Uint8Array): boolean => {
      const change = parseChange(message);
      return typeof change === 'object' && change.body.kind === 'claim' && change.body.isForced;
    };

    it('are not granted behind the other, which would have the procedure all the same (SHR-2)', async () => {
      const [one, two] = await world.serving('n1', 'n2');
      const revoked: number[] = [];
      world.onRevoked = (session) => void revoked.push(session);
      two.bus.hold();
      const claiming = one.claim(claimOf(one.id, 'com.x'));
      await world.pass(100);
      // The last confirmation for node one comes right before the change that ends its callee.
      world.onPublished = (message) => {
        if (isForced(message)) two.bus.release();
      };
      const taking = claimOf(two.id, 'com.x', { force: true });
      expect(await world.settled(two.claim(taking))).toMatchObject({ kind: 'granted' });
      await world.settled(claiming);
      await world.pass(1_000);
      expect([revoked, one.holds.size, two.holds.size]).toEqual([[], 0, 1]);
      for (const node of [one, two])
        expect(node.registrations.get('exact com.x')?.callees).toMatchObject([taking.callee]);
    });

    it('are granted when the other is given up', async () => {
      const [one, two] = await world.serving('n1', 'n2');
      two.bus.hold();
      const claiming = settlementOf(one.claim(claimOf(one.id, 'com.x')));
      await world.pass(100);
      world.onPublished = (message) => {
        if (changeKindOf(message) === 'claim') one.bus.hold();
      };
      const taking = claimOf(two.id, 'com.x', { force: true });
      const refused = settlementOf(two.claim(taking));
      await world.pass(100);
      two.bus.release();
      await world.pass(1_000);
      expect([claiming.state, refused.state]).toEqual(['pending', 'pending']);
      await world.settled(two.directory.release(taking.registration, taking.callee.session));
      await world.pass(1_000);
      expect([claiming.state, one.holds.size, one.revoked]).toEqual(['resolved', 1, []]);
    });
  });

  it('of many callees of one procedure cost the wire one callee each', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    const claims = Array.from({ length: 300 }, () => one.claim(claimOf(one.id, 'com.x', { invoke: 'random' })));
    await world.settled(Promise.all(claims));
    expect(Math.max(...world.messages.map((message) => message.length))).toBeLessThan(200);
    const sessions = two.registrations.get('exact com.x')?.callees.map(({ session }) => session);
    expect(sessions).toEqual(one.registrations.get('exact com.x')?.callees.map(({ session }) => session));
    expect(sessions).toHaveLength(300);
    for (const { session } of one.registrations.get('exact com.x')!.callees) void one.release('exact com.x', session);
    await world.pass(100);
    expect([two.registrations.size, world.storedCallees()]).toEqual([0, []]);
    expect(world.messages.filter((message) => changeKindOf(message) === 'release')).toHaveLength(1);
  });
});
