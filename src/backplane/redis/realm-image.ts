import type { ClusterCounters } from '../../telemetry/cluster-counters.js';
import type { NodeId } from '../../wamp/ids.js';
import { InterestMirror } from '../interest-mirror.js';
import type { RealmKeys } from './keys.js';
import type { Store } from './ports.js';
import { fromMember, parseProcedureRow, unescapeMember, type Member, type ProcedureRow } from './realm-rows.js';
import { loadRealm } from './realm-scripts.js';

/** Whether everything that a node wants is in the store. */
export type Wholeness = 'whole' | 'loading';

/** A realm as the store has it: of this version, with parts of later ones. */
export interface RealmImage {
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
  readonly isGone: (node: NodeId) => boolean;
  readonly counters: ClusterCounters;
}

const NODE_ROW = /^(\d+) (whole|loading)\b/;

/** Reads version and nodes first: what changes while the rest is read has a later version. O(rows), in parts. */
export async function readRealm(options: ReadRealmOptions): Promise<RealmImage> {
  const { store, keys, node, withOwn, isGone, counters } = options;
  const { version, nodes: rows } = await store.run(loadRealm, keys);
  const nodes = new Map<NodeId, Wholeness>();
  for (const [other, row] of rows) if (!isGone(other)) nodes.set(other, parseNodeRow(row, counters));
  const interest = new InterestMirror<NodeId>();
  for (const other of nodes.keys()) {
    if (other === node) continue;
    await forEachMember(store, keys.interest(other), counters, (member) => {
      const entry = fromMember(member);
      if (entry === undefined) counters.rowsIgnored.shape++;
      else interest.add(other, entry.uri, entry.match);
    });
  }
  const ownTopics = new Set<Member>();
  const ownProcedures = new Set<Member>();
  if (withOwn) {
    await forEachMember(store, keys.interest(node), counters, (member) => ownTopics.add(member));
    await forEachMember(store, keys.callees(node), counters, (member) => ownProcedures.add(member));
  }
  const procedures = await readProcedures(options);
  const after = await store.run(loadRealm, keys);
  const isTorn = after.version < version || (nodes.has(node) && !after.nodes.has(node));
  return { version, nodes, interest, procedures, ownTopics, ownProcedures, isTorn };
}

async function readProcedures({
  store,
  keys,
  isGone,
  counters,
}: ReadRealmOptions): Promise<ReadonlyMap<Member, ProcedureRow>> {
  const procedures = new Map<Member, ProcedureRow>();
  for await (const part of store.scanHash(keys.procedures)) {
    for (const [stored, text] of part) {
      const member = unescapeMember(stored);
      const row = parseProcedureRow(text);
      if (row === 'version' || row === 'shape') counters.rowsIgnored[row]++;
      else if (member === undefined || fromMember(member) === undefined) counters.rowsIgnored.shape++;
      else procedures.set(member, { ...row, callees: row.callees.filter(({ callee }) => !isGone(callee.node)) });
    }
  }
  return procedures;
}

async function forEachMember(
  store: Store,
  key: string,
  counters: ClusterCounters,
  visit: (member: Member) => void,
): Promise<void> {
  for await (const part of store.scanSet(key)) {
    for (const stored of part) {
      const member = unescapeMember(stored);
      if (member === undefined) counters.rowsIgnored.shape++;
      else visit(member);
    }
  }
}

/** Also of a row that is not understood: the node serves the realm, that much is sure. */
function parseNodeRow(row: string, counters: ClusterCounters): Wholeness {
  const [, version, wholeness] = NODE_ROW.exec(row) ?? [];
  if (version !== '1') counters.rowsIgnored[version === undefined ? 'shape' : 'version']++;
  return wholeness === 'loading' ? 'loading' : 'whole';
}
