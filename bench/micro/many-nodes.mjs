// The cost of many nodes for Redis: node bench/micro/many-nodes.mjs [COUNT…], after npm run build. Needs redis-server in the PATH.
// The backplanes of all nodes run in this process; each has its own connections, and Redis is a process of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { RedisBackplane } from '../../dist/backplane/redis/redis-backplane.js';
import { createClusterCounters } from '../../dist/telemetry/cluster-counters.js';
import { silentLogger } from '../../dist/telemetry/logger.js';

const [first, childUrl] = process.argv.slice(2);
const isChild = first === 'child';
const counts = isChild ? [] : process.argv.slice(2).map(Number);
const idleMs = 10_000;
const topicCount = 5_000;
const realm = 'realm1';
const timings = {
  leaseMs: 7_000,
  renewMs: 2_000,
  absentMs: 1_500,
  heartbeatMs: 1_000,
  probeTimeoutMs: 3_000,
  barrierTimeoutMs: 15_000,
  reaskMs: 500,
  takeoverTimeoutMs: 10_000,
  downAfterMs: 1_000,
  startTimeoutMs: 60_000,
};
const limits = { maxBatchBytes: 262_144, maxItemsPerBatch: 256, maxUnacknowledgedBytes: 67_108_864 };

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Commands and CPU time of Redis so far. */
async function look(redis) {
  const info = await redis.info('all');
  const number = (name) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)[1]);
  const calls = (name) => Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  return {
    atMs: performance.now(),
    cpu: number('used_cpu_user') + number('used_cpu_sys'),
    messages: calls('publish'),
    scripts: calls('evalsha'),
  };
}

function between(before, after) {
  const seconds = (after.atMs - before.atMs) / 1_000;
  return {
    seconds,
    messages: (after.messages - before.messages) / seconds,
    scripts: (after.scripts - before.scripts) / seconds,
    core: (after.cpu - before.cpu) / seconds,
    cpu: after.cpu - before.cpu,
    messageCount: after.messages - before.messages,
  };
}

async function during(redis, work) {
  const before = await look(redis);
  await work();
  return between(before, await look(redis));
}

async function until(isSo) {
  while (!isSo()) await pause(20);
}

class BenchNode {
  gone = new Set();
  constructor(url, number) {
    this.backplane = new RedisBackplane({
      name: `n${number}`,
      access: { url, connectTimeoutMs: 10_000, commandTimeoutMs: 10_000 },
      prefix: 'bench',
      timings,
      limits,
      counters: createClusterCounters(),
      logger: silentLogger,
    });
  }

  async start() {
    const ignore = () => undefined;
    await this.backplane.start({
      publication: ignore,
      frame: ignore,
      returned: ignore,
      gap: ignore,
      registration: ignore,
      nodeGone: (node) => this.gone.add(node),
      down: ignore,
      up: ignore,
      fenced: ignore,
    });
    await this.backplane.directory.serve(realm);
  }
}

/** A further node, in a process of its own, is killed. Returns when each of the others has learned of it, in order. */
async function death(url, nodes) {
  const child = spawn(process.execPath, [process.argv[1], 'child', url], { stdio: 'ignore' });
  await until(() => nodes.every(({ backplane }) => backplane.gauges.nodes === nodes.length + 1));
  await pause(3 * timings.heartbeatMs);
  child.kill('SIGKILL');
  const startMs = performance.now();
  const times = nodes.map(async (node) => {
    await until(() => node.gone.size > 0);
    return Math.round(performance.now() - startMs);
  });
  return (await Promise.all(times)).sort((one, other) => one - other);
}

async function measure(count) {
  const port = await freePort();
  const server = spawn('redis-server', ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], {
    stdio: 'ignore',
  });
  await pause(500);
  const url = `redis://127.0.0.1:${port}`;
  const redis = new Redis(url);
  try {
    const nodes = Array.from({ length: count }, (_, number) => new BenchNode(url, number));
    const entering = await during(redis, async () => {
      for (const node of nodes) await node.start();
      await until(() => nodes.every(({ backplane }) => backplane.gauges.nodes === count));
    });
    // The heartbeats of new lanes, and the lease in which nobody is judged.
    await pause(timings.leaseMs + 3_000);
    const idle = await during(redis, () => pause(idleMs));
    const storm = await during(redis, () =>
      Promise.all(
        Array.from({ length: topicCount }, async (_, number) =>
          nodes[0].backplane.bus.watch(realm, `topic.${number}`, 'exact'),
        ),
      ),
    );
    const goneAfterMs = await death(url, nodes);
    return { count, entering, idle, storm, goneAfterMs };
  } finally {
    redis.disconnect();
    server.kill('SIGKILL');
  }
}

if (isChild) await new BenchNode(childUrl, 'child').start();
else {
  console.log(
    '| nodes | idle: PUBLISHes/s | scripts/s | core of Redis | new topic: messages | µs of Redis | a death, first and last |',
  );
  console.log('|---:|---:|---:|---:|---:|---:|---:|');
  for (const count of counts.length > 0 ? counts : [2, 8, 32, 64]) {
    const { idle, storm, goneAfterMs } = await measure(count);
    const cells = [
      count,
      idle.messages.toFixed(0),
      idle.scripts.toFixed(0),
      `${(100 * idle.core).toFixed(2)} %`,
      (storm.messageCount / topicCount).toFixed(2),
      ((storm.cpu / topicCount) * 1e6).toFixed(1),
      `${goneAfterMs[0]} ms, ${goneAfterMs.at(-1)} ms`,
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
  process.exit(0);
}
