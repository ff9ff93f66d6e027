import { setTimeout as pause } from 'node:timers/promises';
import { measureCase, type Bench, type Scenario } from '../bench.js';
import { ManyNodes, type GoneAfterMs } from '../cluster/many-nodes.js';
import type { NodeStore } from '../cluster/node-store.js';
import { callsBetween, type CommandCalls } from '../cluster/redis-server.js';
import { cpuSeconds } from '../measure/cpu.js';
import { atMost, figure, type Figure } from '../report/figures.js';

/** Primaries of the Redis Cluster; 0: one Redis. */
const primaryCounts = [0, 3];
/** A lease, in which a new node judges nobody, and three heartbeats of new lanes. */
const settleMs = 10_000;
const idleMs = 10_000;
const smokeMs = 300;
/** A node that dies has been there for some heartbeats. */
const beforeDeathMs = 3_000;
/** One probe of the inbox a second, one of each primary of a Redis Cluster, and one more in some runs. */
const probes = 1.2;
const leaseMs = 7_000;

export const manyNodes: Scenario = {
  name: 'nodes',
  about:
    'Nodes without clients over one Redis, then over a Redis Cluster of three primaries, in four processes on the core of ' +
    'the servers, with default settings. Idle; topics that nobody had, all at once on one node; the process of a further ' +
    'node is killed; one after the other, a new node enters for each and the old one leaves. CPU time of Redis, its ' +
    'PUBLISHes (SPUBLISHes) and scripts: those of all primaries together, then of the primary with the most.',
  run: async (bench) => {
    if (bench.against === 'peers' || bench.against === 'nothing') return;
    for (const primaryCount of primaryCounts) {
      for (const count of bench.settings.manyNodes) {
        const name = primaryCount === 0 ? `${count} nodes` : `${count} nodes, ${primaryCount} primaries`;
        await measureCase(bench, manyNodes.name, name, () =>
          bench.clusters.withStore(primaryCount, (store) => measure(bench, store, count)),
        );
      }
    }
  },
};

/** CPU time and commands of each server, and CPU time of all nodes together, in some time. */
interface Spent {
  readonly seconds: number;
  readonly nodes: number;
  readonly servers: readonly SpentServer[];
}

interface SpentServer {
  readonly cpu: number;
  readonly publishes: number;
  readonly scripts: number;
}

interface Run {
  readonly idle: Spent;
  readonly topics: Spent;
  readonly goneAfterMs: GoneAfterMs;
  readonly replaced: Spent;
}

async function measure(bench: Bench, store: NodeStore, count: number): Promise<Figure[]> {
  const isSmoke = bench.settings.mode === 'smoke';
  const topicCount = bench.settings.manyNodesTopics;
  const nodes = await ManyNodes.start(store, count);
  try {
    await pause(isSmoke ? smokeMs : settleMs);
    const idle = await during(nodes, () => pause(isSmoke ? smokeMs : idleMs));
    const topics = await during(nodes, () => nodes.watch('com.bench.many', topicCount));
    // Before the replacement: a node that has just entered declares none dead.
    const goneAfterMs = await nodes.death(isSmoke ? smokeMs : beforeDeathMs);
    const replaced = await during(nodes, () => nodes.replaceAll());
    return figuresOf({ idle, topics, goneAfterMs, replaced }, count, topicCount);
  } finally {
    await nodes.stop();
  }
}

function figuresOf({ idle, topics, goneAfterMs, replaced }: Run, count: number, topicCount: number): Figure[] {
  const publishes = total(idle, 'publishes') / idle.seconds;
  const primaryCount = idle.servers.length === 1 ? 0 : idle.servers.length;
  return [
    figure('idle: PUBLISHes/s', '/s', [publishes]),
    figure('for each node', '/s', [publishes / count], atMost(probes + primaryCount)),
    figure('scripts/s', '/s', [total(idle, 'scripts') / idle.seconds]),
    figure('core of Redis', '%', [(total(idle, 'cpu') / idle.seconds) * 100]),
    figure('core of a node', '%', [(idle.nodes / idle.seconds / count) * 100]),
    figure('topics: time', 's', [topics.seconds]),
    figure('PUBLISHes/topic', '', [total(topics, 'publishes') / topicCount]),
    figure('Redis/topic', 'µs', [(total(topics, 'cpu') / topicCount) * 1e6]),
    figure('nodes/topic', 'µs', [(topics.nodes / topicCount) * 1e6]),
    figure('a death: first', 's', [(goneAfterMs[0] ?? NaN) / 1e3]),
    figure('last', 's', [(goneAfterMs.at(-1) ?? NaN) / 1e3], atMost(leaseMs / 1e3)),
    figure('replacing a node: time', 's', [replaced.seconds / count]),
    figure('PUBLISHes', '', [total(replaced, 'publishes') / count]),
    figure('Redis', 'ms', [(total(replaced, 'cpu') / count) * 1e3]),
    ...(primaryCount === 0 ? [] : busiestFigures({ idle, topics, replaced }, count, topicCount)),
  ];
}

function busiestFigures(
  { idle, topics, replaced }: Omit<Run, 'goneAfterMs'>,
  count: number,
  topicCount: number,
): Figure[] {
  return [
    figure('busiest primary, idle: PUBLISHes/s', '/s', [most(idle, 'publishes') / idle.seconds]),
    figure('its scripts/s', '/s', [most(idle, 'scripts') / idle.seconds]),
    figure('its core', '%', [(most(idle, 'cpu') / idle.seconds) * 100]),
    figure('busiest/topic', 'µs', [(most(topics, 'cpu') / topicCount) * 1e6]),
    figure('busiest, replacing a node', 'ms', [(most(replaced, 'cpu') / count) * 1e3]),
  ];
}

function total({ servers }: Spent, key: keyof SpentServer): number {
  return servers.reduce((sum, one) => sum + one[key], 0);
}

/** The most of any server: not necessarily of the same one for each key. */
function most({ servers }: Spent, key: keyof SpentServer): number {
  return Math.max(...servers.map((one) => one[key]));
}

interface Look {
  readonly atMs: number;
  readonly nodes: number;
  readonly servers: readonly { readonly cpu: number; readonly calls: CommandCalls }[];
}

async function during(nodes: ManyNodes, act: () => Promise<void>): Promise<Spent> {
  const before = await look(nodes);
  await act();
  const after = await look(nodes);
  return {
    seconds: (after.atMs - before.atMs) / 1_000,
    nodes: after.nodes - before.nodes,
    servers: after.servers.map(({ cpu, calls }, index) => {
      const earlier = before.servers[index]!;
      return {
        cpu: cpu - earlier.cpu,
        publishes: callsBetween(earlier.calls, calls, 'publish', 'spublish'),
        scripts: callsBetween(earlier.calls, calls, 'evalsha'),
      };
    }),
  };
}

async function look({ store, pids }: ManyNodes): Promise<Look> {
  return {
    atMs: performance.now(),
    nodes: pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0),
    servers: await Promise.all(
      store.servers.map(async (server) => ({ cpu: cpuSeconds(server.pid), calls: await server.calls() })),
    ),
  };
}
