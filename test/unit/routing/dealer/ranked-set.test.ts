import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RankedSet } from '../../../../src/routing/dealer/ranked-set.js';

it('knows its members by rank, whatever was taken out and put back before', () => {
  const step = fc.record({ member: fc.nat(40), isAdded: fc.boolean() });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 40 }), fc.array(step, { maxLength: 60 }), (bound, steps) => {
      const set = new RankedSet(bound);
      const model = new Set(Array.from({ length: bound }, (_, integer) => integer));
      for (const { member, isAdded } of steps) {
        if (member >= bound) continue;
        if (isAdded) set.add(member);
        else set.delete(member);
        if (isAdded) model.add(member);
        else model.delete(member);
        const sorted = [...model].sort((one, other) => one - other);
        expect(set.size).toBe(sorted.length);
        expect(sorted.map((_, rank) => set.at(rank))).toEqual(sorted);
        for (let integer = 0; integer <= bound; integer++)
          expect(set.rankOf(integer)).toBe(sorted.filter((each) => each < integer).length);
      }
    }),
  );
});
