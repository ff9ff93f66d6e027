import { describe, expect, it } from 'vitest';
import { createClusterCounters } from '../../../src/telemetry/cluster-counters.js';
import type { ClusterGauges } from '../../../src/telemetry/cluster-gauges.js';
import { createCounters, observe, type Counters } from '../../../src/telemetry/counters.js';
import { createMetrics, metricsReference, type Gauges } from '../../../src/telemetry/metrics.js';
import { Code } from '../../../src/wamp/codes.js';

const gauges: Gauges = {
  connections: () => 11,
  sockets: () => 18,
  pendingSockets: () => 19,
  maxSockets: () => 20,
  sessions: () => 12,
  subscriptions: () => 13,
  registrations: () => 14,
  pendingCalls: () => 15,
  abandonedInvocations: () => 21,
  realms: () => 16,
  unsentBytes: () => 17,
  receiveBufferBytes: () => 18,
  narrowedConnections: () => 19,
  inboxBytes: () => 19,
  inboxMessages: () => 20,
  waitingHandshakes: () => 21,
  longPollTransports: () => 23,
  longPollWaiting: () => 22,
  heldBytes: () => 21,
  testamentBytes: () => 21,
};

const LINE = /^([a-z_]+)(?:\{((?:[a-z_]+="[^"\\\n]*",?)*)\})? (-?[0-9.e+-]+|\+Inf|NaN)$/;

/** Reads the text format strictly: a line that is none of HELP, TYPE and sample fails. */
function parse(page: string) {
  const types = new Map<string, string>();
  const samples = new Map<string, number>();
  for (const line of page.split('\n')) {
    if (line === '' || line.startsWith('# HELP ')) continue;
    const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (name !== undefined && type !== undefined) {
      types.set(name, type);
      continue;
    }
    const sample = LINE.exec(line);
    if (sample === null) throw new Error(`unreadable line: ${line}`);
    samples.set(sample[2] === undefined ? sample[1]! : `${sample[1]!}{${sample[2]}}`, Number(sample[3]));
  }
  return { types, samples };
}

async function scrape(counters: Counters) {
  return parse(await createMetrics(counters, gauges).page());
}

describe('metrics page', () => {
  it('shows every counter under every one of its keys', async () => {
    const counters = createCounters();
    let next = 1_000;
    const expected: number[] = [];
    for (const table of Object.values(counters) as unknown[]) {
      if (table instanceof Float64Array || typeof Object.values(table as object)[0] !== 'number') continue;
      for (const key of Object.keys(table as object)) {
        (table as Record<string, number>)[key] = ++next;
        expected.push(next);
      }
    }
    for (const code of Object.values(Code)) expected.push((counters.messagesIn[code] = ++next));
    const shown = [...(await scrape(counters)).samples.values()];
    expect(expected.filter((value) => !shown.includes(value))).toEqual([]);
    expect(expected.length).toBeGreaterThan(60);
  });

  it('labels messages by the name of their type, and those of no known type together', async () => {
    const counters = createCounters();
    counters.messagesIn[Code.PUBLISH] = 3;
    counters.messagesIn[0] = 4;
    counters.messagesIn[99] = 5;
    counters.messagesIn[100] = 6;
    counters.messagesOut[Code.EVENT] = 7;
    const { samples } = await scrape(counters);
    expect(samples.get('gantry_messages_received_total{type="PUBLISH"}')).toBe(3);
    expect(samples.get('gantry_messages_received_total{type="unreadable"}')).toBe(4);
    expect(samples.get('gantry_messages_received_total{type="unknown"}')).toBe(11);
    expect(samples.get('gantry_messages_sent_total{type="EVENT"}')).toBe(7);
  });

  it('shows call latency as a cumulative histogram in seconds', async () => {
    const counters = createCounters();
    for (const elapsedMs of [0.2, 0.3, 40, 1e6]) observe(counters.callLatency, elapsedMs);
    const { types, samples } = await scrape(counters);
    const bucket = (le: string) => samples.get(`gantry_call_duration_seconds_bucket{le="${le}"}`);
    expect(types.get('gantry_call_duration_seconds')).toBe('histogram');
    expect([
      bucket('0.00025'),
      bucket('0.0005'),
      bucket('0.025'),
      bucket('0.05'),
      bucket('60'),
      bucket('+Inf'),
    ]).toEqual([1, 2, 2, 3, 3, 4]);
    expect(samples.get('gantry_call_duration_seconds_count')).toBe(4);
    expect(samples.get('gantry_call_duration_seconds_sum')).toBeCloseTo(1_000.0405, 6);
  });

  it('asks the gauges when it is scraped', async () => {
    const { samples } = await scrape(createCounters());
    const names = [
      'connections',
      'sessions',
      'subscriptions',
      'registrations',
      'pending_calls',
      'realms',
      'unsent_bytes',
    ];
    expect(names.map((name) => samples.get(`gantry_${name}`))).toEqual([11, 12, 13, 14, 15, 16, 17]);
  });

  it('shows the delay of the event loop, the process and what runs', async () => {
    const metrics = createMetrics(createCounters(), gauges, undefined, { version: '1.2.3', config: () => undefined });
    metrics.start();
    const { samples } = parse(await metrics.page());
    metrics.stop();
    metrics.stop();
    expect(samples.get('gantry_event_loop_delay_seconds_count')).toBe(0);
    expect(samples.get('gantry_build_info{version="1.2.3",node_version="' + process.versions.node + '"}')).toBe(1);
    expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(0);
  });

  it('shows when the certificate expires, where there is one', async () => {
    const name = 'gantry_certificate_expiry_timestamp_seconds';
    let config = { loadedMs: 1_800_000_000_500, hash: 7, pendingCount: 2, certificateUntilMs: 1_900_000_000_500 };
    const metrics = createMetrics(createCounters(), gauges, undefined, { version: '1.2.3', config: () => config });
    const { samples } = parse(await metrics.page());
    expect(samples.get(name)).toBe(1_900_000_000.5);
    expect(samples.get('gantry_config_loaded_timestamp_seconds')).toBe(1_800_000_000.5);
    expect(samples.get('gantry_config_hash')).toBe(7);
    expect(samples.get('gantry_config_settings_pending')).toBe(2);
    config = { ...config, certificateUntilMs: 1_900_000_001_000 };
    expect(parse(await metrics.page()).samples.get(name)).toBe(1_900_000_001);
    expect(parse(await createMetrics(createCounters(), gauges).page()).samples.get(name)).toBeUndefined();
  });

  it('shows every counter of the cluster under every one of its keys', async () => {
    const counters = createClusterCounters();
    let next = 1_000;
    const expected: number[] = [];
    for (const table of Object.values(counters) as object[]) {
      if ('buckets' in table) continue;
      for (const key of Object.keys(table)) {
        (table as Record<string, number>)[key] = ++next;
        expected.push(next);
      }
    }
    const metrics = createMetrics(createCounters(), gauges, { counters, gauges: () => undefined });
    const shown = [...parse(await metrics.page()).samples.values()];
    expect(expected.filter((value) => !shown.includes(value))).toEqual([]);
    expect(expected.length).toBeGreaterThan(50);
  });

  it('shows what the cluster takes, in seconds, and how much goes into a batch, in items', async () => {
    const counters = createClusterCounters();
    observe(counters.barrierLatency, 40);
    observe(counters.storeRoundTrip, 0.3);
    observe(counters.probeRoundTrip, 2_000);
    observe(counters.batchItems, 3);
    observe(counters.batchItems, 64);
    const metrics = createMetrics(createCounters(), gauges, { counters, gauges: () => undefined });
    const { samples, types } = parse(await metrics.page());
    const bucket = (name: string, le: string) => samples.get(`gantry_cluster_${name}_bucket{le="${le}"}`);
    expect([bucket('barrier_duration_seconds', '0.025'), bucket('barrier_duration_seconds', '0.05')]).toEqual([0, 1]);
    expect(bucket('store_round_trip_seconds', '0.0005')).toBe(1);
    expect(samples.get('gantry_cluster_probe_round_trip_seconds_sum')).toBe(2);
    expect([bucket('batch_items', '2'), bucket('batch_items', '4'), bucket('batch_items', '+Inf')]).toEqual([0, 1, 2]);
    expect(samples.get('gantry_cluster_batch_items_sum')).toBe(67);
    expect(types.get('gantry_cluster_batch_items')).toBe('histogram');
  });

  it('asks the backplane for its gauges, and shows none where it has none', async () => {
    const now: ClusterGauges = {
      isUp: true,
      isIsolated: true,
      storeServersMissing: 2,
      nodes: 3,
      nodesUnreachable: 1,
      leaseRemainingMs: 4_500,
      silenceMs: 250,
      unacknowledgedBytes: 21,
      pendingBarriers: 22,
      mirrorTopics: 23,
      mirrorRegistrations: 24,
      mirrorVersionLag: 25,
    };
    const counters = createClusterCounters();
    const metrics = createMetrics(createCounters(), gauges, { counters, gauges: () => now });
    const { samples } = parse(await metrics.page());
    const shown = (names: readonly string[]) => names.map((name) => samples.get(`gantry_cluster_${name}`));
    expect(shown(['up', 'store_servers_missing', 'nodes', 'nodes_unreachable'])).toEqual([1, 2, 3, 1]);
    expect(shown(['lease_remaining_seconds', 'silence_seconds'])).toEqual([4.5, 0.25]);
    expect(
      shown([
        'unacknowledged_bytes',
        'pending_barriers',
        'mirror_topics',
        'mirror_registrations',
        'mirror_version_lag',
      ]),
    ).toEqual([21, 22, 23, 24, 25]);
    const alone = await scrape(createCounters());
    expect(alone.samples.has('gantry_cluster_up')).toBe(false);
    expect(alone.types.get('gantry_cluster_up')).toBe('gauge');
  });

  it('keeps two nodes in one process apart', async () => {
    const one = createCounters();
    one.bytes.in = 5;
    const other = createMetrics(createCounters(), gauges);
    expect((await scrape(one)).samples.get('gantry_received_bytes_total')).toBe(5);
    expect(parse(await other.page()).samples.get('gantry_received_bytes_total')).toBe(0);
  });

  it('is described completely by the reference', async () => {
    const { types } = await scrape(createCounters());
    const reference = metricsReference();
    expect(new Map(reference.map(({ name, type }) => [name, type as string]))).toEqual(types);
    expect(reference.every(({ help }) => help.length > 10)).toBe(true);
    const labels = new Set(reference.flatMap((metric) => metric.labels));
    expect(labels).toEqual(
      new Set([
        ...[
          'serializer',
          'listener',
          'reason',
          'status',
          'cause',
          'type',
          'outcome',
          'limit',
          'fate',
          'le',
          'version',
          'node_version',
          'kind',
          'method',
          'result',
          'service',
        ],
        ...['direction', 'connection', 'action', 'result', 'operation', 'place'],
      ]),
    );
  });
});
