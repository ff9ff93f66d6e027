import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { PARENT_METRICS } from '../../src/telemetry/parent-metrics.js';
import { metricsReference } from '../../src/telemetry/metrics.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(`${root}/${path}`, 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const rules: Rule[] = parse(read('deploy/observability/alerts.yml')).groups.flatMap(
  (group: { rules: Rule[] }) => group.rules,
);
const dashboard = JSON.parse(read('deploy/observability/grafana/dashboards/gantry.json'));
const panels: Panel[] = dashboard.panels;
const operations = read('docs/operations.md');
const metricsPage = read('docs/metrics.md');

/** Label names by the names of the series. */
const known = new Map(
  [...metricsReference(), ...PARENT_METRICS].flatMap(({ name, type, labels }) =>
    type === 'histogram'
      ? [[`${name}_bucket`, labels] as const, ...['sum', 'count'].map((end) => [`${name}_${end}`, []] as const)]
      : [[name, labels] as const],
  ),
);
const OF_PROMETHEUS = ['instance', 'job', 'cluster'];

/** Names, labels and values of labels that an expression uses and no node reports. */
function unknownIn(expr: string): string[] {
  const faults: string[] = [];
  const asked = [...expr.matchAll(/\b((?:gantry|nodejs|process)_\w+)(?:\{([^}]*)\})?/g)];
  const groups = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(', '));
  for (const [, name, matchers = ''] of asked) {
    const labels = known.get(name!);
    if (labels === undefined) {
      faults.push(`metric ${name!}`);
      continue;
    }
    for (const [, label, values] of matchers.matchAll(/(\w+)(?:=~|!~|!=|=)"([^"]*)"/g)) {
      if (OF_PROMETHEUS.includes(label!)) continue;
      if (!labels.includes(label!)) faults.push(`label ${label!} of ${name!}`);
      else if (label !== 'quantile' && label !== 'le')
        for (const value of values!.split('|')) {
          const line = metricsPage
            .split('\n')
            .find((row) => row.startsWith(`| \`${name!}\` | \``) && row.includes(value));
          if (line === undefined) faults.push(`value ${value} of ${label!} of ${name!}`);
        }
    }
  }
  if (asked.length > 0)
    for (const label of groups)
      if (!OF_PROMETHEUS.includes(label) && !asked.some(([, name]) => known.get(name!)?.includes(label)))
        faults.push(`label ${label} to sum by`);
  return faults;
}

describe('deploy/observability/alerts.yml', () => {
  it('asks only for metrics that nodes export', () => {
    expect(rules.flatMap(({ alert, expr }) => unknownIn(expr).map((fault) => `${alert}: ${fault}`))).toEqual([]);
  });

  it('has a section of the runbook for each alert, and the runbook has no other', () => {
    const runbook = operations.slice(operations.indexOf('\n## Runbook\n'));
    const sections = [...runbook.matchAll(/^### (Gantry\w+)$/gm)].map(([, name]) => name);
    expect(sections.sort()).toEqual(rules.map(({ alert }) => alert).sort());
    for (const { alert, annotations } of rules)
      expect(annotations.runbook_url).toBe(`docs/operations.md#${alert.toLowerCase()}`);
  });

  it('has of each how bad it is, and what is going on', () => {
    for (const { labels, annotations } of rules) {
      expect(['warning', 'critical']).toContain(labels.severity);
      expect(annotations.summary).not.toBe('');
    }
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });

  it('would be noticed asking for a metric, a label or a value that is none', () => {
    expect(unknownIn('sum(rate(gantry_sesions[5m]))')).toEqual(['metric gantry_sesions']);
    expect(unknownIn('gantry_calls_total{result="error"}')).toEqual(['label result of gantry_calls_total']);
    expect(unknownIn('gantry_calls_total{outcome=~"error|eror"}')).toEqual([
      'value eror of outcome of gantry_calls_total',
    ]);
    expect(unknownIn('sum by (reason) (gantry_calls_total)')).toEqual(['label reason to sum by']);
  });
});

describe('the Grafana dashboard', () => {
  it('asks only for metrics that nodes export', () => {
    expect(
      panels.flatMap(({ title, targets = [] }) =>
        targets.flatMap(({ expr }) => unknownIn(expr).map((fault) => `${title}: ${fault}`)),
      ),
    ).toEqual([]);
  });

  it('shows every metric of a node at least once, but those of its start, its settings and its log', () => {
    const asked = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)).join('\n');
    const unseen = [...metricsReference(), ...PARENT_METRICS]
      .map(({ name }) => name)
      .filter((name) => !new RegExp(`\\b${name}(_bucket|_sum)?\\b`).test(asked));
    expect(unseen).toEqual(UNSEEN);
  });

  it('names in its legends only labels that are left', () => {
    for (const { expr, legendFormat } of panels.flatMap(({ targets = [] }) => targets)) {
      const groups = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(', ');
      if (groups === undefined) continue;
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(groups).toContain(label);
    }
  });

  it('asks the provisioned data source, and its panels do not overlap', () => {
    const uids = parse(read('deploy/observability/grafana/provisioning/datasources/prometheus.yaml')).datasources.map(
      ({ uid }: { uid: string }) => uid,
    );
    const taken = new Set<string>();
    for (const { type, datasource, gridPos } of panels) {
      if (type !== 'row') expect(uids).toContain(datasource?.uid);
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken).not.toContain(`${x} ${y}`);
          taken.add(`${x} ${y}`);
        }
    }
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });
});

describe('compose.yaml', () => {
  const { services } = parse(read('compose.yaml'));

  it('mounts files that exist', () => {
    const mounts = Object.values(services as Record<string, { volumes?: string[] }>)
      .flatMap(({ volumes = [] }) => volumes)
      .filter((volume) => volume.startsWith('./'));
    expect(mounts.length).toBeGreaterThan(4);
    for (const mount of mounts) expect(existsSync(`${root}/${mount.split(':')[0]!}`)).toBe(true);
  });

  it('is what `docker compose up` at the top of the tree starts: nothing names another file', () => {
    expect(existsSync(`${root}/.env`)).toBe(false);
  });

  it('publishes ports on this machine only', () => {
    const ports = Object.values(services as Record<string, { ports?: string[] }>).flatMap(({ ports = [] }) => ports);
    expect(ports.length).toBeGreaterThan(2);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });
});

const UNSEEN: readonly string[] = [
  'gantry_log_lines_total',
  'gantry_receive_buffer_bytes',
  'gantry_build_info',
  'process_cpu_seconds_total',
  'process_start_time_seconds',
  'nodejs_memory_bytes',
];
