import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createKeys } from '../../src/backplane/redis/keys.js';
import { SETTINGS } from '../../src/config/settings.js';
import { createCounters } from '../../src/telemetry/counters.js';
import { metricsReference } from '../../src/telemetry/metrics.js';
import type { NodeId } from '../../src/wamp/ids.js';

const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
const limits = page.slice(page.indexOf('\n## Limits\n'), page.indexOf('\n### Memory\n'));

interface Bound {
  readonly setting: string | undefined;
  readonly shownDefault: string;
  readonly outcome: string;
  readonly metric: string;
}

const bounds: readonly Bound[] = [...limits.matchAll(/^\| (.+?) \| (.+?) \| (.+?) \| (.+) \|$/gm)]
  .slice(1)
  .map(([, name, shownDefault, outcome, metric]) => {
    const setting = /^`([A-Za-z0-9.]+)`$/.exec(name!)?.[1];
    const path = setting === undefined || setting.includes('.') ? setting : `limits.${setting}`;
    return { setting: path, shownDefault: shownDefault!, outcome: outcome!, metric: metric! };
  });

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  ms: 1,
  s: 1_000,
  KiB: 1_024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
};

it('docs/operations.md has a row for each setting under limits', () => {
  const settings = SETTINGS.filter(({ path }) => path[0] === 'limits' && path.length === 2);
  expect(settings.length).toBeGreaterThan(15);
  const shown = bounds.map(({ setting }) => setting);
  for (const { path } of settings) expect(shown).toContain(path.join('.'));
});

it('docs/operations.md gives each setting its default', () => {
  for (const { setting, shownDefault } of bounds) {
    if (setting === undefined) continue;
    const known = SETTINGS.find(({ path }) => path.join('.') === setting);
    expect(known, setting).toBeDefined();
    const { default: real } = known!.schema;
    const [, number, unit] = /^([0-9,]+)(?: (ms|s|KiB|MiB|GiB))?(?:: none)?$/.exec(shownDefault) ?? [];
    if (typeof real === 'number') expect(Number(number?.replaceAll(',', '')) * UNITS[unit ?? '']!, setting).toBe(real);
    else expect(number, setting).toBeUndefined();
  }
});

it('docs/operations.md names what happens and a metric that exists for each bound', () => {
  const names = metricsReference().map(({ name }) => name);
  const labels = Object.keys(createCounters().limitsReached);
  for (const { setting, outcome, metric } of bounds) {
    expect(outcome.length, setting).toBeGreaterThan(3);
    expect(metric, setting).toMatch(/`gantry_|limit `|^as `/);
    for (const [, name] of metric.matchAll(/`(gantry_[a-z_]+)/g)) expect(names).toContain(name);
    for (const [, label] of metric.matchAll(/limit `([a-z_]+)`/g)) expect(labels).toContain(label);
  }
});

it('docs/operations.md has a row for each limit that is counted', () => {
  const shown = bounds.map(({ metric }) => metric).join(' ');
  for (const label of Object.keys(createCounters().limitsReached)) expect(shown).toContain(`\`${label}\``);
});

it('docs/operations.md has each key and channel of the store', () => {
  const start = page.indexOf('### Keys and channels');
  const section = page.slice(start, page.indexOf('\n### ', start + 1));
  // A further name of a row repeats only its end: `gantry:{nodes}:alive`, `:leases`.
  const shown = section.split('\n').flatMap((line) => {
    const names = [...line.matchAll(/`([^`]*)`/g)].map(([, name]) => name!);
    const root = /^gantry:\{[^}]*\}(?=:)/.exec(names[0] ?? '')?.[0] ?? '';
    return names.flatMap((name) => [name, root + name, (names[0] ?? '') + name.replace('…', '')]);
  });
  const keys = createKeys({ prefix: 'gantry', database: 0 });
  const { nodes, sessions, channels } = keys;
  const [node, realm] = ['NODE' as NodeId, 'REALM'];
  const namesOf = (one: object): string[] => Object.values(one).filter((name) => typeof name === 'string');
  const [shard] = sessions;
  const ofRealm = keys.realm(realm);
  const names = [
    ...namesOf(nodes),
    nodes.realmsOf(node),
    ...namesOf(shard!),
    ...[shard!.of(node), shard!.testaments(node), shard!.in(realm), shard!.roles(realm)],
    ...namesOf(ofRealm),
    ...[ofRealm.interest(node), ofRealm.held(node), ofRealm.callees('MATCH PROCEDURE')],
    ...namesOf(keys.retained(realm)),
    ...namesOf(keys.history(realm, 'MATCH', 'URI')),
    keys.expiring(realm, 'KIND', 'DIGEST'),
    ...[channels.nodes, channels.inbox(node), channels.realm(realm)],
  ].map((name) => name.replace('{s:0}', '{s:<0–15>}').replace(/[A-Z]+/g, (word) => `<${word.toLowerCase()}>`));
  expect(names.filter((name) => !shown.includes(name))).toEqual([]);
});
