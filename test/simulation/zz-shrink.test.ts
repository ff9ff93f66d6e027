import { it } from 'vitest';
import fc from 'fast-check';
import { scheduleArbitrary } from './schedule.js';
import { simulate } from './simulate.js';
it('shrinks', async () => {
  for (const pattern of (process.env['PAT'] ?? '').split('|')) {
    const r = await fc.check(
      fc.asyncProperty(scheduleArbitrary, async (s) => {
        const o = await simulate(s);
        if (o.violations.some((v) => v.includes(pattern))) throw new Error(o.violations.join('; '));
      }),
      { numRuns: 1500, seed: 5, interruptAfterTimeLimit: 60_000 },
    );
    console.log(
      pattern,
      r.numRuns,
      r.numShrinks,
      JSON.stringify(r.counterexample),
      (r.errorInstance as Error)?.message,
    );
  }
});
