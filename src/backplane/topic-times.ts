import type { Uri } from '../wamp/ids.js';
import type { MatchPolicy } from '../wamp/options.js';

const POLICIES: readonly MatchPolicy[] = ['exact', 'prefix', 'wildcard'];

/** Topics and patterns, each with the time since when it is wanted: the same string under another policy is another one (PBS-4). */
export class TopicTimes {
  readonly #times: Readonly<Record<MatchPolicy, Map<Uri, number>>> = {
    exact: new Map(),
    prefix: new Map(),
    wildcard: new Map(),
  };

  get size(): number {
    return this.#times.exact.size + this.#times.prefix.size + this.#times.wildcard.size;
  }

  has(topic: Uri, match: MatchPolicy): boolean {
    return this.#times[match].has(topic);
  }

  get(topic: Uri, match: MatchPolicy): number | undefined {
    return this.#times[match].get(topic);
  }

  /** False: it was there, and keeps its time. */
  add(topic: Uri, match: MatchPolicy, createdMs: number): boolean {
    if (this.#times[match].has(topic)) return false;
    this.#times[match].set(topic, createdMs);
    return true;
  }

  /** False: it was not there. */
  delete(topic: Uri, match: MatchPolicy): boolean {
    return this.#times[match].delete(topic);
  }

  forEach(visit: (topic: Uri, match: MatchPolicy, createdMs: number) => void): void {
    for (const match of POLICIES) for (const [topic, createdMs] of this.#times[match]) visit(topic, match, createdMs);
  }
}
