import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import { Registry, type Metric } from 'prom-client';
import type { Counters, Histogram } from './counters.js';
import {
  CALL_DURATION,
  COUNTER_DEFINITIONS,
  EVENT_LOOP_DELAY,
  GAUGE_DEFINITIONS,
  type GaugeDefinition,
  type Gauges,
  type Sample,
} from './metric-definitions.js';
import { PROCESS_METRICS } from './process-metrics.js';

export type { Gauges } from './metric-definitions.js';

/** The metrics page. Everything is read when it is asked for; nothing is collected in between but the event loop's delay. */
export interface Metrics {
  readonly contentType: string;
  page(): Promise<string>;
  /** Starts to measure the event loop's delay. */
  start(): void;
  /** Idempotent. */
  stop(): void;
}

export interface MetricReference {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
}

const DELAY_RESOLUTION_MS = 20;
const NANOSECONDS_PER_SECOND = 1e9;
const MS_PER_SECOND = 1_000;
const DELAY_PERCENTILES = [50, 90, 99, 100] as const;

export function createMetrics(counters: Counters, gauges: Gauges): Metrics {
  const registry = new Registry();
  const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  for (const definition of Object.values(COUNTER_DEFINITIONS).flat()) {
    register(registry, definition, 'counter', () => labelled(definition.label, definition.samples(counters)));
  }
  for (const definition of PROCESS_METRICS) {
    register(registry, definition, definition.type, () => labelled(definition.label, definition.samples()));
  }
  for (const [gauge, definition] of Object.entries(GAUGE_DEFINITIONS) as [keyof Gauges, GaugeDefinition][]) {
    register(registry, definition, 'gauge', () => [{ value: gauges[gauge](), labels: {} }]);
  }
  register(registry, CALL_DURATION, 'histogram', () => histogramSamples(counters.callLatency));
  register(registry, EVENT_LOOP_DELAY, 'gauge', () => delaySamples(delay));
  return {
    contentType: registry.contentType,
    page: () => registry.metrics(),
    start: () => void delay.enable(),
    stop: () => void delay.disable(),
  };
}

/** Every metric of the page, for the documentation. */
export function metricsReference(): MetricReference[] {
  return [
    ...Object.values(COUNTER_DEFINITIONS)
      .flat()
      .map((definition) => reference(definition, 'counter')),
    ...Object.values(GAUGE_DEFINITIONS).map((definition) => reference(definition, 'gauge')),
    reference({ ...CALL_DURATION, label: 'le' }, 'histogram'),
    reference(EVENT_LOOP_DELAY, 'gauge'),
    ...PROCESS_METRICS.map((definition) => reference(definition, definition.type)),
  ];
}

function reference(
  { name, help, label }: GaugeDefinition & { readonly label?: string },
  type: MetricReference['type'],
): MetricReference {
  return { name, type, labels: label === undefined ? [] : [label], help };
}

interface PageSample {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName?: string;
}

function register(
  registry: Registry,
  { name, help }: GaugeDefinition,
  type: MetricReference['type'],
  samples: () => PageSample[],
): void {
  const metric = {
    name,
    help,
    type,
    aggregator: 'sum',
    get: () => Promise.resolve({ name, help, type, aggregator: 'sum', values: samples() }),
  };
  // prom-client's classes can only be added to; a registry asks no more of a metric than this.
  registry.registerMetric(metric as unknown as Metric);
}

function labelled(name: string | undefined, samples: Sample[]): PageSample[] {
  return samples.map(([value, label]) => ({
    value,
    labels: name === undefined || label === undefined ? {} : { [name]: label },
  }));
}

function histogramSamples(histogram: Histogram): PageSample[] {
  let cumulative = 0;
  const samples: PageSample[] = [...histogram.upperBounds, Infinity].map((boundMs, index) => {
    cumulative += histogram.buckets[index] ?? 0;
    const le = boundMs === Infinity ? '+Inf' : boundMs / MS_PER_SECOND;
    return { metricName: `${CALL_DURATION.name}_bucket`, labels: { le }, value: cumulative };
  });
  samples.push({ metricName: `${CALL_DURATION.name}_sum`, labels: {}, value: histogram.sum / MS_PER_SECOND });
  samples.push({ metricName: `${CALL_DURATION.name}_count`, labels: {}, value: histogram.count });
  return samples;
}

function delaySamples(delay: IntervalHistogram): PageSample[] {
  const samples = DELAY_PERCENTILES.map((percentile) => ({
    labels: { [EVENT_LOOP_DELAY.label]: percentile / 100 },
    // The monitor records the interval between its own timers, so an idle loop shows its resolution.
    value: Math.max(0, delay.percentile(percentile) / NANOSECONDS_PER_SECOND - DELAY_RESOLUTION_MS / MS_PER_SECOND),
  }));
  delay.reset();
  return samples;
}
