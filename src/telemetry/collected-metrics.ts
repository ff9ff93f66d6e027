import { Counter, Gauge, type Registry } from 'prom-client';
import type { Histogram } from './counters.js';
import type { GaugeDefinition, Sample } from './metric-definitions.js';

/** Names of several labels, and their values, are divided by commas. A gauge without samples is absent from the page. */
export interface CollectedDefinition extends GaugeDefinition {
  readonly label?: string | undefined;
}

/** A counter that reads its values at each scrape. */
export function registerCounter(registry: Registry, definition: CollectedDefinition, samples: () => Sample[]): void {
  const { name, help, label } = definition;
  new Counter({
    name,
    help,
    labelNames: label === undefined ? [] : label.split(','),
    registers: [registry],
    collect() {
      this.reset();
      for (const [value, labelValue] of samples()) this.inc(labelsOf(label, labelValue), value);
    },
  });
}

/** A gauge that reads its values at each scrape. */
export function registerGauge(registry: Registry, definition: CollectedDefinition, samples: () => Sample[]): void {
  const { name, help, label } = definition;
  new Gauge({
    name,
    help,
    labelNames: label === undefined ? [] : label.split(','),
    registers: [registry],
    collect() {
      this.reset();
      const now = samples();
      if (now.length === 0 && label === undefined) this.remove();
      for (const [value, labelValue] of now) this.set(labelsOf(label, labelValue), value);
    },
  });
}

/** A gauge that is always 1 and carries facts in its labels. */
export function registerInfo(
  registry: Registry,
  { name, help }: GaugeDefinition,
  facts: Readonly<Record<string, string>>,
): void {
  new Gauge({ name, help, labelNames: Object.keys(facts), registers: [registry] }).set({ ...facts }, 1);
}

/**
 * A histogram in the text format of Prometheus. The library's histograms count each observation themselves and cannot be
 * given counts, which the hot path has already. `scale`: units of `histogram` in one unit of the page.
 */
export function histogramText({ name, help }: GaugeDefinition, histogram: Histogram, scale: number): string {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
  let cumulative = 0;
  [...histogram.upperBounds, Infinity].forEach((bound, index) => {
    cumulative += histogram.buckets[index] ?? 0;
    lines.push(`${name}_bucket{le="${bound === Infinity ? '+Inf' : bound / scale}"} ${cumulative}`);
  });
  lines.push(`${name}_sum ${histogram.sum / scale}`, `${name}_count ${histogram.count}`);
  return `${lines.join('\n')}\n`;
}

function labelsOf(name: string | undefined, value: string | undefined): Record<string, string> {
  if (name === undefined || value === undefined) return {};
  const values = value.split(',');
  return Object.fromEntries(name.split(',').map((label, index) => [label, values[index] ?? '']));
}
