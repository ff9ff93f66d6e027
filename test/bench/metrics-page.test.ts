import { describe, expect, it } from 'vitest';
import { laneCounts, laneCountsBetween } from '../../bench/cluster/lane-counts.js';
import { pagesByProcess, parsePage, quantileBetween, sample } from '../../bench/cluster/metrics-page.js';
import { createClusterCounters } from '../../src/telemetry/cluster-counters.js';
import { createCounters, observe } from '../../src/telemetry/counters.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { mergedPage } from '../../src/processes/merged-page.js';

function histogramPage(counts: Readonly<Record<string, number>>) {
  const lines = Object.entries(counts).map(([le, count]) => `wait_bucket{le="${le}"} ${count}`);
  return parsePage(lines.join('\n'));
}

describe('a metrics page as the bench reads it', () => {
  it('has samples by name and labels, and no comments', () => {
    const page = parsePage('# HELP a what it is\n# TYPE a counter\na{kind="x y"} 3\nb 0.5\n');
    expect([...page]).toEqual([
      ['a{kind="x y"}', 3],
      ['b', 0.5],
    ]);
    expect(() => sample(page, 'c')).toThrow('no c');
  });

  it('has those of each process behind the page of a parent, as they were before they were merged', () => {
    const pages = [
      { process: 0, page: '# HELP a what it is\n# TYPE a counter\na{kind="x y"} 3\n# HELP b\nb 0.5\n' },
      { process: 1, page: '# HELP a what it is\n# TYPE a counter\na{kind="x y"} 4\n' },
      { process: 'parent', page: '# HELP c\nc 1\n' },
    ] as const;
    const merged = pagesByProcess(parsePage(`${mergedPage(pages)}# HELP gantry_processes\ngantry_processes 2\n`));
    expect([...merged].map(([process, page]) => [process, [...page]])).toEqual([
      [
        '0',
        [
          ['a{kind="x y"}', 3],
          ['b', 0.5],
        ],
      ],
      ['1', [['a{kind="x y"}', 4]]],
      ['parent', [['c', 1]]],
    ]);
  });

  it('gives quantiles of what was observed between two pages', () => {
    const before = histogramPage({ '1': 50, '2': 50, '+Inf': 50 });
    const after = histogramPage({ '1': 50, '2': 150, '+Inf': 150 });
    expect(quantileBetween(before, after, 'wait', 0.5)).toBeCloseTo(1.5);
    expect(quantileBetween(before, after, 'wait', 0.99)).toBeCloseTo(1.99);
    expect(quantileBetween(before, before, 'wait', 0.99)).toBeNaN();
  });

  it('gives the highest bound for what is beyond it', () => {
    const after = histogramPage({ '1': 1, '2': 1, '+Inf': 100 });
    expect(quantileBetween(new Map(), after, 'wait', 0.99)).toBe(2);
  });

  it("distinguishes a node's messages to others from its heartbeats", async () => {
    const counters = createClusterCounters();
    const gauges = new Proxy({}, { get: () => () => 0 });
    const metrics = createMetrics(createCounters(), gauges as never, { counters, gauges: () => undefined });
    const before = laneCounts(parsePage(await metrics.page()));
    for (const items of [0, 3, 0, 5]) observe(counters.batchItems, items);
    counters.itemsSent.publication += 6;
    counters.itemsSent.invoke += 2;
    counters.itemsReceived.control += 4;
    counters.batchBytes.out += 900;
    expect(laneCountsBetween(before, laneCounts(parsePage(await metrics.page())))).toEqual({
      batches: 2,
      heartbeats: 2,
      bytes: 900,
      items: 8,
      publications: 6,
      callItems: 2,
      itemsReceived: 4,
    });
  });
});
