import type { Claim, ClaimOutcome } from '../../../routing/ports.js';
import { Deferred } from '../../../util/deferred.js';
import { SingleFlight } from '../../../util/single-flight.js';
import { fault } from '../../../wamp/faults.js';
import type { NodeId, RegistrationId, SessionId, Uri } from '../../../wamp/ids.js';
import type { MatchPolicy } from '../../../wamp/options.js';
import { ErrorUri } from '../../../wamp/uris.js';
import { BackplaneUnavailableError, UNREACHABLE_NOW } from '../../backplane.js';
import type { RealmReplicaOptions, RealmStats, ServedRealm } from './ports.js';
import { ReplicaMachine } from './replica-machine.js';
import { ReplicaParts } from './replica-parts.js';
import { ReplicaRepair } from './replica-repair.js';
import { isLive, isReachable, owesRepair, type ReloadCause } from './replica-state.js';
import { RetryTimer } from './retry-timer.js';
import { isVersion, toMember } from './rows.js';
import { withdrawAll } from './scripts.js';

/** Repairs that one resync runs at most. */
const MAX_REPAIRS = 5;

/**
 * One realm as this node serves it. Its mirror follows the changes of the realm; the rows that this node wants there are written
 * to the store; whatever waits for the other nodes opens when they have confirmed. The replica reads changes
 * that the mirror has missed anew, and writes rows that the store has lost again. `replica-state.ts` has its states.
 */
export class RealmReplica implements ServedRealm {
  readonly #options: RealmReplicaOptions;
  readonly #machine: ReplicaMachine;
  readonly #parts: ReplicaParts;
  readonly #repair: ReplicaRepair;
  readonly #retry: RetryTimer;
  readonly #runs = new SingleFlight(() => this.#run());
  #withdrawal: Deferred | undefined;

  constructor(options: RealmReplicaOptions) {
    if (!/^[!-~]+$/.test(options.node) || /["\\]/.test(options.node))
      throw new Error(`a node cannot be named ${JSON.stringify(options.node)}`);
    this.#options = options;
    this.#machine = new ReplicaMachine(options.realm);
    this.#parts = new ReplicaParts(options, this.#machine, {
      reload: (cause) => this.#reload(cause),
      retryLater: () => this.#retryLater(),
    });
    this.#repair = new ReplicaRepair(options, this.#machine, this.#parts);
    this.#retry = new RetryTimer(options.after, options.limits.retryMs, () => {
      if (isReachable(this.#machine.state)) this.#runInBackground();
    });
  }

  get stats(): RealmStats {
    const { mirror, waits, follower, store, rows } = this.#parts;
    return {
      topicCount: mirror.topicCount,
      registrationCount: mirror.registrationCount,
      barrierCount: waits.barrierCount,
      version: follower.version,
      versionLag: store.highestVersion - follower.version,
      queuedCount: rows.queuedCount,
    };
  }

  get servingNodes(): readonly NodeId[] {
    return this.#parts.mirror.servingNodes;
  }

  enter(): Promise<void> {
    if (this.#machine.on({ kind: 'enter' })) return this.#runs.run();
    return Promise.reject(this.#machine.unavailable('serve'));
  }

  withdraw(): Promise<void> {
    if (this.#machine.on({ kind: 'withdraw' })) {
      this.#withdrawal = new Deferred().ignoreRejection();
      this.#clear(this.#machine.unavailable('wait for other nodes'));
      this.#runInBackground();
    }
    return this.#withdrawal?.promise ?? Promise.resolve();
  }

  stop(): void {
    if (!this.#machine.on({ kind: 'stop' })) return;
    const cause = this.#machine.unavailable('wait for other nodes');
    this.#clear(cause);
    this.#withdrawal?.reject(cause);
  }

  changed(message: Uint8Array): void {
    if (this.#isOpen) this.#parts.follower.changed(message);
  }

  confirmed(from: NodeId, version: number): void {
    const { follower, store, waits, keptRowsCleanup, rows } = this.#parts;
    if (!isLive(this.#machine.state) || !this.#isCredible(from, version)) return;
    if (follower.doubts(version)) return;
    store.noteVersion(version);
    waits.confirm(from, version);
    keptRowsCleanup.confirmed(from, version);
    rows.nodeAnswered(from);
  }

  asked(from: NodeId, version: number): void {
    const { follower, store } = this.#parts;
    if (!this.#isOpen || !this.#isCredible(from, version)) return;
    if (follower.doubts(version)) return;
    store.noteVersion(version);
    follower.owe(from, version);
    if (!follower.isFollowing || version <= follower.version) return;
    follower.halt();
    this.#reload('asked');
  }

  nodeGone(node: NodeId): void {
    const { follower, mirror, waits } = this.#parts;
    follower.forget(node);
    mirror.dropNode(node);
    waits.drop(node);
  }

  cutOff(): void {
    if (this.#machine.on({ kind: 'cut-off' })) this.#parts.cutOff(this.#machine.unavailable('directory'));
  }

  resync(why: 'reconnected' | 'store_emptied'): Promise<void> {
    const wasReachable = isReachable(this.#machine.state);
    if (!this.#machine.on({ kind: 'resync', why })) return Promise.resolve();
    // Changes were ignored meanwhile. One may be the entry of this node: another server of the store may have carried out that step.
    if (!wasReachable) this.#parts.follower.cutOff();
    if (why === 'store_emptied') this.#parts.storeLost();
    return this.#resync(why);
  }

  interestedNodes(topic: Uri): readonly NodeId[] {
    return this.#parts.mirror.nodesFor(topic);
  }

  watch(topic: Uri, match: MatchPolicy): void | Promise<void> {
    const refusal = this.#isOpen ? undefined : this.#machine.unavailable('watch');
    return this.#parts.rows.watch(toMember(match, topic), refusal);
  }

  unwatch(topic: Uri, match: MatchPolicy, leaver?: SessionId): void {
    this.#parts.rows.unwatch(toMember(match, topic), leaver);
  }

  createdMs(topic: Uri, match: MatchPolicy): number | undefined {
    return this.#parts.mirror.createdMs(topic, match);
  }

  claim(claim: Claim): Promise<ClaimOutcome> {
    if (this.#isOpen) return this.#parts.rows.claim(claim);
    return Promise.resolve({ kind: 'failed', fault: fault(ErrorUri.NETWORK_FAILURE, UNREACHABLE_NOW) });
  }

  release(registration: RegistrationId, callee: SessionId): Promise<void> {
    return this.#parts.rows.release(registration, callee);
  }

  get #isOpen(): boolean {
    const { state } = this.#machine;
    return isLive(state) && isReachable(state);
  }

  #isCredible(from: NodeId, version: number): boolean {
    return isVersion(version) && this.#options.membership.isMember(from);
  }

  /** Repairs until the store and the mirror agree: a repair that was disturbed is followed by another. */
  async #resync(cause: ReloadCause): Promise<void> {
    await this.#runs.run();
    for (let attempt = 1; this.#isOpen && owesRepair(this.#machine.state); attempt++) {
      if (attempt > MAX_REPAIRS) throw this.#machine.unavailable('repairing a realm');
      this.#machine.on({ kind: 'reload-requested', cause });
      await this.#runs.run();
    }
  }

  #reload(cause: ReloadCause): void {
    if (this.#machine.on({ kind: 'reload-requested', cause })) this.#runInBackground();
  }

  #runInBackground(): void {
    // A run deals with its failures itself.
    this.#runs.run().catch(() => undefined);
  }

  /** Does what the state asks for. */
  async #run(): Promise<void> {
    const { state } = this.#machine;
    if (state.kind === 'closed') return;
    this.#retry.cancel();
    try {
      if (state.kind === 'withdrawing') await this.#finishWithdrawal();
      else if (owesRepair(state)) await this.#repair.repair();
      else await this.#repair.reload();
    } catch (cause) {
      const isUnavailable = cause instanceof BackplaneUnavailableError;
      if (!isUnavailable) this.#options.events.failed('reading of a realm', cause);
      this.#parts.follower.halt();
      this.#machine.on({ kind: 'failed' });
      this.#retryLater();
      throw isUnavailable ? cause : this.#machine.unavailable('reading a realm', cause);
    }
  }

  #retryLater(): void {
    if (isReachable(this.#machine.state)) this.#retry.start();
  }

  async #finishWithdrawal(): Promise<void> {
    const { rows, store } = this.#parts;
    await rows.pause();
    this.#options.writeBefore?.();
    await withdrawAll(this.#options.store, store.step());
    this.#machine.on({ kind: 'withdrawn' });
    this.#withdrawal?.resolve();
  }

  #clear(cause: Error): void {
    this.#retry.cancel();
    this.#parts.clear(cause);
  }
}
