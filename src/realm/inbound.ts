import type { BackplaneEvents } from '../backplane/backplane.js';
import type { Frame } from '../routing/frames.js';
import type { Publication, Registration } from '../routing/ports.js';
import type { NodeId, Uri } from '../wamp/ids.js';
import type { Realm } from './realm.js';

/** What other nodes say, brought to the realm it concerns. A realm this node no longer serves hears nothing. */
export class Inbound implements BackplaneEvents {
  readonly #realms: ReadonlyMap<Uri, Realm>;
  readonly #onGap: (from: NodeId, reason: string) => void;
  readonly #onReach: (reachable: boolean) => void;

  constructor(
    realms: ReadonlyMap<Uri, Realm>,
    onGap: (from: NodeId, reason: string) => void,
    onReach: (reachable: boolean) => void,
  ) {
    this.#realms = realms;
    this.#onGap = onGap;
    this.#onReach = onReach;
  }

  publication(_from: NodeId, realm: Uri, publication: Publication): void {
    this.#realms.get(realm)?.broker.distribute(publication);
  }

  frame(from: NodeId, realm: Uri, frame: Frame): void {
    this.#realms.get(realm)?.dealer.receive(from, frame);
  }

  registration(realm: Uri, registration: Registration): void {
    this.#realms.get(realm)?.dealer.registration(registration);
  }

  nodeGone(node: NodeId): void {
    for (const realm of this.#realms.values()) realm.dealer.nodeGone(node);
  }

  gap(from: NodeId, reason: string): void {
    this.#onGap(from, reason);
    for (const realm of this.#realms.values()) realm.dealer.laneGap(from);
  }

  down(): void {
    this.#onReach(false);
  }

  up(): void {
    this.#onReach(true);
  }
}
