import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SessionId } from '../../../src/wamp/ids.js';
import { parsePublishOptions } from '../../../src/wamp/parse-options.js';
import { ListedIds } from '../../../src/wamp/session-ids.js';
import { collidingNumbers } from '../../support/colliding-numbers.js';
import { expectQuick } from '../../support/quick.js';

describe('the ids in eligible and exclude', () => {
  it('are those that were listed, whatever their order and however often (BWL-1)', () => {
    const anyId = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 2 ** 53 }));
    fc.assert(
      fc.property(fc.array(anyId), fc.array(anyId), (listed, others) => {
        const ids = new ListedIds(listed);
        const expected = new Set(listed);
        for (const id of [...listed, ...others]) expect(ids.has(id as SessionId)).toBe(expected.has(id));
        expect(new Set<number>(ids)).toEqual(expected);
      }),
    );
  });

  it('cost no more when they share one bucket of every hash table', () => {
    const exclude = collidingNumbers(50_000);
    expectQuick(500, () => expect(parsePublishOptions({ exclude })).toHaveProperty('audience'));
  });
});
