import { beforeEach, describe, expect, it } from 'vitest';
import { BackplaneUnavailableError } from '../../../../../src/backplane/backplane.js';
import { parseChange } from '../../../../../src/backplane/redis/realm/changes.js';
import type { Claim } from '../../../../../src/routing/ports.js';
import type { NodeId, RegistrationId, SessionId } from '../../../../../src/wamp/ids.js';
import { ErrorUri } from '../../../../../src/wamp/uris.js';
import { claimOf } from '../../../../contract/backplane/samples.js';
import { packed } from '../../../../support/packed.js';
import { RealmWorld, type WorldNode } from '../../../../support/realm-world.js';

let world: RealmWorld;
beforeEach(() => {
  world = new RealmWorld();
});

const claimBy = (node: WorldNode, procedure: string, overrides: Parameters<typeof claimOf>[2] = {}): Claim =>
  claimOf(node.id, procedure, overrides);

function kindOf(message: Uint8Array): string {
  const change = parseChange(message);
  return typeof change === 'string' ? change : change.body.kind;
}

const row = (value: unknown): string => Buffer.from(packed(value)).toString('latin1');

function stateOf(promise: unknown): { state: 'pending' | 'resolved' | 'rejected' } {
  const watched: { state: 'pending' | 'resolved' | 'rejected' } = { state: 'pending' };
  Promise.resolve(promise).then(
    () => (watched.state = 'resolved'),
    () => (watched.state = 'rejected'),
  );
  return watched;
}

describe('watching', () => {
  it('waits until every other node that serves the realm has confirmed (G2)', async () => {
    const [one, two, three] = await world.serving('n1', 'n2', 'n3');
    three.bus.hold();
    const watching = stateOf(one.watch('a'));
    await world.pass(100);
    expect([watching.state, two.interested('a'), three.interested('a')]).toEqual(['pending', ['n1'], ['n1']]);
    three.bus.release();
    await world.pass(0);
    expect(watching.state).toBe('resolved');
  });

  it('takes confirmations that come before the reply of the store', async () => {
    const [one] = await world.serving('n1', 'n2');
    one.down.hold();
    const watching = stateOf(one.watch('a'));
    await world.pass(100);
    expect(one.directory.stats.barrierCount).toBe(0);
    one.down.release();
    await world.pass(0);
    expect([watching.state, one.asked]).toEqual(['resolved', []]);
  });

  it('is one thing for all that ask meanwhile, and nothing afterwards', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    two.bus.hold();
    const first = one.watch('a');
    await world.pass(10);
    expect(one.watch('a')).toBe(first);
    two.bus.release();
    await world.settled(first);
    expect(one.watch('a')).toBeUndefined();
    expect(world.messages.filter((message) => kindOf(message) === 'interest')).toHaveLength(1);
  });

  it.each([0, 5, 60])('that is taken back %i ms later leaves nothing', async (waitMs) => {
    const [one, two] = await world.serving('n1', 'n2');
    world.delayMs = () => 20;
    const watching = stateOf(one.watch('a'));
    if (waitMs > 0) await world.pass(waitMs);
    one.unwatch('a');
    await world.pass(1_000);
    expect([watching.state, world.storedTopics(one), two.interested('a')]).toEqual(['resolved', [], []]);
  });

  it('again after it was taken back waits anew, also in one turn (G2)', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    await world.settled(one.watch('a'));
    two.bus.hold();
    one.unwatch('a');
    const again = stateOf(one.watch('a'));
    one.unwatch('a');
    const third = stateOf(one.watch('a'));
    await world.pass(100);
    expect([again.state, third.state]).toEqual(['pending', 'pending']);
    two.bus.release();
    await world.pass(0);
    expect([third.state, world.storedTopics(one), two.interested('a')]).toEqual(['resolved', ['exact a'], ['n1']]);
  });

  it('waits for its own step when it was taken back while the first was under way', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    one.down.hold();
    const first = stateOf(one.watch('a'));
    await world.pass(10);
    one.unwatch('a');
    await world.pass(10);
    const again = stateOf(one.watch('a'));
    one.down.release();
    await world.pass(10);
    expect([first.state, again.state, two.interested('a')]).toEqual(['resolved', 'resolved', ['n1']]);
    expect(world.storedTopics(one)).toEqual(['exact a']);
  });

  it('writes all topics of a turn in steps of 500 with one barrier each', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    const watching = Array.from({ length: 1_200 }, (_, index) => Promise.resolve(one.watch(`t.${index}`)));
    await world.settled(Promise.all(watching));
    expect(new Set(watching).size).toBe(3);
    expect(world.messages.filter((message) => kindOf(message) === 'interest')).toHaveLength(3);
    expect(two.directory.stats.topicCount).toBe(1_200);
    expect(one.counters.barriers.opened).toBe(3);
  });

  it('has few steps under way at once, and takes back what was not sent before it is', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    one.down.hold();
    for (let index = 0; index < 10_000; index++) void one.watch(`t.${index}`);
    await world.pass(100);
    expect(two.directory.stats.topicCount).toBe(2_000);
    for (let index = 5_000; index < 10_000; index++) one.unwatch(`t.${index}`);
    one.down.release();
    await world.pass(100);
    expect(two.directory.stats.topicCount).toBe(5_000);
    expect(world.storedTopics(one)).toHaveLength(5_000);
  });

  it('is written before a claim that is made after it', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    await world.settled(one.watch('a'));
    one.unwatch('a');
    await world.settled(one.claim(claimBy(one, 'com.fence')));
    expect(two.interested('a')).toEqual([]);
  });

  it('carries topics of any characters', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    const odd = 'a"b\\c\u0001.é😀';
    await world.settled(one.watch(odd));
    const late = world.add('n3');
    await world.settled(late.enter());
    expect([two.interested(odd), late.interested(odd)]).toEqual([['n1'], ['n1']]);
    one.unwatch(odd);
    await world.pass(10);
    expect([two.interested(odd), late.interested(odd), world.storedTopics(one)]).toEqual([[], [], []]);
  });
});

describe('waiting', () => {
  it('asks those that have not confirmed, and they answer', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    world.confirmationLoss = 1;
    const watching = stateOf(one.watch('a'));
    await world.pass(450);
    expect([watching.state, one.asked]).toEqual(['pending', []]);
    world.confirmationLoss = 0;
    await world.pass(600);
    expect([watching.state, one.asked]).toEqual(['resolved', [`n2 ${two.directory.stats.version}`]]);
  });

  it('has an asked node that is behind read the realm', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    two.subscriber.hold();
    const watching = stateOf(one.watch('a'));
    await world.pass(10);
    two.directory.asked(one.id, one.directory.stats.version);
    await world.pass(10);
    expect([watching.state, two.interested('a'), two.counters.mirrorReloads.asked]).toEqual(['resolved', ['n1'], 1]);
    two.subscriber.release();
    await world.pass(10);
    expect(two.counters.mirrorReloads).toMatchObject({ version_gap: 0, store_emptied: 0 });
  });

  it('ends with the node that is waited for: it withdraws', async () => {
    const [one, two, three] = await world.serving('n1', 'n2', 'n3');
    two.bus.hold();
    const watching = stateOf(one.watch('a'));
    await world.pass(10);
    void two.withdraw();
    await world.pass(10);
    expect([watching.state, three.interested('a')]).toEqual(['resolved', ['n1']]);
  });

  it('does not begin for a node that has withdrawn before the reply came', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    one.down.hold();
    two.bus.hold();
    const watching = stateOf(one.watch('a'));
    await world.pass(10);
    void two.withdraw();
    await world.pass(10);
    one.down.release();
    await world.pass(10);
    expect(watching.state).toBe('resolved');
  });

  it.each(['before', 'after'])('ends with the node that is waited for: it dies %s the reply', async (when) => {
    const [one, two] = await world.serving('n1', 'n2');
    two.cut();
    if (when === 'before') one.down.hold();
    const watching = stateOf(one.watch('a'));
    await world.pass(10);
    expect(watching.state).toBe('pending');
    one.down.release();
    if (when === 'before') one.hearGone(two.id);
    else void world.bury(two);
    await world.pass(10);
    expect(watching.state).toBe('resolved');
  });

  it('is given up in time, and what was wanted is taken back in memory and store', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    world.confirmationLoss = 1;
    const watching = one.watch('a');
    const claiming = one.claim(claimBy(one, 'com.x'));
    await expect(world.settled(watching)).rejects.toThrow(BackplaneUnavailableError);
    expect(await world.settled(claiming)).toMatchObject({
      kind: 'failed',
      fault: { error: ErrorUri.NETWORK_FAILURE },
    });
    expect(world.time.nowMs).toBeGreaterThan(15_000 - 10);
    expect(world.time.nowMs).toBeLessThan(16_000);
    await world.pass(10);
    expect([world.storedTopics(one), world.storedCallees(), two.interested('a')]).toEqual([[], [], []]);
    expect([one.registrations.size, two.registrations.size]).toEqual([0, 0]);
    expect(one.counters.barriers).toMatchObject({ timed_out: 2 });
    expect(one.directory.stats.barrierCount).toBe(0);
  });

  it('includes a node that entered before and is still reading', async () => {
    const [one] = await world.serving('n1');
    const late = world.add('n2');
    late.down.hold();
    void late.enter();
    await world.pass(10);
    late.down.release();
    late.down.hold();
    const watching = stateOf(one.watch('a'));
    await world.pass(10);
    expect(watching.state).toBe('pending');
    late.down.release();
    await world.pass(10);
    expect([watching.state, late.interested('a')]).toEqual(['resolved', ['n1']]);
  });

  it('costs one confirmation per turn and asker, however many changes came', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    let count = 0;
    const confirmed = one.directory.confirmed.bind(one.directory);
    one.directory.confirmed = (from, version) => {
      count++;
      confirmed(from, version);
    };
    two.subscriber.hold();
    for (let index = 0; index < 40; index++) void one.claim(claimBy(one, `com.${index}`));
    await world.pass(10);
    two.subscriber.release();
    await world.pass(10);
    expect([count, two.registrations.size]).toEqual([1, 40]);
  });
});

describe('claims', () => {
  it('of a node alone are kept', async () => {
    const [one] = await world.serving('n1');
    const outcome = await world.settled(one.claim(claimBy(one, 'com.x')));
    await world.pass(100);
    expect(outcome).toMatchObject({ kind: 'granted', registration: { callees: [{ node: 'n1' }] } });
    expect([one.holds.size, one.said.length, world.storedCallees().length]).toEqual([1, 1, 1]);
  });

  it('resolve after this node has been told too', async () => {
    const [one] = await world.serving('n1', 'n2');
    one.subscriber.hold();
    const claiming = stateOf(one.claim(claimBy(one, 'com.x')));
    await world.pass(100);
    expect([claiming.state, one.said]).toEqual(['pending', []]);
    one.subscriber.release();
    await world.pass(1_000);
    expect([claiming.state, one.said.length]).toEqual(['resolved', 1]);
  });

  it('try the next id while another procedure has it (ID-3)', async () => {
    world.derive = (_realm, _match, _procedure, attempt) => (attempt < 3 ? 7 : 1_000 + attempt);
    const [one, two] = await world.serving('n1', 'n2');
    const id = 7 as RegistrationId;
    await world.settled(one.claim(claimBy(one, 'com.squatter', { registration: id })));
    const outcome = await world.settled(two.claim(claimBy(two, 'com.x', { registration: id })));
    expect(outcome).toMatchObject({ kind: 'granted', registration: { id: 1_003, procedure: 'com.x' } });
    expect(one.registrations.get('exact com.x')?.id).toBe(1_003);
  });

  it('whose reply was lost fail, and leave nothing', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    one.down.hold();
    const claiming = one.claim(claimBy(one, 'com.x'));
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

  it('by force revoke callees of other nodes, which tidy up after them', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    const claim = claimBy(one, 'com.x');
    await world.settled(one.claim(claim));
    await world.settled(two.claim(claimBy(two, 'com.x', { force: true })));
    await world.pass(10);
    expect(one.revoked).toEqual([`exact com.x ${claim.callee.session}`]);
    expect(world.twin.members(world.realm.held(one.id))).toEqual([]);
    await world.settled(one.withdraw());
    expect(two.registrations.size).toBe(1);
  });

  it('taken by force between the grant and its reply are granted and revoked', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    one.down.hold();
    const claiming = one.claim(claimBy(one, 'com.x'));
    await world.pass(10);
    await world.settled(two.claim(claimBy(two, 'com.x', { force: true })));
    one.down.release();
    expect(await world.settled(claiming)).toMatchObject({ kind: 'granted' });
    expect(one.holds.size).toBe(0);
    await world.settled(one.resync('reconnected'));
    expect(world.storedCallees()).toEqual([expect.stringContaining(' n2 ')]);
  });

  describe('by force', () => {
    /** n1 holds com.x, n2 takes it, and n3, whose confirmation is waited for, does not answer any more. */
    async function beingTaken() {
      const [one, two, three] = await world.serving('n1', 'n2', 'n3');
      const held = claimBy(one, 'com.x');
      await world.settled(one.claim(held));
      world.onPublished = (message) => {
        const change = parseChange(message);
        const isOffer =
          typeof change === 'object' && change.body.kind === 'claim' && change.body.placed.takesOver === 'single';
        if (isOffer) three.bus.hold();
      };
      const taking = claimBy(two, 'com.x', { force: true });
      const claiming = stateOf(two.claim(taking));
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
      'and beside others (%s) are put once every node has answered: until then nobody hears of them',
      async (invoke) => {
        const [one, two, three] = await world.serving('n1', 'n2', 'n3');
        const held = claimBy(one, 'com.x', { invoke });
        await world.settled(one.claim(held));
        three.subscriber.hold();
        const claims = [1, 2].map(() =>
          stateOf(two.claim(claimBy(two, 'com.x', { invoke, force: invoke === 'single' }))),
        );
        const leaver = claimBy(two, 'com.x', { invoke });
        const left = stateOf(two.claim(leaver));
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

    it.each(['times out', 'cannot reach the store', 'hears that the store was emptied'])(
      'leave it with its holder for good when the claim %s',
      async (what) => {
        const { one, two, three, held, claiming, successors } = await beingTaken();
        if (what === 'times out') await world.pass(20_000);
        if (what === 'cannot reach the store') two.cut();
        if (what === 'hears that the store was emptied') {
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
      await world.settled(world.bury(two));
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
        // Granted, but the step that says so is under way.
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

  it('of many callees of one procedure cost the wire one callee each', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    const claims = Array.from({ length: 300 }, () => one.claim(claimBy(one, 'com.x', { invoke: 'random' })));
    await world.settled(Promise.all(claims));
    expect(Math.max(...world.messages.map((message) => message.length))).toBeLessThan(200);
    const sessions = two.registrations.get('exact com.x')?.callees.map(({ session }) => session);
    expect(sessions).toEqual(one.registrations.get('exact com.x')?.callees.map(({ session }) => session));
    expect(sessions).toHaveLength(300);
    for (const { session } of one.registrations.get('exact com.x')!.callees) void one.release('exact com.x', session);
    await world.pass(100);
    expect([two.registrations.size, world.storedCallees()]).toEqual([0, []]);
    expect(world.messages.filter((message) => kindOf(message) === 'release')).toHaveLength(1);
  });
});

describe('catching up', () => {
  it('reads the realm anew when a change was missed, and says only what differs', async () => {
    const [one, two, three] = await world.serving('n1', 'n2', 'n3');
    await world.settled(one.claim(claimBy(one, 'com.same')));
    await world.settled(one.claim(claimBy(one, 'com.ends', { session: 5 as SessionId })));
    three.isCut = true;
    await world.settled(Promise.race([one.release('exact com.ends', 5 as SessionId), world.pass(10)]));
    void two.claim(claimBy(two, 'com.new'));
    void two.watch('a');
    await world.pass(10);
    three.isCut = false;
    const before = three.said.length;
    void one.watch('b');
    await world.pass(100);
    expect(three.counters.mirrorReloads.version_gap).toBe(1);
    expect(three.said.slice(before).map(({ procedure, callees }) => `${procedure} ${callees.length}`)).toEqual([
      'com.ends 0',
      'com.new 1',
    ]);
    expect([three.interested('a'), three.interested('b')]).toEqual([['n2'], ['n1']]);
  });

  it('keeps the changes that come while it reads', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    for (let index = 0; index < 20; index++) void one.watch(`t.${index}`);
    await world.settled(one.claim(claimBy(one, 'com.x', { invoke: 'first' })));
    const late = world.add('n3');
    world.delayMs = () => 1 + Math.floor(world.random() * 5);
    const entering = late.enter();
    for (let index = 0; index < 20; index++) {
      one.unwatch(`t.${index}`);
      void two.watch(`t.${index}`);
      if (index % 4 === 0) void two.claim(claimBy(two, 'com.x', { invoke: 'first' }));
      await world.pass(3);
    }
    await world.settled(entering);
    await world.pass(1_000);
    for (let index = 0; index < 20; index++) expect(late.interested(`t.${index}`)).toEqual(['n2']);
    expect(late.registrations).toEqual(one.registrations);
  });

  it('takes changes that it has read already for late ones, not for lost ones', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    two.subscriber.hold();
    void one.watch('a');
    void one.claim(claimBy(one, 'com.x'));
    await world.pass(10);
    await world.settled(two.resync('reconnected'));
    expect(two.interested('a')).toEqual(['n1']);
    two.subscriber.release();
    await world.pass(10);
    expect(two.counters.changes.stale).toBe(2);
    expect(two.counters.mirrorReloads).toMatchObject({ version_gap: 0, store_emptied: 0 });
  });

  it('counts and ignores messages that it does not understand, and finds what they said', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    const version = two.directory.stats.version + 1;
    for (const text of ['', 'nonsense']) two.directory.changed(Buffer.from(text));
    two.directory.changed(packed([1, 'x', 'n1']));
    two.directory.changed(packed([1, version, 'n1', { a: 1 }]));
    two.directory.changed(packed([1, version, 'n1', 'claim', 0]));
    two.directory.changed(packed([2, version, 'whatever']));
    two.directory.changed(new Uint8Array([0xff, 0xfe, 0x00]));
    two.directory.changed(packed([1, version, 'n1', 'interest', 'n1', ['odd topic'], []]));
    two.directory.changed(packed([1, 2 ** 60, 'n1', 'enter', 'n1']));
    expect(two.counters.messagesIgnored).toMatchObject({ change: 8, version: 1 });
    await world.settled(one.watch('a'));
    expect(two.interested('a')).toEqual(['n1']);
    expect(two.counters.mirrorReloads.version_gap).toBe(0);
  });

  it('counts and ignores rows that it does not understand', async () => {
    const [one] = await world.serving('n1');
    const { procedures, nodes } = world.realm;
    const callees = world.realm.callees('exact com.x');
    await world.settled(one.claim(claimBy(one, 'com.x')));
    world.twin.command('HSET', procedures, 'exact com.y', row([2, 'later']));
    world.twin.command('HSET', procedures, 'exact com.z', row([1, 0, 'single', 0, []]));
    world.twin.command('HSET', procedures, 'no such policy', row([1, 5, 'single', 0, []]));
    world.twin.command('HSET', nodes, 'n9', row([2, 'complete', 'and more']));
    world.twin.command('HSET', callees, 'n1 77', row([2, 1, 0, false, false, '', '']));
    world.twin.command('HSET', callees, 'n1 78', row([1, -1, 0, false, false, '', '']));
    world.twin.command('HSET', callees, 'nobody', row([1, 1, 0, false, false, '', '']));
    const late = world.add('n2');
    await world.settled(late.enter());
    expect([...late.registrations.keys()]).toEqual(['exact com.x']);
    expect(late.registrations.get('exact com.x')?.callees).toHaveLength(1);
    expect(late.counters.rowsIgnored).toEqual({ version: 3, shape: 4 });
  });

  it('ignores versions that none can have', async () => {
    const [one] = await world.serving('n1', 'n2');
    one.directory.confirmed('n2' as NodeId, Infinity);
    one.directory.confirmed('n2' as NodeId, Number.NaN);
    one.directory.asked('n2' as NodeId, 2 ** 53);
    one.directory.confirmed('stranger' as NodeId, 5);
    await world.settled(one.watch('a'));
    expect(one.directory.stats.version).toBeLessThan(10);
  });

  it('tries again by itself when the store failed', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    const evaluate = world.twin.eval.bind(world.twin);
    world.twin.eval = () => {
      throw new Error('OOM command not allowed');
    };
    await expect(world.settled(one.watch('a'))).rejects.toThrow(BackplaneUnavailableError);
    const releasing = stateOf(two.directory.release(1 as RegistrationId, 1 as SessionId));
    world.twin.eval = evaluate;
    await world.pass(2_000);
    expect(releasing.state).toBe('resolved');
    await world.settled(one.watch('a'));
    expect(two.interested('a')).toEqual(['n1']);
    expect(one.failures[0]).toBe('write to a realm');
  });
});

describe('a node that is cut off', () => {
  it('refuses at once what is new, and keeps what is known', async () => {
    const [one] = await world.serving('n1', 'n2');
    await world.settled(one.watch('a'));
    one.cut();
    await expect(one.watch('b')).rejects.toThrow(BackplaneUnavailableError);
    expect(one.watch('a')).toBeUndefined();
    expect(await one.claim(claimBy(one, 'com.x'))).toMatchObject({ kind: 'failed' });
  });

  it('takes back on return what it took back meanwhile, and hears what it missed', async () => {
    const [one, two, three] = await world.serving('n1', 'n2', 'n3');
    for (const topic of ['kept', 'dropped']) await world.settled(one.watch(topic));
    for (const session of [1, 2])
      await world.settled(one.claim(claimBy(one, `com.${session}`, { session: session as SessionId })));
    await world.settled(three.claim(claimBy(three, 'com.ends', { session: 3 as SessionId })));
    one.cut();
    one.unwatch('dropped');
    const releasing = stateOf(one.release('exact com.1', 1 as SessionId));
    void three.release('exact com.ends', 3 as SessionId);
    const watching = stateOf(two.watch('a'));
    await world.pass(1_000);
    expect([releasing.state, watching.state]).toEqual(['pending', 'pending']);
    await world.settled(one.heal());
    await world.pass(1_000);
    expect([releasing.state, watching.state]).toEqual(['resolved', 'resolved']);
    expect([three.interested('kept'), three.interested('dropped'), one.interested('a')]).toEqual([['n1'], [], ['n2']]);
    for (const node of [one, two, three]) expect([...node.registrations.keys()]).toEqual(['exact com.2']);
    expect(one.revoked).toEqual([]);
  });

  it('learns that its callee was replaced by force, and does not take the procedure back', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    await world.settled(one.claim(claimBy(one, 'com.x', { invoke: 'first' })));
    one.cut();
    const claiming = two.claim(claimBy(two, 'com.x', { invoke: 'first', force: true }));
    await world.pass(100);
    await world.settled(one.heal());
    await world.settled(claiming);
    expect([one.holds.size, one.revoked.length]).toEqual([0, 1]);
    expect(world.storedCallees()).toEqual([expect.stringContaining(' n2 ')]);
  });

  it('withdraws on return', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    await world.settled(one.watch('a'));
    one.cut();
    const withdrawing = stateOf(one.withdraw());
    await world.pass(5_000);
    expect([withdrawing.state, two.interested('a')]).toEqual(['pending', ['n1']]);
    await world.settled(one.heal());
    await world.pass(10);
    expect([withdrawing.state, two.interested('a')]).toEqual(['resolved', []]);
  });
});

describe('a store that lost its data', () => {
  async function established(): Promise<[WorldNode, WorldNode, WorldNode]> {
    const nodes = await world.serving('n1', 'n2', 'n3');
    for (const node of nodes) {
      await world.settled(node.watch('shared'));
      await world.settled(node.watch(`of.${node.id}`, 'prefix'));
      await world.settled(node.claim(claimBy(node, 'com.shared', { invoke: 'first' })));
      await world.settled(node.claim(claimBy(node, `com.${node.id}`)));
    }
    return nodes;
  }

  it('is filled again, without anybody losing interest or a callee meanwhile (G2, G6)', async () => {
    const nodes = await established();
    const [one] = nodes;
    const registrations = new Map(one.registrations);
    const saidCounts = nodes.map(({ said }) => said.length);
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
    expect(nodes.map(({ said }) => said.length)).toEqual(saidCounts);
    expect(world.storedCallees()).toHaveLength(6);
  });

  it('is noticed by the first who writes, which waits until the others know all the same', async () => {
    const [one, two, three] = await established();
    world.twin.flushAll();
    three.bus.hold();
    const watching = stateOf(one.watch('new'));
    const claiming = stateOf(one.claim(claimBy(one, 'com.new')));
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
      const watching = stateOf(one.watch('new'));
      const claiming = stateOf(two.claim(claimBy(two, 'com.new')));
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
    const watching = stateOf(one.watch('new'));
    await world.pass(1_000);
    expect(watching.state).toBe('pending');
    await world.settled(world.bury(late));
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
    await world.settled(one.claim(claimBy(one, 'com.x')));
    one.cut();
    world.twin.flushAll();
    const claiming = two.claim(claimBy(two, 'com.x'));
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
    await world.settled(two.claim(claimBy(two, 'com.late')));
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
});

describe('the end', () => {
  it('of serving leaves nothing, here or in the store', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    await world.settled(one.watch('a'));
    await world.settled(one.claim(claimBy(one, 'com.x')));
    await world.settled(one.withdraw());
    await world.settled(one.withdraw());
    expect([two.interested('a'), two.registrations.size, two.directory.stats.topicCount]).toEqual([[], 0, 0]);
    expect(one.directory.stats).toMatchObject({ topicCount: 0, registrationCount: 0, barrierCount: 0 });
    await world.settled(two.withdraw());
    expect(world.twin.keys).toEqual([]);
    expect(one.registrations.size).toBe(1);
  });

  it('tells whoever waits', async () => {
    const [one] = await world.serving('n1', 'n2');
    world.confirmationLoss = 1;
    const watching = one.watch('a');
    const claiming = one.claim(claimBy(one, 'com.x'));
    await world.pass(100);
    one.directory.stop();
    one.directory.stop();
    await expect(watching).rejects.toThrow(BackplaneUnavailableError);
    expect(await claiming).toMatchObject({ kind: 'failed' });
    await expect(one.watch('b')).rejects.toThrow(BackplaneUnavailableError);
  });

  it('of a node takes everything of it away, in memory at once', async () => {
    const [one, two, three] = await world.serving('n1', 'n2', 'n3');
    await world.settled(three.watch('a'));
    await world.settled(three.claim(claimBy(three, 'com.x', { invoke: 'first' })));
    await world.settled(two.claim(claimBy(two, 'com.x', { invoke: 'first' })));
    void world.bury(three);
    await world.pass(1_000);
    expect([one.interested('a'), two.interested('a'), world.storedCallees().length]).toEqual([[], [], 1]);
    expect(one.registrations.get('exact com.x')?.callees.map((callee) => callee.node)).toEqual(['n2']);
    expect(world.twin.keys.filter((key) => key.includes('n3'))).toEqual([]);
  });

  it('of a node is no return: what was declared dead does not enter again', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    two.gone.add(two.id);
    await world.settled(one.watch('a'));
    world.twin.flushAll();
    await expect(two.directory.resync('store_emptied')).rejects.toThrow(BackplaneUnavailableError);
    expect(world.twin.command('HGET', world.realm.nodes, two.id)).toBeNull();
  });
});
