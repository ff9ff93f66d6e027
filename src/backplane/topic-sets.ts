import type { Uri } from '../wamp/ids.js';
import type { MatchPolicy } from '../wamp/options.js';

const POLICIES: readonly MatchPolicy[] = ['exact', 'prefix', 'wildcard'];

/** A set of topics and patterns: the same string under another policy is another member (PBS-4). */
export class TopicSets {
  readonly #sets: Readonly<Record<MatchPolicy, Set<Uri>>> = {
    exact: new Set(),
    prefix: new Set(),
    wildcard: new Set(),
  };

  get size(): number {
    return this.#sets.exact.size + this.#sets.prefix.size + this.#sets.wildcard.size;
  }

  has(topic: Uri, match: MatchPolicy): boolean {
    return this.#sets[match].has(topic);
  }

  /** False: it was there. */
  add(topic: Uri, match: MatchPolicy): boolean {
    const set = this.#sets[match];
    return set.size !== set.add(topic).size;
  }

  /** False: it was not there. */
  delete(topic: Uri, match: MatchPolicy): boolean {
    return this.#sets[match].delete(topic);
  }

  forEach(visit: (topic: Uri, match: MatchPolicy) => void): void {
    for (const match of POLICIES) for (const topic of this.#sets[match]) visit(topic, match);
  }
}
