import { describe, expect, it } from 'vitest';
import { withdrawNode } from '../../../../../src/backplane/redis/realm/scripts.js';
import { claimOf } from '../../../../contract/backplane/samples.js';
import { REALM, RealmWorld } from '../../../../support/realm-world.js';

it('makes no text of a message that is larger than any text may be: that would throw', async () => {
  const world = new RealmWorld();
  const [one] = await world.serving('n1');
  const huge = Object.defineProperty(new Uint8Array(1), 'byteLength', { value: 2 ** 29 });
  one.directory.changed(huge);
  expect(one.counters.messagesIgnored).toMatchObject({ size: 1, change: 0 });
});

describe('a node whose changes come late, after what its commands have shown', () => {
  it.each(Array.from({ length: 24 }, (_, step) => step * 10))(
    'names no callee of a node that has gone since it began to read, %i ms before: nobody would end a call to it (G3)',
    async (readingMs) => {
      const world = new RealmWorld();
      const [one, two, three] = await world.serving('n1', 'n2', 'n3');
      await world.settled(two.claim(claimOf(two.id, 'com.x')));
      await world.settled(two.watch('a'));
      world.delayMs = () => 10;
      one.subscriber.hold();
      const resyncing = one.directory.resync('reconnected');
      await world.pass(readingMs);
      world.delayMs = () => 0;
      two.cut();
      two.isDead = true;
      await world.settled(withdrawNode(three.store, world.keys, two.id, REALM));
      one.nodeGone(two.id);
      const notifiedCount = one.notified.length;
      world.delayMs = () => 10;
      await world.settled(resyncing);
      const named = one.notified.slice(notifiedCount).flatMap(({ callees }) => callees.map(({ node }) => node));
      expect([named, one.interested('a')]).toEqual([[], []]);
    },
  );

  it('waits for one that has withdrawn and entered again, also when it is notified of that only afterwards (G2)', async () => {
    const world = new RealmWorld();
    const [one, two] = await world.serving('n1', 'n2');
    one.subscriber.hold();
    await world.settled(two.withdraw());
    world.nodes.splice(world.nodes.indexOf(two), 1);
    const again = world.add('n2');
    await world.settled(again.enter());
    again.subscriber.hold();
    let isKnown = false;
    void Promise.resolve(one.watch('a')).then(() => (isKnown = true));
    await world.pass(10);
    one.subscriber.release();
    await world.pass(10);
    expect([isKnown, again.interested('a')]).toEqual([false, []]);
    again.subscriber.release();
    await world.pass(10);
    expect([isKnown, again.interested('a')]).toEqual([true, ['n1']]);
  });

  it('names no callee of a node that has gone whose claim comes afterwards', async () => {
    const world = new RealmWorld();
    const [one, two] = await world.serving('n1', 'n2');
    one.subscriber.hold();
    void two.claim(claimOf(two.id, 'com.x'));
    await world.pass(10);
    one.nodeGone(two.id);
    one.subscriber.release();
    await world.pass(10);
    expect(one.registrations.get('exact com.x')).toBeUndefined();
  });
});
