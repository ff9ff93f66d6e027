import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { NodeId } from '../../../wamp/ids.js';
import { InterestMirror } from '../../interest-mirror.js';
import type { RealmKeys } from '../keys.js';
import type { Store } from '../ports.js';
import { fromMember, parseProcedureRow, unescapeMember, type Member, type ProcedureRow } from './rows.js';
import { loadRealm, type LoadReply } from './scripts.js';

/** Whether everything that a node wants is in the store. */
export type Wholeness = 'whole' | 'loading';

/** A realm as the store has it: of this version, with parts of later ones. */
export interface RealmSnapshot {
  readonly version: number;
  readonly nodes: ReadonlyMap<NodeId, Wholeness>;
  /** Of the other nodes. */
  readonly interest: InterestMirror<NodeId>;
  readonly procedures: ReadonlyMap<Member, ProcedureRow>;
  /** What the store has of the node that reads, and in which procedures it may have callees; only if it asked for it. */
  readonly ownTopics: ReadonlySet<Member>;
  readonly ownProcedures: ReadonlySet<Member>;
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

const NODE_ROW = /^(\d+) (whole|loading)\b/;

/**
 * Reads version and nodes first: what changes while the rest is read has a later version. O(rows), in parts. All is asked for at
 * once: one round trip, when rows fit into one part each and no other nodes serve the realm than is supposed.
 */
export async function readRealm(options: ReadRealmOptions): Promise<RealmSnapshot> {
  const { store, keys, node, withOwn, counters } = options;
  const asking = options.head ?? store.run(loadRealm, keys);
  const supposed = new Set(options.supposed);
  const topics = new Map<NodeId, Member[]>();
  const ownTopics = new Set<Member>();
  const ownProcedures = new Set<Member>();
  const procedures = new Map<Member, ProcedureRow>();
  const readTopics = (other: NodeId): Promise<number> => {
    const members: Member[] = [];
    topics.set(other, members);
    return forEachMember(store, keys.interest(other), counters, (member) => members.push(member));
  };
  const reads = [...supposed].filter((other) => other !== node).map(readTopics);
  if (withOwn) {
    reads.push(forEachMember(store, keys.interest(node), counters, (member) => ownTopics.add(member)));
    reads.push(forEachMember(store, keys.callees(node), counters, (member) => ownProcedures.add(member)));
  }
  reads.push(readProcedures(options, procedures));
  // Behind the first part of each: late enough if no other part follows.
  const looking = store.run(loadRealm, keys);
  const reading = Promise.all(reads);
  for (const promise of [reading, looking]) promise.catch(() => undefined);
  const { version, nodes: rows } = await asking;
  const nodes = nodesOf(rows, options);
  const others = [...nodes.keys()].filter((other) => other !== node && !supposed.has(other));
  const partCounts = [...(await reading), ...(await Promise.all(others.map(readTopics)))];
  const isLate = others.length === 0 && partCounts.every((count) => count <= 1);
  const after = isLate ? await looking : await store.run(loadRealm, keys);
  const isTorn = after.version < version || (nodes.has(node) && !after.nodes.has(node));
  const interest = interestOf(topics, nodes, counters);
  return { version, nodes, interest, procedures, ownTopics, ownProcedures, isTorn };
}

function nodesOf(
  rows: ReadonlyMap<NodeId, string>,
  { isGone, counters }: ReadRealmOptions,
): ReadonlyMap<NodeId, Wholeness> {
  const nodes = new Map<NodeId, Wholeness>();
  for (const [other, row] of rows) if (!isGone(other)) nodes.set(other, parseNodeRow(row, counters));
  return nodes;
}

function interestOf(
  topics: ReadonlyMap<NodeId, readonly Member[]>,
  nodes: ReadonlyMap<NodeId, Wholeness>,
  counters: ClusterCounters,
): InterestMirror<NodeId> {
  const interest = new InterestMirror<NodeId>();
  for (const [other, members] of topics) {
    if (!nodes.has(other)) continue;
    for (const member of members) {
      const entry = fromMember(member);
      if (entry === undefined) counters.rowsIgnored.shape++;
      else interest.add(other, entry.uri, entry.match);
    }
  }
  return interest;
}

/** How many parts it was in. */
async function readProcedures(
  { store, keys, isGone, counters }: ReadRealmOptions,
  procedures: Map<Member, ProcedureRow>,
): Promise<number> {
  let partCount = 0;
  for await (const part of store.scanHash(keys.procedures)) {
    partCount++;
    for (const [stored, text] of part) {
      const member = unescapeMember(stored);
      const row = parseProcedureRow(text);
      if (row === 'version' || row === 'shape') counters.rowsIgnored[row]++;
      else if (member === undefined || fromMember(member) === undefined) counters.rowsIgnored.shape++;
      else procedures.set(member, { ...row, callees: row.callees.filter(({ callee }) => !isGone(callee.node)) });
    }
  }
  return partCount;
}

/** How many parts it was in. */
async function forEachMember(
  store: Store,
  key: string,
  counters: ClusterCounters,
  visit: (member: Member) => void,
): Promise<number> {
  let partCount = 0;
  for await (const part of store.scanSet(key)) {
    partCount++;
    for (const stored of part) {
      const member = unescapeMember(stored);
      if (member === undefined) counters.rowsIgnored.shape++;
      else visit(member);
    }
  }
  return partCount;
}

/** Also of a row that is not understood: the node serves the realm, that much is sure. */
function parseNodeRow(row: string, counters: ClusterCounters): Wholeness {
  const [, version, wholeness] = NODE_ROW.exec(row) ?? [];
  if (version !== '1') counters.rowsIgnored[version === undefined ? 'shape' : 'version']++;
  return wholeness === 'loading' ? 'loading' : 'whole';
}
