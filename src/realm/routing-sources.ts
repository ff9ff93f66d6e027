import type { ClockAndRandom } from '../routing/ports.js';
import type { RealmDependencies } from './realm-dependencies.js';

type Sources = Pick<RealmDependencies, 'backplane' | 'random' | 'nowMs' | 'keptWrites'>;

/** The time and the random numbers of broker and dealer, which have none of their own (D2). */
export function routingSources({ backplane, random, nowMs, keptWrites }: Sources): ClockAndRandom {
  return {
    nowMs,
    random: () => random.random(),
    publicationId: () => random.publicationId(),
    retainMark: () => ({ node: backplane.node, number: ++keptWrites.lastNumber }),
  };
}
