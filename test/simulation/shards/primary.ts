import type { Buffer } from 'node:buffer';
import type { ScriptArgument } from '../../../src/backplane/redis/ports.js';
import type { SlotMap } from '../../../src/backplane/redis/connection/slot-map.js';
import type { NodeId } from '../../../src/wamp/ids.js';
import { RealmTwin } from '../../support/realm-twin.js';
import { StoreTwin } from '../../support/store-twin.js';

/** A connection that receives the messages of the channels to which it listens. */
export interface Listener {
  receive(channel: string, bytes: Uint8Array): void;
}

const MEMBERSHIP_FILES: ReadonlySet<string> = new Set([
  'enter_node.lua',
  'renew_lease.lua',
  'load_nodes.lua',
  'begin_reap.lua',
  'count_listeners.lua',
  'end_node.lua',
  'note_realms.lua',
  'drop_realm.lua',
]);

/** One primary of a simulated Redis Cluster: rows and listeners of the slots that it owns. Each step is atomic. */
export class Primary {
  /** `host:port` */
  readonly name: string;
  /** Differs after each start of the process. */
  runId: string;
  /** Which primary owns each slot, as this server knows it. */
  slots: SlotMap;
  /** Rises with each take-over. */
  configEpoch = 0;
  /** No node reaches it. */
  isAway = false;
  /** A replica has taken over its slots, and it knows that. */
  isDemoted = false;
  readonly #nodes: StoreTwin;
  readonly #realms: RealmTwin;
  /** Strings that no script reads. */
  #marks = new Map<string, string>();
  readonly #listeners = new Map<string, Set<Listener>>();
  #replica: Primary | undefined;

  constructor(name: string, slots: SlotMap, wallMs: () => number) {
    const publish = (channel: string, message: Uint8Array): void => void this.publish(channel, message);
    this.name = name;
    this.runId = name;
    this.slots = slots;
    this.#nodes = new StoreTwin(wallMs, publish, (channel) => this.#listeners.get(channel)?.size ?? 0);
    this.#realms = new RealmTwin(publish, () => Math.floor(wallMs()));
  }

  /** Takes over what another server knows of the slots, if that is newer. */
  learn(slots: SlotMap, configEpoch: number): void {
    if (configEpoch <= this.configEpoch) return;
    this.slots = slots;
    this.configEpoch = configEpoch;
  }

  run(file: string, keys: readonly string[], argv: readonly ScriptArgument[]): unknown {
    return (MEMBERSHIP_FILES.has(file) ? this.#nodes : this.#realms).eval(file, keys, argv);
  }

  /** The commands of a mark. */
  command(name: string, key: string, value: string): unknown {
    if (name === 'SET' && !this.#marks.has(key)) this.#marks.set(key, value);
    return name === 'GET' ? (this.#marks.get(key) ?? null) : 'OK';
  }

  members(key: string): readonly string[] {
    return (key.includes('{nodes}') ? this.#nodes : this.#realms).members(key);
  }

  fields(key: string): readonly (readonly [field: string, value: Buffer])[] {
    return this.#realms.fields(key);
  }

  /** Returns how many listeners there are, whether or not they are still connected. */
  publish(channel: string, bytes: Uint8Array): number {
    const listeners = this.#listeners.get(channel) ?? [];
    const copy = Uint8Array.from(bytes);
    let count = 0;
    for (const listener of listeners) {
      listener.receive(channel, copy);
      count++;
    }
    return count;
  }

  listen(channel: string, listener: Listener): void {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(listener));
  }

  ignore(channel: string, listener: Listener): void {
    this.#listeners.get(channel)?.delete(listener);
  }

  forget(listener: Listener): void {
    for (const listeners of this.#listeners.values()) listeners.delete(listener);
  }

  /** It has lost its data, and its replica too. */
  empty(): void {
    this.#nodes.flushAll();
    this.#realms.flushAll();
    this.#marks.clear();
    this.#replica = undefined;
  }

  /** From now on its replica does not follow. */
  fallBehind(replica: Primary): void {
    replica.#copy(this);
    this.#replica = replica;
  }

  /** Fills a server that takes over: with what the replica has. */
  handOver(successor: Primary): void {
    successor.#copy(this.#replica ?? this);
  }

  /** Rows that the store has of a node, its tombstone aside. */
  rowsOf(node: NodeId): string[] {
    const rows: string[] = [];
    for (const key of [...(this.#nodes.command('KEYS', '*') as string[]), ...this.#realms.keys]) {
      if (key.endsWith(':gone')) continue;
      if (key.endsWith(`:${node}`)) rows.push(key);
      else if (key.endsWith(':alive') || key.endsWith(':dying')) {
        if (this.#nodes.command('HGET', key, node) !== null) rows.push(`${key} ${node}`);
      } else {
        const fields = this.#realms.fields(key).map(([field]) => field);
        rows.push(...fields.filter((field) => field.split(' ')[0] === node).map((field) => `${key} ${field}`));
      }
    }
    return rows;
  }

  #copy(other: Primary): void {
    this.#nodes.copyFrom(other.#nodes);
    this.#realms.copyFrom(other.#realms);
    this.#marks = new Map(other.#marks);
  }
}
