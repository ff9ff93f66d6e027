import type { NodeId, Uri } from '../../../wamp/ids.js';
import type { NodesKeys } from '../keys.js';
import type { Script } from '../ports.js';
import { bytesOf, countOf, listOf, oneOf, textOf, unexpectedReply } from '../scripts/replies.js';

/** How long a dead node is remembered: longer than any of its commands or messages can be under way. */
export const TOMBSTONE_MS = 24 * 3_600_000;
/** Expired nodes named by one renewal; the rest follow with the next. */
export const REAP_BATCH_COUNT = 16;

const NOTHING = new Uint8Array(0);

export interface EnterNode {
  readonly keys: NodesKeys;
  readonly channel: string;
  readonly node: NodeId;
  readonly row: Uint8Array;
  readonly leaseMs: number;
  /** Taken when there is none. */
  readonly epoch: string;
  /** The version that the node knows. */
  readonly floor: number;
}

export type NodeEnterReply =
  { readonly kind: 'entered'; readonly version: number; readonly epoch: string } | { readonly kind: 'gone' };

export const enterNode: Script<EnterNode, NodeEnterReply> = {
  file: 'enter_node.lua',
  encode: ({ keys, channel, node, row, leaseMs, epoch, floor }) => ({
    keys: [keys.alive, keys.leases, keys.gone, keys.meta, channel],
    argv: [node, row, leaseMs, epoch, floor],
  }),
  decode: (raw) => {
    const [kind, version, epoch] = listOf(raw, 'enter_node.lua');
    if (kind === 'gone') return { kind };
    if (kind !== 'entered') throw unexpectedReply('enter_node.lua', kind);
    return { kind, version: countOf(version, 'enter_node.lua'), epoch: textOf(epoch, 'enter_node.lua') };
  },
};

export interface RenewLease {
  readonly keys: NodesKeys;
  readonly node: NodeId;
  readonly leaseMs: number;
  /** Silence of all nodes that means the store was away. */
  readonly awayMs: number;
  readonly epoch: string;
}

export type RenewReply =
  | {
      readonly kind: 'renewed';
      readonly version: number;
      /** Nobody is to be reaped now. */
      readonly isGrace: boolean;
      readonly dead: readonly NodeId[];
    }
  | { readonly kind: 'gone' | 'emptied' };

export const renewLease: Script<RenewLease, RenewReply> = {
  file: 'renew_lease.lua',
  encode: ({ keys, node, leaseMs, awayMs, epoch }) => ({
    keys: [keys.alive, keys.leases, keys.dying, keys.gone, keys.meta],
    argv: [node, leaseMs, awayMs, epoch, REAP_BATCH_COUNT],
  }),
  decode: (raw) => {
    const [kind, version, grace, ...dead] = listOf(raw, 'renew_lease.lua');
    if (kind === 'gone' || kind === 'emptied') return { kind };
    if (kind !== 'renewed') throw unexpectedReply('renew_lease.lua', kind);
    return {
      kind,
      version: countOf(version, 'renew_lease.lua'),
      isGrace: countOf(grace, 'renew_lease.lua') === 1,
      dead: dead.map((node) => textOf(node, 'renew_lease.lua') as NodeId),
    };
  },
};

export interface LoadNodes {
  readonly keys: NodesKeys;
  /** The nodes that the reader knows. */
  readonly known: readonly NodeId[];
}

export interface LoadedNodes {
  readonly version: number;
  /** Empty: the store has none. */
  readonly epoch: string;
  /** Rows as they are in the store: not looked at yet. */
  readonly alive: ReadonlyMap<string, Uint8Array>;
  /** Nodes that the reader knows and that are gone for good. */
  readonly ended: readonly NodeId[];
}

export const loadNodes: Script<LoadNodes, LoadedNodes> = {
  file: 'load_nodes.lua',
  isRead: true,
  isBinary: true,
  encode: ({ keys, known }) => ({ keys: [keys.alive, keys.dying, keys.gone, keys.meta], argv: known }),
  decode: (raw) => {
    const [version, epoch, rows, ended] = listOf(raw, 'load_nodes.lua');
    const words = listOf(rows, 'load_nodes.lua').map((word) => bytesOf(word, 'load_nodes.lua'));
    const alive = new Map<string, Uint8Array>();
    for (let at = 0; at + 1 < words.length; at += 2) alive.set(String(words[at]), words[at + 1] ?? NOTHING);
    return {
      version: countOf(version, 'load_nodes.lua'),
      epoch: bytesOf(epoch, 'load_nodes.lua').toString(),
      alive,
      ended: listOf(ended, 'load_nodes.lua').map((node) => bytesOf(node, 'load_nodes.lua').toString() as NodeId),
    };
  },
};

/** The inbox of a node has no listener. */
export interface Absence {
  readonly inbox: string;
  /** Inbox of the reaper, which has a listener. */
  readonly ownInbox: string;
  /** How long nobody may have listened. */
  readonly absentMs: number;
  /** How long it may not have renewed. */
  readonly silenceMs: number;
  readonly leaseMs: number;
  /** Undefined: the script counts the listeners. Else another server has just counted those of the node, which has some or none. */
  readonly isListening?: boolean | undefined;
}

export interface BeginReap {
  readonly keys: NodesKeys;
  readonly node: NodeId;
  /** The node itself when it leaves. */
  readonly reaper: NodeId;
  readonly claimMs: number;
  readonly awayMs: number;
  /**
   * `certain`: known to have gone before, reaped whatever its lease says. An absence: reaped before its lease has run out,
   * when that is so.
   */
  readonly grounds: 'expired' | 'certain' | Absence;
}

const REAP_REPLIES = ['won', 'won-rowless', 'ended', 'claimed', 'alive', 'grace', 'reaper-gone'] as const;
export type ReapReply = (typeof REAP_REPLIES)[number];

export const beginReap: Script<BeginReap, ReapReply> = {
  file: 'begin_reap.lua',
  encode: ({ keys, node, reaper, claimMs, awayMs, grounds }) => ({
    keys: [keys.alive, keys.leases, keys.dying, keys.gone, keys.meta],
    argv: [node, reaper, claimMs, awayMs, TOMBSTONE_MS, ...groundsOf(grounds)],
  }),
  decode: (raw) => oneOf(REAP_REPLIES, raw, 'begin_reap.lua'),
};

export interface CountListeners {
  readonly inboxes: readonly string[];
}

/** How many listen to each inbox. Empty: the user may not ask. */
export const countListeners: Script<CountListeners, readonly number[]> = {
  file: 'count_listeners.lua',
  isRead: true,
  encode: ({ inboxes }) => ({ keys: [], argv: inboxes }),
  decode: (raw) => listOf(raw, 'count_listeners.lua').map((word) => countOf(word, 'count_listeners.lua')),
};

/** The same for one inbox, at the server of a Redis Cluster that owns its slot: another one refuses. */
export const countListenersOf: Script<{ readonly inbox: string }, readonly number[]> = {
  ...countListeners,
  encode: ({ inbox }) => ({ keys: [inbox], argv: [inbox] }),
};

export interface EndNode {
  readonly keys: NodesKeys;
  readonly channel: string;
  readonly node: NodeId;
  /** The version that the caller knows. */
  readonly floor: number;
}

/** The new version; 0: there was nothing to end. */
export const endNode: Script<EndNode, number> = {
  file: 'end_node.lua',
  encode: ({ keys, channel, node, floor }) => ({
    keys: [keys.alive, keys.leases, keys.dying, keys.gone, keys.meta, keys.realmsOf(node), channel],
    argv: [node, TOMBSTONE_MS, floor],
  }),
  decode: (raw) => countOf(raw, 'end_node.lua'),
};

export interface NoteRealms {
  readonly keys: NodesKeys;
  readonly node: NodeId;
  readonly realms: readonly Uri[];
}

const NOTE_REPLIES = ['noted', 'gone', 'absent'] as const;
export type NoteReply = (typeof NOTE_REPLIES)[number];

export const noteRealms: Script<NoteRealms, NoteReply> = {
  file: 'note_realms.lua',
  encode: ({ keys, node, realms }) => ({
    keys: [keys.alive, keys.gone, keys.realmsOf(node)],
    argv: [node, ...realms],
  }),
  decode: (raw) => oneOf(NOTE_REPLIES, raw, 'note_realms.lua'),
};

export interface DropRealm {
  readonly keys: NodesKeys;
  readonly node: NodeId;
  readonly realm: Uri;
}

/** Whether it was noted. */
export const dropRealm: Script<DropRealm, boolean> = {
  file: 'drop_realm.lua',
  encode: ({ keys, node, realm }) => ({ keys: [keys.realmsOf(node)], argv: [realm] }),
  decode: (raw) => countOf(raw, 'drop_realm.lua') === 1,
};

function groundsOf(grounds: BeginReap['grounds']): (string | number)[] {
  if (typeof grounds === 'string') return [grounds];
  const { inbox, ownInbox, absentMs, silenceMs, leaseMs, isListening } = grounds;
  const asked = isListening === undefined ? '' : Number(isListening);
  return ['absent', inbox, ownInbox, absentMs, silenceMs, leaseMs, asked];
}
