import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawHashSeed, NumberTable, type HashSeed } from '../../../src/routing/number-table.js';

/** Everything collides. */
const WORST: HashSeed = { low: 0, high: 0 };

const spreads = fc.oneof(
  fc.constant(WORST),
  fc
    .infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }))
    .map((stream) => drawHashSeed(() => stream.next().value)),
);
const keys = fc.oneof(
  fc.nat(40),
  fc.maxSafeNat(),
  fc.nat(40).map((high) => high * 2 ** 32),
  fc.constant(2 ** 53),
);
const steps = fc.array(fc.record({ verb: fc.constantFrom('set', 'set', 'delete'), key: keys }), { maxLength: 400 });

describe('a table by number', () => {
  it('is what a Map is, with any keys in any order, also when all collide', () => {
    fc.assert(
      fc.property(spreads, steps, (hashSeed, script) => {
        const table = new NumberTable<string>(hashSeed);
        const model = new Map<number, string>();
        for (const [index, { verb, key }] of script.entries()) {
          if (verb === 'delete') expect(table.delete(key)).toBe(model.delete(key));
          else {
            table.set(key, `${key} at ${index}`);
            model.set(key, `${key} at ${index}`);
          }
          expect(table.size).toBe(model.size);
          expect(table.get(key)).toBe(model.get(key));
          expect(table.has(key)).toBe(model.has(key));
        }
        for (const { key } of script) expect(table.get(key)).toBe(model.get(key));
        for (const count of [0, 3, model.size, Infinity]) {
          const some = new Set(table.some(count));
          expect(some.size).toBe(Math.min(count, model.size));
          expect([...model.values()]).toEqual(expect.arrayContaining([...some]));
        }
        expect(table.values()).toEqual([...model].sort(([one], [other]) => one - other).map(([, value]) => value));
      }),
    );
  });

  it('grows, and gives back what it grew by once it has been all but empty for long', () => {
    const table = new NumberTable<number>(drawHashSeed(() => 0.3));
    for (let key = 0; key < 10_000; key++) table.set(key, key);
    for (let key = 0; key < 10_000; key++) expect(table.get(key)).toBe(key);
    expect(table.capacity).toBeGreaterThanOrEqual(20_000);
    for (let key = 0; key < 9_990; key++) expect(table.delete(key)).toBe(true);
    for (let step = 0; step < 100_000; step++) {
      table.set(20_000, step);
      table.delete(20_000);
    }
    expect(table.capacity).toBeLessThanOrEqual(256);
    expect(table.values()).toEqual([9_990, 9_991, 9_992, 9_993, 9_994, 9_995, 9_996, 9_997, 9_998, 9_999]);
  });

  it('is built anew hardly ever while it fills and empties in bursts', () => {
    const table = new NumberTable<number>(drawHashSeed(() => 0.7));
    let [key, changeCount, capacity] = [0, 0, 0];
    for (let burst = 0; burst < 200; burst++) {
      for (let index = 0; index < 500; index++) table.set(key + index, index);
      if (table.capacity !== capacity) changeCount++;
      ({ capacity } = table);
      for (let index = 0; index < 500; index++) table.delete(key++);
      if (table.capacity !== capacity) changeCount++;
      ({ capacity } = table);
    }
    expect(table.size).toBe(0);
    expect(changeCount).toBeLessThan(30);
  });

  it('is not built anew while its size stays about the same', () => {
    const table = new NumberTable<number>(drawHashSeed(() => 0.7));
    for (let key = 0; key < 1_000; key++) table.set(key, key);
    const { capacity } = table;
    for (let key = 1_000; key < 20_000; key++) {
      table.set(key, key);
      table.delete(key - 900);
      expect(table.capacity).toBe(capacity);
    }
  });
});

describe('the hashSeed of keys', () => {
  const chances = [0, 1 / 3, 0.5, 2 / 3, 0.123456789, 0.987654321, 1 - 2 ** -53];

  it.each(chances)('is near no simple fraction, so that ids that count up stay apart, with chance %d', (chance) => {
    const { low, high } = drawHashSeed(() => chance);
    for (const multiplier of [low, high]) {
      const ratio = (multiplier >>> 0) / 2 ** 32;
      for (let denominator = 1; denominator <= 4_096; denominator++) {
        const numerator = Math.round(ratio * denominator);
        expect(Math.abs(ratio * denominator - numerator) * denominator).toBeGreaterThan(0.25);
      }
    }
  });

  it('differs from one dealer to the next, so that nobody can choose ids that collide', () => {
    const draws = new Set<number>();
    let state = 1;
    const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    for (let draw = 0; draw < 1_000; draw++) draws.add(drawHashSeed(random).low);
    expect(draws.size).toBeGreaterThan(900);
  });
});
