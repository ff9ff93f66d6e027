import { it } from 'vitest';
import fc from 'fast-check';
import { scheduleArbitrary } from './schedule.js';
import { simulate } from './simulate.js';

it('x', async () => {
  let ev = 0,
    res = 0,
    calls = 0,
    n = 0;
  const t = Date.now();
  const kinds = new Map<string, number>();
  const samples = fc.sample(scheduleArbitrary, { numRuns: 4000, seed: 5 });
  for (const s of samples) {
    const o = await simulate(s);
    ev += o.eventCount;
    res += o.resultCount;
    calls += o.callCount;
    n++;
    for (const v of o.violations) {
      const k = s.faults + ' ' + v.replace(/\d+/g, 'N').slice(0, 150);
      kinds.set(k, (kinds.get(k) ?? 0) + 1);
    }
  }
  console.log({ n, ev, res, calls, ms: Date.now() - t });
  console.log(
    [...kinds]
      .sort((a, b) => b[1] - a[1])
      .slice(0, 30)
      .map(([k, c]) => `${c} ${k}`)
      .join('\n'),
  );
});
