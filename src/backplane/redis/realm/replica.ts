import { deriveId } from '../../../routing/derived-id.js';
import type { Claim, ClaimOutcome } from '../../../routing/ports.js';
import { fault } from '../../../wamp/faults.js';
import type { NodeId, RegistrationId, SessionId, Uri } from '../../../wamp/ids.js';
import type { MatchPolicy } from '../../../wamp/options.js';
import { ErrorUri } from '../../../wamp/uris.js';
import { BackplaneUnavailableError, UNREACHABLE_NOW } from '../../backplane.js';
import { SingleFlight } from '../../../util/single-flight.js';
import { KeepWatch } from './keep-watch.js';
import { DesiredRows } from './desired-rows.js';
import type { Pending } from './barriers.js';
import { RealmFollower } from './follower.js';
import { readRealm, type RealmSnapshot } from './snapshot.js';
import { RealmMirror } from './mirror.js';
import type { RealmReplicaOptions, RealmStats, ServedRealm } from './ports.js';
import { isVersion, toMember } from './rows.js';
import { enterRealm, markWhole, withdrawAll, type EnterReply, type RealmStep } from './scripts.js';
import { RealmWaits } from './waits.js';

type ReloadReason = 'serve' | 'version_gap' | 'reconnected' | 'store_emptied' | 'asked';

/** Times that a realm is read before it is left alone for a while. */
const MAX_LOADS = 5;

/** Asked for it, a node confirms whatever version it has. */
const ANY_VERSION = 0;

/**
 * One realm as this node serves it: its mirror follows the realm's changes, its wishes are written, and whoever waits for
 * the others is told when they know. What was missed is read anew; what the store lost is written again.
 */
export class RealmReplica implements ServedRealm {
  readonly #options: RealmReplicaOptions;
  readonly #mirror: RealmMirror;
  readonly #follower: RealmFollower;
  readonly #own: DesiredRows;
  readonly #waits: RealmWaits;
  readonly #keep: KeepWatch;
  readonly #catchingUp = new SingleFlight(() => this.#catchUp());
  #state: 'fresh' | 'serving' | 'withdrawing' | 'over' = 'fresh';
  #isCutOff = false;
  /** The highest version heard of. */
  #floor = 0;
  #reason: ReloadReason = 'serve';
  /** Own rows are to be compared with the store's; otherwise only the mirror is behind. */
  #needsRepair = true;
  #hasStoreLost = false;
  /** Events after which a repair that was under way is not enough. */
  #troubleCount = 0;
  #hasReconnected = false;
  #isRetrying = false;
  #cancelRetry: (() => void) | undefined;
  #withdrawal: Deferred | undefined;

  constructor(options: RealmReplicaOptions) {
    if (!/^[!-~]+$/.test(options.node) || /["\\]/.test(options.node))
      throw new Error(`a node cannot be named ${JSON.stringify(options.node)}`);
    this.#options = options;
    this.#mirror = new RealmMirror({
      node: options.node,
      membership: options.membership,
      said: (registration) => {
        options.events.registration(options.realm, registration);
        this.#own.changed(toMember(registration.match, registration.procedure));
      },
      lost: (member, session) => this.#own.lost(member, session, this.#follower.saidVersion),
      // What it confirms from here on is of another time than what is waited for.
      enteredAgain: () => this.#lostStore(),
    });
    this.#waits = this.#makeWaits();
    this.#follower = this.#makeFollower();
    this.#own = this.#makeDesiredRows();
    this.#keep = this.#makeKeep();
  }

  get stats(): RealmStats {
    return {
      topicCount: this.#mirror.topicCount,
      registrationCount: this.#mirror.registrationCount,
      barrierCount: this.#waits.barrierCount,
      version: this.#follower.version,
      versionLag: this.#floor - this.#follower.version,
      queuedCount: this.#own.queuedCount,
    };
  }

  enter(): Promise<void> {
    return this.#request('serve', true);
  }

  withdraw(): Promise<void> {
    if (this.#state === 'over') return this.#withdrawal?.promise ?? Promise.resolve();
    if (this.#withdrawal === undefined) {
      this.#withdrawal = defer();
      this.#state = 'withdrawing';
      this.#forgetAll(this.#unavailable('wait for other nodes'));
      this.#again('serve');
    }
    return this.#withdrawal.promise;
  }

  stop(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    const cause = this.#unavailable('wait for other nodes');
    this.#forgetAll(cause);
    this.#withdrawal?.reject(cause);
  }

  changed(message: string | Uint8Array): void {
    if (this.#isLive && !this.#isCutOff) this.#follower.changed(message);
  }

  confirmed(from: NodeId, version: number): void {
    if (!this.#isLive || !isVersion(version) || !this.#options.membership.isMember(from)) return;
    if (this.#follower.doubts(version)) return;
    this.#heard(version);
    this.#waits.confirm(from, version);
    this.#keep.confirmed(from, version);
    this.#own.heard(from);
  }

  asked(from: NodeId, version: number): void {
    if (!this.#isLive || this.#isCutOff || !isVersion(version) || !this.#options.membership.isMember(from)) return;
    if (this.#follower.doubts(version)) return;
    this.#heard(version);
    this.#follower.owe(from, version);
    if (!this.#follower.isFollowing || version <= this.#follower.version) return;
    this.#follower.halt();
    this.#again('asked');
  }

  nodeGone(node: NodeId): void {
    this.#follower.forget(node);
    this.#mirror.dropNode(node);
    this.#waits.drop(node);
  }

  cutOff(): void {
    if (this.#isCutOff || this.#state === 'over') return;
    this.#isCutOff = true;
    this.#needsRepair = true;
    this.#troubleCount++;
    this.#follower.cutOff();
    this.#waits.suspendAll();
    this.#keep.forget();
    void this.#own.pause();
    this.#own.cutOff(this.#unavailable('directory'));
  }

  resync(why: 'reconnected' | 'store_emptied'): Promise<void> {
    if (this.#state === 'over') return Promise.resolve();
    this.#isCutOff = false;
    if (why === 'store_emptied') this.#storeLost();
    else this.#hasReconnected = true;
    return this.#resync(why);
  }

  interestedNodes(topic: Uri): readonly NodeId[] {
    return this.#mirror.nodesFor(topic);
  }

  watch(topic: Uri, match: MatchPolicy): void | Promise<void> {
    return this.#own.watch(toMember(match, topic), this.#refusal('watch'));
  }

  unwatch(topic: Uri, match: MatchPolicy): void {
    this.#own.unwatch(toMember(match, topic));
  }

  claim(claim: Claim): Promise<ClaimOutcome> {
    const refusal = this.#refusal('claim');
    if (refusal === undefined) return this.#own.claim(claim);
    const why = fault(ErrorUri.NETWORK_FAILURE, UNREACHABLE_NOW);
    return Promise.resolve({ kind: 'failed', fault: why });
  }

  release(registration: RegistrationId, callee: SessionId): Promise<void> {
    return this.#own.release(registration, callee);
  }

  get #isLive(): boolean {
    return this.#state === 'fresh' || this.#state === 'serving';
  }

  #heard(version: number): void {
    this.#floor = Math.max(this.#floor, version);
  }

  #step(): RealmStep {
    const { keys, channel, node } = this.#options;
    return { keys, channel, node, floor: this.#floor };
  }

  #wrote(version: number, nodes: readonly NodeId[], pending: Pending | undefined): void {
    this.#heard(version);
    if (pending === undefined) return;
    if (this.#hasStoreLost) this.#waits.suspend(pending);
    else this.#waitFor(version, nodes, pending);
  }

  #waitFor(version: number, nodes: readonly NodeId[], pending: Pending): void {
    const { node, membership } = this.#options;
    const hasPassed = this.#follower.version >= version;
    const waitedFor = new Set(this.#mirror.keptNodes);
    for (const other of nodes) if (!hasPassed || this.#mirror.isWaitedFor(other)) waitedFor.add(other);
    for (const other of waitedFor) if (membership.isGone(other)) waitedFor.delete(other);
    // Who claimed is told of the row before the claim is answered.
    waitedFor.add(node);
    this.#waits.wait(version, waitedFor, pending);
  }

  #lostStore(): void {
    this.#storeLost();
    this.#again('store_emptied');
  }

  #storeLost(): void {
    this.#hasStoreLost = true;
    this.#needsRepair = true;
    this.#troubleCount++;
    this.#waits.suspendAll();
    this.#keep.forget();
    this.#own.failTakeovers();
  }

  #request(why: ReloadReason, isRepair: boolean): Promise<void> {
    if (this.#state === 'over') return Promise.reject(this.#unavailable(why));
    this.#reason = why;
    this.#needsRepair ||= isRepair;
    return this.#catchingUp.run();
  }

  /** Until the store and the mirror are right: what goes wrong meanwhile is seen to as well. */
  async #resync(why: ReloadReason): Promise<void> {
    await this.#request(why, true);
    for (let attempt = 1; this.#needsRepair && this.#isLive && !this.#isCutOff; attempt++) {
      if (attempt > MAX_LOADS) throw this.#unavailable('making the realm right again');
      await this.#request(why, false);
    }
  }

  #again(why: ReloadReason): void {
    // Whatever went wrong has been seen to.
    this.#request(why, false).catch(() => undefined);
  }

  async #catchUp(): Promise<void> {
    if (this.#state === 'over') return;
    this.#cancelRetry?.();
    this.#isRetrying = false;
    try {
      if (this.#state === 'withdrawing') await this.#finishWithdrawal();
      else if (this.#needsRepair) await this.#repair();
      else await this.#reload();
    } catch (cause) {
      if (!(cause instanceof BackplaneUnavailableError)) this.#options.events.failed('reading of a realm', cause);
      this.#follower.halt();
      this.#needsRepair = true;
      this.#retryLater();
      throw cause instanceof BackplaneUnavailableError ? cause : this.#unavailable('reading of a realm', cause);
    }
  }

  #retryLater(): void {
    if (this.#isRetrying || this.#isCutOff || this.#state === 'over') return;
    this.#isRetrying = true;
    this.#cancelRetry = this.#options.after(this.#options.limits.retryMs, () => {
      this.#isRetrying = false;
      if (!this.#isCutOff && this.#state !== 'over') this.#again(this.#reason);
    });
  }

  async #reload(): Promise<void> {
    if (this.#follower.isFollowing) return;
    if ((await this.#load(false)) === undefined) await this.#repair();
  }

  async #repair(): Promise<void> {
    const { node, store, membership } = this.#options;
    await this.#own.pause();
    this.#needsRepair = false;
    if (!this.#isLive || membership.isGone(node)) throw this.#unavailable('entering a realm');
    const step = this.#step();
    // What changes behind this step is kept for the load, which reads nothing that the step has read.
    this.#follower.begin();
    const image = await this.#load(true, { head: store.run(enterRealm, step), floor: step.floor });
    if (image?.nodes.has(node) !== true) throw this.#unavailable('entering a realm: the store lost it meanwhile');
    const troubleCount = this.#troubleCount;
    await this.#own.repair(image);
    this.#mirror.removeUnwanted((member, session) => this.#own.isHeld(member, session));
    await this.#beWhole();
    if (this.#state === 'fresh') this.#state = 'serving';
    // Something went wrong again meanwhile: the next run sees to it.
    if (troubleCount !== this.#troubleCount) return;
    this.#hasStoreLost = false;
    this.#needsRepair = false;
    this.#own.resume();
  }

  /** Undefined: the store has lost data, and own rows are to be repaired. */
  async #load(isRepair: boolean, begun?: Begun): Promise<RealmSnapshot | undefined> {
    const { node, realm, store, keys, counters, membership, events } = this.#options;
    for (let attempt = 1; attempt <= MAX_LOADS; attempt++) {
      const isBegun = attempt === 1 && begun !== undefined;
      const { floor, head } = isBegun ? begun : { floor: this.#floor };
      const supposed = this.#mirror.servingNodes;
      if (!isBegun) this.#follower.begin();
      counters.mirrorReloads[this.#reason]++;
      const isGone = (other: NodeId): boolean => membership.isGone(other);
      const image = await readRealm({ store, keys, node, withOwn: isRepair, head, supposed, isGone, counters });
      if (head !== undefined) this.#entered(await head);
      if (!this.#isLive) throw this.#unavailable('reading of a realm');
      const isLost = image.isTorn || !image.nodes.has(node) || image.version < floor;
      if (isLost) this.#storeLost();
      if (image.version < floor)
        events.doubted(realm, `Redis is at version ${image.version}, and there was word of ${floor}`);
      if (isLost && !isRepair) return undefined;
      if (image.isTorn) throw this.#unavailable('reading of a realm: the store lost it meanwhile');
      if (this.#takeOver(image, isRepair)) return image;
    }
    throw this.#unavailable('reading of a realm: it changes faster than it is read');
  }

  #entered({ kind, version, isBehind }: EnterReply): void {
    if (isBehind || (kind === 'entered' && this.#state === 'serving')) this.#storeLost();
    // Who waits for an earlier version waits for one that the store has lost, and will see so itself.
    if (isBehind) this.#follower.forgetBefore(version);
  }

  /** False: it is out of date already. */
  #takeOver(image: RealmSnapshot, isRepair: boolean): boolean {
    const { node } = this.#options;
    const isWhole = this.#follower.load(image, {
      others: this.#hasStoreLost ? 'all' : this.#hasReconnected ? 'recent' : 'nothing',
      own: isRepair ? (member, session) => this.#own.isHeld(member, session) : undefined,
    });
    this.#heard(this.#follower.version);
    if (!isWhole) return false;
    this.#hasReconnected = false;
    this.#own.loseUnplaced(this.#follower.version);
    const isWaitedFor = (other: NodeId): boolean => other === node || this.#mirror.isWaitedFor(other);
    this.#waits.confirmAbsent(isWaitedFor, this.#follower.version);
    this.#keep.start();
    return true;
  }

  /** Whoever waited when the store lost its data waits for this instead: with it the others have all of this node's. */
  async #beWhole(): Promise<void> {
    const { node, store } = this.#options;
    const suspended = this.#waits.takeSuspended();
    if (suspended.length === 0 && !this.#hasStoreLost && this.#mirror.wholeness(node) === 'whole') return;
    try {
      const reply = await store.run(markWhole, this.#step());
      if (reply.kind === 'stranger') throw this.#unavailable('entering a realm: the store lost it meanwhile');
      this.#heard(reply.version);
      for (const pending of suspended) this.#waitFor(reply.version, reply.nodes, pending);
    } catch (cause) {
      for (const pending of suspended) this.#waits.suspend(pending);
      throw cause;
    }
  }

  async #finishWithdrawal(): Promise<void> {
    await this.#own.pause();
    this.#options.writeBefore?.();
    await withdrawAll(this.#options.store, this.#step());
    this.#state = 'over';
    this.#withdrawal?.resolve();
  }

  /** Why what needs the store is refused now. */
  #refusal(operation: string): BackplaneUnavailableError | undefined {
    return this.#isLive && !this.#isCutOff ? undefined : this.#unavailable(operation);
  }

  #unavailable(operation: string, cause?: unknown): BackplaneUnavailableError {
    const state = this.#isCutOff ? 'cut off' : this.#state;
    return new BackplaneUnavailableError(`${operation}: realm ${this.#options.realm} is ${state}`, cause);
  }

  #forgetAll(cause: Error): void {
    this.#cancelRetry?.();
    this.#keep.stop();
    this.#follower.cutOff();
    this.#waits.failAll(cause);
    this.#own.stop(cause);
    this.#mirror.clear();
  }

  #makeWaits(): RealmWaits {
    const { realm, nowMs, after, counters, limits, confirmations } = this.#options;
    return new RealmWaits({
      nowMs,
      after,
      counters,
      reaskMs: limits.reaskMs,
      ask: (other, version) => confirmations.ask(other, realm, version),
    });
  }

  #makeFollower(): RealmFollower {
    const { node, realm, membership, counters, schedule, confirmations, events } = this.#options;
    return new RealmFollower({
      node,
      mirror: this.#mirror,
      membership,
      counters,
      schedule,
      confirm: (other, version) => confirmations.confirm(other, realm, version),
      heard: (version) => this.#heard(version),
      advanced: (version) => this.#waits.confirm(node, version),
      withdrawn: (other, version) => this.#waits.withdrawn(other, version),
      missed: () => this.#again('version_gap'),
      doubted: (what) => events.doubted(realm, what),
      wentBack: () => this.#lostStore(),
    });
  }

  #makeKeep(): KeepWatch {
    const { realm, after, limits, membership, confirmations } = this.#options;
    return new KeepWatch({
      after,
      keepMs: limits.keepMs,
      keptNodes: () => this.#mirror.keptNodes,
      isMember: (other) => membership.isMember(other),
      wholeness: (other) => this.#mirror.wholeness(other),
      version: () => (this.#follower.isFollowing && !this.#hasStoreLost ? this.#follower.version : undefined),
      ask: (other, version) => confirmations.ask(other, realm, version),
      end: (other) => {
        this.#mirror.endKeep(other);
        if (this.#mirror.wholeness(other) === undefined) this.#waits.withdrawn(other, this.#follower.version);
      },
    });
  }

  #makeDesiredRows(): DesiredRows {
    const { node, realm, store, nowMs, schedule, limits, events } = this.#options;
    const derive = this.#options.derive ?? deriveId;
    return new DesiredRows({
      node,
      nowMs,
      schedule,
      maxTopics: limits.maxInterestsPerStep,
      timeoutMs: limits.barrierTimeoutMs,
      takeovers: {
        after: this.#options.after,
        limitMs: limits.takeoverMs,
        reaskMs: limits.reaskMs,
        counters: this.#options.counters,
        ask: (other) => this.#options.confirmations.ask(other, realm, ANY_VERSION),
      },
      writeBefore: this.#options.writeBefore ?? (() => undefined),
      step: () => this.#step(),
      run: (script, input) => store.run(script, input),
      derive: ({ match, procedure }, attempt) => derive(realm, match, procedure, attempt) as RegistrationId,
      waits: (pending) => this.#waits.add(pending),
      wrote: (version, nodes, pending) => this.#wrote(version, nodes, pending),
      realmLost: (pending) => {
        if (pending !== undefined) this.#waits.suspend(pending);
        this.#lostStore();
      },
      unsure: (cause) => {
        if (!(cause instanceof BackplaneUnavailableError)) events.failed('write to a realm', cause);
        this.#needsRepair = true;
        this.#troubleCount++;
        this.#retryLater();
      },
      registrationOf: (member) => this.#mirror.procedures.get(member),
      isPlaced: (member, session) => this.#mirror.procedures.has(member, node, session),
      version: () => this.#follower.version,
      refusedAgain: (member, session) => this.#mirror.removeOwn(member, session),
    });
  }
}

/** A load that has begun with another step: who serves the realm, and what was known when that was asked. */
interface Begun {
  readonly head: Promise<EnterReply>;
  readonly floor: number;
}

interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (cause: Error) => void;
}

function defer(): Deferred {
  let [resolve, reject]: [() => void, (cause: Error) => void] = [() => undefined, () => undefined];
  const promise = new Promise<void>((done, failed) => ([resolve, reject] = [done, failed]));
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}
