import type { NodeId, Uri } from '../../wamp/ids.js';

/** Keys of the cluster's nodes. One hash tag. */
export interface NodesKeys {
  /** Hash: NodeId → row in MessagePack. */
  readonly alive: string;
  /** Sorted set: NodeId → when its lease ends, in ms of the store's clock. */
  readonly leases: string;
  /** Hash: NodeId → `<reaper> <when the claim ends, in ms>`. */
  readonly dying: string;
  /** Sorted set: NodeId → when it was reaped, in ms. It has a time to live, and outlives the last node. */
  readonly gone: string;
  /** Hash: epoch, version, renewedAtMs, graceUntilMs. */
  readonly meta: string;
  /** Set: realms the node may have rows in. */
  realmsOf(node: NodeId): string;
}

/** Keys of one realm, which the nodes share. One hash tag per realm. */
export interface RealmKeys {
  /** String: counts the realm's changes. */
  readonly version: string;
  /** Hash: NodeId → MessagePack: format, `complete` or `loading`. */
  readonly nodes: string;
  /** Hash: `<match> <procedure>` → row in MessagePack, see `scripts/lua/shared/procedure.lua`. */
  readonly procedures: string;
  /** Hash: registration id → `<match> <procedure>`. */
  readonly ids: string;
  /** Hash: `<match> <topic>` in which the node has subscribers → since when the cluster wants it, in ms since 1970. */
  interest(node: NodeId): string;
  /** Hash: `<node> <session>` → row in MessagePack. One for each procedure: a claim costs the same, however many callees it has. */
  callees(member: string): string;
  /** Set: `<session> <match> <procedure>` for each callee of the node. */
  held(node: NodeId): string;
}

/** Keys of a realm's retained events, see `scripts/lua/shared/retained.lua`. They outlive the nodes. One hash tag with the realm. */
export interface RetainedKeys {
  readonly rows: string;
  readonly order: string;
  readonly bytes: string;
}

/** Keys of one entry of a realm's history, see `scripts/lua/append_history.lua`. They outlive the nodes. One hash tag with the realm. */
export interface HistoryKeys {
  readonly stream: string;
  readonly index: string;
}

/** The sessions whose ids have the same remainder. One hash tag for each remainder. */
export interface SessionsKeys {
  /** Hash: session id → NodeId. */
  readonly ids: string;
  /** Hash: session id → realm, for the sessions of the node. */
  of(node: NodeId): string;
  /** Hash: session id → testaments in MessagePack, for the sessions of the node that have some. */
  testaments(node: NodeId): string;
  /** Hash: session id → row in MessagePack, see `scripts/lua/shared/session.lua`. */
  in(realm: Uri): string;
  /** Hash: authrole → count of the sessions that have it in the realm. */
  roles(realm: Uri): string;
}

/** In how many parts sessions are kept. Part of the format: another number would lose every session. */
const SESSION_SHARD_COUNT = 16;

/** Which of the parts has the session. */
export function shardOf(session: number): number {
  return session % SESSION_SHARD_COUNT;
}

/**
 * Each channel has the hash tag of the keys whose changes it carries, and scripts receive it as one of their KEYS: a server
 * of a Redis Cluster that has the keys has the channel too, which is a sharded one there.
 */
export interface Channels {
  /** Changes of the membership. */
  readonly nodes: string;
  /** Batches and probes for one node. A hash tag for each node: inboxes have no keys, and `begin_reap.lua` has two as ARGV. */
  inbox(node: NodeId): string;
  /** Changes of one realm. */
  realm(realm: Uri): string;
}

/** Every name that this router uses in the store; clusters with another prefix or database never meet. */
export interface Keys {
  readonly nodes: NodesKeys;
  /** Index: `shardOf`. */
  readonly sessions: readonly SessionsKeys[];
  readonly channels: Channels;
  /**
   * State with a time to live, under the hash tag of its realm; it may outlive the last node. A counter, a value in MessagePack,
   * or a hash of places: see `scripts/lua/enter_place.lua`.
   */
  expiring(realm: Uri, kind: string, digest: string): string;
  retained(realm: Uri): RetainedKeys;
  history(realm: Uri, match: string, uri: Uri): HistoryKeys;
  /** Builds the names anew with every call: keep what it returns. */
  realm(realm: Uri): RealmKeys;
}

/** `prefix` has none of the characters `{`, `}`, `:`, `@` and no space: the configuration sees to it. */
export function createKeys({ prefix, database }: { readonly prefix: string; readonly database: number }): Keys {
  const nodes = `${prefix}:{nodes}`;
  // Redis delivers a message to the subscribers of all databases.
  const channels = database === 0 ? prefix : `${prefix}@${database}`;
  return {
    nodes: {
      alive: `${nodes}:alive`,
      leases: `${nodes}:leases`,
      dying: `${nodes}:dying`,
      gone: `${nodes}:gone`,
      meta: `${nodes}:meta`,
      realmsOf: (node) => `${nodes}:realms:${node}`,
    },
    sessions: Array.from({ length: SESSION_SHARD_COUNT }, (_, shard) => sessionsKeys(`${prefix}:{s:${shard}}`)),
    channels: {
      nodes: `${channels}:{nodes}:changes`,
      inbox: (node) => `${channels}:{n:${encodeName(node)}}:inbox`,
      realm: (realm) => `${channels}:{r:${encodeName(realm)}}:changes`,
    },
    expiring: (realm, kind, digest) => `${prefix}:{r:${encodeName(realm)}}:expiring:${kind}:${digest}`,
    retained: (realm) => retainedKeys(`${prefix}:{r:${encodeName(realm)}}:retained`),
    history: (realm, match, uri) => {
      const stream = `${prefix}:{r:${encodeName(realm)}}:history:${match}:${encodeName(uri)}`;
      return { stream, index: `${stream}:index` };
    },
    realm: (realm) => realmKeys(`${prefix}:{r:${encodeName(realm)}}`),
  };
}

function sessionsKeys(tag: string): SessionsKeys {
  return {
    ids: `${tag}:ids`,
    of: (node) => `${tag}:of:${node}`,
    testaments: (node) => `${tag}:testaments:${node}`,
    in: (realm) => `${tag}:in:${encodeName(realm)}`,
    roles: (realm) => `${tag}:roles:${encodeName(realm)}`,
  };
}

function realmKeys(tag: string): RealmKeys {
  return {
    version: `${tag}:version`,
    nodes: `${tag}:nodes`,
    procedures: `${tag}:procedures`,
    ids: `${tag}:ids`,
    interest: (node) => `${tag}:interest:${node}`,
    callees: (member) => `${tag}:callees:${encodeName(member).replace('%20', ':')}`,
    held: (node) => `${tag}:held:${node}`,
  };
}

function retainedKeys(rows: string): RetainedKeys {
  return { rows, order: `${rows}:order`, bytes: `${rows}:bytes` };
}

/**
 * Text of which only A-Z, a-z, 0-9, `.`, `_` and `-` stay; the rest becomes `%XX` per byte of UTF-8, and half a surrogate
 * pair, which has no UTF-8, `%uXXXX`. Injective.
 */
export function encodeName(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]/gu, escapeCharacter);
}

function escapeCharacter(character: string): string {
  const code = character.charCodeAt(0);
  if (character.length === 1 && code >= 0xd800 && code <= 0xdfff) return `%u${code.toString(16).toUpperCase()}`;
  const encoded = encodeURIComponent(character);
  return encoded === character ? `%${code.toString(16).toUpperCase()}` : encoded;
}
