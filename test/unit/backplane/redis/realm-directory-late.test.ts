import { describe, expect, it } from 'vitest';
import { withdrawNode } from '../../../../src/backplane/redis/realm-scripts.js';
import { claimOf } from '../../../contract/backplane/samples.js';
import { REALM, RealmWorld } from '../../../support/realm-world.js';

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
      one.hearGone(two.id);
      const saidCount = one.said.length;
      world.delayMs = () => 10;
      await world.settled(resyncing);
      const named = one.said.slice(saidCount).flatMap(({ callees }) => callees.map(({ node }) => node));
      expect([named, one.interested('a')]).toEqual([[], []]);
    },
  );

  it('names no callee of a node that has gone whose claim comes afterwards', async () => {
    const world = new RealmWorld();
    const [one, two] = await world.serving('n1', 'n2');
    one.subscriber.hold();
    void two.claim(claimOf(two.id, 'com.x'));
    await world.pass(10);
    one.hearGone(two.id);
    one.subscriber.release();
    await world.pass(10);
    expect(one.registrations.get('exact com.x')).toBeUndefined();
  });
});
