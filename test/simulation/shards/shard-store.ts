import type { ServerAddress } from '../../../src/backplane/redis/connection/client-options.js';
import type { ConnectionsOptions, ServerConnections, Servers } from '../../../src/backplane/redis/connection/ports.js';
import { SlotMap } from '../../../src/backplane/redis/connection/slot-map.js';
import { SLOT_COUNT } from '../../../src/backplane/redis/connection/slots.js';
import { BatchReader } from '../../../src/backplane/wire/batch-reader.js';
import type { ScriptArgument } from '../../../src/backplane/redis/ports.js';
import type { NodeId } from '../../../src/wamp/ids.js';
import type { VirtualTime } from '../virtual-time.js';
import { Primary } from './primary.js';
import { SimulatedConnections } from './simulated-connections.js';

const HOST = 'store';
const WALL_MS = 1_700_000_000_000;
const SLOW_MS = 20;
const USUAL_MS = 4;
const RESTORED_MS = 5;

/** A message from one node to another that was delivered to a connection that is no more. */
export interface Loss {
  readonly from: NodeId;
  readonly to: NodeId;
}

export interface ShardStoreOptions {
  readonly partCount: number;
  readonly time: VirtualTime;
  readonly random: () => number;
  /** A node has lost a connection. */
  readonly disconnected: (node: NodeId) => void;
  readonly lost: (loss: Loss) => void;
  /** The rows of the node are about to be removed by another one. */
  readonly reaped: (node: NodeId) => void;
}

/** A Redis Cluster in memory: several primaries, each with slots, delays and failures of its own. */
export class ShardStore {
  readonly time: VirtualTime;
  readonly random: () => number;
  readonly options: ShardStoreOptions;
  /** The primaries that own slots, in the order of their slots. */
  readonly parts: Primary[] = [];
  /** All that ever were, by name. */
  readonly servers = new Map<string, Primary>();
  /** Commands, replies and messages under way, those aside that nodes send all the time. */
  underWayCount = 0;
  readonly #connections = new Set<SimulatedConnections>();
  /** Node and name of a server that cannot reach each other, and how often that has begun. */
  readonly #cuts = new Map<string, number>();
  readonly #slowest = new Map<string, number>();
  readonly #faults = new Map<string, 'lose' | 'return'>();
  readonly #borders: readonly number[];
  #configEpoch = 0;

  constructor(options: ShardStoreOptions) {
    const { partCount, time, random } = options;
    this.options = options;
    this.time = time;
    this.random = random;
    const inner = Array.from({ length: partCount - 1 }, () => 1 + Math.floor(random() * (SLOT_COUNT - 2)));
    this.#borders = [0, ...[...new Set(inner)].sort((one, other) => one - other), SLOT_COUNT];
    const names = this.#borders.slice(1).map((_, at) => `${HOST}:${at + 1}`);
    const slots = this.#slotMap(names);
    for (const name of names) this.parts.push(this.#add(name, slots));
  }

  /** Milliseconds since 1970. */
  get wallMs(): number {
    return WALL_MS + this.time.nowMs;
  }

  /** The servers as one node reaches them. */
  serversFor(node: () => NodeId): Servers {
    return {
      slots: {
        read: async (known) => {
          const names = new Set([...known].map(nameOf));
          for (const { name } of this.parts) names.add(name);
          for (const name of names) {
            const map = await this.#readFrom(node(), name).catch(() => undefined);
            if (map !== undefined) return map;
          }
          throw new Error('no server replies');
        },
        readFrom: (address) => this.#readFrom(node(), nameOf(address)),
      },
      connect: (options) => this.#connect(options),
    };
  }

  delayMs(node: NodeId, { name }: Primary): number {
    const way = `${node} ${name}`;
    let slowest = this.#slowest.get(way);
    if (slowest === undefined) {
      slowest = this.random() < 0.2 ? SLOW_MS : this.random() * USUAL_MS;
      this.#slowest.set(way, slowest);
    }
    return this.random() * slowest;
  }

  reaches(node: NodeId, server: Primary): boolean {
    return !server.isAway && !this.#cuts.has(`${node} ${server.name}`) && !this.#cuts.has(`${node} *`);
  }

  reachesAll(node: NodeId): boolean {
    return this.parts.every((part) => this.reaches(node, part));
  }

  part(index: number): Primary {
    return this.parts[index % this.parts.length]!;
  }

  /** Drops the connections of the node to the server, or to all, which it cannot reach from now on. Returns what ends that. */
  cut(node: NodeId, server?: Primary): () => void {
    const way = `${node} ${server?.name ?? '*'}`;
    const number = (this.#cuts.get(way) ?? 0) + 1;
    this.#cuts.set(way, number);
    this.#drop((one) => one.node === node && (server === undefined || one.server === server), 'the network has failed');
    return () => {
      if (this.#cuts.get(way) === number) this.#cuts.delete(way);
    };
  }

  heal(node: NodeId): void {
    for (const way of [...this.#cuts.keys()]) if (way.startsWith(`${node} `)) this.#cuts.delete(way);
  }

  /** The process of the node has ended. The first `keptCount` commands under way on each connection are still carried out. */
  kill(node: NodeId, keptCount: number): void {
    for (const one of this.#connections) if (one.node === node) one.die(keptCount);
  }

  /** No node reaches the server for a while. `restarts`: with another process, which has the same data. */
  takeAway(server: Primary, forMs: number, restarts: boolean): void {
    if (server.isAway) return;
    server.isAway = true;
    if (restarts) server.runId += '+';
    this.#drop((one) => one.server === server, 'the server has closed the connection');
    this.time.after(forMs, () => {
      if (this.parts.includes(server)) server.isAway = false;
    });
  }

  /** Ends all outages but those of servers that were replaced. */
  healAll(): void {
    this.#cuts.clear();
    for (const server of this.parts) server.isAway = false;
  }

  fallBehind(server: Primary): void {
    server.fallBehind(new Primary(`${server.name}r`, server.slots, () => 0));
  }

  /**
   * A replica takes over, with what it has. The other servers learn of it within `lateMs`. `goesOn`: so does the primary, which
   * carries out commands until then, and else is away at once.
   */
  takeOver(index: number, lateMs: number, goesOn: boolean): void {
    const at = index % this.parts.length;
    const former = this.parts[at]!;
    const names = this.parts.map(({ name }) => name);
    names[at] = `${HOST}:${this.servers.size + 1}`;
    const slots = this.#slotMap(names);
    const successor = this.#add(names[at], slots);
    former.handOver(successor);
    this.parts[at] = successor;
    const configEpoch = ++this.#configEpoch;
    successor.configEpoch = configEpoch;
    for (const server of this.servers.values())
      if (server !== former) this.time.after(this.random() * lateMs, () => server.learn(slots, configEpoch));
    if (goesOn && !former.isAway) this.time.after(lateMs, () => this.#demote(former, slots, configEpoch));
    else this.takeAway(former, 0, false);
  }

  empty(server: Primary, restarts: boolean): void {
    server.empty();
    if (!restarts) return;
    server.runId += '+';
    this.#drop((one) => one.server === server, 'the server has closed the connection');
  }

  /** The next messages of the node for the other one are lost, or are not delivered and the sender knows. */
  failNext(from: NodeId, to: NodeId, fault: 'lose' | 'return'): void {
    this.#faults.set(`${from} ${to}`, fault);
  }

  takeFault(from: NodeId, channel: string): 'lose' | 'return' | undefined {
    const way = `${from} ${/\{n:(.*)\}:inbox$/.exec(channel)?.[1] ?? ''}`;
    const fault = this.#faults.get(way);
    this.#faults.delete(way);
    return fault;
  }

  /** A step was carried out. */
  noteStep(file: string, [node, reaper]: readonly ScriptArgument[], reply: unknown): void {
    if (file === 'begin_reap.lua' && node !== reaper && String(reply).startsWith('won'))
      this.options.reaped(node as NodeId);
  }

  /** A message that was delivered to nobody. */
  noteLost(channel: string, bytes: Uint8Array): void {
    const to = /\{n:(.*)\}:inbox$/.exec(channel)?.[1] as NodeId | undefined;
    if (to === undefined) return;
    const head = new BatchReader(to).open(bytes);
    if (typeof head !== 'string' && head.itemCount > 0) this.options.lost({ from: head.from, to });
  }

  /** Whether a message has content: nodes send probes and heartbeats all the time. */
  hasContent(channel: string, bytes: Uint8Array): boolean {
    const to = /\{n:(.*)\}:inbox$/.exec(channel)?.[1] as NodeId | undefined;
    if (to === undefined) return !channel.includes(':probe:');
    const head = new BatchReader(to).open(bytes);
    return typeof head !== 'string' && head.itemCount > 0;
  }

  rowsOf(node: NodeId): string[] {
    return this.parts.flatMap((part) => part.rowsOf(node));
  }

  #add(name: string, slots: SlotMap): Primary {
    const server = new Primary(name, slots, () => this.wallMs);
    this.servers.set(name, server);
    return server;
  }

  /** The former primary has learned that a replica has its slots. */
  #demote(former: Primary, slots: SlotMap, configEpoch: number): void {
    former.learn(slots, configEpoch);
    former.isDemoted = true;
    for (const one of this.#connections) if (one.server === former) one.moved();
  }

  #connect(options: ConnectionsOptions): ServerConnections {
    const server = this.servers.get(nameOf(options.access.primary!))!;
    const made = new SimulatedConnections(this, server, options);
    this.#connections.add(made);
    return made;
  }

  #drop(isMeant: (one: SimulatedConnections) => boolean, reason: string): void {
    for (const one of this.#connections) if (isMeant(one)) one.reset(reason);
  }

  #readFrom(node: NodeId, name: string): Promise<SlotMap> {
    const server = this.servers.get(name)!;
    return new Promise((resolve, reject) => {
      this.time.after(RESTORED_MS + this.delayMs(node, server), () => {
        if (this.reaches(node, server)) resolve(server.slots);
        else reject(new Error(`${name} does not reply`));
      });
    });
  }

  #slotMap(names: readonly string[]): SlotMap {
    const ranges = names.map((name, at) => {
      const port = Number(name.split(':')[1]);
      return [this.#borders[at], this.#borders[at + 1]! - 1, [HOST, port]];
    });
    return SlotMap.parse(ranges, HOST);
  }
}

function nameOf(address: ServerAddress): string {
  return 'host' in address ? `${address.host}:${address.port}` : address.path;
}
