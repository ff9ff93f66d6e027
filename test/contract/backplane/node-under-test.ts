import type { Backplane, BackplaneEvents, TopicChange } from '../../../src/backplane/backplane.js';
import type { SessionRow } from '../../../src/backplane/session-row.js';
import type { Frame } from '../../../src/routing/frames.js';
import type { Publication, Registration } from '../../../src/routing/ports.js';
import type { NodeId, RegistrationId, Uri } from '../../../src/wamp/ids.js';
import { cancelOf, REALM } from './samples.js';

/** The events that a node received, in order. */
export type Heard =
  | { readonly what: 'publication'; readonly from: NodeId; readonly realm: Uri; readonly publication: Publication }
  | { readonly what: 'frame'; readonly from: NodeId; readonly realm: Uri; readonly frame: Frame }
  | { readonly what: 'registration'; readonly realm: Uri; readonly registration: Registration }
  | { readonly what: 'topic'; readonly realm: Uri; readonly change: TopicChange }
  | { readonly what: 'sessionsLost'; readonly node: NodeId; readonly sessions: readonly SessionRow[] }
  | { readonly what: 'nodeGone'; readonly node: NodeId }
  | { readonly what: 'gap'; readonly from: NodeId; readonly reason: string }
  | { readonly what: 'returned'; readonly to: NodeId; readonly realm: Uri; readonly frame: Frame }
  | { readonly what: 'down' | 'up' | 'fenced' };

type HeardOf<What extends Heard['what']> = Extract<Heard, { what: What }>;

/** One node of the cluster under test, with a record of the events that it received. */
export class NodeUnderTest {
  readonly backplane: Backplane;
  readonly heard: Heard[] = [];
  /** Answers the questions that this node receives. */
  answer: BackplaneEvents['question'];
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

  all<What extends Heard['what']>(what: What): HeardOf<What>[] {
    return this.heard.filter((heard): heard is HeardOf<What> => heard.what === what);
  }

  /** Topics of the publications that came, in order. */
  topics(realm: Uri = REALM): Uri[] {
    return this.all('publication')
      .filter((heard) => heard.realm === realm)
      .map(({ publication }) => publication.topic);
  }

  /** The registration as this node knows it now. */
  registration(id: RegistrationId, realm: Uri = REALM): Registration | undefined {
    return this.all('registration').findLast((heard) => heard.realm === realm && heard.registration.id === id)
      ?.registration;
  }

  /** Waits until a condition on the events that it has received is true. */
  async until(isSo: (node: this) => boolean): Promise<void> {
    while (!isSo(this)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when everything that `from` sent to this node before has arrived (order per sender and receiver). */
  async hearOut(from: NodeUnderTest): Promise<void> {
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
    const hear = (heard: Heard): void => {
      if (this.#depth !== 0) throw new Error(`received ${heard.what} inside another event`);
      this.#depth++;
      this.heard.push(heard);
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const wake of waiting) wake();
      this.#depth--;
    };
    return {
      publication: (from, realm, publication) => hear({ what: 'publication', from, realm, publication }),
      frame: (from, realm, frame) => hear({ what: 'frame', from, realm, frame }),
      registration: (realm, registration) => hear({ what: 'registration', realm, registration }),
      topic: (realm, change) => hear({ what: 'topic', realm, change }),
      sessionsLost: (node, sessions) => hear({ what: 'sessionsLost', node, sessions }),
      nodeGone: (node) => hear({ what: 'nodeGone', node }),
      gap: (from, reason) => hear({ what: 'gap', from, reason }),
      returned: (to, realm, frame) => hear({ what: 'returned', to, realm, frame }),
      question: (from, realm, subject, body) => this.answer?.(from, realm, subject, body),
      down: () => hear({ what: 'down' }),
      up: () => hear({ what: 'up' }),
      fenced: () => hear({ what: 'fenced' }),
    };
  }
}
