import { beforeEach, describe, expect, it } from 'vitest';
import { BackplaneUnavailableError } from '../../../../../src/backplane/backplane.js';
import type { SessionId } from '../../../../../src/wamp/ids.js';
import { ErrorUri } from '../../../../../src/wamp/uris.js';
import { claimOf } from '../../../../contract/backplane/samples.js';
import { changeKindOf, RealmWorld, type WorldNode } from '../../../../support/realm-world.js';
import { settlementOf } from '../../../../support/settlement.js';

let world: RealmWorld;
beforeEach(() => {
  world = new RealmWorld();
});

describe('watching', () => {
  it('waits until every other node that serves the realm has confirmed (G2)', async () => {
    const [one, two, three] = await world.serving('n1', 'n2', 'n3');
    three.bus.hold();
    const watching = settlementOf(one.watch('a'));
    await world.pass(100);
    expect([watching.state, two.interested('a'), three.interested('a')]).toEqual(['pending', ['n1'], ['n1']]);
    three.bus.release();
    await world.pass(0);
    expect(watching.state).toBe('resolved');
  });

  it('takes confirmations that come before the reply of the store', async () => {
    const [one] = await world.serving('n1', 'n2');
    one.down.hold();
    const watching = settlementOf(one.watch('a'));
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
    expect(world.messages.filter((message) => changeKindOf(message) === 'interest')).toHaveLength(1);
  });

  it.each([0, 5, 60])('that is taken back %i ms later leaves nothing', async (waitMs) => {
    const [one, two] = await world.serving('n1', 'n2');
    world.delayMs = () => 20;
    const watching = settlementOf(one.watch('a'));
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
    const again = settlementOf(one.watch('a'));
    one.unwatch('a');
    const third = settlementOf(one.watch('a'));
    await world.pass(100);
    expect([again.state, third.state]).toEqual(['pending', 'pending']);
    two.bus.release();
    await world.pass(0);
    expect([third.state, world.storedTopics(one), two.interested('a')]).toEqual(['resolved', ['exact a'], ['n1']]);
  });

  it('waits for its own step when it was taken back while the first was under way', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    one.down.hold();
    const first = settlementOf(one.watch('a'));
    await world.pass(10);
    one.unwatch('a');
    await world.pass(10);
    const again = settlementOf(one.watch('a'));
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
    expect(world.messages.filter((message) => changeKindOf(message) === 'interest')).toHaveLength(3);
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
    await world.settled(one.claim(claimOf(one.id, 'com.fence')));
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
    const watching = settlementOf(one.watch('a'));
    await world.pass(450);
    expect([watching.state, one.asked]).toEqual(['pending', []]);
    world.confirmationLoss = 0;
    await world.pass(600);
    expect([watching.state, one.asked]).toEqual(['resolved', [`n2 ${two.directory.stats.version}`]]);
  });

  it('has an asked node that is behind read the realm', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    two.subscriber.hold();
    const watching = settlementOf(one.watch('a'));
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
    const watching = settlementOf(one.watch('a'));
    await world.pass(10);
    void two.withdraw();
    await world.pass(10);
    expect([watching.state, three.interested('a')]).toEqual(['resolved', ['n1']]);
  });

  it('does not begin for a node that has withdrawn before the reply came', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    one.down.hold();
    two.bus.hold();
    const watching = settlementOf(one.watch('a'));
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
    const watching = settlementOf(one.watch('a'));
    await world.pass(10);
    expect(watching.state).toBe('pending');
    one.down.release();
    if (when === 'before') one.nodeGone(two.id);
    else void world.declareDead(two);
    await world.pass(10);
    expect(watching.state).toBe('resolved');
  });

  it('is repeated when the store has not carried it out', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    one.store.loseScripts(1);
    await world.settled(Promise.resolve(one.watch('a')));
    expect(two.interested('a')).toEqual([one.id]);
  });

  it('is given up in time, and what was wanted is taken back in memory and store', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    world.confirmationLoss = 1;
    const watching = one.watch('a');
    const claiming = one.claim(claimOf(one.id, 'com.x'));
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
    const watching = settlementOf(one.watch('a'));
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
    for (let index = 0; index < 40; index++) void one.claim(claimOf(one.id, `com.${index}`));
    await world.pass(10);
    two.subscriber.release();
    await world.pass(10);
    expect([count, two.registrations.size]).toEqual([1, 40]);
  });
});

describe('the last session to want a topic', () => {
  const leaverOf = (node: WorldNode, topic: string): number | undefined =>
    node.topicChanges.find((change) => change.topic === topic && !change.isWanted)?.leaver;

  it('is known to the other nodes although the store had lost its scripts, and a repair ended the topic (UMA-1)', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    await world.settled(one.watch('a'));
    one.store.loseScripts(1);
    one.unwatch('a', 'exact', 7 as SessionId);
    await world.pass(2_000);
    expect(leaverOf(two, 'a')).toBe(7);
  });

  it('is known although the connection was lost with the end of the topic (UMA-1)', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    await world.settled(one.watch('a'));
    one.up.hold();
    one.unwatch('a', 'exact', 7 as SessionId);
    await world.pass(10);
    one.cut();
    one.up.release();
    await world.settled(one.heal());
    expect(leaverOf(two, 'a')).toBe(7);
  });

  it('is the one that left last, although another one left while the store had not replied', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    await world.settled(one.watch('a'));
    one.down.hold();
    one.unwatch('a', 'exact', 7 as SessionId);
    await world.pass(10);
    const watching = one.watch('a');
    one.unwatch('a', 'exact', 8 as SessionId);
    void one.watch('a');
    one.down.release();
    await world.settled(watching);
    one.unwatch('a', 'exact', 9 as SessionId);
    await world.pass(10);
    const ends = two.topicChanges.filter(({ isWanted }) => !isWanted).map(({ leaver }) => leaver);
    expect(ends).toEqual([7, 9]);
  });

  it('is no one where the topic was wanted again and the next one is not known', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    await world.settled(one.watch('a'));
    one.cut();
    one.unwatch('a', 'exact', 7 as SessionId);
    await world.settled(one.heal());
    await world.settled(one.watch('a'));
    one.unwatch('a');
    await world.pass(10);
    const ends = two.topicChanges.filter(({ isWanted }) => !isWanted).map(({ leaver }) => leaver);
    expect(ends).toEqual([7, undefined]);
  });
});
