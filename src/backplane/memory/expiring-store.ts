import { Buffer } from 'node:buffer';
import type { Uri } from '../../wamp/ids.js';
import {
  nameDigest,
  type EntryName,
  type ExpiringStore,
  type PlaceOutcome,
  type PlacesRule,
} from '../expiring-store.js';
import { packValue } from '../expiring-value.js';
import { unpack } from '../packr.js';
import type { SharedStep } from './shared-step.js';

type Content =
  | { readonly kind: 'count'; count: number }
  | { readonly kind: 'value'; readonly bytes: Uint8Array }
  /** In the order in which they entered. */
  | { readonly kind: 'places'; readonly members: Set<string> };

interface Entry {
  readonly content: Content;
  untilMs: number;
}

/** Beyond it the entries that were made first are forgotten. */
const MAX_ENTRIES = 262_144;

/** The expiring state of a hub. Every method settles at once. */
export class SharedExpiringState {
  readonly #nowMs: () => number;
  readonly #maxEntries: number;
  readonly #entries = new Map<string, Entry>();

  constructor(nowMs: () => number, maxEntries = MAX_ENTRIES) {
    this.#nowMs = nowMs;
    this.#maxEntries = maxEntries;
  }

  get size(): number {
    return this.#entries.size;
  }

  add(realm: Uri, names: readonly EntryName[], amount: number, ttlMs: number): readonly number[] {
    return names.map((name) => {
      const key = keyOf(realm, name);
      const known = this.#find(key, 'count');
      if (known === undefined && amount > 0) this.#insert(key, { kind: 'count', count: amount }, ttlMs);
      else if (known !== undefined) known.count += amount;
      return known?.count ?? amount;
    });
  }

  put(realm: Uri, name: EntryName, bytes: Uint8Array, ttlMs: number): void {
    this.#insert(keyOf(realm, name), { kind: 'value', bytes: Uint8Array.from(bytes) }, ttlMs);
  }

  get(realm: Uri, name: EntryName): Uint8Array | undefined {
    return this.#find(keyOf(realm, name), 'value')?.bytes;
  }

  delete(realm: Uri, name: EntryName): void {
    this.#entries.delete(keyOf(realm, name));
  }

  enter(realm: Uri, name: EntryName, member: string, { max, full, ttlMs }: PlacesRule): PlaceOutcome {
    const key = keyOf(realm, name);
    const members = this.#find(key, 'places')?.members ?? new Set<string>();
    const others: string[] = [];
    if (!members.has(member)) {
      if (members.size >= max && full === 'refuse') return { isEntered: false, others: [...members] };
      for (const oldest of members) {
        if (members.size < max) break;
        members.delete(oldest);
        others.push(oldest);
      }
      members.add(member);
    }
    this.#insert(key, { kind: 'places', members }, ttlMs);
    return { isEntered: true, others };
  }

  leave(realm: Uri, name: EntryName, leaving: readonly string[]): void {
    const key = keyOf(realm, name);
    const members = this.#find(key, 'places')?.members;
    for (const member of leaving) members?.delete(member);
    if (members?.size === 0) this.#entries.delete(key);
  }

  #find<Kind extends Content['kind']>(key: string, kind: Kind): Extract<Content, { kind: Kind }> | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.untilMs <= this.#nowMs()) {
      this.#entries.delete(key);
      return undefined;
    }
    return entry.content.kind === kind ? (entry.content as Extract<Content, { kind: Kind }>) : undefined;
  }

  #insert(key: string, content: Content, ttlMs: number): void {
    this.#entries.delete(key);
    if (this.#entries.size >= this.#maxEntries) this.#makeRoom();
    this.#entries.set(key, { content, untilMs: this.#nowMs() + ttlMs });
  }

  /** Removes the entries whose time is over. If less than a sixteenth is free then, it removes the oldest entries too. */
  #makeRoom(): void {
    const nowMs = this.#nowMs();
    for (const [key, { untilMs }] of this.#entries) if (untilMs <= nowMs) this.#entries.delete(key);
    const wanted = this.#maxEntries - Math.max(1, Math.floor(this.#maxEntries / 16));
    for (const key of this.#entries.keys()) {
      if (this.#entries.size <= wanted) break;
      this.#entries.delete(key);
    }
  }
}

/** The expiring state as one node of the hub uses it. */
export class MemoryExpiringStore implements ExpiringStore {
  readonly #state: SharedExpiringState;
  readonly #share: SharedStep;

  constructor(state: SharedExpiringState, share: SharedStep) {
    this.#state = state;
    this.#share = share;
  }

  add(realm: Uri, names: readonly EntryName[], amount: number, ttlMs: number): Promise<readonly number[]> {
    return this.#share(() => this.#state.add(realm, names, amount, ttlMs));
  }

  put(realm: Uri, name: EntryName, value: unknown, ttlMs: number): Promise<void> {
    return this.#share(() => this.#state.put(realm, name, packValue(value), ttlMs));
  }

  get(realm: Uri, name: EntryName): Promise<unknown> {
    return this.#share(() => valueOf(this.#state.get(realm, name)));
  }

  take(realm: Uri, name: EntryName): Promise<unknown> {
    return this.#share(() => {
      const bytes = this.#state.get(realm, name);
      this.#state.delete(realm, name);
      return valueOf(bytes);
    });
  }

  delete(realm: Uri, name: EntryName): Promise<void> {
    return this.#share(() => this.#state.delete(realm, name));
  }

  enter(realm: Uri, name: EntryName, member: string, rule: PlacesRule): Promise<PlaceOutcome> {
    return this.#share(() => this.#state.enter(realm, name, member, rule));
  }

  leave(realm: Uri, name: EntryName, members: readonly string[]): Promise<void> {
    return this.#share(() => this.#state.leave(realm, name, members));
  }
}

function keyOf(realm: Uri, name: EntryName): string {
  return `${name.kind} ${nameDigest(name)} ${realm}`;
}

function valueOf(bytes: Uint8Array | undefined): unknown {
  return bytes === undefined ? undefined : unpack(Buffer.from(bytes));
}
