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

/** The metrics of a parent as text of a metrics page. */
export function parentMetrics(figures: ProcessFigures): string {
  return PARENT_METRICS.map(
    ({ name, type, help, valueOf }) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${valueOf(figures)}\n`,
  ).join('');
}
