import type { Callee, Registration } from '../../../routing/ports.js';
import { allCallees, NOBODY, withSuccessors } from '../../../routing/successors.js';
import type { NodeId, RegistrationId, SessionId } from '../../../wamp/ids.js';
import type { InvocationPolicy } from '../../../wamp/options.js';
import { fromMember, type Member, type PlacedCallee, type ProcedureHead, type ProcedureRow } from './rows.js';

export interface Placement {
  readonly member: Member;
  readonly id: RegistrationId;
  readonly invoke: InvocationPolicy;
  readonly createdMs: number;
  readonly placed: PlacedCallee;
}

interface Row {
  /** The registration as the change announced it. */
  readonly registration: Registration;
  /** Orders of the callees, ascending. */
  readonly orders: readonly number[];
  /** Callees that take it over, the first first. */
  readonly takingOver: readonly PlacedCallee[];
}

export interface ProceduresMirrorEvents {
  /** A registration has another state now. */
  changed(registration: Registration): void;
  /** A callee is no longer registered; called before `changed` announces the state without it. */
  removed(member: Member, callee: Callee): void;
  /** The store does not have this callee: it is kept from before. */
  isKept(member: Member, callee: Callee): boolean;
}

/** The registrations of one realm, as the changes and snapshots that were applied so far have them. */
export class ProceduresMirror {
  readonly #events: ProceduresMirrorEvents;
  #rows = new Map<Member, Row>();
  #members = new Map<RegistrationId, Member>();
  /** Rows as they were announced before the load under way. */
  #rowsBefore: ReadonlyMap<Member, Row> | undefined;

  constructor(events: ProceduresMirrorEvents) {
    this.#events = events;
  }

  get size(): number {
    return this.#rows.size;
  }

  get(member: Member): Registration | undefined {
    return this.#rows.get(member)?.registration;
  }

  memberOf(id: RegistrationId): Member | undefined {
    return this.#members.get(id);
  }

  has(member: Member, node: NodeId, session: SessionId): boolean {
    const registration = this.get(member);
    return registration !== undefined && allCallees(registration).some(isCallee(node, session));
  }

  /** The procedure has a callee that was granted behind this order, and is no successor. */
  hasBehind(member: Member, order: number): boolean {
    return (this.#rows.get(member)?.orders.at(-1) ?? 0) > order;
  }

  /** Visits every callee. `visit` must not change the mirror. */
  forEach(visit: (placement: Placement) => void): void {
    for (const [member, row] of this.#rows) visitRow(member, row, visit);
  }

  /**
   * Adds a callee; by force, or where the policy allows no other, as the only one, but for later takeovers.
   * O(callees).
   */
  place({ member, id, invoke, createdMs, placed }: Placement, isForced: boolean): void {
    const row = this.#rows.get(member);
    const { callee, order } = placed;
    if (placed.takesOver !== undefined) {
      this.#placeTakeover(member, { id, invoke: 'single', createdMs }, placed);
      return;
    }
    // The store has decided. Callees that it does not allow beside the new one were kept from before it lost its data.
    if (row === undefined || isForced || invoke === 'single' || !isOf(row.registration, id, invoke)) {
      const since = row?.takingOver.filter((other) => other.order > order) ?? [];
      this.#put(member, toRow(member, { id, invoke, createdMs, callees: [placed, ...since] }));
      return;
    }
    const { registration } = row;
    const isPlaced = isCallee(callee.node, callee.session);
    const index = registration.callees.findIndex(isPlaced);
    if (index !== -1 && row.orders[index] === order && registration.createdMs === createdMs) return;
    // It may be kept as one that takes the procedure over: its take-over was complete when the store lost that.
    const takingOver = row.takingOver.filter((other) => !isPlaced(other.callee));
    const callees = index === -1 ? registration.callees : registration.callees.toSpliced(index, 1);
    const orders = index === -1 ? row.orders : row.orders.toSpliced(index, 1);
    const isBefore = (other: number, at: number): boolean =>
      other < order || (other === order && (callees[at]?.session ?? 0) < callee.session);
    const at = orders.findLastIndex(isBefore) + 1;
    const placedRow = {
      registration: { ...registration, createdMs, callees: callees.toSpliced(at, 0, callee) },
      orders: orders.toSpliced(at, 0, order),
      takingOver,
    };
    const isSuccessor = takingOver.length < row.takingOver.length;
    this.#put(member, isSuccessor ? withTakingOver(placedRow, takingOver) : placedRow);
  }

  #placeTakeover(member: Member, head: ProcedureHead, placed: PlacedCallee): void {
    const row = this.#rows.get(member);
    const { node, session } = placed.callee;
    if (row === undefined || row.registration.id !== head.id)
      this.#put(member, toRow(member, { ...head, callees: [placed] }));
    else if (!this.has(member, node, session)) this.#put(member, withTakingOver(row, [...row.takingOver, placed]));
  }

  /** Places a callee only where the row allows another one. False: it does not. */
  placeBeside(placement: Placement): boolean {
    const { member, id, invoke } = placement;
    const { takesOver } = placement.placed;
    const held = this.get(member);
    const isBeside =
      held !== undefined && (takesOver === undefined ? invoke !== 'single' && isOf(held, id, invoke) : held.id === id);
    const isFree = held === undefined ? !this.#members.has(id) : isBeside;
    // The row has the time that the store has.
    if (isFree) this.place(held === undefined ? placement : { ...placement, createdMs: held.createdMs }, false);
    return isFree;
  }

  /**
   * Removes the callees for which `leaves` holds. A callee that takes over has the procedure when the store has no other left.
   * O(callees).
   */
  remove(member: Member, leaves: (callee: Callee) => boolean): void {
    const row = this.#rows.get(member);
    if (row === undefined) return;
    const { registration, orders } = row;
    const stays = registration.callees.map((callee) => !leaves(callee));
    const takingOver = row.takingOver.filter(({ callee }) => !leaves(callee));
    if (!stays.includes(false) && takingOver.length === row.takingOver.length) return;
    const callees = registration.callees.filter((_, at) => stays[at]);
    const left = {
      registration: { ...registration, callees },
      orders: orders.filter((_, at) => stays[at]),
      takingOver,
    };
    const next = this.#nextOf(member, left);
    this.#put(member, next === undefined ? withTakingOver(left, takingOver) : inheritedBy(member, left, next));
  }

  /** The callee that has the procedure now, because only callees that take it over are left in the store. */
  #nextOf(member: Member, { registration: { callees }, takingOver }: Row): PlacedCallee | undefined {
    const isKept = (callee: Callee): boolean => this.#events.isKept(member, callee);
    if (takingOver.length === 0 || !callees.every(isKept)) return undefined;
    return takingOver.find(({ callee }) => !isKept(callee)) ?? (callees.length === 0 ? takingOver[0] : undefined);
  }

  /** O(all callees). */
  removeNode(node: NodeId): void {
    for (const member of [...this.#rows.keys()]) this.remove(member, (callee) => callee.node === node);
  }

  /** Begins anew with these rows. `endLoad` announces what differs from before. */
  beginLoad(rows: ReadonlyMap<Member, ProcedureRow>): void {
    this.#rowsBefore ??= this.#rows;
    this.#rows = new Map();
    this.#members = new Map();
    for (const [member, row] of rows) if (row.callees.length > 0) this.#put(member, toRow(member, row));
  }

  /** Visits every callee from before the load. */
  forEachBefore(visit: (placement: Placement) => void): void {
    for (const [member, row] of this.#rowsBefore ?? []) visitRow(member, row, visit);
  }

  /** Announces registrations that have ended, then those that are new or different. */
  endLoad(): void {
    const before = this.#rowsBefore ?? new Map<Member, Row>();
    this.#rowsBefore = undefined;
    const changed: [Member, Registration | undefined, Registration][] = [];
    for (const [member, row] of this.#rows) {
      const { registration } = row;
      const old = before.get(member)?.registration;
      if (old !== undefined && isSame(old, registration)) this.#rows.set(member, { ...row, registration: old });
      else changed.push([member, old, registration]);
    }
    for (const [member, { registration }] of before)
      if (!this.#rows.has(member))
        this.#announce(member, registration, withSuccessors({ ...registration, callees: NOBODY }, NOBODY));
    for (const [member, old, now] of changed) this.#announce(member, old, now);
  }

  /** Forgets everything and announces nothing. */
  clear(): void {
    this.#rows.clear();
    this.#members.clear();
    this.#rowsBefore = undefined;
  }

  #put(member: Member, row: Row): void {
    const old = this.#rows.get(member)?.registration;
    const now = row.registration;
    if (old !== undefined && this.#members.get(old.id) === member) this.#members.delete(old.id);
    if (now.callees.length > 0) {
      this.#rows.set(member, row);
      this.#members.set(now.id, member);
    } else {
      this.#rows.delete(member);
    }
    if (this.#rowsBefore !== undefined) return;
    // One more: a callee was added, and this happens with every claim.
    const isLonger = old === undefined || old.callees.length < now.callees.length;
    if (isLonger) this.#announce(member, undefined, now);
    else if (!isSame(old, now)) this.#announce(member, old, now);
  }

  #announce(member: Member, old: Registration | undefined, now: Registration): void {
    if (old !== undefined) {
      const named = new Set(allCallees(now).map(({ session }) => session));
      for (const callee of allCallees(old)) if (!named.has(callee.session)) this.#events.removed(member, callee);
    }
    this.#events.changed(now);
  }
}

function visitRow(
  member: Member,
  { registration, orders, takingOver }: Row,
  visit: (placement: Placement) => void,
): void {
  const { id, invoke, createdMs, callees } = registration;
  for (const [at, callee] of callees.entries())
    visit({ member, id, invoke, createdMs, placed: { callee, order: orders[at] ?? 0 } });
  for (const placed of takingOver) visit({ member, id, invoke, createdMs, placed });
}

function withTakingOver(row: Row, takingOver: readonly PlacedCallee[]): Row {
  const registration = withSuccessors(row.registration, takingOver.map(({ callee }) => callee).toReversed());
  return { registration, orders: row.orders, takingOver };
}

/** The next callee has the procedure, beside the other callees if its policy allows them: they were kept from before. */
function inheritedBy(member: Member, { registration, orders, takingOver }: Row, next: PlacedCallee): Row {
  const { id, createdMs, callees } = registration;
  const invoke = next.takesOver ?? registration.invoke;
  const areBeside = invoke === registration.invoke && invoke !== 'single';
  const beside = areBeside ? callees.map((callee, at) => ({ callee, order: orders[at] ?? 0 })) : [];
  const successors = takingOver.filter((placed) => placed !== next);
  const placed = [...beside, { callee: next.callee, order: next.order }, ...successors];
  return toRow(member, { id, invoke, createdMs, callees: placed });
}

function isOf(registration: Registration, id: RegistrationId, invoke: InvocationPolicy): boolean {
  return registration.id === id && registration.invoke === invoke;
}

function isCallee(node: NodeId, session: SessionId): (callee: Callee) => boolean {
  return (callee) => callee.session === session && callee.node === node;
}

/** Two callees have one order only if the store has lost data. Every node sorts them alike all the same. */
function byOrder(one: PlacedCallee, other: PlacedCallee): number {
  return one.order - other.order || one.callee.session - other.callee.session;
}

function toRow(member: Member, { id, invoke, createdMs, callees }: ProcedureRow): Row {
  const entry = fromMember(member);
  if (entry === undefined) throw new Error(`${member} is no member of a realm`);
  const placed = callees.toSorted(byOrder);
  const takingOver = placed.filter(({ takesOver }) => takesOver !== undefined);
  const holders = takingOver.length === 0 ? placed : placed.filter(({ takesOver }) => takesOver === undefined);
  const first = holders.length === 0 ? takingOver.shift() : undefined;
  if (first !== undefined) holders.push(first);
  const registration = {
    id,
    procedure: entry.uri,
    match: entry.match,
    invoke: first?.takesOver ?? invoke,
    createdMs,
    callees: holders.map(({ callee }) => callee),
  };
  return withTakingOver({ registration, orders: holders.map(({ order }) => order), takingOver }, takingOver);
}

function isSame(one: Registration, other: Registration): boolean {
  if (one.id !== other.id || one.invoke !== other.invoke || one.createdMs !== other.createdMs) return false;
  const [successors, others] = [one.successors ?? NOBODY, other.successors ?? NOBODY];
  return areSame(one.callees, other.callees) && areSame(successors, others);
}

function areSame(some: readonly Callee[], others: readonly Callee[]): boolean {
  return some.length === others.length && some.every((callee, at) => isSameCallee(callee, others[at]));
}

function isSameCallee(one: Callee, other: Callee | undefined): boolean {
  return (
    one.session === other?.session &&
    one.node === other.node &&
    one.concurrency === other.concurrency &&
    one.discloseCaller === other.discloseCaller &&
    one.forwardTimeout === other.forwardTimeout
  );
}
