import { PatternIndex } from '../routing/pattern-index.js';
import type { Uri } from '../wamp/ids.js';
import type { MatchPolicy } from '../wamp/options.js';
import { TopicTimes } from './topic-times.js';

/** Another node, as entries of the mirror refer to it. */
interface Remote<Node> {
  readonly node: Node;
  readonly topics: TopicTimes;
  /** The list of this node alone, shared by every topic that nobody else wants. */
  readonly alone: readonly Remote<Node>[];
  /** The look-up that visited it last, so that one with several matching entries is visited once. */
  lookup: number;
}

/**
 * The topics that other nodes want in one realm. To find the nodes that want a topic costs one map look-up while there are
 * no patterns, and allocates nothing.
 */
export class InterestMirror<Node> {
  readonly #remotes = new Map<Node, Remote<Node>>();
  readonly #index = new PatternIndex<readonly Remote<Node>[]>();
  readonly #found: Node[] = [];
  #lookup = 0;
  readonly #collect = (remotes: readonly Remote<Node>[]): void => {
    for (const remote of remotes) {
      if (remote.lookup === this.#lookup) continue;
      remote.lookup = this.#lookup;
      this.#found.push(remote.node);
    }
  };

  /** Topics and patterns that other nodes want. */
  get size(): number {
    return this.#index.size;
  }

  /** Nodes that want something. */
  get nodes(): Iterable<Node> {
    return this.#remotes.keys();
  }

  has(node: Node, topic: Uri, match: MatchPolicy): boolean {
    return this.#remotes.get(node)?.topics.has(topic, match) ?? false;
  }

  /** Visits what the node wants. `visit` must not change the mirror. */
  forEachOf(node: Node, visit: (topic: Uri, match: MatchPolicy, createdMs: number) => void): void {
    this.#remotes.get(node)?.topics.forEach(visit);
  }

  /** Since when the nodes want it, in ms since 1970. Undefined: none does. */
  createdMs(topic: Uri, match: MatchPolicy): number | undefined {
    return this.#index.get(topic, match)?.[0]?.topics.get(topic, match);
  }

  /** Idempotent. A topic that another node wants already keeps its time. */
  add(node: Node, topic: Uri, match: MatchPolicy, createdMs = 0): void {
    const remote = this.#remotes.get(node) ?? this.#enter(node);
    const others = this.#index.get(topic, match);
    if (!remote.topics.add(topic, match, others?.[0]?.topics.get(topic, match) ?? createdMs)) return;
    this.#index.add(topic, match, others === undefined ? remote.alone : [...others, remote]);
  }

  /** Idempotent. */
  remove(node: Node, topic: Uri, match: MatchPolicy): void {
    const remote = this.#remotes.get(node);
    if (remote?.topics.delete(topic, match) !== true) return;
    this.#strike(remote, topic, match);
    if (remote.topics.size === 0) this.#remotes.delete(node);
  }

  /** O(topics the node wants). */
  dropNode(node: Node): void {
    const remote = this.#remotes.get(node);
    if (remote === undefined) return;
    this.#remotes.delete(node);
    remote.topics.forEach((topic, match) => this.#strike(remote, topic, match));
  }

  /** Every node that wants the topic, once. Valid until the next call. */
  nodesFor(topic: Uri): readonly Node[] {
    this.#found.length = 0;
    if (this.#index.size === 0) return this.#found;
    this.#lookup++;
    this.#index.forEachMatch(topic, this.#collect);
    return this.#found;
  }

  #enter(node: Node): Remote<Node> {
    const alone: Remote<Node>[] = [];
    const remote: Remote<Node> = { node, topics: new TopicTimes(), alone, lookup: 0 };
    alone.push(remote);
    this.#remotes.set(node, remote);
    return remote;
  }

  #strike(remote: Remote<Node>, topic: Uri, match: MatchPolicy): void {
    const left = this.#index.get(topic, match)?.filter((other) => other !== remote) ?? [];
    const [last] = left;
    if (last === undefined) this.#index.remove(topic, match);
    else this.#index.add(topic, match, left.length === 1 ? last.alone : left);
  }
}
