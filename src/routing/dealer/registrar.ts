import { fault, type Fault } from '../../wamp/faults.js';
import { Code } from '../../wamp/codes.js';
import type { NodeId, RegistrationId, SessionId, Uri } from '../../wamp/ids.js';
import type { Register, Unregister } from '../../wamp/messages.js';
import type { MatchPolicy } from '../../wamp/options.js';
import { unreachable } from '../../wamp/unreachable.js';
import { isReserved } from '../../wamp/uri-rules.js';
import { ErrorUri } from '../../wamp/uris.js';
import { errorReply } from '../error-reply.js';
import type { Claim, ClaimOutcome, Force, Outlet, Registration } from '../ports.js';
import type { Peer } from '../peer.js';
import { allCallees, NOBODY } from '../successors.js';
import type { Callees, CalleeState, LocalRegistration } from './callees.js';
import type { OpenClaims } from './open-claims.js';
import type { Registrations } from './registrations.js';

/** Which sessions' procedures a session may take over with `force_reregister`. */
export type ForceRule = 'nobody' | 'same-authid' | 'anybody';

const FORCE: Readonly<Record<ForceRule, Force>> = {
  nobody: 'if-free',
  'same-authid': 'same-authid',
  anybody: true,
};

export interface RegistrarOptions<P extends Peer> {
  readonly realm: Uri;
  readonly node: NodeId;
  readonly outlet: Outlet<P>;
  readonly callees: Callees<P>;
  readonly mirror: Registrations;
  readonly openClaims: OpenClaims;
  /** Read at each REGISTER. */
  readonly limits: { readonly maxRegistrationsPerSession: number };
  readonly forceReregister: ForceRule;
  /** A REGISTER was refused because of it. */
  readonly onLimit: () => void;
  readonly onRegistered: (callee: SessionId, registration: RegistrationId) => void;
  /** A claim of this callee was decided and answered: calls of its session that waited for it may continue (G10). */
  readonly onDecided: (callee: CalleeState<P>) => void;
}

/**
 * REGISTER, UNREGISTER and revocation: the registrations of this node's sessions. The cluster decides on claims (D4).
 */
export class Registrar<P extends Peer> {
  readonly #options: RegistrarOptions<P>;
  readonly #outlet: Outlet<P>;
  readonly #callees: Callees<P>;
  /** Registrations of this node's sessions, by procedure and match, to find those that a new row no longer names. */
  readonly #holders = new Map<string, Map<SessionId, LocalRegistration<P>>>();

  #isWithdrawn = false;

  get procedureCount(): number {
    return this.#holders.size;
  }

  constructor(options: RegistrarOptions<P>) {
    this.#options = options;
    this.#outlet = options.outlet;
    this.#callees = options.callees;
  }

  /** `mayDisclose`: the router may promise callers' identities to this callee (CID-3). */
  register(peer: P, message: Register, mayDisclose: boolean): void {
    const [, request, options, procedure] = message;
    const id = this.#options.mirror.idFor(this.#options.realm, procedure, options.match);
    const refusal = this.#refusal(peer, message, id, mayDisclose);
    if (refusal !== undefined) {
      this.#outlet.send(peer, errorReply(Code.REGISTER, request, refusal));
      return;
    }
    const callee = this.#callees.of(peer);
    const claim = this.#claim(peer, message, id);
    callee.claims.set(id, { registration: id, isForced: claim.force !== false });
    this.#options.openClaims.open(peer.session, procedure, options.match);
    this.#outlet.claim(claim, (outcome) => this.#decide(callee, message, claim, outcome));
  }

  /**
   * Sends UNREGISTERED at once: no INVOCATION follows it, and the cluster is notified in the background. Invocations in
   * flight continue (DLR-3). While REGISTERED is outstanding there is nothing to unregister yet.
   */
  unregister(peer: P, [, request, id]: Unregister): void {
    const callee = this.#callees.get(peer.session);
    const registration = callee?.registrations.get(id);
    if (callee === undefined || registration === undefined) {
      const refusal = fault(ErrorUri.NO_SUCH_REGISTRATION, `this session holds no registration ${id}`);
      this.#outlet.send(peer, errorReply(Code.UNREGISTER, request, refusal));
      return;
    }
    this.#giveBack(registration);
    this.#outlet.send(peer, [Code.UNREGISTERED, request]);
  }

  /** Handles a changed registration: revokes callees of this node that it no longer names (REV-1). */
  registration(row: Registration): void {
    const holders = this.#holders.get(holdersKey(row.procedure, row.match));
    if (holders === undefined) return;
    let namedCount = 0;
    for (const { session } of row.callees) {
      if (holders.has(session)) namedCount++;
    }
    for (const { session } of row.successors ?? NOBODY) {
      if (holders.has(session)) namedCount++;
    }
    if (namedCount === holders.size) return;
    const named = new Set(allCallees(row).map((callee) => callee.session));
    for (const [session, held] of [...holders]) {
      if (!named.has(session)) this.#revoke(held);
    }
  }

  /** Takes a registration from a session. Invocations in flight continue. False: the session does not have it. */
  revoke(session: SessionId, id: RegistrationId, reason: string | undefined): boolean {
    const registration = this.#callees.get(session)?.registrations.get(id);
    if (registration === undefined) return false;
    this.#giveBack(registration);
    this.#notifyRevoked(registration, reason);
    return true;
  }

  /**
   * Withdraws all registrations, so that the cluster sends no more calls here. Calls in flight are still served, and
   * callees are not notified (drain).
   */
  withdraw(): void {
    this.#isWithdrawn = true;
    const holders = [...this.#holders.values()];
    this.#holders.clear();
    for (const held of holders) {
      for (const { id, callee } of held.values()) this.#outlet.release(id, callee.peer.session);
    }
  }

  /**
   * Releases everything that a session holds; also a claim in flight, which is released again if it is granted all the
   * same.
   */
  leave(callee: CalleeState<P>): void {
    for (const { registration } of callee.claims.values()) this.#outlet.release(registration, callee.peer.session);
    for (const registration of callee.registrations.values()) {
      this.#giveBack(registration);
    }
  }

  /**
   * Gives up `count` claims of a session that are not decided, so that none takes a registration from its holder for a session that
   * has left. True: it has more.
   */
  dropClaims(callee: CalleeState<P>, count: number): boolean {
    for (const { registration } of callee.claims.some(count)) {
      callee.claims.delete(registration);
      this.#outlet.release(registration, callee.peer.session);
    }
    return callee.claims.size > 0;
  }

  /** Releases `count` registrations of a session. False: it has no more than that. */
  leavePart(callee: CalleeState<P>, count: number): boolean {
    if (callee.registrations.size <= count) return false;
    for (const registration of callee.registrations.some(count)) this.#giveBack(registration);
    return true;
  }

  #refusal(peer: P, [, , options, procedure]: Register, id: RegistrationId, mayDisclose: boolean): Fault | undefined {
    const { maxRegistrationsPerSession } = this.#options.limits;
    if (isReserved(procedure))
      return fault(
        ErrorUri.INVALID_URI,
        `"${procedure}" cannot be registered: URIs under "wamp." belong to the router`,
      );
    if (options.discloseCaller && !mayDisclose)
      return fault(ErrorUri.DISCLOSE_ME_DISALLOWED, 'disclose_caller is not allowed here: register without it');
    const callee = this.#callees.get(peer.session);
    if (callee === undefined) return undefined;
    if (callee.registrations.has(id) || callee.claims.has(id))
      return fault(ErrorUri.PROCEDURE_ALREADY_EXISTS, `this session has registered "${procedure}" already`);
    if (callee.registrations.size + callee.claims.size >= maxRegistrationsPerSession) {
      this.#options.onLimit();
      return fault(
        ErrorUri.LIMIT_EXCEEDED,
        `this session holds its limit of ${maxRegistrationsPerSession} registrations (limits.maxRegistrationsPerSession)`,
      );
    }
    return undefined;
  }

  #claim(peer: P, [, , options, procedure]: Register, id: RegistrationId): Claim {
    const { forceReregister } = this.#options;
    const announcesTimeout = peer.features.callee?.has('call_timeout') ?? false;
    return {
      registration: id,
      procedure,
      match: options.match,
      invoke: options.invoke,
      callee: {
        node: this.#options.node,
        session: peer.session,
        ...(options.concurrency === undefined ? undefined : { concurrency: options.concurrency }),
        discloseCaller: options.discloseCaller,
        forwardTimeout: options.forwardTimeout && announcesTimeout,
      },
      force: options.forceReregister ? FORCE[forceReregister] : false,
      ...(forceReregister === 'same-authid' ? { authid: peer.authid } : undefined),
    };
  }

  #decide(callee: CalleeState<P>, message: Register, claim: Claim, outcome: ClaimOutcome): void {
    const { peer } = callee;
    callee.claims.delete(claim.registration);
    this.#options.openClaims.decide(peer.session, claim.procedure, claim.match);
    if (callee.hasLeft) {
      if (outcome.kind === 'granted') this.#outlet.release(outcome.registration.id, peer.session);
      return;
    }
    if (outcome.kind === 'granted') this.#grant(callee, message, outcome.registration.id);
    else this.#outlet.send(peer, errorReply(Code.REGISTER, message[1], refusedClaim(claim.procedure, outcome)));
    this.#options.onDecided(callee);
  }

  #grant(callee: CalleeState<P>, [, request, options, procedure]: Register, id: RegistrationId): void {
    const registration: LocalRegistration<P> = {
      callee,
      id,
      procedure,
      match: options.match,
      concurrency: options.concurrency ?? Infinity,
      activeCount: 0,
    };
    callee.registrations.set(id, registration);
    this.#options.mirror.admit(id, callee.peer.session);
    if (!this.#isWithdrawn) this.#hold(registration);
    this.#outlet.send(callee.peer, [Code.REGISTERED, request, id]);
    if (this.#isWithdrawn) this.#outlet.release(id, callee.peer.session);
    // Another session may have taken it by force between the row that granted it and this answer.
    else if (!this.#options.mirror.has(procedure, options.match, callee.peer.session)) this.#revoke(registration);
    else this.#options.onRegistered(callee.peer.session, id);
  }

  #hold(registration: LocalRegistration<P>): void {
    const { callee, procedure, match } = registration;
    const key = holdersKey(procedure, match);
    const holders = this.#holders.get(key);
    if (holders === undefined) this.#holders.set(key, new Map([[callee.peer.session, registration]]));
    else holders.set(callee.peer.session, registration);
  }

  #revoke(registration: LocalRegistration<P>): void {
    this.#forget(registration);
    this.#notifyRevoked(registration, 'the procedure was taken over or withdrawn');
  }

  #notifyRevoked({ id, callee: { peer } }: LocalRegistration<P>, reason: string | undefined): void {
    if (peer.features.callee?.has('registration_revocation') !== true) return;
    const details = reason === undefined ? { registration: id } : { registration: id, reason };
    this.#outlet.send(peer, [Code.UNREGISTERED, 0, details]);
  }

  /** The cluster may be notified late, above all when it cannot be reached: calls pass the callee over until then. */
  #giveBack(registration: LocalRegistration<P>): void {
    const { id, callee } = registration;
    this.#forget(registration);
    this.#options.mirror.pass(id, callee.peer.session, 'gone');
    this.#outlet.release(id, callee.peer.session);
  }

  #forget({ callee, id, procedure, match }: LocalRegistration<P>): void {
    callee.registrations.delete(id);
    const key = holdersKey(procedure, match);
    const holders = this.#holders.get(key);
    holders?.delete(callee.peer.session);
    if (holders?.size === 0) this.#holders.delete(key);
  }
}

function holdersKey(procedure: Uri, match: MatchPolicy): string {
  return `${match}:${procedure}`;
}

function refusedClaim(procedure: Uri, outcome: Exclude<ClaimOutcome, { kind: 'granted' }>): Fault {
  switch (outcome.kind) {
    case 'taken':
      return fault(ErrorUri.PROCEDURE_ALREADY_EXISTS, `"${procedure}" is registered already`);
    case 'policy-conflict':
      return fault(
        ErrorUri.PROCEDURE_ALREADY_EXISTS,
        `"${procedure}" is registered already with invoke "${outcome.invoke}": register with the same`,
      );
    case 'protected':
      return fault(
        ErrorUri.OPTION_NOT_ALLOWED,
        `"${procedure}" is held by a session that this one may not take it from (allowForceReregister)`,
      );
    case 'failed':
      return outcome.fault;
    default:
      return unreachable(outcome);
  }
}
