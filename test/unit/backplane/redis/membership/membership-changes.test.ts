import { beforeEach, describe, expect, it } from 'vitest';
import { packed } from '../../../../support/packed.js';
import { LEASE_MS, MembersWorld, RENEW_MS } from '../../../../support/members.js';

let world: MembersWorld;
beforeEach(() => {
  world = new MembersWorld();
});

const ROW = [1, 'x', 1, [1]];
const entered = (node: string, version: number, row: unknown = ROW): Uint8Array =>
  packed([1, version, 'entered', node, row]);
const gone = (node: string, version: number): Uint8Array => packed([1, version, 'gone', node]);

describe('changes and readings', () => {
  it('come to the same when a change was missed', async () => {
    const [one] = await world.entered('n-1');
    one.isDeaf = true;
    const [two] = await world.entered('n-2');
    one.isDeaf = false;
    await world.pass(RENEW_MS);
    expect(one.events).toEqual(['entered n-2 [1]']);
    one.isDeaf = true;
    await two.membership.leave();
    one.isDeaf = false;
    await world.pass(3 * RENEW_MS);
    expect(one.events).toEqual(['entered n-2 [1]', 'gone n-2']);
    expect(one.counters.nodesGone.all).toBe(1);
  });

  it('read at once when a change shows that one was missed', async () => {
    const [one] = await world.entered('n-1');
    one.isDeaf = true;
    await world.entered('n-2');
    one.isDeaf = false;
    await world.entered('n-3');
    expect(one.events).toEqual(['entered n-3 [1]', 'entered n-2 [1]']);
  });

  it('wait for the change of a node that was read to be gone: what it sent last is under way', async () => {
    const [one, two] = await world.entered('n-1', 'n-2');
    one.isDeaf = true;
    await two.membership.leave();
    await one.membership.renewOnce();
    expect(one.events).not.toContain('gone n-2');
    one.receive(gone('n-2', world.published.at(-1)!.version));
    expect(one.events).toContain('gone n-2');
    await world.pass(3 * LEASE_MS);
    expect(one.events).toEqual(['entered n-2 [1]', 'gone n-2']);
  });

  it('do not take a node for lost that entered while the store was read', async () => {
    const [one] = await world.entered('n-1');
    const held = one.hold('after', 'load_nodes.lua');
    one.membership.suspect();
    await world.pass(RENEW_MS);
    await held.reached;
    await world.entered('n-2');
    held.release();
    await world.pass(0);
    expect(one.count('load_nodes.lua')).toBeGreaterThan(2);
    await world.pass(3 * LEASE_MS);
    expect(one.events).toEqual(['entered n-2 [1]']);
    expect(world.alive()).toEqual(['n-1', 'n-2']);
  });

  it('do not bring back a node that left while the store was read', async () => {
    const [one, two] = await world.entered('n-1', 'n-2');
    await world.pass(RENEW_MS);
    const held = one.hold('after', 'load_nodes.lua');
    one.membership.suspect();
    await held.reached;
    await two.membership.leave();
    await world.pass(0);
    expect(one.events).toContain('gone n-2');
    held.release();
    await world.pass(3 * LEASE_MS);
    expect(one.events).toEqual(['entered n-2 [1]', 'gone n-2']);
  });

  it('never bring back a node that has gone, whatever arrives', async () => {
    const [one, two] = await world.entered('n-1', 'n-2');
    await two.membership.leave();
    await world.pass(0);
    one.receive(entered('n-2', 9));
    one.receive(gone('n-2', 10));
    await world.pass(RENEW_MS);
    expect(one.events).toEqual(['entered n-2 [1]', 'gone n-2']);
  });

  it('publish nothing of the node itself, and never that it has gone', async () => {
    const [one] = await world.entered('n-1');
    one.receive(gone('n-1', 2));
    one.receive(entered('n-1', 3));
    await world.pass(RENEW_MS);
    expect(one.events).toEqual([]);
    expect(one.membership.isLeaseValid()).toBe(true);
  });

  it('survive a change with a version out of nowhere', async () => {
    const [one] = await world.entered('n-1');
    one.receive(entered('n-ghost', 999_999_999_999_999));
    await world.entered('n-2');
    await world.pass(4 * LEASE_MS);
    expect(one.events).toEqual(['entered n-ghost [1]', 'entered n-2 [1]', 'gone n-ghost']);
  });

  it('ignore and count messages that are not changes', async () => {
    const [one] = await world.entered('n-1');
    const wrong = [
      Buffer.from(''),
      Buffer.from('nonsense'),
      new Uint8Array([0x31, 0x20, 0xff, 0xfe]),
      packed([1]),
      packed({ version: 1 }),
      packed([1, -2, 'gone', 'n-2']),
      packed([1, 2, 'went', 'n-2']),
      packed([1, 2, 'gone', 'n-2', 'n-3']),
      gone('n'.repeat(300), 2),
      packed([1, 2, 'entered', 'n-2']),
      entered('n-2', 2, 'row'),
      gone('n\u00002', 2),
      entered('n-2', 2, [1, 'x'.repeat(10_000), 1, [1]]),
      gone('n-2', 9_999_999_999_999_999_999),
    ];
    for (const message of wrong) one.receive(message);
    expect(one.counters.messagesIgnored.change).toBe(wrong.length);
    one.receive(packed([2, 2, 'gone', 'n-2']));
    expect(one.counters.messagesIgnored.version).toBe(1);
    expect(one.events).toEqual([]);
  });

  it('count a row that they do not understand, and know the node without a format in common', async () => {
    const [one] = await world.entered('n-1');
    one.receive(entered('n-2', 2, [2, 'x', [7]]));
    one.receive(entered('n-3', 3, [1, 'x', 1, 'all']));
    one.receive(entered('n-4', 4, [...ROW, 'more']));
    one.receive(entered('n-5', 5, [1]));
    expect(one.events).toEqual(['entered n-2 []', 'entered n-3 []', 'entered n-4 [1]', 'entered n-5 []']);
    expect(one.counters.rowsIgnored).toEqual({ version: 1, shape: 2 });
  });

  it('ignore a row in the store under a name that cannot be a node', async () => {
    world.twin.command('HSET', world.keys.nodes.alive, 'no node', '{}');
    const [one] = await world.entered('n-1');
    expect(one.events).toEqual([]);
    expect(one.counters.rowsIgnored.shape).toBe(1);
  });

  it('read for an unknown node as often as the lease is renewed, however often it sends', async () => {
    const [one] = await world.entered('n-1');
    await world.pass(RENEW_MS);
    const readCount = one.count('load_nodes.lua');
    for (let count = 0; count < 100; count++) one.membership.suspect();
    await world.pass(0);
    expect(one.count('load_nodes.lua')).toBe(readCount + 1);
    for (let count = 0; count < 100; count++) one.membership.suspect();
    await world.pass(RENEW_MS);
    expect(one.count('load_nodes.lua')).toBe(readCount + 2);
  });

  it('are read now and then in any case: what was sent before the store lost its data may fit what is sent after', async () => {
    const [one] = await world.entered('n-1');
    await world.pass(LEASE_MS);
    one.receive(entered('n-ghost', 2));
    world.twin.command('HSET', world.keys.nodes.meta, 'version', 2);
    await world.pass(5 * LEASE_MS);
    expect(one.events).toEqual(['entered n-ghost [1]', 'gone n-ghost']);
  });

  it('read again with the next renewal what could not be read', async () => {
    const [one] = await world.entered('n-1');
    one.isDeaf = true;
    await world.entered('n-2');
    one.failing.push('load_nodes.lua');
    expect(await one.membership.renewOnce()).toBe('renewed');
    expect(one.events).toEqual([]);
    expect(one.failures).toHaveLength(1);
    expect(await one.membership.renewOnce()).toBe('renewed');
    expect(one.events).toEqual(['entered n-2 [1]']);
  });
});
