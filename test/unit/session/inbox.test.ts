import { describe, expect, it } from 'vitest';
import { ENTRY_BYTES, Inbox, InboxPool } from '../../../src/session/inbox.js';
import { HEADROOM_BYTES } from '../../../src/transport/slab.js';

const MANY = { maxMessages: 1_000_000, maxBytes: 100_000_000 };

function message(number: number, length: number): Uint8Array {
  return new Uint8Array(length).fill(number % 251);
}

describe('an inbox', () => {
  it('gives messages of all sizes in the order they came, each to write over with room before it', () => {
    const total = new InboxPool(100_000_000);
    const inbox = new Inbox(MANY, total);
    const lengths = Array.from({ length: 3_000 }, (_, index) => [0, 22, 4_095, 4_096, 70_000, 100][index % 6]!);
    const given: Uint8Array[] = [];
    for (const [index, length] of lengths.entries()) {
      const source = message(index, length);
      inbox.push(source);
      source.fill(255);
      // Every second one is read while others come.
      if (index % 2 === 1) given.push(inbox.shift()!);
    }
    for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) given.push(next);
    for (const each of given) expect(each.byteOffset).toBeGreaterThanOrEqual(HEADROOM_BYTES);
    // What is done to one later does not touch another.
    for (const each of given) new Uint8Array(each.buffer, each.byteOffset - HEADROOM_BYTES, HEADROOM_BYTES).fill(254);
    expect(given).toHaveLength(lengths.length);
    expect(given.every((each, index) => Buffer.compare(each, message(index, lengths[index]!)) === 0)).toBe(true);
    expect(total).toMatchObject({ messages: 0, bytes: 0, inboxes: 0 });
  });

  it('counts what it holds, and nothing once it was cleared', () => {
    const total = new InboxPool(1_000);
    const inboxes = [new Inbox(MANY, total), new Inbox(MANY, total)];
    for (const inbox of inboxes) for (const number of [1, 2]) inbox.push(message(number, 10));
    expect(total).toMatchObject({ messages: 4, bytes: 4 * (10 + ENTRY_BYTES), inboxes: 2 });
    for (const inbox of inboxes) inbox.clear();
    expect(total).toMatchObject({ messages: 0, bytes: 0, inboxes: 0 });
    expect(inboxes[0]!.shift()).toBeUndefined();
    inboxes[0]!.push(message(3, 10));
    expect(inboxes[0]!.shift()).toEqual(message(3, 10));
  });

  it('takes one message of any size, and no more than its bounds', () => {
    const total = new InboxPool(1_000_000);
    const inbox = new Inbox({ maxMessages: 3, maxBytes: 100 + 2 * ENTRY_BYTES }, total);
    expect(inbox.push(message(1, 200))).toBe(true);
    expect(inbox.push(message(2, 0))).toBe(false);
    inbox.shift();
    expect(inbox.push(message(3, 60))).toBe(true);
    expect(inbox.push(message(4, 41))).toBe(false);
    expect(inbox.push(message(5, 40))).toBe(true);
    inbox.clear();
    for (const number of [6, 7, 8]) expect(inbox.push(message(number, 1))).toBe(true);
    expect(inbox.push(message(9, 1))).toBe(false);
  });
});

describe('the bound of all inboxes', () => {
  it('stops those with more than an equal part of it; who has little may go on', () => {
    const total = new InboxPool(1_000);
    const [greedy, modest] = [new Inbox(MANY, total), new Inbox(MANY, total)];
    modest.push(message(1, 10));
    while (greedy.push(message(2, 96))) expect(total.bytes).toBeLessThan(1_100);
    expect(total.bytes).toBeGreaterThanOrEqual(1_000);
    expect(modest.push(message(3, 10))).toBe(true);
    expect(greedy.push(message(4, 96))).toBe(false);
  });
});
