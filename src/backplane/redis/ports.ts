import type { Frame } from '../../routing/frames.js';
import type { NodeId, Uri } from '../../wamp/ids.js';

/** Script of the store: one Lua file, one atomic step, one typed door. */
export interface Script<Input, Reply> {
  /** In `lua/`. */
  readonly file: string;
  encode(input: Input): { readonly keys: readonly string[]; readonly argv: readonly (string | number)[] };
  /** Throws TypeError when the reply has not the shape that the file promises. */
  decode(raw: unknown): Reply;
}

/**
 * The shared store, as the directory sees it. Commands are carried out in the order asked. Each rejects with
 * BackplaneUnavailableError when the store is out of reach or silent for too long: it may or may not have been done.
 */
export interface Store {
  run<Input, Reply>(script: Script<Input, Reply>, input: Input): Promise<Reply>;
  /**
   * Every member that is in the set throughout, in parts; one that comes or goes meanwhile may be missing. The first part is asked
   * for at once, each other when the one before has been dealt with; a part may be empty.
   */
  scanSet(key: string): AsyncIterable<readonly string[]>;
  /** As scanSet, field and value. */
  scanHash(key: string): AsyncIterable<readonly (readonly [field: string, value: string])[]>;
}

/** Where lanes leave the node. */
export interface Wire {
  /** How many listened to the channel. Rejects when that cannot be known: it may have arrived. In the order asked. */
  publish(channel: string, bytes: Uint8Array): Promise<number>;
}

/** What the realms say to single nodes about versions of their directory. Lost when the lane loses it: ask again. */
export interface Confirmations {
  /** This node has every change of the realm up to the version. */
  confirm(to: NodeId, realm: Uri, version: number): void;
  /** `to` is to confirm once it has the version. */
  ask(to: NodeId, realm: Uri, version: number): void;
}

/** A frame that certainly did not arrive: whoever waits for its answer is to be told. */
export type Returned = (to: NodeId, realm: Uri, frame: Frame) => void;

/** `bus` only publishes, so that no script delays a message; `directory` runs scripts; `subscriber` listens. */
export type ConnectionName = 'bus' | 'directory' | 'subscriber';

/** Something to log; secrets are left out. Repeated failures of one outage are said once. */
export interface StoreNotice {
  readonly level: 'info' | 'warn' | 'error';
  readonly kind: 'connected' | 'lost' | 'attempt_failed' | 'unusable' | 'may_evict' | 'small_buffer' | 'command_failed';
  readonly connection?: ConnectionName;
  /** One sentence for people. */
  readonly message: string;
}
