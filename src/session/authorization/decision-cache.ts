import type { Uri } from '../../wamp/ids.js';
import type { Decision } from './permission.js';

export interface CachedDecision {
  readonly decision: Decision;
  readonly uri: Uri;
  /** Undefined: the decision is for every session of the role. */
  readonly authid: string | undefined;
  readonly untilMs: number;
}

/** Which decisions to forget: all that have every one of these. */
export interface FlushFilter {
  readonly authid?: string;
  readonly uri?: Uri;
}

/** Decisions of an authorizer, for a limited time. The one that was used least recently makes room for a new one. */
export class DecisionCache {
  readonly #maxEntries: number;
  readonly #nowMs: () => number;
  /** Least recently used first. */
  readonly #entries = new Map<string, CachedDecision>();

  constructor(maxEntries: number, nowMs: () => number) {
    this.#maxEntries = maxEntries;
    this.#nowMs = nowMs;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Decision | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    if (entry.untilMs <= this.#nowMs()) return undefined;
    this.#entries.set(key, entry);
    return entry.decision;
  }

  put(key: string, entry: CachedDecision): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size <= this.#maxEntries) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  /** Returns how many decisions it has forgotten. O(entries). */
  flush({ authid, uri }: FlushFilter): number {
    let count = 0;
    for (const [key, entry] of this.#entries) {
      if (authid !== undefined && entry.authid !== authid) continue;
      if (uri !== undefined && entry.uri !== uri) continue;
      this.#entries.delete(key);
      count++;
    }
    return count;
  }
}
