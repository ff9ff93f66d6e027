import type { Registration } from '../../routing/ports.js';
import type { NodeId, Uri } from '../../wamp/ids.js';
import { InterestMirror } from '../interest-mirror.js';
import type { TopicChange } from '../backplane.js';
import type { DirectoryChange, Snapshot } from './directory.js';

interface Serving {
  readonly ready: Promise<void>;
  readonly resolve: () => void;
  /** Version of its snapshot. A snapshot of an earlier time, when the node served the realm before, is not applied. */
  readonly version: number;
}

const NOBODY: readonly NodeId[] = [];

/** The realms that a node serves, and which other node wants which topic there. */
export class RealmMirrors {
  readonly #node: NodeId;
  readonly #registered: (realm: Uri, registration: Registration) => void;
  readonly #topicChanged: (realm: Uri, change: TopicChange) => void;
  readonly #serving = new Map<Uri, Serving>();
  readonly #mirrors = new Map<Uri, InterestMirror<NodeId>>();

  constructor(
    node: NodeId,
    registered: (realm: Uri, registration: Registration) => void,
    topicChanged: (realm: Uri, change: TopicChange) => void,
  ) {
    this.#topicChanged = topicChanged;
    this.#node = node;
    this.#registered = registered;
  }

  /** Resolves once the snapshot of the realm has been applied. Undefined: the node does not serve it. */
  readyOf(realm: Uri): Promise<void> | undefined {
    return this.#serving.get(realm)?.ready;
  }

  begin(realm: Uri, version: number): Promise<void> {
    let resolve = (): void => undefined;
    const ready = new Promise<void>((done) => (resolve = done));
    this.#serving.set(realm, { ready, resolve, version });
    return ready;
  }

  /** False: the node does not serve the realm. */
  end(realm: Uri): boolean {
    this.#serving.get(realm)?.resolve();
    this.#mirrors.delete(realm);
    return this.#serving.delete(realm);
  }

  endAll(): void {
    for (const realm of [...this.#serving.keys()]) this.end(realm);
  }

  /** Every other node that wants the topic, once. Valid until the next call. */
  nodesFor(realm: Uri, topic: Uri): readonly NodeId[] {
    return this.#mirrors.get(realm)?.nodesFor(topic) ?? NOBODY;
  }

  /** Other nodes that are interested in something of the realm. */
  interestedNodes(realm: Uri): readonly NodeId[] {
    return [...(this.#mirrors.get(realm)?.nodes ?? NOBODY)];
  }

  apply(change: Exclude<DirectoryChange, { kind: 'gone' | 'sessions_lost' }>): void {
    const mirror = this.#mirrors.get(change.realm);
    switch (change.kind) {
      case 'registration':
        if (mirror !== undefined) this.#registered(change.realm, change.registration);
        return;
      case 'watch':
        if (change.node !== this.#node) mirror?.add(change.node, change.topic, change.match, change.createdMs);
        if (change.edge !== undefined && mirror !== undefined) this.#topicChanged(change.realm, change.edge);
        return;
      case 'unwatch':
        mirror?.remove(change.node, change.topic, change.match);
        if (change.edge !== undefined && mirror !== undefined) this.#topicChanged(change.realm, change.edge);
        return;
      case 'snapshot':
        this.#load(change.realm, change.version, change.snapshot);
        return;
      case 'withdrawn':
        mirror?.dropNode(change.node);
        if (mirror !== undefined) for (const edge of change.ended) this.#topicChanged(change.realm, edge);
        return;
    }
  }

  #load(realm: Uri, version: number, { registrations, interests }: Snapshot): void {
    const serving = this.#serving.get(realm);
    if (serving?.version !== version) return;
    const mirror = new InterestMirror<NodeId>();
    for (const { node, topic, match, createdMs } of interests) mirror.add(node, topic, match, createdMs);
    this.#mirrors.set(realm, mirror);
    for (const registration of registrations) this.#registered(realm, registration);
    serving.resolve();
  }
}
