import { describe, expect, it } from 'vitest';
import { createRandomSource } from '../../../src/realm/random-source.js';
import { isId } from '../../../src/wamp/ids.js';

describe('createRandomSource', () => {
  it('draws ids spread over the whole of 1..2^53−1 (ID-2, X-10)', () => {
    const random = createRandomSource();
    const drawCount = 20_000;
    const buckets = new Array<number>(16).fill(0);
    const seen = new Set<number>();
    for (let draw = 0; draw < drawCount; draw++) {
      const id = random.publicationId();
      expect(isId(id) && Number.isSafeInteger(id)).toBe(true);
      seen.add(id);
      buckets[Math.floor(id / 2 ** 49)]!++;
    }
    expect(seen.size).toBe(drawCount);
    // 1,250 expected each, standard deviation 34: eight of them is never, unless a bit is stuck.
    for (const count of buckets) expect(Math.abs(count - drawCount / 16)).toBeLessThan(8 * 35);
  });

  it('draws fractions in [0, 1)', () => {
    const random = createRandomSource();
    for (let draw = 0; draw < 10_000; draw++) {
      const fraction = random.random();
      expect(fraction >= 0 && fraction < 1).toBe(true);
    }
  });
});
