import { Code } from '../../wamp/codes.js';
import type { Fault } from '../../wamp/faults.js';
import type { RequestId } from '../../wamp/ids.js';
import type { Publish } from '../../wamp/messages.js';
import { errorReply } from '../error-reply.js';
import type { Peer } from '../peer.js';
import type { Outlet, Publication } from '../ports.js';
import type { KeepingRules } from './keeping-rules.js';

type Settled = (refusal?: Fault) => void;

/** A request to retain an event that is under way, or has ended. Calls back once with the outcome. */
export type Retaining = (settled: Settled) => void;

/** The way of a publication from its node to the other nodes and the store, and the answer to its publisher. */
export class Onward<P extends Peer> {
  readonly #outlet: Pick<Outlet<P>, 'publish' | 'retain' | 'record' | 'send'>;
  readonly #keeping: () => KeepingRules | undefined;

  constructor(
    outlet: Pick<Outlet<P>, 'publish' | 'retain' | 'record' | 'send'>,
    keeping: () => KeepingRules | undefined,
  ) {
    this.#outlet = outlet;
    this.#keeping = keeping;
  }

  /**
   * Has the store retain an event before all sessions of this node have it: events are retained in the order of their marks, and a
   * session that subscribes between two parts finds it there. To be passed to `send` then.
   */
  retain(publication: Publication): Retaining {
    let outcome: { readonly refusal: Fault | undefined } | undefined;
    let waiting: Settled | undefined;
    this.#outlet.retain(publication, (refusal) => {
      outcome = { refusal };
      waiting?.(refusal);
    });
    return (settled) => {
      if (outcome === undefined) waiting = settled;
      else settled(outcome.refusal);
    };
  }

  /** All sessions of this node have it. Answers the publisher once the other nodes and the store have it, if it asks for that (BRK-6). */
  send(peer: P, [, request, { acknowledge }]: Publish, publication: Publication, retaining?: Retaining): void {
    if (acknowledge) this.#sendAcknowledged(peer, request, publication, retaining);
    else this.sendSilently(publication, retaining);
  }

  #sendAcknowledged(peer: P, request: RequestId, publication: Publication, retaining: Retaining | undefined): void {
    const isRecorded = this.#keeping()?.records(publication) === true;
    let pendingCount = 1 + (publication.retain === undefined ? 0 : 1) + (isRecorded ? 1 : 0);
    let refusal: Fault | undefined;
    const settled = (reason?: Fault): void => {
      refusal ??= reason;
      if (--pendingCount > 0) return;
      if (refusal === undefined) this.#outlet.send(peer, [Code.PUBLISHED, request, publication.id]);
      else this.#outlet.send(peer, errorReply(Code.PUBLISH, request, refusal));
    };
    this.#outlet.publish(publication, settled);
    if (retaining !== undefined) retaining(settled);
    else if (publication.retain !== undefined) this.#outlet.retain(publication, settled);
    if (isRecorded) this.#outlet.record(publication, settled);
  }

  /** The same where nobody waits for an answer. */
  sendSilently(publication: Publication, retaining?: Retaining): void {
    this.#outlet.publish(publication);
    const keeping = this.#keeping();
    if (keeping === undefined) return;
    if (retaining === undefined && publication.retain !== undefined) this.#outlet.retain(publication, NOBODY_WAITS);
    if (keeping.records(publication)) this.#outlet.record(publication, NOBODY_WAITS);
  }
}

const NOBODY_WAITS = (): void => undefined;
