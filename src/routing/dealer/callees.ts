import type { RegistrationId, RequestId, SessionId, Uri } from '../../wamp/ids.js';
import type { Dict, MatchPolicy } from '../../wamp/options.js';
import type { CallKey } from '../frames.js';
import type { Peer } from '../peer.js';
import { NumberTable, type HashSeed } from '../number-table.js';

/** A registration that a session of this node holds. */
export interface LocalRegistration<P extends Peer> {
  readonly callee: CalleeState<P>;
  readonly id: RegistrationId;
  readonly procedure: Uri;
  readonly match: MatchPolicy;
  /** Invocations that it takes at once; Infinity: no bound. */
  readonly concurrency: number;
  activeCount: number;
}

/** An INVOCATION that was sent and is unanswered. */
export interface PendingInvocation<P extends Peer> {
  readonly callee: CalleeState<P>;
  readonly request: RequestId;
  /** The registration by which it came, also when unregistered since (DLR-3). */
  readonly registration: LocalRegistration<P>;
  readonly call: CallKey;
  readonly receiveProgress: boolean;
  /** The details that every further INVOCATION of a progressive call invocation repeats (PCI-5). */
  readonly details: Dict;
  wasInterrupted: boolean;
}

export interface UndecidedClaim {
  readonly registration: RegistrationId;
  /** The claim takes the procedure over from the session that holds it. */
  readonly isForced: boolean;
}

/** State of one of this node's sessions as a callee. */
export interface CalleeState<P extends Peer> {
  readonly peer: P;
  /** INVOCATION.Request counts per callee session from 1 (ID-4). */
  lastRequest: number;
  readonly invocations: NumberTable<PendingInvocation<P>>;
  readonly registrations: NumberTable<LocalRegistration<P>>;
  /** Claims that the cluster has not decided. */
  readonly claims: NumberTable<UndecidedClaim>;
  hasLeft: boolean;
}

/** The callees among the sessions of this node. */
export class Callees<P extends Peer> {
  readonly #hashSeed: HashSeed;
  readonly #bySession: NumberTable<CalleeState<P>>;

  constructor(hashSeed: HashSeed) {
    this.#hashSeed = hashSeed;
    this.#bySession = new NumberTable(hashSeed);
  }

  get size(): number {
    return this.#bySession.size;
  }

  get(session: SessionId): CalleeState<P> | undefined {
    return this.#bySession.get(session);
  }

  of(peer: P): CalleeState<P> {
    const known = this.#bySession.get(peer.session);
    if (known !== undefined) return known;
    const callee: CalleeState<P> = {
      peer,
      lastRequest: 0,
      invocations: new NumberTable(this.#hashSeed),
      registrations: new NumberTable(this.#hashSeed),
      claims: new NumberTable(this.#hashSeed),
      hasLeft: false,
    };
    this.#bySession.set(peer.session, callee);
    return callee;
  }

  /** Removes the session's state as a callee. */
  remove(peer: P): CalleeState<P> | undefined {
    const callee = this.#bySession.get(peer.session);
    if (callee === undefined) return undefined;
    this.#bySession.delete(peer.session);
    callee.hasLeft = true;
    return callee;
  }
}
