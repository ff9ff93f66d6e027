// Nodes of a cluster without clients, in one process: the backplanes of routers with default settings, over one Redis or a Redis Cluster.
// many-nodes.ts starts it after npm run build, and asks over the IPC channel.
import { setTimeout as pause } from 'node:timers/promises';
import { parseConfig } from '../../dist/config/load.js';
import { createBackplane } from '../../dist/node/create-backplane.js';
import { createClusterCounters } from '../../dist/telemetry/cluster-counters.js';
import { silentLogger } from '../../dist/telemetry/logger.js';

const [backplane] = process.argv.slice(2);
const config = parseConfig({ backplane: JSON.parse(backplane) });
const realm = 'realm1';
const attempts = 3;
const ignore = () => undefined;

class HostedNode {
  /** When this node received that another one is gone, by the name of the other one. */
  goneAtMs = new Map();
  isFenced = false;

  constructor(name) {
    this.name = name;
    this.backplane = createBackplane({ config, name, counters: createClusterCounters(), logger: silentLogger });
  }

  async start() {
    await this.backplane.start({
      publication: ignore,
      frame: ignore,
      returned: ignore,
      gap: ignore,
      registration: ignore,
      nodeGone: (node) => this.goneAtMs.set(nameOf(node), nowMs()),
      down: ignore,
      up: ignore,
      fenced: () => (this.isFenced = true),
    });
    await this.backplane.directory.serve(realm);
  }
}

const nodes = new Map();

const answers = {
  async enter({ name }) {
    nodes.set(name, await started(name));
  },
  async leave({ name }) {
    await nodes.get(name).backplane.stop();
    nodes.delete(name);
  },
  /** New topics of one node, all at once. */
  async watch({ name, topicPrefix, count }) {
    const { bus } = nodes.get(name).backplane;
    await Promise.all(
      Array.from({ length: count }, async (_, index) => bus.watch(realm, `${topicPrefix}.${index}`, 'exact')),
    );
  },
  /** How many nodes each node knows, itself included. */
  counts() {
    for (const { name, isFenced } of nodes.values())
      if (isFenced) throw new Error(`the others have declared ${name} dead, though it lives: the machine is too busy`);
    return [...nodes.values()].map(({ backplane }) => backplane.gauges.nodes);
  },
  /** When each node received that this one is gone; null: not yet. */
  gone({ name }) {
    return [...nodes.values()].map(({ goneAtMs }) => goneAtMs.get(name) ?? null);
  },
};

/** A router, too, tries again after an attempt that took too long. */
async function started(name) {
  for (let attempt = 1; ; attempt += 1) {
    const node = new HostedNode(name);
    try {
      await node.start();
      return node;
    } catch (error) {
      await node.backplane.stop().catch(ignore);
      if (attempt === attempts) throw error;
      await pause(500);
    }
  }
}

/** The id of a node is its name and a UUID. */
function nameOf(node) {
  return node.slice(0, -'-00000000-0000-0000-0000-000000000000'.length);
}

/** The same clock in all processes. */
function nowMs() {
  return Number(process.hrtime.bigint()) / 1e6;
}

process.on('message', ({ id, ask, ...question }) => {
  const answer = async () => answers[ask](question);
  answer().then(
    (reply) => process.send({ id, reply: reply ?? null }),
    (error) => process.send({ id, error: String(error) }),
  );
});

// The runner is gone.
process.on('disconnect', () => process.exit(0));
process.send({ id: 0, reply: null });
