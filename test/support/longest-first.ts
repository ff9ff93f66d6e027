import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { root } from './root.js';

/** The files that take longest, the longest first: one that started last would end the run alone. */
const LONGEST = [
  'test/faults/faults.test.ts',
  'test/simulation/simulation.test.ts',
  'test/faults/broken.test.ts',
  'test/bench/smoke.test.ts',
  'test/contract/backplane/redis.test.ts',
  'test/interop/reconnection.test.ts',
  'test/conformance/ready-means-ready.test.ts',
  'test/console/cluster.test.ts',
  'test/contract/backplane/redis-flushed.test.ts',
  'test/interop/calls.test.ts',
];

/** The order in which a run starts its files: the longest, then the order of the test runner. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

function rank({ moduleId }: TestSpecification): number {
  const index = LONGEST.indexOf(relative(root, moduleId));
  return index === -1 ? LONGEST.length : index;
}
