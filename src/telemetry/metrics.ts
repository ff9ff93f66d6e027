import { Registry } from 'prom-client';
import { createClusterCounters, type ClusterCounters } from './cluster-counters.js';
import type { ClusterGauges } from './cluster-gauges.js';
import {
  CLUSTER_COUNTER_DEFINITIONS,
  CLUSTER_GAUGE_DEFINITIONS,
  CLUSTER_HISTOGRAM_DEFINITIONS,
} from './cluster-metric-definitions.js';
import { histogramText, registerCounter, registerGauge, registerInfo } from './collected-metrics.js';
import type { Counters } from './counters.js';
import { GAUGE_DEFINITIONS, type Gauges } from './gauge-definitions.js';
import {
  BUILD_INFO,
  CERTIFICATE_EXPIRY,
  CONFIG_HASH,
  CONFIG_LOADED,
  CONFIG_PENDING,
  AUTHORIZER_DURATION,
  CALL_DURATION,
  COUNTER_DEFINITIONS,
  EVENT_LOOP_DELAY,
  LISTENER_CONNECTIONS,
  type GaugeDefinition,
} from './metric-definitions.js';
import { LoopDelay } from './loop-delay.js';
import { PROCESS_METRICS } from './process-metrics.js';

export type { Gauges } from './gauge-definitions.js';

/** The metrics page. Each scrape reads the values; only the event loop's delay is measured in between. */
export interface Metrics {
  readonly contentType: string;
  page(): Promise<string>;
  /** Starts to measure the event loop's delay. */
  start(): void;
  /** Idempotent. */
  stop(): void;
}

/** The cluster's values. A node that is alone by configuration shows zeros for the counters, and no gauges. */
export interface ClusterSources {
  readonly counters: ClusterCounters;
  readonly gauges: () => ClusterGauges | undefined;
}

/** Facts about the process; only a reload of the configuration changes them. */
export interface ProcessFacts {
  readonly version: string;
  readonly config: () => ConfigFacts | undefined;
}

/** The configuration in effect. */
export interface ConfigFacts {
  /** When it was read, in milliseconds since 1970. */
  readonly loadedMs: number;
  readonly hash: number;
  /** Settings that differ from what was last read, and need a restart. */
  readonly pendingCount: number;
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
  { version, config }: ProcessFacts = { version: 'unknown', config: () => undefined },
): Metrics {
  const registry = new Registry();
  const delay = new LoopDelay();
  for (const definition of Object.values(COUNTER_DEFINITIONS).flat()) {
    registerCounter(registry, definition, () => definition.samples(counters));
  }
  for (const definition of PROCESS_METRICS) {
    const register = definition.type === 'counter' ? registerCounter : registerGauge;
    register(registry, definition, () => definition.samples());
  }
  for (const [gauge, definition] of Object.entries(GAUGE_DEFINITIONS) as [keyof Gauges, GaugeDefinition][]) {
    registerGauge(registry, definition, () => [[gauges[gauge]()]]);
  }
  registerGauge(registry, LISTENER_CONNECTIONS, () =>
    Object.entries(counters.listeners).map(([name, { opened, closed }]) => [opened - closed, name]),
  );
  registerCluster(registry, cluster);
  registerInfo(registry, BUILD_INFO, { version, node_version: process.versions.node });
  const registerFact = (definition: GaugeDefinition, valueOf: (facts: ConfigFacts) => number | undefined): void =>
    registerGauge(registry, definition, () => {
      const facts = config();
      const value = facts && valueOf(facts);
      return value === undefined ? [] : [[value]];
    });
  registerFact(CERTIFICATE_EXPIRY, ({ certificateUntilMs: ms }) => ms && ms / MS_PER_SECOND);
  registerFact(CONFIG_LOADED, ({ loadedMs }) => loadedMs / MS_PER_SECOND);
  registerFact(CONFIG_HASH, ({ hash }) => hash);
  registerFact(CONFIG_PENDING, ({ pendingCount }) => pendingCount);
  const histograms = (): string[] => [
    histogramText(CALL_DURATION, counters.callLatency, MS_PER_SECOND),
    histogramText(AUTHORIZER_DURATION, counters.authorizerLatency, MS_PER_SECOND),
    ...clusterHistograms(cluster.counters),
    histogramText(EVENT_LOOP_DELAY, delay.histogram, MS_PER_SECOND),
  ];
  return {
    contentType: registry.contentType,
    page: async () => [await registry.metrics(), ...histograms()].join('\n'),
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
    reference(LISTENER_CONNECTIONS, 'gauge'),
    reference({ ...CALL_DURATION, label: 'le' }, 'histogram'),
    reference({ ...AUTHORIZER_DURATION, label: 'le' }, 'histogram'),
    ...Object.values(CLUSTER_COUNTER_DEFINITIONS).map((definition) => reference(definition, 'counter')),
    ...Object.values(CLUSTER_GAUGE_DEFINITIONS).map((definition) => reference(definition, 'gauge')),
    ...Object.values(CLUSTER_HISTOGRAM_DEFINITIONS).map((definition) =>
      reference({ ...definition, label: 'le' }, 'histogram'),
    ),
    reference({ ...EVENT_LOOP_DELAY, label: 'le' }, 'histogram'),
    { ...BUILD_INFO, type: 'gauge', labels: ['version', 'node_version'] },
    reference(CERTIFICATE_EXPIRY, 'gauge'),
    reference(CONFIG_LOADED, 'gauge'),
    reference(CONFIG_HASH, 'gauge'),
    reference(CONFIG_PENDING, 'gauge'),
    ...PROCESS_METRICS.map((definition) => reference(definition, definition.type)),
  ];
}

function registerCluster(registry: Registry, { counters, gauges }: ClusterSources): void {
  for (const definition of Object.values(CLUSTER_COUNTER_DEFINITIONS)) {
    registerCounter(registry, definition, () => definition.samples(counters));
  }
  for (const definition of Object.values(CLUSTER_GAUGE_DEFINITIONS)) {
    registerGauge(registry, definition, () => {
      const now = gauges();
      return now === undefined ? [] : [[definition.value(now)]];
    });
  }
}

function clusterHistograms(counters: ClusterCounters): string[] {
  const keys = Object.keys(CLUSTER_HISTOGRAM_DEFINITIONS) as (keyof typeof CLUSTER_HISTOGRAM_DEFINITIONS)[];
  return keys.map((key) => {
    const definition = CLUSTER_HISTOGRAM_DEFINITIONS[key];
    return histogramText(definition, counters[key], definition.scale);
  });
}

function reference(
  { name, help, label }: GaugeDefinition & { readonly label?: string },
  type: MetricReference['type'],
): MetricReference {
  return { name, type, labels: label === undefined ? [] : label.split(','), help };
}
