import { Registry, type Metric } from 'prom-client';
import { createClusterCounters, type ClusterCounters } from './cluster-counters.js';
import type { ClusterGauges } from './cluster-gauges.js';
import {
  CLUSTER_COUNTER_DEFINITIONS,
  CLUSTER_GAUGE_DEFINITIONS,
  CLUSTER_HISTOGRAM_DEFINITIONS,
} from './cluster-metric-definitions.js';
import type { Counters, Histogram } from './counters.js';
import {
  BUILD_INFO,
  CERTIFICATE_EXPIRY,
  CALL_DURATION,
  COUNTER_DEFINITIONS,
  EVENT_LOOP_DELAY,
  GAUGE_DEFINITIONS,
  type GaugeDefinition,
  type Gauges,
  type Sample,
} from './metric-definitions.js';
import { LoopDelay } from './loop-delay.js';
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

/** What is told of the cluster: nothing but zeros and no gauges for a node that is alone by configuration. */
export interface ClusterSources {
  readonly counters: ClusterCounters;
  readonly gauges: () => ClusterGauges | undefined;
}

/** What does not change while the process runs. */
export interface ProcessFacts {
  readonly version: string;
  /** When the certificate of the listener expires, in milliseconds since 1970. Absent without TLS. */
  readonly certificateUntilMs?: number | undefined;
}

export interface MetricReference {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
}

const MS_PER_SECOND = 1_000;

const ALONE: ClusterSources = { counters: createClusterCounters(), gauges: () => undefined };

export function createMetrics(
  counters: Counters,
  gauges: Gauges,
  cluster: ClusterSources = ALONE,
  { version, certificateUntilMs }: ProcessFacts = { version: 'unknown' },
): Metrics {
  const registry = new Registry();
  const delay = new LoopDelay();
  for (const definition of Object.values(COUNTER_DEFINITIONS).flat()) {
    register(registry, definition, 'counter', () => labelled(definition.label, definition.samples(counters)));
  }
  for (const definition of PROCESS_METRICS) {
    register(registry, definition, definition.type, () => labelled(definition.label, definition.samples()));
  }
  for (const [gauge, definition] of Object.entries(GAUGE_DEFINITIONS) as [keyof Gauges, GaugeDefinition][]) {
    register(registry, definition, 'gauge', () => [{ value: gauges[gauge](), labels: {} }]);
  }
  register(registry, CALL_DURATION, 'histogram', () =>
    histogramSamples(CALL_DURATION.name, counters.callLatency, MS_PER_SECOND),
  );
  registerCluster(registry, cluster);
  register(registry, EVENT_LOOP_DELAY, 'histogram', () =>
    histogramSamples(EVENT_LOOP_DELAY.name, delay.histogram, MS_PER_SECOND),
  );
  register(registry, BUILD_INFO, 'gauge', () => [
    { value: 1, labels: { version, node_version: process.versions.node } },
  ]);
  register(registry, CERTIFICATE_EXPIRY, 'gauge', () =>
    certificateUntilMs === undefined ? [] : [{ value: certificateUntilMs / MS_PER_SECOND, labels: {} }],
  );
  return {
    contentType: registry.contentType,
    page: () => registry.metrics(),
    start: () => delay.start(),
    stop: () => delay.stop(),
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
    ...Object.values(CLUSTER_COUNTER_DEFINITIONS).map((definition) => reference(definition, 'counter')),
    ...Object.values(CLUSTER_GAUGE_DEFINITIONS).map((definition) => reference(definition, 'gauge')),
    ...Object.values(CLUSTER_HISTOGRAM_DEFINITIONS).map((definition) =>
      reference({ ...definition, label: 'le' }, 'histogram'),
    ),
    reference({ ...EVENT_LOOP_DELAY, label: 'le' }, 'histogram'),
    { ...BUILD_INFO, type: 'gauge', labels: ['version', 'node_version'] },
    reference(CERTIFICATE_EXPIRY, 'gauge'),
    ...PROCESS_METRICS.map((definition) => reference(definition, definition.type)),
  ];
}

function registerCluster(registry: Registry, { counters, gauges }: ClusterSources): void {
  for (const definition of Object.values(CLUSTER_COUNTER_DEFINITIONS)) {
    register(registry, definition, 'counter', () => labelled(definition.label, definition.samples(counters)));
  }
  for (const definition of Object.values(CLUSTER_GAUGE_DEFINITIONS)) {
    register(registry, definition, 'gauge', () => {
      const now = gauges();
      return now === undefined ? [] : [{ value: definition.value(now), labels: {} }];
    });
  }
  for (const [key, definition] of Object.entries(CLUSTER_HISTOGRAM_DEFINITIONS) as [
    keyof typeof CLUSTER_HISTOGRAM_DEFINITIONS,
    (typeof CLUSTER_HISTOGRAM_DEFINITIONS)[keyof typeof CLUSTER_HISTOGRAM_DEFINITIONS],
  ][]) {
    register(registry, definition, 'histogram', () =>
      histogramSamples(definition.name, counters[key], definition.scale),
    );
  }
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

function histogramSamples(name: string, histogram: Histogram, scale: number): PageSample[] {
  let cumulative = 0;
  const samples: PageSample[] = [...histogram.upperBounds, Infinity].map((bound, index) => {
    cumulative += histogram.buckets[index] ?? 0;
    const le = bound === Infinity ? '+Inf' : bound / scale;
    return { metricName: `${name}_bucket`, labels: { le }, value: cumulative };
  });
  samples.push({ metricName: `${name}_sum`, labels: {}, value: histogram.sum / scale });
  samples.push({ metricName: `${name}_count`, labels: {}, value: histogram.count });
  return samples;
}
