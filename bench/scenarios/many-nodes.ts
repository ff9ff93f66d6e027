import { setTimeout as pause } from 'node:timers/promises';
import { measureCase, type Bench, type Scenario } from '../bench.js';
import { ManyNodes, type GoneAfterMs } from '../cluster/many-nodes.js';
import { callsBetween, type CommandCalls, type RunningRedis } from '../cluster/redis-server.js';
import { cpuSeconds } from '../measure/cpu.js';
import { atMost, figure, type Figure } from '../report/figures.js';

/** A lease, in which a new node judges nobody, and three heartbeats of new lanes. */
const settleMs = 10_000;
const idleMs = 10_000;
const smokeMs = 300;
/** A node that dies has been there for some heartbeats. */
const beforeDeathMs = 3_000;
/** One probe a second, and one more in some runs. */
const publishesPerNode = 1.2;
const leaseMs = 7_000;

export const manyNodes: Scenario = {
  name: 'nodes',
  about:
    'Nodes without clients over one Redis, in four processes on the core of Redis, with default settings. Idle; topics ' +
    'that nobody had, all at once on one node; the process of a further node is killed; one after the other, a new node ' +
    'enters for each and the old one leaves. CPU time of Redis, and its PUBLISHes and scripts.',
  run: async (bench) => {
    if (bench.against === 'peers' || bench.against === 'nothing') return;
    for (const count of bench.settings.manyNodes) {
      await measureCase(bench, manyNodes.name, `${count} nodes`, () =>
        bench.clusters.withRedis((redis) => measure(bench, redis, count)),
      );
    }
  },
};

/** CPU time and commands of Redis, and CPU time of all nodes together, in some time. */
interface Spent {
  readonly seconds: number;
  readonly redis: number;
  readonly nodes: number;
  readonly publishes: number;
  readonly scripts: number;
}

interface Run {
  readonly idle: Spent;
  readonly topics: Spent;
  readonly goneAfterMs: GoneAfterMs;
  readonly replaced: Spent;
}

async function measure(bench: Bench, redis: RunningRedis, count: number): Promise<Figure[]> {
  const isSmoke = bench.settings.mode === 'smoke';
  const topicCount = bench.settings.manyNodesTopics;
  const nodes = await ManyNodes.start(redis, count);
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
  return [
    figure('idle: PUBLISHes/s', '/s', [idle.publishes / idle.seconds]),
    figure('for each node', '/s', [idle.publishes / idle.seconds / count], atMost(publishesPerNode)),
    figure('scripts/s', '/s', [idle.scripts / idle.seconds]),
    figure('core of Redis', '%', [(idle.redis / idle.seconds) * 100]),
    figure('core of a node', '%', [(idle.nodes / idle.seconds / count) * 100]),
    figure('topics: time', 's', [topics.seconds]),
    figure('PUBLISHes/topic', '', [topics.publishes / topicCount]),
    figure('Redis/topic', 'µs', [(topics.redis / topicCount) * 1e6]),
    figure('nodes/topic', 'µs', [(topics.nodes / topicCount) * 1e6]),
    figure('a death: first', 's', [(goneAfterMs[0] ?? NaN) / 1e3]),
    figure('last', 's', [(goneAfterMs.at(-1) ?? NaN) / 1e3], atMost(leaseMs / 1e3)),
    figure('replacing a node: time', 's', [replaced.seconds / count]),
    figure('PUBLISHes', '', [replaced.publishes / count]),
    figure('Redis', 'ms', [(replaced.redis / count) * 1e3]),
  ];
}

interface Look {
  readonly atMs: number;
  readonly redis: number;
  readonly nodes: number;
  readonly calls: CommandCalls;
}

async function during(nodes: ManyNodes, act: () => Promise<void>): Promise<Spent> {
  const before = await look(nodes);
  await act();
  const after = await look(nodes);
  return {
    seconds: (after.atMs - before.atMs) / 1_000,
    redis: after.redis - before.redis,
    nodes: after.nodes - before.nodes,
    publishes: callsBetween(before.calls, after.calls, 'publish'),
    scripts: callsBetween(before.calls, after.calls, 'evalsha'),
  };
}

async function look({ redis, pids }: ManyNodes): Promise<Look> {
  return {
    atMs: performance.now(),
    redis: cpuSeconds(redis.pid),
    nodes: pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0),
    calls: await redis.calls(),
  };
}
