import type { Backplane, BackplaneEvents, TopicChange } from '../../../src/backplane/backplane.js';
import type { SessionRow } from '../../../src/backplane/session-row.js';
import type { Frame } from '../../../src/routing/frames.js';
import type { Publication, Registration } from '../../../src/routing/ports.js';
import type { NodeId, RegistrationId, Uri } from '../../../src/wamp/ids.js';
import { cancelOf, REALM } from './samples.js';

/** The events that a node received, in order. */
export type NodeEvent =
  | { readonly what: 'publication'; readonly from: NodeId; readonly realm: Uri; readonly publication: Publication }
  | { readonly what: 'frame'; readonly from: NodeId; readonly realm: Uri; readonly frame: Frame }
  | { readonly what: 'registration'; readonly realm: Uri; readonly registration: Registration }
  | { readonly what: 'topic'; readonly realm: Uri; readonly change: TopicChange }
  | { readonly what: 'sessionsLost'; readonly node: NodeId; readonly sessions: readonly SessionRow[] }
  | { readonly what: 'nodeGone'; readonly node: NodeId }
  | { readonly what: 'gap'; readonly from: NodeId; readonly reason: string }
  | { readonly what: 'returned'; readonly to: NodeId; readonly realm: Uri; readonly frame: Frame }
  | { readonly what: 'down' | 'up' | 'fenced' };

type NodeEventOf<What extends NodeEvent['what']> = Extract<NodeEvent, { what: What }>;

/** One node of the cluster under test, with a record of the events that it received. */
export class NodeUnderTest {
  readonly backplane: Backplane;
  readonly events: NodeEvent[] = [];
  /** Answers the questions that this node receives. */
  answer: BackplaneEvents['question'];
  /** Parts of a publication behind its first one; the publication counts as received with the last. */
  partsLeft = 0;
  #waiting: (() => void)[] = [];
  #depth = 0;

  constructor(backplane: Backplane) {
    this.backplane = backplane;
  }

  get id(): NodeId {
    return this.backplane.node;
  }

  async start(...realms: Uri[]): Promise<this> {
    await this.backplane.start(this.#events());
    for (const realm of realms) await this.backplane.serve(realm);
    return this;
  }

  all<What extends NodeEvent['what']>(what: What): NodeEventOf<What>[] {
    return this.events.filter((event): event is NodeEventOf<What> => event.what === what);
  }

  /** Topics of the publications that came, in order. */
  topics(realm: Uri = REALM): Uri[] {
    return this.all('publication')
      .filter((event) => event.realm === realm)
      .map(({ publication }) => publication.topic);
  }

  /** The registration as this node knows it now. */
  registration(id: RegistrationId, realm: Uri = REALM): Registration | undefined {
    return this.all('registration').findLast((event) => event.realm === realm && event.registration.id === id)
      ?.registration;
  }

  /** Waits until a condition on the events that it has received is true. */
  async until(isSo: (node: this) => boolean): Promise<void> {
    while (!isSo(this)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when everything that `from` sent to this node before has arrived (order per sender and receiver). */
  async catchUpWith(from: NodeUnderTest): Promise<void> {
    const fence = cancelOf(from.id);
    from.backplane.bus.send(this.id, REALM, fence);
    await this.until((node) =>
      node
        .all('frame')
        .some(
          ({ frame }) =>
            frame.kind === 'cancel' && frame.call.node === from.id && frame.call.number === fence.call.number,
        ),
    );
  }

  #events(): BackplaneEvents {
    const record = (event: NodeEvent): void => {
      if (this.#depth !== 0) throw new Error(`received ${event.what} inside another event`);
      this.#depth++;
      this.events.push(event);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const wake of waiting) wake();
      this.#depth--;
    };
    return {
      publication: (from, realm, publication) => {
        let left = this.partsLeft;
        const next = (): boolean => {
          if (left-- > 0) return true;
          record({ what: 'publication', from, realm, publication });
          return false;
        };
        return next() ? next : undefined;
      },
      frame: (from, realm, frame) => record({ what: 'frame', from, realm, frame }),
      registration: (realm, registration) => record({ what: 'registration', realm, registration }),
      topic: (realm, change) => record({ what: 'topic', realm, change }),
      sessionsLost: (node, sessions) => record({ what: 'sessionsLost', node, sessions }),
      nodeGone: (node) => record({ what: 'nodeGone', node }),
      gap: (from, reason) => record({ what: 'gap', from, reason }),
      returned: (to, realm, frame) => record({ what: 'returned', to, realm, frame }),
      question: (from, realm, subject, body) => this.answer?.(from, realm, subject, body),
      down: () => record({ what: 'down' }),
      up: () => record({ what: 'up' }),
      fenced: () => record({ what: 'fenced' }),
    };
  }
}
