import { beforeEach, describe, expect, it } from 'vitest';
import { BackplaneUnavailableError } from '../../../../../src/backplane/backplane.js';
import type { NodeId, RegistrationId, SessionId } from '../../../../../src/wamp/ids.js';
import { claimOf } from '../../../../contract/backplane/samples.js';
import { packed } from '../../../../support/packed.js';
import { RealmWorld } from '../../../../support/realm-world.js';
import { settlementOf } from '../../../../support/settlement.js';

let world: RealmWorld;
beforeEach(() => {
  world = new RealmWorld();
});

const row = (value: unknown): string => Buffer.from(packed(value)).toString('latin1');

describe('catching up', () => {
  it('reads the realm anew when a change was missed, and reports only what differs', async () => {
    const [one, two, three] = await world.serving('n1', 'n2', 'n3');
    await world.settled(one.claim(claimOf(one.id, 'com.same')));
    await world.settled(one.claim(claimOf(one.id, 'com.ends', { session: 5 as SessionId })));
    three.isCut = true;
    await world.settled(Promise.race([one.release('exact com.ends', 5 as SessionId), world.pass(10)]));
    void two.claim(claimOf(two.id, 'com.new'));
    void two.watch('a');
    await world.pass(10);
    three.isCut = false;
    const before = three.notified.length;
    void one.watch('b');
    await world.pass(100);
    expect(three.counters.mirrorReloads.version_gap).toBe(1);
    expect(three.notified.slice(before).map(({ procedure, callees }) => `${procedure} ${callees.length}`)).toEqual([
      'com.ends 0',
      'com.new 1',
    ]);
    expect([three.interested('a'), three.interested('b')]).toEqual([['n2'], ['n1']]);
  });

  it('keeps the changes that come while it reads', async () => {
    const [one, two] = await world.serving('n1', 'n2');
    for (let index = 0; index < 20; index++) void one.watch(`t.${index}`);
    await world.settled(one.claim(claimOf(one.id, 'com.x', { invoke: 'first' })));
    const late = world.add('n3');
    world.delayMs = () => 1 + Math.floor(world.random() * 5);
    const entering = late.enter();
    for (let index = 0; index < 20; index++) {
      one.unwatch(`t.${index}`);
      void two.watch(`t.${index}`);
      if (index % 4 === 0) void two.claim(claimOf(two.id, 'com.x', { invoke: 'first' }));
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
    void one.claim(claimOf(one.id, 'com.x'));
    await world.pass(10);
    await world.settled(two.resync('reconnected'));
    expect(two.interested('a')).toEqual(['n1']);
    two.subscriber.release();
    await world.pass(10);
    expect(two.counters.changes.stale).toBe(2);
    expect(two.counters.mirrorReloads).toMatchObject({ version_gap: 0, store_emptied: 0 });
  });

  it('counts and ignores messages that it does not understand, and finds what they brought', async () => {
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
    await world.settled(one.claim(claimOf(one.id, 'com.x')));
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
    one.directory.confirmed('unknown' as NodeId, 5);
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
    const releasing = settlementOf(two.directory.release(1 as RegistrationId, 1 as SessionId));
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
    expect(await one.claim(claimOf(one.id, 'com.x'))).toMatchObject({ kind: 'failed' });
  });

  it('takes back on return what it took back meanwhile, and receives what it missed', async () => {
    const [one, two, three] = await world.serving('n1', 'n2', 'n3');
    for (const topic of ['kept', 'dropped']) await world.settled(one.watch(topic));
    for (const session of [1, 2])
      await world.settled(one.claim(claimOf(one.id, `com.${session}`, { session: session as SessionId })));
    await world.settled(three.claim(claimOf(three.id, 'com.ends', { session: 3 as SessionId })));
    one.cut();
    one.unwatch('dropped');
    const releasing = settlementOf(one.release('exact com.1', 1 as SessionId));
    void three.release('exact com.ends', 3 as SessionId);
    const watching = settlementOf(two.watch('a'));
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
    await world.settled(one.claim(claimOf(one.id, 'com.x', { invoke: 'first' })));
    one.cut();
    const claiming = two.claim(claimOf(two.id, 'com.x', { invoke: 'first', force: true }));
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
    const withdrawing = settlementOf(one.withdraw());
    await world.pass(5_000);
    expect([withdrawing.state, two.interested('a')]).toEqual(['pending', ['n1']]);
    await world.settled(one.heal());
    await world.pass(10);
    expect([withdrawing.state, two.interested('a')]).toEqual(['resolved', []]);
  });
});
