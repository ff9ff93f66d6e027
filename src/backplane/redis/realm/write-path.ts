import type { NodeId } from '../../../wamp/ids.js';
import type { Script } from '../ports.js';
import type { PendingWait } from './pending.js';
import type { RealmStep } from './scripts.js';

/** The way of one kind of write to the store: how it is sent, and what becomes of the reply. */
export interface WritePath<W> {
  /** Topics or callees in one write at most. */
  readonly maxPerWrite: number;
  run<Input extends RealmStep, Reply>(
    script: Script<Input, Reply>,
    fields: Omit<Input, keyof RealmStep>,
  ): Promise<Reply>;
  /** The store has done it as this version: `pending`, if any, opens when all these nodes and this one have the version. */
  written(version: number, nodes?: readonly NodeId[], pending?: PendingWait): void;
  /** The store does not know that this node serves the realm: this node enters the realm again, and repeats the write. */
  realmLost(write: W): void;
  /** The store may have done it or not; with NotCarriedOutError it has not. A repair compares the rows. */
  uncertain(write: W, cause: unknown): void;
}
