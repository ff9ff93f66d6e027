import type { Scheduler } from '../../src/backplane/memory/lane.js';
import type { ConfigInput } from '../../src/config/schema.js';
import { describeConformance, type Router } from './conformance.js';

/**
 * As describeConformance, with nodes some way apart: a message of one takes a while to another, no two ways the same. Within
 * one process it is there sooner than a client can act on anything, and what is ready too early would not show.
 */
export function describeApart(chapter: string, declare: (router: () => Router) => void, config?: ConfigInput): void {
  describeConformance(chapter, declare, config, 'chapter', unevenLanes());
}

function unevenLanes(): Scheduler {
  let state = 1;
  const draw = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  return (_from, _to, deliver) => {
    if (draw() < 0.75) setImmediate(deliver);
    else setTimeout(deliver, 1 + 2 * draw());
  };
}
