import { isId, type RegistrationId, type SessionId, type Uri } from '../../wamp/ids.js';
import type { Dict, List } from '../../wamp/options.js';
import type { Registration } from '../ports.js';
import { allCallees } from '../successors.js';
import { MetaTopic } from './topics.js';

export interface RegistrationEventsPort {
  /** Whether a session of this node receives the topic. */
  isWantedHere(topic: Uri): boolean;
  /** Publishes to the sessions of this node only. */
  publishHere(topic: Uri, args: List): void;
  /** Publishes to the other nodes only; they decide by `arrived`. Does nothing when no other node wants the topic. */
  publishElsewhere(topic: Uri, args: List): void;
  /** The registration as this node knows it. */
  find(id: RegistrationId): Registration | undefined;
  nowMs(): number;
}

/** A claim is decided within this time. */
const DECIDED_WITHIN_MS = 60_000;
const MAX_REMEMBERED = 65_536;

/**
 * The meta events of registrations, for the sessions of this node (RMA). Every node mirrors the registrations of the
 * cluster in one order, and so publishes for its own sessions what its mirror loses: each end once, also when a node has
 * died. A beginning waits until REGISTERED has been sent (UMA-2): a call that a subscriber makes then finds the callee.
 * The node of the callee notifies the others of it.
 */
export class RegistrationEvents {
  readonly #port: RegistrationEventsPort;
  /** Registrations without on_create so far, and since when. */
  readonly #uncreated = new Map<RegistrationId, number>();
  /** Callees without on_register so far, and since when. */
  readonly #unregistered = new Map<string, number>();
  #hasBegun = false;

  constructor(port: RegistrationEventsPort) {
    this.#port = port;
  }

  /** Registrations that came before had been created. */
  begin(): void {
    this.#hasBegun = true;
  }

  /** The mirror has another state of a registration. O(callees) while a session of this node subscribes to on_unregister. */
  changed(before: Registration | undefined, after: Registration): void {
    if (!this.#hasBegun) return;
    if (before === undefined && after.callees.length > 0) this.#remember(this.#uncreated, after.id);
    if (this.#port.isWantedHere(MetaTopic.CALLEE_REMOVED)) this.#compareCallees(before, after);
    if (before === undefined || after.callees.length > 0) return;
    if (this.#uncreated.delete(before.id) || !this.#port.isWantedHere(MetaTopic.REGISTRATION_DELETED)) return;
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
    this.#unregistered.delete(keyOf(id, session));
    this.#port.publishHere(MetaTopic.CALLEE_ADDED, [session, id]);
    this.#port.publishElsewhere(MetaTopic.CALLEE_ADDED, [session, id]);
  }

  /** Another node publishes one of these events. False: its subscribers here do not receive it. */
  arrived(topic: Uri, [session, about]: List): boolean {
    if (!isId(session)) return false;
    if (topic === MetaTopic.REGISTRATION_CREATED) return this.#uncreated.delete(idIn(about));
    if (topic !== MetaTopic.CALLEE_ADDED || !isId(about)) return false;
    const registration = this.#port.find(about as RegistrationId);
    const isCallee =
      registration !== undefined && allCallees(registration).some((callee) => callee.session === session);
    if (!isCallee) return false;
    this.#create(registration, session as SessionId);
    this.#unregistered.delete(keyOf(registration.id, session as SessionId));
    return true;
  }

  #create(registration: Registration, session: SessionId): void {
    if (!this.#uncreated.delete(registration.id)) return;
    if (this.#port.isWantedHere(MetaTopic.REGISTRATION_CREATED))
      this.#port.publishHere(MetaTopic.REGISTRATION_CREATED, [session, registrationDetails(registration)]);
  }

  #compareCallees(before: Registration | undefined, after: Registration): void {
    const now = new Set(allCallees(after).map(({ session }) => session));
    for (const { session } of before === undefined ? [] : allCallees(before)) {
      if (now.delete(session) || this.#unregistered.delete(keyOf(after.id, session))) continue;
      this.#port.publishHere(MetaTopic.CALLEE_REMOVED, [session, after.id]);
    }
    for (const session of now) this.#remember(this.#unregistered, keyOf(after.id, session));
  }

  /** Beginnings that nobody confirms are forgotten: nobody was interested in them, or the claims have failed. */
  #remember<Key>(remembered: Map<Key, number>, key: Key): void {
    const nowMs = this.#port.nowMs();
    for (const [other, sinceMs] of remembered) {
      if (nowMs - sinceMs < DECIDED_WITHIN_MS && remembered.size < MAX_REMEMBERED) break;
      remembered.delete(other);
    }
    remembered.set(key, nowMs);
  }
}

/** As on_create and `wamp.registration.get` have it. */
export function registrationDetails({ id, createdMs, procedure, match, invoke }: Registration): Dict {
  return { id, created: new Date(createdMs).toISOString(), uri: procedure, match, invoke };
}

function keyOf(id: RegistrationId, session: SessionId): string {
  return `${id} ${session}`;
}

function idIn(details: unknown): RegistrationId {
  const id = typeof details === 'object' && details !== null && 'id' in details ? details.id : 0;
  return (isId(id) ? id : 0) as RegistrationId;
}
