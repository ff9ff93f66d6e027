import { describe, expect, it } from 'vitest';
import { isAgreed } from '../../../../../src/backplane/redis/connection/slot-agreement.js';
import { SlotMap } from '../../../../../src/backplane/redis/connection/slot-map.js';

/** Who has the first slots, and the next ones; the rest is that of a third server. */
function mapOf(first: string, next: string): SlotMap {
  const range = (from: number, to: number, host: string): unknown => [from, to, [host, 1]];
  return SlotMap.parse([range(0, 9, first), range(10, 19, next), range(20, 16_383, 'c')], 'asked');
}

const BEFORE = mapOf('a', 'a');

/** What each server replies; undefined: nothing, ever. */
type Replies = Readonly<Record<string, SlotMap | Error | undefined>>;

function judge(read: SlotMap, replies: Replies): Promise<boolean> {
  return isAgreed(read.movedSince(BEFORE), new Set(Object.keys(replies)), (primary) => {
    const reply = replies[primary];
    if (reply === undefined) return new Promise(() => undefined);
    return reply instanceof Error ? Promise.reject(reply) : Promise.resolve(reply);
  });
}

const gone = new Error('gone');

describe('slots that have moved, as one server replies (G6)', () => {
  const moved = mapOf('b', 'a');

  it('count when their new owner and most of the primaries reply the same', async () => {
    expect(await judge(moved, { 'a:1': moved, 'b:1': moved, 'c:1': moved })).toBe(true);
    expect(await judge(moved, { 'b:1': moved })).toBe(true);
  });

  it('count when every former primary has gone', async () => {
    expect(await judge(moved, { 'a:1': gone, 'b:1': moved, 'c:1': moved, 'e:1': gone, 'f:1': gone })).toBe(true);
  });

  it('do not wait for a server that stands still, nor for one that is behind', async () => {
    expect(await judge(moved, { 'a:1': undefined, 'b:1': moved, 'c:1': moved })).toBe(true);
    expect(await judge(moved, { 'a:1': BEFORE, 'b:1': moved, 'c:1': moved })).toBe(true);
    expect(await judge(moved, { 'a:1': gone, 'b:1': moved, 'c:1': moved })).toBe(true);
  });

  it('do not count while their new owner has not confirmed them', async () => {
    expect(await judge(moved, { 'a:1': moved, 'b:1': BEFORE, 'c:1': moved })).toBe(false);
    expect(await judge(moved, { 'a:1': moved, 'b:1': gone, 'c:1': moved })).toBe(false);
  });

  it('do not count when only a former primary that was cut off names itself', async () => {
    expect(await judge(moved, { 'a:1': BEFORE, 'b:1': moved, 'c:1': BEFORE })).toBe(false);
    expect(await judge(moved, { 'a:1': gone, 'b:1': moved, 'c:1': BEFORE })).toBe(false);
    expect(await judge(moved, { 'a:1': undefined, 'b:1': moved, 'c:1': BEFORE, 'd:1': BEFORE })).toBe(false);
  });

  it('count while others go on moving', async () => {
    const later = mapOf('b', 'b');
    expect(await judge(moved, { 'a:1': later, 'b:1': later, 'c:1': later })).toBe(true);
  });

  it('need each of several new owners', async () => {
    const both = mapOf('b', 'd');
    expect(await judge(both, { 'b:1': both, 'c:1': both, 'd:1': both })).toBe(true);
    expect(await judge(both, { 'b:1': both, 'c:1': both, 'd:1': moved })).toBe(false);
    // Each needs to know its own part.
    expect(await judge(both, { 'a:1': both, 'b:1': moved, 'c:1': both, 'd:1': both })).toBe(true);
  });
});
