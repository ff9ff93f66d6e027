/** The hashes of a store, by key. A value has one character per byte. A hash that loses its last field loses its key. */
export class TwinHashes {
  #hashes = new Map<string, Map<string, string>>();

  get keys(): readonly string[] {
    return [...this.#hashes.keys()];
  }

  get(key: string, field: string): string | undefined {
    return this.#hashes.get(key)?.get(field);
  }

  entries(key: string): readonly (readonly [field: string, value: string])[] {
    return [...(this.#hashes.get(key) ?? [])];
  }

  fields(key: string): string[] {
    return [...(this.#hashes.get(key)?.keys() ?? [])];
  }

  size(key: string): number {
    return this.#hashes.get(key)?.size ?? 0;
  }

  set(key: string, field: string, value: string): void {
    const hash = this.#hashes.get(key) ?? new Map<string, string>();
    this.#hashes.set(key, hash.set(field, value));
  }

  /** Returns false if the hash has no such field. */
  delete(key: string, field: string): boolean {
    const hash = this.#hashes.get(key);
    const isDeleted = hash?.delete(field) === true;
    if (hash?.size === 0) this.#hashes.delete(key);
    return isDeleted;
  }

  drop(key: string): void {
    this.#hashes.delete(key);
  }

  clear(): void {
    this.#hashes.clear();
  }

  copyFrom(other: TwinHashes): void {
    this.#hashes = structuredClone(other.#hashes);
  }

  /** Returns an action that restores the present content. */
  snapshot(): () => void {
    const saved = structuredClone(this.#hashes);
    return () => {
      this.#hashes = structuredClone(saved);
    };
  }
}

/** The sets of a store, by key. A set that loses its last member loses its key. */
export class TwinSets {
  #sets = new Map<string, Set<string>>();

  get keys(): readonly string[] {
    return [...this.#sets.keys()];
  }

  has(key: string): boolean {
    return this.#sets.has(key);
  }

  members(key: string): readonly string[] {
    return [...(this.#sets.get(key) ?? [])];
  }

  add(key: string, member: string): void {
    const set = this.#sets.get(key) ?? new Set<string>();
    this.#sets.set(key, set.add(member));
  }

  /** Returns false if the set has no such member. */
  remove(key: string, member: string): boolean {
    const set = this.#sets.get(key);
    const isRemoved = set?.delete(member) === true;
    if (set?.size === 0) this.#sets.delete(key);
    return isRemoved;
  }

  /** Returns false if there is no such set. */
  drop(key: string): boolean {
    return this.#sets.delete(key);
  }

  clear(): void {
    this.#sets.clear();
  }

  copyFrom(other: TwinSets): void {
    this.#sets = structuredClone(other.#sets);
  }

  /** Returns an action that restores the present content. */
  snapshot(): () => void {
    const saved = structuredClone(this.#sets);
    return () => {
      this.#sets = structuredClone(saved);
    };
  }
}
