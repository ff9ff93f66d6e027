import { describe, expect, it } from 'vitest';
import { MAX_VERSIONS_AHEAD } from '../../../../../src/backplane/redis/realm/follower.js';
import { MAX_VERSION } from '../../../../../src/backplane/redis/realm/rows.js';
import { claimOf } from '../../../../contract/backplane/samples.js';
import { packed } from '../../../../support/packed.js';
import { RealmWorld, type WorldNode } from '../../../../support/realm-world.js';

/** What works in a healthy realm, and needs versions to fit on both nodes: each learns what the other wants and has (G2). */
async function expectHealthy(world: RealmWorld, one: WorldNode, two: WorldNode, name: string): Promise<void> {
  await world.settled(one.watch(`${name}.one`));
  await world.settled(two.watch(`${name}.two`));
  expect([two.interested(`${name}.one`), one.interested(`${name}.two`)]).toEqual([['n1'], ['n2']]);
  await world.settled(two.claim(claimOf(two.id, `com.${name}`)));
  expect(one.registrations.has(`exact com.${name}`)).toBe(true);
  expect([one.directory.stats.versionLag, two.directory.stats.versionLag]).toEqual([0, 0]);
}

const AHEAD = [1, 1_000, MAX_VERSIONS_AHEAD, MAX_VERSIONS_AHEAD + 1, 2 ** 32, MAX_VERSION - 1];

describe.each(AHEAD)('a change that is %d versions ahead, made up by somebody', (ahead) => {
  it.each(['n9', ''])('silences nobody, with asker %s (G2)', async (asker) => {
    const world = new RealmWorld();
    const [one, two] = await world.serving('n1', 'n2');
    await expectHealthy(world, one, two, 'before');
    const version = Math.min(one.directory.stats.version + ahead, MAX_VERSION - 1);
    for (const node of [one, two]) node.directory.changed(packed([1, version, asker, 'complete', 'n1']));
    await world.pass(5_000);
    await expectHealthy(world, one, two, 'after');
    expect(one.directory.stats.version).toBeLessThan(3 * MAX_VERSIONS_AHEAD);
    if (ahead > MAX_VERSIONS_AHEAD) {
      expect(one.counters.messagesIgnored.far).toBe(1);
      expect(one.doubts).toHaveLength(1);
    }
  });

  it('silences nobody in the name of one that waits, while the realm is read (G2)', async () => {
    const world = new RealmWorld();
    const [one, two] = await world.serving('n1', 'n2');
    const version = Math.min(one.directory.stats.version + ahead, MAX_VERSION - 1);
    world.delayMs = () => 10;
    const reading = one.directory.resync('reconnected');
    one.directory.changed(packed([1, version, 'n2', 'complete', 'n2']));
    await world.pass(25);
    one.directory.changed(packed([1, version, 'n2', 'complete', 'n2']));
    await world.settled(reading);
    world.delayMs = () => 0;
    await world.pass(5_000);
    await expectHealthy(world, one, two, 'after');
  });

  it('is not believed of a node that confirms or asks for longer than until its next word (G2)', async () => {
    const world = new RealmWorld();
    const [one, two] = await world.serving('n1', 'n2');
    const version = Math.min(one.directory.stats.version + ahead, MAX_VERSION - 1);
    one.directory.confirmed(two.id, version);
    one.directory.asked(two.id, version);
    await world.pass(5_000);
    await world.settled(one.watch('first'));
    await expectHealthy(world, one, two, 'after');
    two.subscriber.hold();
    let isKnown = false;
    void Promise.resolve(one.watch('second')).then(() => (isKnown = true));
    await world.pass(100);
    expect(isKnown).toBe(false);
    two.subscriber.release();
    await world.pass(100);
    expect(isKnown).toBe(true);
  });
});
