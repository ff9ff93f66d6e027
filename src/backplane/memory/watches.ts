import type { NodeId, SessionId, Uri } from '../../wamp/ids.js';
import type { MatchPolicy } from '../../wamp/options.js';
import type { TopicChange } from '../backplane.js';
import type { SharedDirectory } from './directory.js';
import type { VersionWaits } from './version-waits.js';

type Step = () => void | Promise<void>;

export interface MemoryWatchesOptions {
  readonly node: NodeId;
  readonly shared: SharedDirectory;
  readonly waits: VersionWaits;
  /** Present: nothing can be watched now. */
  readonly refusal: () => Error | undefined;
  /** Present: the directory has lost its rows; runs a step once it has them again. */
  readonly recovery: () => ((step: Step) => Promise<void>) | undefined;
  readonly write: (step: () => void) => void;
  readonly topicChanged: (realm: Uri, change: TopicChange) => void;
}

/** The topics that one node of a hub watches and ends to watch. */
export class MemoryWatches {
  readonly #options: MemoryWatchesOptions;
  /** Watches that not every node knows yet, by realm, policy and topic. */
  readonly #open = new Map<string, Promise<void>>();

  constructor(options: MemoryWatchesOptions) {
    this.#options = options;
  }

  watch(realm: Uri, topic: Uri, match: MatchPolicy): void | Promise<void> {
    const { node, shared, waits } = this.#options;
    const key = keyOf(realm, topic, match);
    const open = this.#open.get(key);
    if (open !== undefined) return open;
    const refusal = this.#options.refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const whenRecovered = this.#options.recovery();
    if (whenRecovered !== undefined) return this.#watchLater(key, whenRecovered, () => this.watch(realm, topic, match));
    const watched = shared.watch(node, realm, topic, match);
    if (watched === undefined) return;
    if (watched.isImmediate) {
      this.#report(realm, watched.edge);
      return;
    }
    const known = waits.wait(shared.version, [...shared.serving(realm)]);
    if (known === undefined) return;
    this.#open.set(key, known);
    const forget = (): void => {
      if (this.#open.get(key) === known) this.#open.delete(key);
    };
    known.then(forget, forget);
    return known;
  }

  unwatch(realm: Uri, topic: Uri, match: MatchPolicy, leaver?: SessionId): void {
    const { node, shared, write } = this.#options;
    this.#open.delete(keyOf(realm, topic, match));
    write(() => {
      this.#report(realm, shared.unwatch(node, realm, topic, match, leaver)?.edge);
    });
  }

  /** Watches once the directory has recovered, unless `unwatch` came first. */
  #watchLater(key: string, whenRecovered: (step: Step) => Promise<void>, watch: Step): Promise<void> {
    const known: Promise<void> = whenRecovered(() => {
      if (this.#open.get(key) !== known) return;
      this.#open.delete(key);
      return watch();
    });
    this.#open.set(key, known);
    return known;
  }

  #report(realm: Uri, edge: TopicChange | undefined): void {
    if (edge !== undefined) this.#options.topicChanged(realm, edge);
  }
}

function keyOf(realm: Uri, topic: Uri, match: MatchPolicy): string {
  return `${realm}\n${match}\n${topic}`;
}
