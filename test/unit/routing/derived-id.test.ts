import { describe, expect, it } from 'vitest';
import { deriveId } from '../../../src/routing/derived-id.js';

function bitsOf(id: number): string {
  return id.toString(2).padStart(53, '0');
}

function differingBits(one: number, other: number): number {
  const left = bitsOf(one);
  const right = bitsOf(other);
  let count = 0;
  for (let bit = 0; bit < 53; bit++) if (left[bit] !== right[bit]) count++;
  return count;
}

describe('derived ids', () => {
  it('are the same on every node and in every version of this router (ID-3)', () => {
    expect([
      deriveId('realm1', 'exact', 'com.myapp.topic1', 0),
      deriveId('realm1', 'prefix', 'com.myapp.topic1', 0),
      deriveId('realm1', 'exact', 'com.myapp.topic1', 1),
      deriveId('réalm😀', 'wildcard', '', 0),
    ]).toEqual([5357417940092687, 5616187557362000, 8413233703990650, 3858133693801945]);
  });

  it('differ by realm, match, URI and attempt, and where their borders lie', () => {
    const ids = [
      deriveId('r', 'exact', 'a.b', 0),
      deriveId('s', 'exact', 'a.b', 0),
      deriveId('r', 'prefix', 'a.b', 0),
      deriveId('r', 'wildcard', 'a.b', 0),
      deriveId('r', 'exact', 'a.c', 0),
      deriveId('r', 'exact', 'a.b', 1),
      deriveId('r:exact:0:a', 'exact', 'b', 0),
      deriveId('r', 'exact', 'a:exact:0:b', 0),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('are integers in 1..2^53−1 without a repetition among 200,000 topics (ID-1)', () => {
    const ids = new Set<number>();
    for (let topic = 0; topic < 200_000; topic++) {
      const id = deriveId('realm1', 'exact', `com.myapp.topic${topic}`, 0);
      if (!Number.isSafeInteger(id) || id < 1) expect.fail(`${id} is out of range`);
      ids.add(id);
    }
    expect(ids.size).toBe(200_000);
  });

  it('are spread evenly: over 1,024 buckets by their high, middle and low bits', () => {
    const buckets = [0, 21, 43].map(() => new Array<number>(1024).fill(0));
    const sampleCount = 204_800;
    for (let topic = 0; topic < sampleCount; topic++) {
      const id = deriveId('realm1', 'exact', `com.myapp.user.${topic}.changed`, 0);
      buckets[0]![Math.floor(id / 2 ** 43)]!++;
      buckets[1]![Math.floor(id / 2 ** 22) % 1024]!++;
      buckets[2]![id % 1024]!++;
    }
    const expected = sampleCount / 1024;
    for (const counts of buckets) {
      const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      // 1,023 degrees of freedom: mean 1,023, standard deviation 45.
      expect(chiSquare).toBeGreaterThan(1023 - 5 * 45);
      expect(chiSquare).toBeLessThan(1023 + 5 * 45);
    }
  });

  it('change half of their bits when one character changes one bit, wherever it stands', () => {
    for (const position of [0, 5, 23]) {
      for (let bit = 0; bit < 4; bit++) {
        let sum = 0;
        const perBit = new Array<number>(53).fill(0);
        for (let sample = 0; sample < 2_000; sample++) {
          const uri = `sample.${String(sample).padStart(8, '0')}.topic.x`;
          const changed =
            uri.slice(0, position) +
            String.fromCharCode(uri.charCodeAt(position) ^ (1 << bit)) +
            uri.slice(position + 1);
          const one = deriveId('realm1', 'exact', uri, 0);
          const other = deriveId('realm1', 'exact', changed, 0);
          sum += differingBits(one, other);
          const left = bitsOf(one);
          const right = bitsOf(other);
          for (let at = 0; at < 53; at++) if (left[at] !== right[at]) perBit[at]!++;
        }
        expect(sum / 2_000).toBeGreaterThan(26);
        expect(sum / 2_000).toBeLessThan(27);
        // Standard deviation of a fair coin tossed 2,000 times: 22.
        for (const flips of perBit) expect(Math.abs(flips - 1_000)).toBeLessThan(6 * 22.4);
      }
    }
  });
});
