import type { NodeId, Uri } from '../../../wamp/ids.js';
import type { MatchPolicy } from '../../../wamp/options.js';
import type { TopicChange } from '../../backplane.js';
import { InterestMirror } from '../../interest-mirror.js';
import { TopicTimes } from '../../topic-times.js';

/** The topics that nodes want, this one included, as the changes that were applied so far have them. */
export class TopicsMirror {
  readonly #node: NodeId;
  readonly #changed: (change: TopicChange) => void;
  #others = new InterestMirror<NodeId>();
  #own = new TopicTimes();
  #isLoading = false;

  /** `changed` is called when the cluster begins to want a topic, and when it ends to. */
  constructor(node: NodeId, changed: (change: TopicChange) => void) {
    this.#node = node;
    this.#changed = changed;
  }

  /** The topics that the other nodes want. */
  get others(): Omit<InterestMirror<NodeId>, 'add' | 'remove' | 'dropNode'> {
    return this.#others;
  }

  /** Since when the cluster wants the topic. Undefined: no node does. */
  createdMs(topic: Uri, match: MatchPolicy): number | undefined {
    return this.#others.createdMs(topic, match) ?? this.#own.get(topic, match);
  }

  /** Idempotent. Returns since when the cluster wants the topic, which may be earlier. */
  add(node: NodeId, topic: Uri, match: MatchPolicy, createdMs: number): number {
    const known = this.createdMs(topic, match);
    if (node === this.#node) this.#own.add(topic, match, known ?? createdMs);
    else this.#others.add(node, topic, match, known ?? createdMs);
    if (known === undefined) this.#report({ topic, match, createdMs, isWanted: true });
    return known ?? createdMs;
  }

  /** Idempotent. */
  remove(node: NodeId, topic: Uri, match: MatchPolicy, leaver?: number): void {
    const known = this.createdMs(topic, match);
    if (known === undefined) return;
    if (node === this.#node) this.#own.delete(topic, match);
    else this.#others.remove(node, topic, match);
    this.#reportEnd(topic, match, known, leaver);
  }

  dropNode(node: NodeId): void {
    const wanted: (readonly [Uri, MatchPolicy, number])[] = [];
    this.#others.forEachOf(node, (topic, match, createdMs) => wanted.push([topic, match, createdMs]));
    this.#others.dropNode(node);
    for (const [topic, match, createdMs] of wanted) this.#reportEnd(topic, match, createdMs);
  }

  /**
   * Takes over what other nodes want, and what this one wants. Reports at the end of `change`, which may change it further, what
   * differs from before.
   */
  load(others: InterestMirror<NodeId>, own: Iterable<readonly [Uri, MatchPolicy]>, change: () => void): void {
    const before = { others: this.#others, own: this.#own };
    this.#others = others;
    this.#own = new TopicTimes();
    for (const [topic, match] of own) {
      const createdMs = others.createdMs(topic, match) ?? before.own.get(topic, match);
      if (createdMs !== undefined) this.#own.add(topic, match, createdMs);
    }
    this.#isLoading = true;
    change();
    this.#isLoading = false;
    const beforeMs = (topic: Uri, match: MatchPolicy): number | undefined =>
      before.others.createdMs(topic, match) ?? before.own.get(topic, match);
    forEach(before.others, before.own, (topic, match, createdMs) => this.#reportEnd(topic, match, createdMs));
    forEach(this.#others, this.#own, (topic, match, createdMs) => {
      if (beforeMs(topic, match) === undefined) this.#report({ topic, match, createdMs, isWanted: true });
    });
  }

  /** Forgets everything and reports nothing. */
  clear(): void {
    this.#others = new InterestMirror();
    this.#own = new TopicTimes();
  }

  #reportEnd(topic: Uri, match: MatchPolicy, createdMs: number, leaver?: number): void {
    if (this.createdMs(topic, match) !== undefined) return;
    this.#report({ topic, match, createdMs, isWanted: false, ...(leaver !== undefined && { leaver }) });
  }

  #report(change: TopicChange): void {
    if (!this.#isLoading) this.#changed(change);
  }
}

/** Visits each topic once. */
function forEach(
  others: InterestMirror<NodeId>,
  own: TopicTimes,
  visit: (topic: Uri, match: MatchPolicy, createdMs: number) => void,
): void {
  const visited = new TopicTimes();
  const look = (topic: Uri, match: MatchPolicy, createdMs: number): void => {
    if (visited.add(topic, match, createdMs)) visit(topic, match, createdMs);
  };
  own.forEach(look);
  for (const node of others.nodes) others.forEachOf(node, look);
}
