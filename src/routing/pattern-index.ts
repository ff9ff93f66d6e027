import { unreachable } from '../wamp/unreachable.js';
import type { Uri } from '../wamp/ids.js';
import type { MatchPolicy } from '../wamp/options.js';
import { PrefixIndex } from './prefix-index.js';
import { WildcardIndex } from './wildcard-index.js';

/**
 * Values by (URI or pattern, match policy), found by the URIs they match (PBS-1..PBS-5, PBR-2..PBR-5). The same string
 * under another policy is another entry. Costs a map lookup while there are no patterns, and little more with 100,000.
 */
export class PatternIndex<T extends object> {
  readonly #exact = new Map<Uri, T>();
  readonly #prefixes = new PrefixIndex<T>();
  readonly #wildcards = new WildcardIndex<T>();

  get size(): number {
    return this.#exact.size + this.patternCount;
  }

  /** Entries that are not exact. */
  get patternCount(): number {
    return this.#prefixes.size + this.#wildcards.size;
  }

  get(uri: Uri, match: MatchPolicy): T | undefined {
    return this.#entries(match).get(uri);
  }

  /** Adds or replaces. */
  add(uri: Uri, match: MatchPolicy, value: T): void {
    this.#entries(match).set(uri, value);
  }

  /** False when there is no such entry. */
  remove(uri: Uri, match: MatchPolicy): boolean {
    return this.#entries(match).delete(uri);
  }

  /** Visits every entry that matches, the exact one first. `visit` must not change the index. */
  forEachMatch(uri: Uri, visit: (value: T) => void): void;
  /** `context` is handed to `visit`, which then need not be a closure. */
  forEachMatch<C>(uri: Uri, visit: (value: T, context: C) => void, context: C): void;
  forEachMatch<C>(uri: Uri, visit: (value: T, context: C | undefined) => void, context?: C): void {
    const exact = this.#exact.get(uri);
    if (exact !== undefined) visit(exact, context);
    if (this.#prefixes.size > 0) this.#prefixes.forEachMatch(uri, visit, context);
    if (this.#wildcards.size > 0) this.#wildcards.forEachMatch(uri, visit, context);
  }

  /**
   * The one entry a call goes to: exact, else the longest prefix, else the best wildcard (PBR-4, PBR-5). A prefix that ends
   * inside a component matches (PBR-2), yet yields to a wildcard: the specification's own table calls that no prefix match.
   */
  best(uri: Uri): T | undefined {
    const exact = this.#exact.get(uri);
    if (exact !== undefined) return exact;
    const prefix = this.#prefixes.longest(uri);
    if (this.#wildcards.size === 0 || (prefix !== undefined && this.#prefixes.hasComponentPrefix(uri))) return prefix;
    return this.#wildcards.best(uri) ?? prefix;
  }

  #entries(match: MatchPolicy): Map<Uri, T> | PrefixIndex<T> | WildcardIndex<T> {
    switch (match) {
      case 'exact':
        return this.#exact;
      case 'prefix':
        return this.#prefixes;
      case 'wildcard':
        return this.#wildcards;
      default:
        return unreachable(match);
    }
  }
}
