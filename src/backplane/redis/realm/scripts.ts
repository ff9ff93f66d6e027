import type { Force } from '../../../routing/ports.js';
import type { NodeId, SessionId, Uri } from '../../../wamp/ids.js';
import type { InvocationPolicy } from '../../../wamp/options.js';
import type { Keys, RealmKeys } from '../keys.js';
import type { Script, Store } from '../ports.js';
import { unreachable } from '../../../wamp/unreachable.js';
import { bytesOf, listOf, textOf, unexpectedReply } from '../scripts/replies.js';
import {
  escapeMember,
  fromHeld,
  isInvocationPolicy,
  isTime,
  isVersion,
  parseId,
  type CalleeTraits,
  type Member,
} from './rows.js';
import type { Holder } from './holders.js';

/** Callees that one step of a withdrawal removes at most. */
const WITHDRAW_COUNT = 500;

/** On whose behalf and where. */
export interface RealmStep {
  readonly keys: RealmKeys;
  /** Channel of the realm's changes. */
  readonly channel: string;
  readonly node: NodeId;
  /** The highest version that the node knows. The store's next version is above it. */
  readonly floor: number;
}

/** The store does not know that the node serves the realm: it lost its data, or the node was reaped. */
export interface NotServing {
  readonly kind: 'not-serving';
}

export interface Done {
  readonly kind: 'done';
  readonly version: number;
  /** The nodes that serve the realm, the node itself included. */
  readonly nodes: readonly NodeId[];
}

export interface RealmEnterReply extends LoadReply {
  readonly kind: 'entered' | 'known';
  /** The store does not count as far as the node knows: it has lost data. */
  readonly isBehind: boolean;
}

export const enterRealm: Script<RealmStep, RealmEnterReply> = {
  file: 'enter_realm.lua',
  isBinary: true,
  encode: (step) => ({ keys: headKeys(step), argv: head(step) }),
  decode: (raw) => {
    const [rawKind, version, behind, ...words] = listOf(raw, 'enter_realm.lua');
    const kind = bytesOf(rawKind, 'enter_realm.lua').toString();
    if (kind !== 'entered' && kind !== 'known') throw unexpectedReply('enter_realm.lua', kind);
    if (behind !== 0 && behind !== 1) throw unexpectedReply('enter_realm.lua', behind);
    const nodes = nodeRows(words, 'enter_realm.lua');
    return { kind, version: versionOf(version, 'enter_realm.lua'), isBehind: behind === 1, nodes };
  },
};

export const markComplete: Script<RealmStep, Done | NotServing> = {
  file: 'mark_complete.lua',
  encode: (step) => ({ keys: headKeys(step), argv: head(step) }),
  decode: (raw) => decodeDone(raw, 'mark_complete.lua'),
};

export interface LoadReply {
  readonly version: number;
  /** Rows as they are in the store: not looked at yet. */
  readonly nodes: ReadonlyMap<NodeId, Uint8Array>;
}

export const loadRealm: Script<RealmKeys, LoadReply> = {
  file: 'load_realm.lua',
  isRead: true,
  isBinary: true,
  encode: (keys) => ({ keys: [keys.version, keys.nodes], argv: [] }),
  decode: (raw) => {
    const [version, ...words] = listOf(raw, 'load_realm.lua');
    return { version: versionOf(version, 'load_realm.lua'), nodes: nodeRows(words, 'load_realm.lua') };
  },
};

function nodeRows(words: readonly unknown[], file: string): ReadonlyMap<NodeId, Uint8Array> {
  return new Map(rowPairs(words, file).map(([node, row]) => [node as NodeId, row]));
}

function rowPairs(words: readonly unknown[], file: string): (readonly [field: string, row: Uint8Array])[] {
  const pairs: (readonly [string, Uint8Array])[] = [];
  for (let at = 0; at + 1 < words.length; at += 2)
    pairs.push([bytesOf(words[at], file).toString(), bytesOf(words[at + 1], file)]);
  return pairs;
}

export interface LoadCallees {
  /** Keys of the callees of procedures. */
  readonly hashes: readonly string[];
  /** Callees that the reply contains at most. */
  readonly limitCount: number;
}

/** Rows of each hash by `<node> <session>`, not looked at yet; undefined: they did not fit, and are to be scanned. */
export const loadCallees: Script<LoadCallees, readonly (readonly (readonly [string, Uint8Array])[] | undefined)[]> = {
  file: 'load_callees.lua',
  isRead: true,
  isBinary: true,
  encode: ({ hashes, limitCount }) => ({ keys: hashes, argv: [limitCount] }),
  decode: (raw) =>
    listOf(raw, 'load_callees.lua').map((rows) =>
      rows === null ? undefined : rowPairs(listOf(rows, 'load_callees.lua'), 'load_callees.lua'),
    ),
};

export interface ChangeInterest extends RealmStep {
  readonly added: readonly Member[];
  readonly removed: readonly Member[];
  /** Since when the cluster wants a topic that is added, in ms since 1970; undefined: it does not want it yet. */
  readonly createdMs?: (member: Member) => number | undefined;
  /** The sessions that were the last to want topics that are removed, as far as they are known. */
  readonly leavers?: ReadonlyMap<Member, number>;
  /** All nodes are to confirm it although nothing is added. */
  readonly isAwaited?: boolean;
}

export const changeInterest: Script<ChangeInterest, Done | NotServing> = {
  file: 'change_interest.lua',
  encode: ({ added, removed, createdMs, leavers, isAwaited = added.length > 0, ...step }) => ({
    keys: [...headKeys(step), step.keys.interest(step.node)],
    argv: [
      ...head(step),
      isAwaited ? step.node : '',
      added.length,
      ...added.flatMap((member) => [escapeMember(member), createdMs?.(member) ?? '']),
      ...removed.flatMap((member) => [escapeMember(member), leavers?.get(member) ?? '']),
    ],
  }),
  decode: (raw) => decodeDone(raw, 'change_interest.lua'),
};

export interface ClaimProcedure extends RealmStep {
  readonly member: Member;
  readonly id: number;
  readonly invoke: InvocationPolicy;
  readonly session: number;
  readonly rest: CalleeTraits;
  readonly force: Force;
  /** Digest of the callee's authid; absent: the store does not keep one. */
  readonly digest?: string | undefined;
  /** Order of an earlier grant that the store is to give again. */
  readonly order?: number;
  /** The time at which the procedure got its first callee; given with `order`. */
  readonly createdMs?: number;
}

export type ClaimReply =
  | {
      readonly kind: 'granted';
      readonly version: number;
      readonly id: number;
      readonly order: number;
      readonly createdMs: number;
      /** The claim takes the procedure from other callees by force: they keep it until `completeTakeover`. */
      readonly isOffer: boolean;
      readonly nodes: readonly NodeId[];
    }
  | { readonly kind: 'taken' | 'protected'; readonly holders: readonly Holder[] }
  | { readonly kind: 'policy'; readonly invoke: InvocationPolicy; readonly holders: readonly Holder[] }
  | { readonly kind: 'id-taken' | 'unreadable' }
  | NotServing;

export const claimProcedure: Script<ClaimProcedure, ClaimReply> = {
  file: 'claim_procedure.lua',
  encode: ({ member, id, invoke, session, rest, force, order, digest, createdMs, ...step }) => ({
    keys: [...procedureKeys(step), step.keys.callees(member)],
    argv: [
      ...head(step),
      escapeMember(member),
      id,
      invoke,
      session,
      ...rest,
      codeOfForce(force),
      order ?? '',
      digest ?? '',
      createdMs ?? '',
    ],
  }),
  decode: (raw) => {
    const [kind, ...rest] = listOf(raw, 'claim_procedure.lua');
    switch (kind) {
      case 'granted':
      case 'offered':
        return decodeGrant(rest, kind === 'offered');
      case 'policy':
        if (!isInvocationPolicy(rest[0])) throw unexpectedReply('claim_procedure.lua', rest[0]);
        return { kind, invoke: rest[0], holders: rest.slice(1).map(holderOf) };
      case 'taken':
      case 'protected':
        return { kind, holders: rest.map(holderOf) };
      case 'id-taken':
      case 'unreadable':
      case 'not-serving':
        return { kind };
      default:
        throw unexpectedReply('claim_procedure.lua', kind);
    }
  },
};

export interface CompleteTakeover extends RealmStep {
  readonly member: Member;
  readonly session: number;
}

export const completeTakeover: Script<CompleteTakeover, Done | NotServing> = {
  file: 'complete_takeover.lua',
  encode: ({ member, session, ...step }) => ({
    keys: [...headKeys(step), step.keys.procedures, step.keys.callees(member)],
    argv: [...head(step), escapeMember(member), session],
  }),
  decode: (raw) => decodeDone(raw, 'complete_takeover.lua'),
};

export interface ReleaseCallees extends RealmStep {
  readonly callees: ReadonlyMap<Member, readonly number[]>;
}

export const releaseCallees: Script<ReleaseCallees, Done | NotServing> = {
  file: 'release_callees.lua',
  encode: ({ callees, ...step }) => ({
    keys: [...procedureKeys(step), ...[...callees.keys()].map((member) => step.keys.callees(member))],
    argv: [
      ...head(step),
      ...[...callees].flatMap(([member, sessions]) => [escapeMember(member), sessions.length, ...sessions]),
    ],
  }),
  decode: (raw) => decodeDone(raw, 'release_callees.lua'),
};

export interface WithdrawPart extends RealmStep {
  /** Callees to remove, as the set of those that the node has names them. */
  readonly held: readonly string[];
}

export interface WithdrawReply {
  readonly isDone: boolean;
  /** 0: there is no such realm any more. */
  readonly version: number;
}

export const withdrawPart: Script<WithdrawPart, WithdrawReply> = {
  file: 'withdraw_node.lua',
  encode: ({ held, ...step }) => {
    const keys = [...procedureKeys(step), step.keys.interest(step.node)];
    const placeOf = new Map<Member, number>();
    const argv = held.flatMap((stored) => {
      const [member] = fromHeld(stored) ?? [];
      if (member === undefined) return [stored, 0];
      const place = placeOf.get(member) ?? keys.push(step.keys.callees(member));
      placeOf.set(member, place);
      return [stored, place];
    });
    return { keys, argv: [...head(step), ...argv] };
  },
  decode: (raw) => {
    const [kind, version] = listOf(raw, 'withdraw_node.lua');
    if (kind !== 'done' && kind !== 'more') throw unexpectedReply('withdraw_node.lua', kind);
    return { isDone: kind === 'done', version: versionOf(version, 'withdraw_node.lua') };
  },
};

/** Takes a node out of a realm, in parts. Whatever was done before it failed stays done: to be repeated. */
export async function withdrawNode(store: Store, keys: Keys, node: NodeId, realm: Uri): Promise<void> {
  const step = { keys: keys.realm(realm), channel: keys.channels.realm(realm), node, floor: 0 };
  await withdrawAll(store, step);
}

/** Every scan removes what it finds, and the last step looks whether anything is left. */
export async function withdrawAll(store: Store, step: RealmStep): Promise<void> {
  for (;;) {
    for await (const part of store.scanSet(step.keys.held(step.node)))
      for (let at = 0; at < part.length; at += WITHDRAW_COUNT) {
        const { isDone } = await store.run(withdrawPart, { ...step, held: part.slice(at, at + WITHDRAW_COUNT) });
        if (isDone) return;
      }
    if ((await store.run(withdrawPart, { ...step, held: [] })).isDone) return;
  }
}

/** The first keys of every step that changes a realm. */
function headKeys({ keys, channel }: RealmStep): string[] {
  return [keys.version, keys.nodes, channel];
}

function head({ node, floor }: RealmStep): (string | number)[] {
  return [node, floor];
}

function procedureKeys(step: RealmStep): string[] {
  const { keys, node } = step;
  return [...headKeys(step), keys.procedures, keys.ids, keys.held(node)];
}

function codeOfForce(force: Force): number {
  switch (force) {
    case false:
      return 0;
    case true:
      return 1;
    case 'if-free':
      return 2;
    case 'same-authid':
      return 3;
    default:
      return unreachable(force);
  }
}

function holderOf(raw: unknown): Holder {
  const [node, session] = textOf(raw, 'claim_procedure.lua').split(' ');
  const id = parseId(session);
  if (node === undefined || id === undefined) throw unexpectedReply('claim_procedure.lua', raw);
  return { node: node as NodeId, session: id as SessionId };
}

function decodeDone(raw: unknown, file: string): Done | NotServing {
  const [kind, version, ...nodes] = listOf(raw, file);
  if (kind === 'not-serving') return { kind };
  if (kind !== 'done') throw unexpectedReply(file, kind);
  return { kind, version: versionOf(version, file), nodes: nodes.map((node) => textOf(node, file) as NodeId) };
}

function decodeGrant(raw: readonly unknown[], isOffer: boolean): ClaimReply {
  const [version, idText, orderText, createdText, ...nodes] = raw;
  const file = 'claim_procedure.lua';
  const id = parseId(idText);
  const order = Number(textOf(orderText, file));
  const createdMs = Number(textOf(createdText, file));
  if (id === undefined || !isVersion(order) || !isTime(createdMs)) throw unexpectedReply(file, idText);
  const serving = nodes.map((node) => textOf(node, file) as NodeId);
  return { kind: 'granted', version: versionOf(version, file), id, order, createdMs, isOffer, nodes: serving };
}

function versionOf(raw: unknown, file: string): number {
  if (!isVersion(raw)) throw unexpectedReply(file, raw);
  return raw;
}
