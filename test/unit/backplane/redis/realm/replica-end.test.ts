import { beforeEach, describe, expect, it } from 'vitest';
import { BackplaneUnavailableError } from '../../../../../src/backplane/backplane.js';
import { claimOf } from '../../../../contract/backplane/samples.js';
import { RealmWorld } from '../../../../support/realm-world.js';

let world: RealmWorld;
beforeEach(() => {
  world = new RealmWorld();
});

describe('the end', () => {
  it('of serving leaves nothing, here or in the store', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    await world.settled(one.watch('a'));
    await world.settled(one.claim(claimOf(one.id, 'com.x')));
    await world.settled(one.withdraw());
    await world.settled(one.withdraw());
    expect([two.interested('a'), two.registrations.size, two.directory.stats.topicCount]).toEqual([[], 0, 0]);
    expect(one.directory.stats).toMatchObject({ topicCount: 0, registrationCount: 0, barrierCount: 0 });
    await world.settled(two.withdraw());
    expect(world.twin.keys).toEqual([]);
    expect(one.registrations.size).toBe(1);
  });

  it('ends the waits', async () => {
    const [one] = await world.serving('n1', 'n2');
    world.confirmationLoss = 1;
    const watching = one.watch('a');
    const claiming = one.claim(claimOf(one.id, 'com.x'));
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
    await world.settled(three.claim(claimOf(three.id, 'com.x', { invoke: 'first' })));
    await world.settled(two.claim(claimOf(two.id, 'com.x', { invoke: 'first' })));
    void world.declareDead(three);
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
