import fc from 'fast-check';
import { describe, it } from 'vitest';
import { ModelRun, OPERATIONS, type Step } from './model-run.js';

const step: fc.Arbitrary<Step> = fc.noBias(
  fc.record({
    operation: fc.constantFrom(...OPERATIONS),
    who: fc.nat(10_000),
    what: fc.nat(10_000),
    how: fc.nat(10_000),
  }),
);

describe('dealers in any interleaving', () => {
  it.each([1, 2, 3])('%i: every call ends once, in order, and nothing is left behind (G3, ORD-3..5)', (nodeCount) => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 60, maxLength: 150, size: 'max' }), (steps) => {
        const run = new ModelRun(nodeCount);
        for (const one of steps) run.perform(one);
        run.finish();
      }),
      { numRuns: 300 },
    );
  });
});
