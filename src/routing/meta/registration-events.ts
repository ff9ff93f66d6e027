import { Recent } from '../../util/recent.js';
import { isId, type RegistrationId, type SessionId, type Uri } from '../../wamp/ids.js';
import type { Dict, List } from '../../wamp/options.js';
import type { Registration } from '../ports.js';
import { allCallees } from '../successors.js';
import { idIn, type MetaEventsPort } from './events-port.js';
import { MetaTopic } from './topics.js';

export interface RegistrationEventsPort extends MetaEventsPort {
  /** The registration as this node knows it. */
  find(id: RegistrationId): Registration | undefined;
}

/**
 * The meta events of registrations, for the sessions of this node (RMA). Every node mirrors the registrations of the
 * cluster in one order, and so publishes for its own sessions what its mirror loses: each end once, also when a node has
 * died. A beginning waits until REGISTERED has been sent (UMA-2): a call that a subscriber makes then finds the callee.
 * The node of the callee notifies the others of it.
 */
export class RegistrationEvents {
  readonly #port: RegistrationEventsPort;
  /** Registrations without on_create so far. Those that stay without it have failed, or interest no session: they are forgotten. */
  readonly #uncreated: Recent<RegistrationId, { readonly isAwaited: boolean }>;
  /** Callees without on_register so far, which sessions of this node receive. */
  readonly #unregistered: Recent<string, true>;
  #hasBegun = false;

  constructor(port: RegistrationEventsPort) {
    this.#port = port;
    this.#uncreated = new Recent(() => port.forgotten());
    this.#unregistered = new Recent(() => port.forgotten());
  }

  /** Registrations that came before had been created. */
  begin(): void {
    this.#hasBegun = true;
  }

  /** The mirror has another state of a registration. O(callees) while a session of this node subscribes to on_unregister. */
  changed(before: Registration | undefined, after: Registration): void {
    if (!this.#hasBegun) return;
    if (before === undefined && after.callees.length > 0) {
      const isAwaited = this.#port.isWantedHere(MetaTopic.REGISTRATION_CREATED);
      this.#uncreated.add(after.id, { isAwaited }, this.#port.nowMs());
    }
    if (this.#port.isWantedHere(MetaTopic.CALLEE_REMOVED)) this.#compareCallees(before, after);
    if (before === undefined || after.callees.length > 0) return;
    // Its claim has failed, or no session of this node was to receive on_create.
    if (this.#uncreated.take(before.id)?.isAwaited === true) return;
    const last = allCallees(before).at(-1);
    this.#port.publishHere(MetaTopic.REGISTRATION_DELETED, [last?.session ?? null, before.id]);
  }

  /** This node has sent REGISTERED. */
  registered(session: SessionId, id: RegistrationId): void {
    const registration = this.#port.find(id);
    if (registration === undefined) return;
    const created = [session, registrationDetails(registration)];
    if (this.#uncreated.has(id)) this.#port.publishElsewhere(MetaTopic.REGISTRATION_CREATED, created);
    this.#create(registration, session);
    this.#unregistered.take(keyOf(id, session));
    this.#port.publishHere(MetaTopic.CALLEE_ADDED, [session, id]);
    this.#port.publishElsewhere(MetaTopic.CALLEE_ADDED, [session, id]);
  }

  /** Another node publishes one of these events. False: its subscribers here do not receive it. */
  arrived(topic: Uri, [session, about]: List): boolean {
    if (!isId(session)) return false;
    if (topic === MetaTopic.REGISTRATION_CREATED)
      return this.#uncreated.take(idIn(about) as RegistrationId) !== undefined;
    if (topic !== MetaTopic.CALLEE_ADDED || !isId(about)) return false;
    const registration = this.#port.find(about as RegistrationId);
    const isCallee =
      registration !== undefined && allCallees(registration).some((callee) => callee.session === session);
    if (!isCallee) return false;
    this.#create(registration, session as SessionId);
    this.#unregistered.take(keyOf(registration.id, session as SessionId));
    return true;
  }

  #create(registration: Registration, session: SessionId): void {
    if (this.#uncreated.take(registration.id) === undefined) return;
    if (this.#port.isWantedHere(MetaTopic.REGISTRATION_CREATED))
      this.#port.publishHere(MetaTopic.REGISTRATION_CREATED, [session, registrationDetails(registration)]);
  }

  #compareCallees(before: Registration | undefined, after: Registration): void {
    const now = new Set(allCallees(after).map(({ session }) => session));
    for (const { session } of before === undefined ? [] : allCallees(before)) {
      if (now.delete(session) || this.#unregistered.take(keyOf(after.id, session)) !== undefined) continue;
      this.#port.publishHere(MetaTopic.CALLEE_REMOVED, [session, after.id]);
    }
    if (!this.#port.isWantedHere(MetaTopic.CALLEE_ADDED)) return;
    for (const session of now) this.#unregistered.add(keyOf(after.id, session), true, this.#port.nowMs());
  }
}

/** The details that on_create and `wamp.registration.get` give. */
export function registrationDetails({ id, createdMs, procedure, match, invoke }: Registration): Dict {
  return { id, created: new Date(createdMs).toISOString(), uri: procedure, match, invoke };
}

function keyOf(id: RegistrationId, session: SessionId): string {
  return `${id} ${session}`;
}
