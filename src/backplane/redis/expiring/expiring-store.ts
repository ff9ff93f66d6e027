import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { Uri } from '../../../wamp/ids.js';
import {
  nameDigest,
  type EntryName,
  type ExpiringStore,
  type PlaceOutcome,
  type PlacesRule,
} from '../../expiring-store.js';
import { packValue } from '../../expiring-value.js';
import { unpack } from '../../packr.js';
import type { Keys } from '../keys.js';
import type { Store } from '../ports.js';
import { addCounters, enterPlace, leavePlaces, putValue, readValue } from './scripts.js';

export interface RedisExpiringStoreOptions {
  readonly store: Store;
  readonly keys: Pick<Keys, 'expiring'>;
  readonly counters: Pick<ClusterCounters, 'rowsIgnored'>;
}

/** Format of a value: a list that begins with this number. */
const FORMAT = 1;

/** The expiring state in Redis. Each entry is a key of its realm's hash tag, with a time to live. */
export class RedisExpiringStore implements ExpiringStore {
  readonly #options: RedisExpiringStoreOptions;

  constructor(options: RedisExpiringStoreOptions) {
    this.#options = options;
  }

  async add(realm: Uri, names: readonly EntryName[], amount: number, ttlMs: number): Promise<readonly number[]> {
    if (names.length === 0) return [];
    return this.#options.store.run(addCounters, { keys: names.map((name) => this.#key(realm, name)), amount, ttlMs });
  }

  async put(realm: Uri, name: EntryName, value: unknown, ttlMs: number): Promise<void> {
    await this.#options.store.run(putValue, { key: this.#key(realm, name), value: packValue([FORMAT, value]), ttlMs });
  }

  get(realm: Uri, name: EntryName): Promise<unknown> {
    return this.#read(realm, name, 'keep');
  }

  take(realm: Uri, name: EntryName): Promise<unknown> {
    return this.#read(realm, name, 'delete');
  }

  async delete(realm: Uri, name: EntryName): Promise<void> {
    await this.#options.store.run(readValue, { key: this.#key(realm, name), then: 'delete' });
  }

  enter(realm: Uri, name: EntryName, member: string, rule: PlacesRule): Promise<PlaceOutcome> {
    return this.#options.store.run(enterPlace, { ...rule, key: this.#key(realm, name), member });
  }

  async leave(realm: Uri, name: EntryName, members: readonly string[]): Promise<void> {
    if (members.length > 0) await this.#options.store.run(leavePlaces, { key: this.#key(realm, name), members });
  }

  async #read(realm: Uri, name: EntryName, then: 'keep' | 'delete'): Promise<unknown> {
    const bytes = await this.#options.store.run(readValue, { key: this.#key(realm, name), then });
    if (bytes === undefined) return undefined;
    const row = unpack(bytes);
    const { rowsIgnored } = this.#options.counters;
    if (!Array.isArray(row) || row.length < 2) rowsIgnored.shape++;
    else if (row[0] !== FORMAT) rowsIgnored.version++;
    else return row[1];
    return undefined;
  }

  #key(realm: Uri, name: EntryName): string {
    return this.#options.keys.expiring(realm, name.kind, nameDigest(name));
  }
}
