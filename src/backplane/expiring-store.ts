import { createHash } from 'node:crypto';
import type { Uri } from '../wamp/ids.js';

/** The use of an entry. Part of its key. */
export type EntryKind = 'failures' | 'cookie' | 'places' | 'request';

/** Names an entry in a realm. Only a digest of `name` is a key, so it may be a secret, and of any length. */
export interface EntryName {
  readonly kind: EntryKind;
  readonly name: string;
}

export interface PlacesRule {
  /** Members at most. */
  readonly max: number;
  /** When all places are taken: the newcomer is refused, or the members that entered first leave. */
  readonly full: 'refuse' | 'replace';
  readonly ttlMs: number;
}

export interface PlaceOutcome {
  readonly isEntered: boolean;
  /** Entered: the members that have left for it. Refused: all members. */
  readonly others: readonly string[];
}

/** Bytes of one packed value. */
export const MAX_VALUE_BYTES = 65_536;

/**
 * State that all nodes of a realm share and that ends by itself: counters, values and places. Each method is one atomic step
 * and one round trip, and none is on the path of a message (G8). Each rejects with BackplaneUnavailableError when the store
 * cannot be reached. The store may have done the step or not. A store that loses its data loses all of these entries.
 */
export interface ExpiringStore {
  /**
   * Adds to counters, each with the time to live that begins when it is above 0 for the first time. Returns their values, in
   * order. An amount of 0 reads them.
   */
  add(realm: Uri, names: readonly EntryName[], amount: number, ttlMs: number): Promise<readonly number[]>;
  /** Rejects with TypeError when the value cannot be packed, and with MessageTooLargeError above MAX_VALUE_BYTES. */
  put(realm: Uri, name: EntryName, value: unknown, ttlMs: number): Promise<void>;
  /** Undefined: there is no value, or its time is over. */
  get(realm: Uri, name: EntryName): Promise<unknown>;
  /** Gets and deletes the value: when several callers take it, one receives it. */
  take(realm: Uri, name: EntryName): Promise<unknown>;
  /** Deletes a value, a counter or all places of the name. Repeating it changes nothing. */
  delete(realm: Uri, name: EntryName): Promise<void>;
  /** Takes one of a number of places. A member that has a place keeps it, and its time to live begins again. */
  enter(realm: Uri, name: EntryName, member: string, rule: PlacesRule): Promise<PlaceOutcome>;
  /** Gives places up. Repeating it changes nothing. */
  leave(realm: Uri, name: EntryName, members: readonly string[]): Promise<void>;
}

/** The part of a key that stands for the name. */
export function nameDigest({ name }: EntryName): string {
  return createHash('sha256').update(name).digest('base64url');
}
