import { defineConfig } from 'vitest/config';

const reportFile = process.env['GANTRY_TEST_REPORT'];

const project = (name: string, extra: object = {}) => ({
  extends: true as const,
  test: { name, include: [`test/${name}/**/*.test.ts`], ...extra },
});

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    // The native WebSocket addon does not survive worker threads.
    pool: 'forks',
    reporters: reportFile === undefined ? ['default'] : ['default', ['json', { outputFile: reportFile }]],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    projects: [
      project('unit'),
      project('contract'),
      project('conformance'),
      project('simulation', { testTimeout: 300_000 }),
      project('interop'),
      project('cluster', { testTimeout: 120_000, fileParallelism: false }),
      project('demo', { testTimeout: 60_000 }),
      project('static', { testTimeout: 60_000 }),
      project('bench', { testTimeout: 120_000 }),
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/demo/**'],
      reportOnFailure: true,
      reporter: ['text-summary', 'html', 'json-summary'],
    },
  },
});
