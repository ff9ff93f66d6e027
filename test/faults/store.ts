import { Redis } from 'ioredis';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.js';
import { startPeer, startSentinel, type RedisServer, type Sentinel } from '../support/redis.js';

const MASTER = 'faults';
const PROMPT = ['--repl-diskless-sync-delay', '0'] as const;

/** Two servers, one the replica of the other through a link that may stall, and a Sentinel that watches them. */
export class ReplicatedStore {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly #link: FaultProxy;
  readonly #sentinel: Sentinel;
  #isFailedOver = false;

  private constructor(master: RedisServer, replica: RedisServer, link: FaultProxy, sentinel: Sentinel) {
    this.master = master;
    this.replica = replica;
    this.#link = link;
    this.#sentinel = sentinel;
  }

  static async start(): Promise<ReplicatedStore> {
    const master = await startPeer(PROMPT);
    const link = await startFaultProxy(master.port);
    const replica = await startPeer(['--replicaof', '127.0.0.1', `${link.port}`, ...PROMPT]);
    while (!String(await master.command('INFO', 'replication')).includes('state=online'))
      await new Promise(setImmediate);
    const sentinel = await startSentinel(MASTER, master);
    await knows(sentinel, replica);
    return new ReplicatedStore(master, replica, link, sentinel);
  }

  /** Those that run. */
  get servers(): readonly RedisServer[] {
    return this.#isFailedOver ? [this.replica] : [this.master, this.replica];
  }

  /** As words for a router. */
  get settings(): readonly string[] {
    return [`backplane.redis.sentinels.master=${MASTER}`, `backplane.redis.sentinels.nodes=["${this.#sentinel.node}"]`];
  }

  /** The replica gets nothing any more from now on. */
  stall(): void {
    this.#link.hold(undefined, 'to-node');
  }

  /** The master ends at once. Resolves when the replica is the master. */
  async failOver(): Promise<void> {
    this.#isFailedOver = true;
    await this.master.kill();
    await this.#link.cut();
    // Who becomes the master drops those connected.
    const role = (): Promise<unknown> => this.replica.command('INFO', 'replication').catch(() => '');
    while (!String(await role()).includes('role:master')) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  async stop(): Promise<void> {
    await this.#sentinel.stop();
    await this.#link.stop();
    await Promise.all([this.master.stop(), this.replica.stop()]);
  }
}

async function knows(sentinel: Sentinel, replica: RedisServer): Promise<void> {
  const client = new Redis(sentinel.port, '127.0.0.1', { retryStrategy: () => 5, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  for (;;) {
    const replicas = (await client.call('SENTINEL', 'REPLICAS', MASTER)) as string[][];
    if (replicas.some((fields) => fields.includes(`${replica.port}`) && fields.includes('ok'))) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  client.disconnect();
}
