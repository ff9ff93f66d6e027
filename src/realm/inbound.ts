import type { BackplaneEvents } from '../backplane/backplane.js';
import type { Frame } from '../routing/frames.js';
import type { Publication, Registration } from '../routing/ports.js';
import type { NodeId, Uri } from '../wamp/ids.js';
import type { Realm } from './realm.js';

/** What the node is told besides. */
export interface InboundReports {
  gap(from: NodeId, reason: string): void;
  nodeGone(node: NodeId): void;
  reach(isReachable: boolean): void;
}

/** What other nodes say, brought to the realm it concerns. A realm this node no longer serves hears nothing. */
export class Inbound implements BackplaneEvents {
  readonly #realms: ReadonlyMap<Uri, Realm>;
  readonly #reports: InboundReports;

  constructor(realms: ReadonlyMap<Uri, Realm>, reports: InboundReports) {
    this.#realms = realms;
    this.#reports = reports;
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
    this.#reports.nodeGone(node);
    for (const realm of this.#realms.values()) realm.dealer.nodeGone(node);
  }

  gap(from: NodeId, reason: string): void {
    this.#reports.gap(from, reason);
    for (const realm of this.#realms.values()) realm.dealer.laneGap(from);
  }

  down(): void {
    this.#reports.reach(false);
  }

  up(): void {
    this.#reports.reach(true);
  }
}
