import { describe, expect, it } from 'vitest';
import { crossingsEach, crossingUs, onPaper } from '../../bench/scenarios/processes/paper.js';
import type { Measured, Run } from '../../bench/scenarios/processes/measure.js';

function measured(gantryUs: number, redisUs: number, each: number | null): Measured {
  const crossing = each === null ? null : { share: 1, each, itemsPerBatch: 100 };
  return { gantryUs, redisUs, perSecond: 1, busy: 1, crossing };
}

function runOf(two: Measured): Run {
  return { alone: measured(2, 0, null), one: measured(2, 0, null), two, twoBySocket: two };
}

describe('more processes than the machine has cores', () => {
  it('have a call or an event with one receiver in another process with the probability (n - 1) / n', () => {
    expect(crossingsEach(2, 1)).toBe(0.5);
    expect(crossingsEach(16, 1)).toBe(15 / 16);
  });

  it('have a publication with many receivers once in each other process', () => {
    expect(crossingsEach(16, 100_000) * 100_000).toBeCloseTo(15);
    expect(crossingsEach(1, 10)).toBe(0);
  });

  it('take what one process takes, and what crosses', () => {
    const run = runOf(measured(4.5, 0.5, 1));
    expect(crossingUs(run, run.two)).toBe(3);
    const { us, redisUs, timesOneNode } = onPaper(run, { receivers: 1 }, 16);
    expect(us).toBeCloseTo(2 + (15 / 16) * 3);
    expect(redisUs).toBeCloseTo((15 / 16) * 0.5);
    expect(timesOneNode).toBeCloseTo(2 / redisUs);
  });

  it('are as fast as their cores where Redis is not what limits them', () => {
    const { us, timesOneNode } = onPaper(runOf(measured(4.9, 0.1, 1)), { receivers: 1 }, 16);
    expect(timesOneNode).toBeCloseTo((16 * 2) / us);
  });

  it('have no figures where nothing crossed', () => {
    const { us, redisUs, timesOneNode } = onPaper(runOf(measured(2, 0.1, 0)), { receivers: 1 }, 16);
    expect([us, redisUs, timesOneNode]).toEqual([NaN, NaN, NaN]);
  });
});
