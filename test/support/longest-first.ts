import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { root } from './root.js';

/** The files that take longest, the longest first: one that started last would end the run alone. */
const LONGEST = [
  'test/faults/faults.test.ts',
  'test/bench/smoke.test.ts',
  'test/faults/broken.test.ts',
  'test/simulation/simulation.test.ts',
  'test/contract/backplane/redis.test.ts',
  'test/conformance/ready-means-ready.test.ts',
  'test/interop/reconnection.test.ts',
  'test/contract/backplane/redis-shards.test.ts',
  'test/contract/backplane/redis/shards.test.ts',
  'test/console/cluster.test.ts',
  'test/cluster/redis-shards.test.ts',
  'test/demo/votes.test.ts',
];

/**
 * The order in which a run starts its files: the longest, then project by project, because files of one project share processes. Within
 * a project it is the order of the test runner.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const byProject = (a: TestSpecification, b: TestSpecification): number =>
      a.project.name < b.project.name ? -1 : Number(a.project.name > b.project.name);
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b) || byProject(a, b));
  }
}

function rank({ moduleId }: TestSpecification): number {
  const index = LONGEST.indexOf(relative(root, moduleId));
  return index === -1 ? LONGEST.length : index;
}
