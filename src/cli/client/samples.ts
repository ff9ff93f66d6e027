/** The samples of one scrape of a node. Key: the name of the metric; value: the sum over its labels. */
export type Samples = ReadonlyMap<string, number>;

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{[^\n]*\})? (\S+)/;

/** Reads the text format of Prometheus, as far as `gantry top` needs it. Other lines do not count. */
export function readSamples(page: string): Samples {
  const samples = new Map<string, number>();
  for (const line of page.split('\n')) {
    const [, name, text] = LINE.exec(line) ?? [];
    const value = Number(text);
    if (name !== undefined && Number.isFinite(value)) samples.set(name, (samples.get(name) ?? 0) + value);
  }
  return samples;
}

/** One column of `gantry top`. */
export interface Column {
  readonly title: string;
  readonly key: string;
  readonly metric: string;
  /** True: a counter, of which the change per second is shown. */
  readonly isRate: boolean;
}

export const COLUMNS: readonly Column[] = [
  { title: 'SESSIONS', key: 'sessions', metric: 'gantry_sessions', isRate: false },
  { title: 'SUBSCR', key: 'subscriptions', metric: 'gantry_subscriptions', isRate: false },
  { title: 'REGISTR', key: 'registrations', metric: 'gantry_registrations', isRate: false },
  { title: 'PENDING', key: 'pendingCalls', metric: 'gantry_pending_calls', isRate: false },
  { title: 'IN/s', key: 'messagesInPerSecond', metric: 'gantry_messages_received_total', isRate: true },
  { title: 'OUT/s', key: 'messagesOutPerSecond', metric: 'gantry_messages_sent_total', isRate: true },
  { title: 'CALLS/s', key: 'callsPerSecond', metric: 'gantry_calls_total', isRate: true },
  { title: 'EVENTS/s', key: 'eventsPerSecond', metric: 'gantry_events_delivered_total', isRate: true },
  { title: 'CPU%', key: 'cpuPercent', metric: 'process_cpu_seconds_total', isRate: true },
  { title: 'MiB', key: 'residentMiB', metric: 'process_resident_memory_bytes', isRate: false },
];

const SCALE: Readonly<Record<string, number>> = {
  process_cpu_seconds_total: 100,
  process_resident_memory_bytes: 1 / 1_048_576,
};

/** The values of all columns. NaN: the metric is not there, or there is no earlier scrape for a rate. */
export function rowOf(now: Samples, before: Samples | undefined, seconds: number): readonly number[] {
  return COLUMNS.map(({ metric, isRate }) => {
    const value = (now.get(metric) ?? NaN) * (SCALE[metric] ?? 1);
    if (!isRate) return value;
    const change = value - (before?.get(metric) ?? NaN) * (SCALE[metric] ?? 1);
    // A node that has started anew counts from 0.
    return Math.max(0, change) / seconds;
  });
}
