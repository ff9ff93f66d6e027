import { Deferred } from '../../../util/deferred.js';
import { SingleFlight } from '../../../util/single-flight.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import type { ConnectionName, Script, StoreLink, StoreNotice } from '../ports.js';
import type { ServerAddress } from './client-options.js';
import type { ConnectionsOptions, MakeProber, Servers } from './ports.js';
import { Shard } from './shard.js';
import { isAgreed } from './slot-agreement.js';
import type { SlotMap } from './slot-map.js';
import { StoreUnusableError } from './store-errors.js';

export interface ShardedConnectionsOptions extends ConnectionsOptions {
  /** All keys and channels begin with it. */
  readonly prefix: string;
  readonly makeProber: MakeProber;
  readonly servers: Servers;
  /** A timer that keeps the process alive. */
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** A random word, see Shard. */
  readonly newMark: () => string;
}

const RETRY_MS = 250;
/** The slots are read again this often without a reason, in heartbeats. */
const TICKS_PER_READING = 5;
/** Hash tags to try. On average 16,384 find the only slot of a server; that so many do not has a probability of 10^-26. */
const MAX_TAGS = 1_000_000;

/**
 * The connections of a node to the primaries of a Redis Cluster. Each command goes to the server that owns the slot of its first
 * key, each message to that of its channel. They are connected when all primaries are: the loss of one, and a slot that has moved, is
 * an outage of them all, after which the node compares everything again. No command is sent twice.
 */
export class ShardedConnections implements StoreLink {
  readonly #options: ShardedConnectionsOptions;
  /** The key is `host:port`. */
  readonly #shards = new Map<string, Shard>();
  readonly #wanted = new Set<string>();
  readonly #readings = new SingleFlight(() => this.#read());
  #map: SlotMap | undefined;
  #isConnected = false;
  #isStopped = false;
  #isResetting = false;
  /** Rows may have been lost since the last `connected`. */
  #isDoubtful = false;
  #lastFailure = '';
  #tickCount = 0;
  #cancelReading: (() => void) | undefined;
  #starting: Deferred | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: ShardedConnectionsOptions) {
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  get missingServerCount(): number {
    if (this.#map === undefined) return 1;
    const missing = [...this.#map.primaries.keys()].filter((name) => !this.#isReady(name));
    return missing.length;
  }

  get maxPublishBytes(): number {
    return Math.min(...[...this.#shards.values()].map(({ connections }) => connections.maxPublishBytes));
  }

  start(): Promise<void> {
    this.#starting = new Deferred();
    void this.#readings.run();
    return this.#starting.promise;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  reset(reason: string): void {
    this.#lose('subscriber', new Error(reason));
    this.#isResetting = true;
    for (const { connections } of this.#shards.values()) connections.reset(reason);
    this.#isResetting = false;
    this.#readSoon(0);
  }

  async subscribe(channel: string): Promise<void> {
    this.#wanted.add(channel);
    const shard = this.#shardOf(channel);
    if (shard === undefined) throw new BackplaneUnavailableError('subscribe');
    await shard.connections.subscribe(channel);
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#wanted.delete(channel);
    await this.#shardOf(channel)?.connections.unsubscribe(channel);
  }

  publish(channel: string, bytes: Uint8Array): Promise<number> {
    const shard = this.#shardOf(channel);
    if (shard === undefined) return Promise.reject(new BackplaneUnavailableError('publish'));
    return shard.connections.publish(channel, bytes);
  }

  async run<Input, Reply>(script: Script<Input, Reply>, input: Input): Promise<Reply> {
    const encoded = script.encode(input);
    const shard = this.#shardOf(encoded.keys[0] ?? '');
    if (shard === undefined) throw new BackplaneUnavailableError(script.file);
    return shard.connections.run({ ...script, encode: () => encoded }, input);
  }

  async *scanSet(key: string): AsyncGenerator<readonly string[]> {
    yield* this.#demand(key).connections.scanSet(key);
  }

  async *scanHash(key: string): AsyncGenerator<readonly (readonly [field: string, value: Uint8Array])[]> {
    yield* this.#demand(key).connections.scanHash(key);
  }

  tick(hasSlept: boolean): void {
    for (const shard of this.#shards.values()) if (shard.connections.isConnected) shard.tick(hasSlept);
    if (++this.#tickCount % TICKS_PER_READING === 0) this.#readSoon(0);
  }

  #shardOf(name: string): Shard | undefined {
    return this.#shards.get(this.#map?.ownerOf(name) ?? '');
  }

  #demand(key: string): Shard {
    const shard = this.#shardOf(key);
    if (shard === undefined) throw new BackplaneUnavailableError('scan');
    return shard;
  }

  #readSoon(delayMs: number): void {
    if (this.#isStopped) return;
    this.#cancelReading?.();
    this.#cancelReading = this.#options.after(delayMs, () => void this.#readings.run());
  }

  /** Never rejects. */
  async #read(): Promise<void> {
    try {
      const read = await this.#options.servers.slots.read(this.#map?.primaries.values() ?? []);
      const map = await this.#confirmed(read);
      this.#lastFailure = '';
      if (map !== undefined && !this.#isStopped) this.#adopt(map);
      if (map === undefined || !this.#isConnected) this.#readSoon(RETRY_MS);
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  /** Undefined: the servers do not agree on the slots that have moved. */
  async #confirmed(read: SlotMap): Promise<SlotMap | undefined> {
    if (this.#map === undefined) return read;
    const moved = read.movedSince(this.#map);
    if (moved.size === 0) return read;
    const addresses = new Map([...this.#map.primaries, ...read.primaries]);
    const ask = (primary: string): Promise<SlotMap> =>
      this.#options.servers.slots.readFrom(addresses.get(primary) as ServerAddress);
    return (await isAgreed(moved, new Set(addresses.keys()), ask)) ? read : undefined;
  }

  #failed(cause: Error): void {
    if (this.#isStopped) return;
    const isUnusable = cause instanceof StoreUnusableError;
    this.#options.counters.storeErrors[isUnusable ? 'refused' : 'connection']++;
    if (this.#lastFailure !== cause.message) {
      this.#lastFailure = cause.message;
      this.#notify(isUnusable ? 'error' : 'warn', isUnusable ? 'unusable' : 'attempt_failed', cause.message);
    }
    if (isUnusable && this.#starting !== undefined) this.#giveUp(cause);
    else this.#readSoon(RETRY_MS);
  }

  #giveUp(cause: Error): void {
    const starting = this.#starting;
    this.#starting = undefined;
    void this.stop().then(() => starting?.reject(cause));
  }

  #adopt(map: SlotMap): void {
    const before = this.#map;
    const haveMoved = before !== undefined && map.movedSince(before).size > 0;
    const missing = [...map.primaries.keys()].filter((name) => !this.#shards.has(name));
    if (before !== undefined && !haveMoved && missing.length === 0) return;
    if (haveMoved) {
      this.#isDoubtful = true;
      this.reset('the slots of the Redis Cluster have moved');
    }
    this.#map = map;
    for (const [name, shard] of this.#shards) {
      // Its probes and its mark would be at another server.
      if (map.ownerOf(shard.tagged) === name) continue;
      this.#shards.delete(name);
      void shard.connections.stop();
    }
    const added = new Map<string, Shard>();
    for (const [name, address] of map.primaries)
      if (!this.#shards.has(name)) added.set(name, this.#create(name, address, map));
    for (const [name, shard] of added) this.#shards.set(name, shard);
    this.#distribute();
    for (const [name, shard] of added)
      shard.connections.start().catch((cause: unknown) => this.#ended(name, shard, cause as Error));
  }

  /** A shard that was not connected yet: it is no longer needed, or an operator must mend its server before the start. */
  #ended(name: string, shard: Shard, cause: Error): void {
    if (this.#shards.get(name) !== shard || this.#starting === undefined) return;
    this.#giveUp(cause instanceof StoreUnusableError ? new StoreUnusableError(`${name}: ${cause.message}`) : cause);
  }

  /** Each channel at the server that owns its slot, and at no other. */
  #distribute(): void {
    for (const channel of this.#wanted) {
      const owner = this.#shardOf(channel);
      for (const shard of this.#shards.values()) {
        if (shard === owner) shard.connections.subscribe(channel).catch(() => undefined);
        else void shard.connections.unsubscribe(channel);
      }
    }
  }

  #create(name: string, address: ServerAddress, map: SlotMap): Shard {
    const { access, prefix, makeProber, newMark, servers } = this.#options;
    return new Shard({
      connections: {
        ...this.#options,
        access: { ...access, primary: address },
        // A server that comes later is waited for, as one that becomes unusable later.
        isLasting: this.#starting === undefined,
        redirected: (reason) => this.#redirected(reason),
        log: (notice) => this.#log(name, notice),
        events: {
          message: (channel, bytes) => {
            if (this.#wanted.has(channel)) this.#options.events.message(channel, bytes);
          },
          connected: (isOtherServer) => {
            if (isOtherServer) this.#isDoubtful = true;
            this.#check();
          },
          disconnected: (which, cause) => {
            this.#lose(which, cause);
            if (!this.#isResetting) this.#readSoon(RETRY_MS);
          },
        },
      },
      tagged: `${prefix}:{${tagAt(name, map)}}`,
      makeProber,
      newMark,
      connect: (options) => servers.connect(options),
      failed: (reason, isEmptied) => {
        if (isEmptied) this.#isDoubtful = true;
        this.reset(reason);
      },
    });
  }

  #isReady(name: string): boolean {
    return this.#shards.get(name)?.connections.isConnected === true;
  }

  #redirected(reason: string): void {
    // The slot is on its way; later commands are carried out where it arrives.
    if (/^(ASK|TRYAGAIN) /.test(reason)) this.#readSoon(RETRY_MS);
    // Not in the middle of a reply.
    else if (this.#isConnected) queueMicrotask(() => this.reset(reason));
  }

  #check(): void {
    if (this.#isConnected || this.#isStopped) return;
    if (this.missingServerCount > 0) return;
    this.#isConnected = true;
    const isOtherServer = this.#isDoubtful && this.#starting === undefined;
    this.#isDoubtful = false;
    this.#notify('info', 'connected', `all connections to the ${this.#shards.size} primaries of Redis are ready`);
    this.#options.events.connected(isOtherServer);
    this.#starting?.resolve();
    this.#starting = undefined;
  }

  #lose(which: ConnectionName, cause: Error): void {
    if (!this.#isConnected || this.#isStopped) return;
    this.#isConnected = false;
    this.#notify('warn', 'lost', cause.message);
    this.#options.events.disconnected(which, cause);
  }

  async #stop(): Promise<void> {
    this.#isStopped = true;
    this.#isConnected = false;
    this.#cancelReading?.();
    await Promise.all([...this.#shards.values()].map(({ connections }) => connections.stop()));
    this.#starting?.reject(new BackplaneUnavailableError('start'));
    this.#starting = undefined;
  }

  #log(name: string, notice: StoreNotice): void {
    if (notice.kind !== 'connected') this.#options.log({ ...notice, message: `${name}: ${notice.message}` });
  }

  #notify(level: StoreNotice['level'], kind: StoreNotice['kind'], message: string): void {
    this.#options.log({ level, kind, message });
  }
}

/** A hash tag whose slot the server owns; the same on all nodes that know the same slots. */
function tagAt(server: string, map: SlotMap): string {
  for (let number = 0; number < MAX_TAGS; number++) {
    const tag = `p:${number}`;
    if (map.ownerOf(`{${tag}}`) === server) return tag;
  }
  throw new Error(`${server} owns no slot`);
}
