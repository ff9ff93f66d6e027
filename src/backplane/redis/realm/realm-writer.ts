import type { NodeId } from '../../../wamp/ids.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import type { Script } from '../ports.js';
import type { PendingWait } from './pending.js';
import type { RealmFollower } from './follower.js';
import type { RealmMirror } from './mirror.js';
import type { RealmReplicaOptions } from './ports.js';
import type { RealmStore } from './realm-store.js';
import type { ReplicaMachine } from './replica-machine.js';
import { hasStoreLost } from './replica-state.js';
import type { RealmStep } from './scripts.js';
import type { RealmWaits } from './waits.js';

export interface RealmWriterOptions extends Pick<
  RealmReplicaOptions,
  'node' | 'membership' | 'events' | 'writeBefore'
> {
  readonly machine: ReplicaMachine;
  readonly store: RealmStore;
  readonly mirror: RealmMirror;
  readonly follower: RealmFollower;
  readonly waits: RealmWaits;
  /** The store has lost data: the realm is to be repaired. */
  readonly storeLost: () => void;
  readonly retryLater: () => void;
}

/** The way of this node's writes to one realm in the store, and what follows from the replies. */
export class RealmWriter {
  readonly #options: RealmWriterOptions;

  constructor(options: RealmWriterOptions) {
    this.#options = options;
  }

  run<Input extends RealmStep, Reply>(
    script: Script<Input, Reply>,
    fields: Omit<Input, keyof RealmStep>,
  ): Promise<Reply> {
    const { store } = this.#options;
    return store.run(script, { ...store.step(), ...fields } as Input);
  }

  /** Runs a script after the rows that the node has to write first: sessions that have left. */
  runInOrder<Input extends RealmStep, Reply>(
    script: Script<Input, Reply>,
    fields: Omit<Input, keyof RealmStep>,
  ): Promise<Reply> {
    this.#options.writeBefore?.();
    return this.run(script, fields);
  }

  /** `pending` fails when its deadline has passed. */
  watchDeadline(pending: PendingWait): void {
    this.#options.waits.add(pending);
  }

  /** The store has done a write as this version. `pending` opens once these nodes have the version. */
  written(version: number, nodes: readonly NodeId[] = [], pending?: PendingWait): void {
    const { store, machine, waits } = this.#options;
    store.noteVersion(version);
    if (pending === undefined) return;
    if (hasStoreLost(machine.state)) waits.suspend(pending);
    else this.waitFor(version, nodes, pending);
  }

  /** `pending` opens once all nodes that serve the realm have the version: `nodes`, by the reply of the store. */
  waitFor(version: number, nodes: readonly NodeId[], pending: PendingWait): void {
    const { node, membership, mirror, follower, waits } = this.#options;
    const hasPassed = follower.version >= version;
    const waitedFor = new Set(mirror.keptNodes);
    for (const other of nodes) if (!hasPassed || mirror.isWaitedFor(other)) waitedFor.add(other);
    for (const other of waitedFor) if (membership.isGone(other)) waitedFor.delete(other);
    // The node that claims is notified of the row before the claim is answered.
    waitedFor.add(node);
    waits.wait(version, waitedFor, pending);
  }

  /** The store does not know that this node serves the realm. `pending` waits until it has the rows of this node again. */
  realmLost(pending: PendingWait | undefined): void {
    if (pending !== undefined) this.#options.waits.suspend(pending);
    this.#options.storeLost();
  }

  /** Nobody knows whether the store has done a write: a repair finds out. */
  uncertain(cause: unknown): void {
    const { events, machine, retryLater } = this.#options;
    if (!(cause instanceof BackplaneUnavailableError)) events.failed('write to a realm', cause);
    machine.on({ kind: 'write-uncertain' });
    retryLater();
  }
}
