import { performance } from 'node:perf_hooks';
import type { Sample } from './metric-definitions.js';

export interface ProcessMetricDefinition {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly label?: string;
  samples(): Sample[];
}

const MICROSECONDS_PER_SECOND = 1e6;
const MS_PER_SECOND = 1_000;

/**
 * The process, under the names Prometheus libraries give these figures. Not prom-client's defaults: those keep a second
 * event-loop monitor and a garbage-collection observer running, and list every open file at each scrape.
 */
export const PROCESS_METRICS: readonly ProcessMetricDefinition[] = [
  {
    name: 'process_cpu_seconds_total',
    type: 'counter',
    help: 'CPU time of the process, user and system together.',
    samples: () => {
      const { user, system } = process.cpuUsage();
      return [[(user + system) / MICROSECONDS_PER_SECOND]];
    },
  },
  {
    name: 'process_start_time_seconds',
    type: 'gauge',
    help: 'When the process started, since the epoch.',
    samples: () => [[performance.timeOrigin / MS_PER_SECOND]],
  },
  {
    name: 'process_resident_memory_bytes',
    type: 'gauge',
    help: 'Resident memory of the process.',
    samples: () => [[process.memoryUsage.rss()]],
  },
  {
    name: 'nodejs_memory_bytes',
    type: 'gauge',
    help: 'Memory that JavaScript uses, by kind.',
    label: 'kind',
    samples: () => {
      const { heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage();
      return [
        [heapTotal, 'heap_total'],
        [heapUsed, 'heap_used'],
        [external, 'external'],
        [arrayBuffers, 'array_buffers'],
      ];
    },
  },
  {
    name: 'nodejs_event_loop_active_seconds_total',
    type: 'counter',
    help: 'Time the event loop was busy. Its rate is the utilization of the one core a node has.',
    samples: () => [[performance.eventLoopUtilization().active / MS_PER_SECOND]],
  },
];
