import { describe, expect, it } from 'vitest';
import { MessageRate } from '../../../src/transport/bounds/message-rate.js';
import { HEADROOM_BYTES, Slab } from '../../../src/transport/slab.js';

describe('message rate', () => {
  it('allows one second worth at once, then as many per second', () => {
    const rate = new MessageRate(3, 0);
    expect([0, 0, 0, 0].map((nowMs) => rate.take(nowMs))).toEqual([true, true, true, false]);
    expect([333, 334, 335].map((nowMs) => rate.take(nowMs))).toEqual([false, true, false]);
    expect([60_000, 60_000, 60_000, 60_000].map((nowMs) => rate.take(nowMs))).toEqual([true, true, true, false]);
  });
});

describe('slab', () => {
  it.each([0, 1, 80, 4_095, 4_096, 100_000])('copies %i bytes that later copies do not touch', (length) => {
    const slab = new Slab();
    const source = new Uint8Array(length).fill(7);
    const first = slab.copy(source);
    source.fill(8);
    const others = Array.from({ length: 50 }, () => slab.copy(source));
    expect(first).toEqual(new Uint8Array(length).fill(7));
    expect(others.every((other) => Buffer.compare(other, source) === 0)).toBe(true);
  });

  it('puts small messages into shared memory, large ones into their own', () => {
    const slab = new Slab();
    const [first, second, large] = [80, 80, 4_096].map((length) => slab.copy(new Uint8Array(length)));
    expect(second!.buffer).toBe(first!.buffer);
    expect(large!.buffer.byteLength).toBe(HEADROOM_BYTES + 4_096);
  });
});
