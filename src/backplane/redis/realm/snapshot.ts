import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { NodeId, SessionId } from '../../../wamp/ids.js';
import { InterestMirror } from '../../interest-mirror.js';
import type { RealmKeys } from '../keys.js';
import type { Store } from '../ports.js';
import {
  fromHeld,
  fromMember,
  isTime,
  parseCallee,
  parseProcedure,
  parseServing,
  unescapeMember,
  type Member,
  type PlacedCallee,
  type ProcedureHead,
  type ProcedureRow,
  type ServingState,
} from './rows.js';
import { loadCallees, loadRealm, type LoadReply } from './scripts.js';

/** A realm as the store has it: of this version, with parts of later ones. */
export interface RealmSnapshot {
  readonly version: number;
  /** Parts of it may be as late as this version. */
  readonly lastVersion: number;
  readonly nodes: ReadonlyMap<NodeId, ServingState>;
  /** Nodes that are gone and that the store has again: a replica took over that lacks their end. */
  readonly ghosts: readonly NodeId[];
  /** Topics that the other nodes want. */
  readonly interest: InterestMirror<NodeId>;
  readonly procedures: ReadonlyMap<Member, ProcedureRow>;
  /** Topics and callees that the store lists for the reading node; empty unless it asked for them. */
  readonly ownTopics: ReadonlySet<Member>;
  readonly ownCallees: readonly (readonly [Member, SessionId])[];
  /** The store lost its data while it was read. */
  readonly isTorn: boolean;
}

export interface ReadRealmOptions {
  readonly store: Store;
  readonly keys: RealmKeys;
  readonly node: NodeId;
  readonly withOwn: boolean;
  /** A step that was asked for just now, and replies with version and nodes; absent: they are asked for. */
  readonly head?: Promise<LoadReply> | undefined;
  /** Nodes that probably serve the realm: their topics are read without waiting for who does. */
  readonly supposed: readonly NodeId[];
  readonly isGone: (node: NodeId) => boolean;
  readonly counters: ClusterCounters;
}

/** Procedures whose callees one step reads, and the callees that it replies at most: larger ones are scanned. */
const CALLEES_STEP_COUNT = 500;
const MAX_CALLEES_PER_STEP = 2_000;

/**
 * Reads version and nodes first: changes while the rest is read have a later version. O(rows), in bounded parts. As much
 * as possible is requested at once: one round trip for a realm without procedures, two when the rows fit into one part each
 * and no other nodes serve the realm than is supposed.
 */
export async function readRealm(options: ReadRealmOptions): Promise<RealmSnapshot> {
  const { store, keys, node, withOwn, counters } = options;
  const asking = options.head ?? store.run(loadRealm, keys);
  const supposed = new Set(options.supposed);
  const topics = new Map<NodeId, (readonly [Member, number])[]>();
  const ownTopics = new Set<Member>();
  const ownCallees: (readonly [Member, SessionId])[] = [];
  const readTopics = (other: NodeId): Promise<boolean> => {
    const members: (readonly [Member, number])[] = [];
    topics.set(other, members);
    return forEachTopic(store, keys.interest(other), counters, (member, createdMs) =>
      members.push([member, createdMs]),
    );
  };
  const reads = [...supposed].filter((other) => other !== node).map(readTopics);
  if (withOwn) {
    reads.push(forEachTopic(store, keys.interest(node), counters, (member) => ownTopics.add(member)));
    reads.push(forEachMember(store, keys.held(node), fromHeld, counters, (callee) => ownCallees.push(callee)));
  }
  const reader = new ProceduresReader(options);
  // Each is requested behind the parts before it, and so is late enough when no other part follows.
  const listing = reader.list();
  let looking = store.run(loadRealm, keys);
  const reading = Promise.all(reads);
  for (const promise of [reading, looking, listing]) promise.catch(() => undefined);
  const { version, nodes: rows } = await asking;
  const nodes = nodesOf(rows, options);
  const ghosts = [...rows.keys()].filter(options.isGone);
  const others = [...nodes.keys()].filter((other) => other !== node && !supposed.has(other));
  const othersReading = Promise.all(others.map(readTopics));
  othersReading.catch(() => undefined);
  await listing;
  if (reader.hasAsked || others.length > 0) {
    looking.catch(() => undefined);
    looking = store.run(loadRealm, keys);
    looking.catch(() => undefined);
  }
  const wereSingle = [...(await reading), ...(await othersReading), await reader.finish()];
  const after = wereSingle.every((isSingle) => isSingle) ? await looking : await store.run(loadRealm, keys);
  const isTorn = after.version < version || (nodes.has(node) && !after.nodes.has(node));
  const interest = interestOf(topics, nodes, counters);
  const { procedures } = reader;
  return { version, lastVersion: after.version, nodes, ghosts, interest, procedures, ownTopics, ownCallees, isTorn };
}

function nodesOf(
  rows: ReadonlyMap<NodeId, Uint8Array>,
  { isGone, counters }: ReadRealmOptions,
): ReadonlyMap<NodeId, ServingState> {
  const nodes = new Map<NodeId, ServingState>();
  for (const [other, row] of rows) if (!isGone(other)) nodes.set(other, servingStateOf(row, counters));
  return nodes;
}

function interestOf(
  topics: ReadonlyMap<NodeId, readonly (readonly [Member, number])[]>,
  nodes: ReadonlyMap<NodeId, ServingState>,
  counters: ClusterCounters,
): InterestMirror<NodeId> {
  const interest = new InterestMirror<NodeId>();
  for (const [other, members] of topics) {
    if (!nodes.has(other)) continue;
    for (const [member, createdMs] of members) {
      const entry = fromMember(member);
      if (entry === undefined) counters.rowsIgnored.shape++;
      else interest.add(other, entry.uri, entry.match, createdMs);
    }
  }
  return interest;
}

/** Reads procedures in parts, and the callees of each part in a step of their own. */
class ProceduresReader {
  readonly procedures = new Map<Member, ProcedureRow>();
  readonly #options: ReadRealmOptions;
  readonly #reading: Promise<boolean>[] = [];
  #partCount = 0;

  constructor(options: ReadRealmOptions) {
    this.#options = options;
  }

  /** More was requested than the first part of the list. */
  get hasAsked(): boolean {
    return this.#reading.length > 0 || this.#partCount > 1;
  }

  /** Resolves when all procedures are listed and their callees requested. */
  async list(): Promise<void> {
    const { store, keys, counters } = this.#options;
    for await (const part of store.scanHash(keys.procedures)) {
      this.#partCount++;
      const heads: (readonly [Member, ProcedureHead])[] = [];
      for (const [stored, bytes] of part) {
        const member = unescapeMember(stored);
        const head = parseProcedure(bytes);
        if (typeof head === 'string') counters.rowsIgnored[head]++;
        else if (member === undefined || fromMember(member) === undefined) counters.rowsIgnored.shape++;
        else heads.push([member, head]);
      }
      for (let at = 0; at < heads.length; at += CALLEES_STEP_COUNT) {
        const reading = this.#readCallees(heads.slice(at, at + CALLEES_STEP_COUNT));
        reading.catch(() => undefined);
        this.#reading.push(reading);
      }
    }
  }

  /** Resolves when all are read. False: more was requested than `list` did. */
  async finish(): Promise<boolean> {
    return (await Promise.all(this.#reading)).every((isSingle) => isSingle);
  }

  async #readCallees(heads: readonly (readonly [Member, ProcedureHead])[]): Promise<boolean> {
    const { store, keys } = this.#options;
    const hashes = heads.map(([member]) => keys.callees(member));
    const replies = await store.run(loadCallees, { hashes, limitCount: MAX_CALLEES_PER_STEP });
    let isSingle = true;
    for (const [at, [member, head]] of heads.entries()) {
      const callees: PlacedCallee[] = [];
      const rows = replies[at];
      if (rows === undefined) {
        isSingle = false;
        for await (const part of store.scanHash(keys.callees(member))) this.#add(callees, part);
      } else {
        this.#add(callees, rows);
      }
      this.procedures.set(member, { ...head, callees });
    }
    return isSingle;
  }

  #add(callees: PlacedCallee[], rows: readonly (readonly [holder: string, row: Uint8Array])[]): void {
    const { isGone, counters } = this.#options;
    for (const [holder, bytes] of rows) {
      const placed = parseCallee(holder, bytes);
      if (typeof placed === 'string') counters.rowsIgnored[placed]++;
      else if (!isGone(placed.callee.node)) callees.push(placed);
    }
  }
}

/** The topics that a node wants, with the times since when the cluster does. False: they were in several parts. */
async function forEachTopic(
  store: Store,
  key: string,
  counters: ClusterCounters,
  visit: (member: Member, createdMs: number) => void,
): Promise<boolean> {
  let partCount = 0;
  for await (const part of store.scanHash(key)) {
    partCount++;
    for (const [stored, bytes] of part) {
      const member = unescapeMember(stored);
      const createdMs = Number(Buffer.from(bytes).toString('latin1'));
      if (member === undefined || !isTime(createdMs)) counters.rowsIgnored.shape++;
      else visit(member, createdMs);
    }
  }
  return partCount <= 1;
}

/** False: it was in several parts. */
async function forEachMember<T>(
  store: Store,
  key: string,
  parse: (stored: string) => T | undefined,
  counters: ClusterCounters,
  visit: (member: T) => void,
): Promise<boolean> {
  let partCount = 0;
  for await (const part of store.scanSet(key)) {
    partCount++;
    for (const stored of part) {
      const member = parse(stored);
      if (member === undefined) counters.rowsIgnored.shape++;
      else visit(member);
    }
  }
  return partCount <= 1;
}

/** Also of a row that is not understood: the node serves the realm, that much is sure. */
function servingStateOf(row: Uint8Array, counters: ClusterCounters): ServingState {
  const servingState = parseServing(row);
  if (servingState === 'complete' || servingState === 'loading') return servingState;
  counters.rowsIgnored[servingState]++;
  return 'complete';
}
