import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { PARENT_METRICS } from '../../src/telemetry/parent-metrics.js';
import { metricsReference } from '../../src/telemetry/metrics.js';
import { renderMetricsPage, WHERE_COUNTED } from '../../docs/generator/metrics-page.js';

const page = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');

it('docs/metrics.md agrees with the definitions: after a change run `npm run docs`', () => {
  expect(page).toBe(renderMetricsPage());
});

it('docs/metrics.md names of every metric where it is counted, and of no other', () => {
  const names = [...metricsReference(), ...PARENT_METRICS].map(({ name }) => name);
  expect(Object.keys(WHERE_COUNTED).sort()).toEqual(names.sort());
  for (const name of names) expect(page).toContain(`| \`${name}\` |`);
});

it('docs/metrics.md lists the values of labels', () => {
  expect(page).toMatch(/\| `gantry_calls_total` \| `result`, `error`, .*`callee_lost`/);
});
