import type { Counters } from './counters.js';
import { COUNTER_DEFINITIONS } from './metric-definitions.js';
import type { MetricReference } from './metrics.js';

export interface ProcessFigures {
  readonly count: number;
  readonly readyCount: number;
  readonly restartCount: number;
}

interface Definition extends MetricReference {
  readonly valueOf: (figures: ProcessFigures) => number;
}

/** Metrics of the parent of several processes. The metrics of its processes have the label `process` besides. */
export const PARENT_METRICS: readonly Definition[] = [
  {
    name: 'gantry_processes',
    type: 'gauge',
    labels: [],
    help: 'Processes that serve this port, as configured.',
    valueOf: ({ count }) => count,
  },
  {
    name: 'gantry_processes_ready',
    type: 'gauge',
    labels: [],
    help: 'Processes of this port that are ready.',
    valueOf: ({ readyCount }) => readyCount,
  },
  {
    name: 'gantry_process_restarts_total',
    type: 'counter',
    labels: [],
    help: 'Processes that were started again because one ended by itself or hung.',
    valueOf: ({ restartCount }) => restartCount,
  },
];

/** Counters that a parent has like a node: it refuses configurations and drops log lines too. */
const SHARED_COUNTERS = ['configReloads', 'logLines'] as const;

/** The counters of a parent that its processes have too, as text of a metrics page. */
export function sharedParentMetrics(counters: Counters): string {
  return SHARED_COUNTERS.flatMap((key) => COUNTER_DEFINITIONS[key])
    .flatMap((definition) => {
      const { name, help, label = '' } = definition;
      const samples = definition
        .samples(counters)
        .map(([value, labelled]) => `${name}{${label}="${labelled}"} ${value}`);
      return [`# HELP ${name} ${help}`, `# TYPE ${name} counter`, ...samples, ''];
    })
    .join('\n');
}

/** The metrics of a parent as text of a metrics page. */
export function parentMetrics(figures: ProcessFigures): string {
  return PARENT_METRICS.map(
    ({ name, type, help, valueOf }) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${valueOf(figures)}\n`,
  ).join('');
}
