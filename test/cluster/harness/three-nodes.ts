import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigInput } from '../../../src/config/schema.js';
import { GantryProcess } from '../../support/gantry-process.js';
import { RawClient } from '../../support/raw-client.js';
import { startRedis, type RedisServer } from '../../support/redis.js';
import { COMMAND_TIMEOUT_MS, TIMINGS } from './timings.js';

export interface NodeProcess {
  readonly process: GantryProcess;
  readonly url: string;
}

/** Three nodes in processes of their own over a Redis of their own, which a test may kill. */
export class ThreeNodes {
  readonly redis: RedisServer;
  readonly nodes: NodeProcess[] = [];
  readonly #folder: string;
  readonly #clients: RawClient[] = [];

  private constructor(redis: RedisServer, config: ConfigInput) {
    this.redis = redis;
    this.#folder = mkdtempSync(join(tmpdir(), 'gantry-nodes-'));
    const backplane = {
      url: redis.url,
      redis: { commandTimeoutMs: COMMAND_TIMEOUT_MS, connectTimeoutMs: COMMAND_TIMEOUT_MS },
      cluster: TIMINGS,
    };
    const quiet = { drain: { periodMs: 300, deadlineMs: 8_000 }, ops: { enabled: false }, demo: { enabled: false } };
    writeFileSync(join(this.#folder, 'gantry.json'), JSON.stringify({ ...quiet, ...config, backplane }));
  }

  static async start(config: ConfigInput = {}): Promise<ThreeNodes> {
    const cluster = new ThreeNodes(await startRedis(), config);
    for (let count = 0; count < 3; count++) cluster.nodes.push(await cluster.startNode());
    return cluster;
  }

  url(node: number): string {
    return this.nodes[node]!.url;
  }

  /** A new client of the node; `stop` drops it. */
  async join(node: number): Promise<RawClient> {
    const client = await RawClient.join(this.url(node));
    this.#clients.push(client);
    return client;
  }

  signal(node: number, signal: NodeJS.Signals): void {
    this.nodes[node]!.process.signal(signal);
  }

  /** Another node, which is not in the list. */
  async startNode(): Promise<NodeProcess> {
    const process = new GantryProcess(['start', '--config', join(this.#folder, 'gantry.json'), '--port', '0']);
    return { process, url: await process.ready() };
  }

  /** Ends a node in order, and puts another one in its place. */
  async replace(node: number): Promise<void> {
    this.signal(node, 'SIGTERM');
    await this.nodes[node]!.process.exit;
    this.nodes[node] = await this.startNode();
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.drop();
    for (const { process } of this.nodes) {
      process.signal('SIGCONT');
      process.signal('SIGKILL');
    }
    await Promise.all(this.nodes.map(({ process }) => process.exit));
    await this.redis.stop();
    rmSync(this.#folder, { recursive: true });
  }
}
