import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { engineAnswers } from './support/docker.js';
import { LongestFirst } from './support/longest-first.js';
import { provideValkey } from './support/valkey.js';

const reportFile = process.env['GANTRY_TEST_REPORT'];

const project = (name: string, extra: object = {}) => ({
  extends: true as const,
  test: { name, include: [`test/${name}/**/*.test.ts`], ...extra },
});
/** Tests of `cluster` that judge by when nodes get to run. */
const ALONE = [
  'absence',
  'flood',
  'isolation',
  'late-node',
  'network',
  'node-death',
  'pauses',
  'reconnection',
  'rolling-restart',
  'rolling-restart-busy',
  'store-connections',
  'store-outage',
].map((name) => `test/cluster/${name}.test.ts`);
const withRedis = { globalSetup: 'test/support/prepare.ts' };
const withBrowser = { globalSetup: 'test/support/prepare-browser.ts' };

// This file is read several times, and by every worker; the check and its message come once. `GANTRY_TEST_ENGINE=no` leaves the containers out.
const isFirst = process.env['GANTRY_TEST_ENGINE'] === undefined;
const hasEngine = (process.env['GANTRY_TEST_ENGINE'] ??= engineAnswers() ? 'yes' : 'no') === 'yes';
const words = process.argv.join(' ');
if (isFirst && !hasEngine && (!words.includes('--project') || words.includes('containers')))
  console.info('test/containers is left out: no container engine answers');

// Likewise, for a whole run and where the project is named. 'no': there is none.
const isValkeyWanted = words.includes('--project')
  ? words.includes('valkey')
  : !/ test\/(?!vitest\.config)/.test(words);
if (isValkeyWanted) process.env['GANTRY_TEST_VALKEY'] ??= provideValkey() ?? 'no';
const valkey = process.env['GANTRY_TEST_VALKEY'] ?? 'no';
/** What may differ between servers: the contract of the backplane, the scripts, refusals, lost connections, slots that move. */
const ON_VALKEY = ['scripts', 'access', 'faults', 'connections', 'sentinel', 'shards'].map(
  (name) => `test/contract/backplane/redis/${name}.test.ts`,
);

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    // The native WebSocket addon does not survive worker threads.
    pool: 'forks',
    // Files may share a process, and so the modules that it has loaded: no test replaces a module, and each takes back what it changes
    // in the process.
    isolate: false,
    // Two more than cores: many tests wait for a lease or a timeout. Each file has its own Redis and ports. Those of `cluster-alone`
    // run after all others, one by one.
    maxWorkers: availableParallelism() + 2,
    sequence: { sequencer: LongestFirst },
    reporters: reportFile === undefined ? ['default'] : ['default', ['json', { outputFile: reportFile }]],
    // For a machine that has much else to do: what hangs is found all the same, only later.
    testTimeout: 120_000,
    hookTimeout: 180_000,
    projects: [
      project('unit'),
      project('contract', withRedis),
      project('conformance', withRedis),
      project('valkey', {
        ...(valkey === 'no' ? { include: [] } : { include: ['test/valkey/**/*.test.ts', ...ON_VALKEY] }),
        env: { GANTRY_TEST_REDIS: 'process', GANTRY_TEST_REDIS_SERVER: valkey },
      }),
      project('simulation', { testTimeout: 900_000 }),
      project('interop', { globalSetup: 'test/support/prepare-interop.ts' }),
      project('cluster', { ...withRedis, testTimeout: 600_000, exclude: ALONE }),
      project('cluster-alone', {
        ...withRedis,
        testTimeout: 600_000,
        include: ALONE,
        fileParallelism: false,
        // Or they would have to have a place in the order of the groups.
        isolate: true,
      }),
      project('faults', { ...withRedis, testTimeout: 1_800_000 }),
      project('demo', { ...withBrowser, testTimeout: 300_000 }),
      project('console', { ...withBrowser, testTimeout: 300_000 }),
      project('static', { testTimeout: 300_000 }),
      project('bench', { ...withRedis, testTimeout: 600_000 }),
      project('containers', {
        testTimeout: 900_000,
        hookTimeout: 600_000,
        ...(hasEngine ? { globalSetup: 'test/containers/images.ts' } : { include: [] }),
      }),
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/demo/**', 'src/console/**'],
      reportOnFailure: true,
      reporter: ['text-summary', 'html', 'json-summary'],
    },
  },
});
