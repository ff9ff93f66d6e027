import type { NodeId, Uri } from '../../wamp/ids.js';
import { BackplaneUnavailableError } from '../backplane.js';

/** Text, a number or MessagePack. */
export type ScriptArgument = string | number | Uint8Array;

/** A script of the store: one Lua file, one atomic step, with typed arguments and reply. */
export interface Script<Input, Reply> {
  /** Name of its file in `lua/`. */
  readonly file: string;
  /** The reply contains MessagePack: `decode` receives Uint8Array in place of every string. */
  readonly isBinary?: true;
  /** The script changes nothing. */
  readonly isRead?: true;
  encode(input: Input): { readonly keys: readonly string[]; readonly argv: readonly ScriptArgument[] };
  /** Throws TypeError when the reply does not have the shape that the file promises. */
  decode(raw: unknown): Reply;
}

/**
 * The store has not carried the command out, and later ones on the same rows it has: its scripts were flushed. Whether the command
 * may be repeated behind them depends on what it means.
 */
export class NotCarriedOutError extends BackplaneUnavailableError {}

/** The row has another format version, or not the shape that its version promises. */
export type RowFlaw = 'version' | 'shape';

/** Runs a command whose place among other changes of the same rows does not matter: one that was not carried out is repeated. */
export async function inAnyOrder<Reply>(run: () => Promise<Reply>): Promise<Reply> {
  try {
    return await run();
  } catch (cause) {
    if (!(cause instanceof NotCarriedOutError)) throw cause;
    return run();
  }
}

/**
 * The shared store, as the directory sees it. It carries out commands in the order of the calls. Each rejects with
 * BackplaneUnavailableError when the store cannot be reached or is silent for too long: it may or may not have been done. With
 * NotCarriedOutError it was not.
 */
export interface Store {
  run<Input, Reply>(script: Script<Input, Reply>, input: Input): Promise<Reply>;
  /**
   * Every member that is in the set throughout, in parts; one that is added or removed meanwhile may be missing. The first part is
   * requested at once, and each other when the caller takes it; a part may be empty.
   */
  scanSet(key: string): AsyncIterable<readonly string[]>;
  /** Scans the fields and values of a hash under the same promises: rows in MessagePack. */
  scanHash(key: string): AsyncIterable<readonly (readonly [field: string, value: Uint8Array])[]>;
}

/** The way of batches out of the node. */
export interface Wire {
  /** Resolves to the number of subscribers. Rejects when that cannot be known: the message may have arrived. In the order of the calls. */
  publish(channel: string, bytes: Uint8Array): Promise<number>;
}

/** The connections of a node to the store: to one server, or to the primaries of a Redis Cluster. */
export interface StoreLink extends Store, Wire {
  /** Every server is reached, and every wanted channel is confirmed. */
  readonly isConnected: boolean;
  /** Servers that are not reached; 0: `isConnected`, or about to be. */
  readonly missingServerCount: number;
  /** The store would close the connection of a subscriber for a longer message. */
  readonly maxPublishBytes: number;
  /** Resolves with the first `connected`. Rejects with StoreUnusableError when an operator must mend something first. */
  start(): Promise<void>;
  /** Sends all commands and closes. No event comes once it is called. Idempotent. */
  stop(): Promise<void>;
  /** Drops all connections and opens others. Reports `disconnected` before it returns. */
  reset(reason: string): void;
  /** From now on, on all future connections. Rejects when it is not confirmed yet. */
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /** To be called with each heartbeat. `hasSlept`: the process stood still since the last one. */
  tick?(hasSlept: boolean): void;
}

/** Sends messages about versions of a realm to single nodes. They are lost when the lane loses them: ask again. */
export interface Confirmations {
  /** This node has every change of the realm up to the version. */
  confirm(to: NodeId, realm: Uri, version: number): void;
  /** Asks `to` to confirm once it has the version. */
  ask(to: NodeId, realm: Uri, version: number): void;
}

/** `bus` only publishes, so that no script delays a message; `directory` runs scripts; `subscriber` receives. */
export type ConnectionName = 'bus' | 'directory' | 'subscriber';

/** A line to log, without secrets. Repeated failures of one outage make one notice. */
export interface StoreNotice {
  readonly level: 'info' | 'warn' | 'error';
  readonly kind: 'connected' | 'lost' | 'attempt_failed' | 'unusable' | 'may_evict' | 'small_buffer' | 'command_failed';
  readonly connection?: ConnectionName;
  /** One sentence for people. */
  readonly message: string;
}
