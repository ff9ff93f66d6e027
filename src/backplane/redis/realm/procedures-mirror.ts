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
  readonly #rows = new Map<Member, Row>();
  readonly #members = new Map<RegistrationId, Member>();
  /** During a load: the rows that it has changed, as they were announced before; undefined: there was none. */
  #replaced: Map<Member, Row | undefined> | undefined;

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
    if (!registration.callees.some(leaves) && !row.takingOver.some(({ callee }) => leaves(callee))) return;
    const stays = registration.callees.map((callee) => !leaves(callee));
    const takingOver = row.takingOver.filter(({ callee }) => !leaves(callee));
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

  /** O(all callees); little for rows without a callee of the node. */
  removeNode(node: NodeId): void {
    const isOfNode = (callee: Callee): boolean => callee.node === node;
    const members: Member[] = [];
    for (const [member, row] of this.#rows) if (hasCallee(row, isOfNode)) members.push(member);
    for (const member of members) this.remove(member, isOfNode);
  }

  /**
   * Takes over these rows, with the callees for which `isWanted` holds. `endLoad` announces what differs from before. O(rows); little for
   * those that are the same.
   */
  beginLoad(rows: ReadonlyMap<Member, ProcedureRow>, isWanted: (member: Member, callee: Callee) => boolean): void {
    this.#replaced ??= new Map();
    for (const member of this.#rows.keys()) if (!rows.has(member)) this.#delete(member);
    for (const [member, row] of rows) {
      const wanted = withWanted(member, row, isWanted);
      const known = this.#rows.get(member);
      if (wanted.callees.length === 0) this.#delete(member);
      else if (known === undefined || !isOneAsBefore(known, wanted)) this.#put(member, toRow(member, wanted));
      // A forged row may have had its id.
      else if (this.#members.get(wanted.id) !== member) this.#members.set(wanted.id, member);
    }
  }

  /** Visits every callee from before the load, of the rows that had one for which `isVisited` holds. `visit` may change the mirror. */
  forEachBefore(isVisited: (callee: Callee) => boolean, visit: (placement: Placement) => void): void {
    const before: [Member, Row][] = [];
    for (const [member, row] of this.#rows)
      if (this.#replaced?.has(member) !== true && hasCallee(row, isVisited)) before.push([member, row]);
    for (const [member, row] of this.#replaced ?? [])
      if (row !== undefined && hasCallee(row, isVisited)) before.push([member, row]);
    for (const [member, row] of before) visitRow(member, row, visit);
  }

  /** Announces registrations that have ended, then those that are new or different. */
  endLoad(): void {
    const replaced = this.#replaced ?? new Map<Member, Row | undefined>();
    this.#replaced = undefined;
    const changed: [Member, Registration | undefined, Registration][] = [];
    for (const [member, before] of replaced) {
      const row = this.#rows.get(member);
      const old = before?.registration;
      if (row === undefined) {
        if (old !== undefined) this.#announce(member, old, withSuccessors({ ...old, callees: NOBODY }, NOBODY));
      } else if (old !== undefined && isSame(old, row.registration))
        this.#rows.set(member, { ...row, registration: old });
      else changed.push([member, old, row.registration]);
    }
    for (const [member, old, now] of changed) this.#announce(member, old, now);
  }

  /** Forgets everything and announces nothing. */
  clear(): void {
    this.#rows.clear();
    this.#members.clear();
    this.#replaced = undefined;
  }

  /** During a load. */
  #delete(member: Member): void {
    const row = this.#rows.get(member);
    if (row !== undefined) this.#put(member, { ...row, registration: { ...row.registration, callees: NOBODY } });
  }

  #put(member: Member, row: Row): void {
    const before = this.#rows.get(member);
    const old = before?.registration;
    const now = row.registration;
    if (old !== undefined && this.#members.get(old.id) === member) this.#members.delete(old.id);
    if (now.callees.length > 0) {
      this.#rows.set(member, row);
      this.#members.set(now.id, member);
    } else {
      this.#rows.delete(member);
    }
    if (this.#replaced !== undefined) {
      if (!this.#replaced.has(member)) this.#replaced.set(member, before);
      return;
    }
    // One more: a callee was added, and this happens with every claim.
    const isLonger = old === undefined || old.callees.length < now.callees.length;
    if (isLonger) this.#announce(member, undefined, now);
    else if (!isSame(old, now)) this.#announce(member, old, now);
  }

  #announce(member: Member, old: Registration | undefined, now: Registration): void {
    if (old !== undefined && now.callees.length === 0) {
      for (const callee of allCallees(old)) this.#events.removed(member, callee);
    } else if (old !== undefined) {
      const named = new Set(allCallees(now).map(({ session }) => session));
      for (const callee of allCallees(old)) if (!named.has(callee.session)) this.#events.removed(member, callee);
    }
    this.#events.changed(now);
  }
}

function hasCallee({ registration: { callees }, takingOver }: Row, isMeant: (callee: Callee) => boolean): boolean {
  return callees.some(isMeant) || takingOver.some(({ callee }) => isMeant(callee));
}

function withWanted(
  member: Member,
  row: ProcedureRow,
  isWanted: (member: Member, callee: Callee) => boolean,
): ProcedureRow {
  if (row.callees.every(({ callee }) => isWanted(member, callee))) return row;
  return { ...row, callees: row.callees.filter(({ callee }) => isWanted(member, callee)) };
}

/** Whether the row has one callee, and nothing of it has changed. */
function isOneAsBefore(
  { registration, orders, takingOver }: Row,
  { id, invoke, createdMs, callees }: ProcedureRow,
): boolean {
  const [only] = callees;
  return (
    only !== undefined &&
    callees.length === 1 &&
    only.takesOver === undefined &&
    takingOver.length === 0 &&
    registration.callees.length === 1 &&
    orders[0] === only.order &&
    registration.id === id &&
    registration.invoke === invoke &&
    registration.createdMs === createdMs &&
    isSameCallee(only.callee, registration.callees[0])
  );
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
  const [only] = callees;
  if (only !== undefined && callees.length === 1 && only.takesOver === undefined) {
    const { uri: procedure, match } = entry;
    const registration = { id, procedure, match, invoke, createdMs, callees: [only.callee] };
    return { registration, orders: [only.order], takingOver: [] };
  }
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
