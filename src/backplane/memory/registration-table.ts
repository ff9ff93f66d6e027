import { drawHashSeed, NumberTable } from '../../routing/number-table.js';
import type { Callee, Claim, ClaimOutcome, Registration } from '../../routing/ports.js';
import { allCallees, NOBODY, withoutCallees, withSuccessors } from '../../routing/successors.js';
import type { NodeId, RegistrationId, SessionId, Uri } from '../../wamp/ids.js';
import type { InvocationPolicy, MatchPolicy } from '../../wamp/options.js';

/** The id of a procedure: `attempt` counts from 0 and moves on when an id is taken by another procedure. */
export type DeriveRegistrationId = (match: MatchPolicy, procedure: Uri, attempt: number) => RegistrationId;

/** Successors of one procedure at a time; more are refused. */
export const MAX_SUCCESSORS = 8;

/**
 * Decides which callees hold the procedures of one realm (SHR-1, SHR-2, SHR-4, DLR-4): the decision alone, without
 * nodes to notify. The shared truth of the in-process hub and the model of the store's scripts.
 */
export class RegistrationTable {
  readonly #derive: DeriveRegistrationId;
  // Not a Map: anybody can look for procedures whose derived ids share a bucket of one.
  readonly #byId: NumberTable<Registration>;
  /** Authids, of callees whose claim named one. */
  readonly #owners = new WeakMap<Callee, string>();
  /** Policies that successors bring: the registration gets one when a successor takes over. */
  readonly #policies = new WeakMap<Callee, InvocationPolicy>();
  readonly #ids: Readonly<Record<MatchPolicy, Map<Uri, RegistrationId>>> = {
    exact: new Map(),
    prefix: new Map(),
    wildcard: new Map(),
  };

  readonly #wallMs: () => number;

  constructor(derive: DeriveRegistrationId, random: () => number = Math.random, wallMs = Date.now) {
    this.#derive = derive;
    this.#wallMs = wallMs;
    this.#byId = new NumberTable(drawHashSeed(random));
  }

  get all(): Iterable<Registration> {
    return this.#byId.values();
  }

  get size(): number {
    return this.#byId.size;
  }

  /**
   * Granted: the registration as it is from now on, under the id it has, which need not be the one claimed. A claim by
   * force makes its callee a successor of the others until `complete`.
   */
  claim(claim: Claim): ClaimOutcome {
    const held = this.find(claim.match, claim.procedure);
    if (held === undefined) return this.#grant(this.#freeId(claim), claim, []);
    // Also when forced: a client must not receive REGISTERED twice with one id (DLR-4).
    if (allCallees(held).some(({ session }) => session === claim.callee.session)) return { kind: 'taken' };
    if (this.#mayReplace(held, claim)) return this.#offer(held, claim);
    if (claim.force !== false) return { kind: 'protected' };
    if (held.invoke === 'single') return { kind: 'taken' };
    if (held.invoke !== claim.invoke) return { kind: 'policy-conflict', invoke: held.invoke };
    return this.#grant(held.id, claim, held.callees, held.successors);
  }

  /** The successor has the registration, alone but for later successors. Undefined: it is none, nothing changed. */
  complete(id: RegistrationId, node: NodeId, session: SessionId): Registration | undefined {
    const held = this.#byId.get(id);
    const successors = held?.successors ?? NOBODY;
    const at = successors.findIndex((callee) => callee.node === node && callee.session === session);
    const heir = successors[at];
    if (held === undefined || heir === undefined) return undefined;
    const registration = withSuccessors(
      { ...held, invoke: this.#policies.get(heir) ?? held.invoke, callees: [heir] },
      successors.slice(0, at),
    );
    this.#byId.set(id, registration);
    return registration;
  }

  /** The registration as it is from now on, without callees if that was the last one; undefined: nothing changed. */
  release(id: RegistrationId, node: NodeId, session: SessionId): Registration | undefined {
    return this.#removeCallees(id, (callee) => callee.node === node && callee.session === session);
  }

  /** Takes every callee of a node off. Returns the registrations that changed. */
  dropNode(node: NodeId): readonly Registration[] {
    const changed: Registration[] = [];
    for (const { id } of this.#byId.values()) {
      const registration = this.#removeCallees(id, (callee) => callee.node === node);
      if (registration !== undefined) changed.push(registration);
    }
    return changed;
  }

  find(match: MatchPolicy, procedure: Uri): Registration | undefined {
    const id = this.#ids[match].get(procedure);
    return id === undefined ? undefined : this.#byId.get(id);
  }

  #mayReplace(held: Registration, { force, authid }: Claim): boolean {
    if (force !== 'same-authid') return force === true;
    return authid !== undefined && allCallees(held).every((callee) => this.#owners.get(callee) === authid);
  }

  #grant(id: RegistrationId, claim: Claim, before: readonly Callee[], successors = NOBODY): ClaimOutcome {
    const { procedure, match, invoke, callee } = claim;
    const createdMs = this.#byId.get(id)?.createdMs ?? this.#wallMs();
    const callees = [...before, callee];
    const registration = withSuccessors({ id, procedure, match, invoke, createdMs, callees }, successors);
    this.#ids[match].set(procedure, id);
    return this.#granted(registration, claim);
  }

  #offer(held: Registration, claim: Claim): ClaimOutcome {
    const { successors = NOBODY } = held;
    if (successors.length >= MAX_SUCCESSORS) return { kind: 'taken' };
    this.#policies.set(claim.callee, claim.invoke);
    return this.#granted(withSuccessors(held, [claim.callee, ...successors]), claim);
  }

  #granted(registration: Registration, { callee, authid }: Claim): ClaimOutcome {
    this.#byId.set(registration.id, registration);
    if (authid !== undefined) this.#owners.set(callee, authid);
    return { kind: 'granted', registration };
  }

  #freeId(claim: Claim): RegistrationId {
    let id = claim.registration;
    for (let attempt = 1; this.#byId.has(id); attempt++) id = this.#derive(claim.match, claim.procedure, attempt);
    return id;
  }

  #removeCallees(id: RegistrationId, leaves: (callee: Callee) => boolean): Registration | undefined {
    const held = this.#byId.get(id);
    const left = held && withoutCallees(held, leaves);
    if (held === undefined || left === undefined) return undefined;
    const [only] = left.callees;
    const invoke = only !== undefined && !held.callees.includes(only) ? this.#policies.get(only) : undefined;
    const registration = { ...left, invoke: invoke ?? left.invoke };
    if (registration.callees.length > 0) {
      this.#byId.set(id, registration);
    } else {
      this.#byId.delete(id);
      this.#ids[held.match].delete(held.procedure);
    }
    return registration;
  }
}
