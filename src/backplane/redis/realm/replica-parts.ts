import { deriveId } from '../../../routing/derived-id.js';
import type { RegistrationId } from '../../../wamp/ids.js';
import { DesiredRows } from './desired-rows.js';
import { RealmFollower } from './follower.js';
import { KeptRowsCleanup } from './kept-rows-cleanup.js';
import type { MirrorView } from './mirror-view.js';
import { RealmMirror } from './mirror.js';
import type { RealmReplicaOptions } from './ports.js';
import { RealmStore } from './realm-store.js';
import { RealmWriter } from './realm-writer.js';
import type { ReplicaMachine } from './replica-machine.js';
import { hasStoreLost, type ReloadCause } from './replica-state.js';
import { fromMember, toMember } from './rows.js';
import { RealmWaits } from './waits.js';

/** A node that is asked for this version confirms whatever version it has. */
const ANY_VERSION = 0;

export interface ReplicaPartsHooks {
  /** The realm is to be read anew. */
  readonly reload: (cause: ReloadCause) => void;
  readonly retryLater: () => void;
}

/** The parts of a replica, each connected to the others. */
export class ReplicaParts {
  readonly store: RealmStore;
  readonly mirror: RealmMirror;
  readonly follower: RealmFollower;
  readonly writer: RealmWriter;
  readonly rows: DesiredRows;
  readonly waits: RealmWaits;
  readonly keptRowsCleanup: KeptRowsCleanup;
  readonly #options: RealmReplicaOptions;
  readonly #machine: ReplicaMachine;
  readonly #hooks: ReplicaPartsHooks;

  constructor(options: RealmReplicaOptions, machine: ReplicaMachine, hooks: ReplicaPartsHooks) {
    this.#options = options;
    this.#machine = machine;
    this.#hooks = hooks;
    this.store = new RealmStore(options);
    this.mirror = this.#makeMirror();
    this.waits = this.#makeWaits();
    this.follower = this.#makeFollower();
    this.writer = this.#makeWriter();
    this.rows = this.#makeDesiredRows();
    this.keptRowsCleanup = this.#makeKeptRowsCleanup();
  }

  /** The store has lost data. Whatever waits for one of its versions waits for the repair instead. */
  storeLost(): void {
    this.#machine.on({ kind: 'store-lost' });
    this.waits.suspendAll();
    this.keptRowsCleanup.forget();
    this.rows.failTakeovers();
  }

  /** `cause` names why what needs the store fails. */
  cutOff(cause: Error): void {
    this.follower.cutOff();
    this.waits.suspendAll();
    this.keptRowsCleanup.forget();
    void this.rows.pause();
    this.rows.cutOff(cause);
  }

  /** Forgets everything. Whatever waits fails. */
  clear(cause: Error): void {
    this.keptRowsCleanup.stop();
    this.follower.cutOff();
    this.waits.failAll(cause);
    this.rows.stop(cause);
    this.mirror.clear();
  }

  #storeLost(): void {
    this.storeLost();
    this.#hooks.reload('store_emptied');
  }

  #makeMirror(): RealmMirror {
    const { realm, node, membership, events } = this.#options;
    return new RealmMirror({
      node,
      membership,
      registrationChanged: (registration) => {
        events.registration(realm, registration);
        this.rows.registrationChanged(toMember(registration.match, registration.procedure));
      },
      topicChanged: (change) => events.topic(realm, change),
      rows: () => this.rows,
      calleeRemoved: (member, session) => this.rows.calleeRemoved(member, session, this.follower.announcedVersion),
      // From here on it confirms versions that the store counts anew, not the ones that are waited for.
      enteredAgain: () => this.#storeLost(),
    });
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
      mirror: this.mirror,
      membership,
      counters,
      store: this.store,
      waits: this.waits,
      schedule,
      confirm: (other, version) => confirmations.confirm(other, realm, version),
      missed: () => this.#hooks.reload('version_gap'),
      doubted: (what) => events.doubted(realm, what),
      wentBack: () => this.#storeLost(),
    });
  }

  #makeKeptRowsCleanup(): KeptRowsCleanup {
    const { realm, after, limits, membership, confirmations } = this.#options;
    const isCurrent = (): boolean => this.follower.isFollowing && !hasStoreLost(this.#machine.state);
    return new KeptRowsCleanup({
      after,
      keepMs: limits.keepMs,
      mirror: this.mirror,
      membership,
      version: () => (isCurrent() ? this.follower.version : undefined),
      ask: (other, version) => confirmations.ask(other, realm, version),
      end: (other) => {
        this.mirror.endKeep(other);
        if (this.mirror.statusOf(other) === undefined) this.waits.withdrawn(other, this.follower.version);
      },
    });
  }

  #makeWriter(): RealmWriter {
    return new RealmWriter({
      ...this.#options,
      machine: this.#machine,
      store: this.store,
      mirror: this.mirror,
      follower: this.follower,
      waits: this.waits,
      storeLost: () => this.#storeLost(),
      retryLater: this.#hooks.retryLater,
    });
  }

  #makeMirrorView(): MirrorView {
    const { mirror, follower } = this;
    const { node } = this.#options;
    return {
      get version() {
        return follower.version;
      },
      registrationOf: (member) => mirror.procedures.get(member),
      isPlaced: (member, session) => mirror.procedures.has(member, node, session),
      createdMs: (member) => {
        const entry = fromMember(member);
        return entry && mirror.createdMs(entry.uri, entry.match);
      },
      removeOwn: (member, session) => mirror.removeOwn(member, session),
    };
  }

  #makeDesiredRows(): DesiredRows {
    const { node, realm, nowMs, after, schedule, limits, counters, confirmations } = this.#options;
    const derive = this.#options.derive ?? deriveId;
    return new DesiredRows({
      node,
      nowMs,
      schedule,
      maxPerWrite: limits.maxInterestsPerStep,
      timeoutMs: limits.barrierTimeoutMs,
      writer: this.writer,
      mirror: this.#makeMirrorView(),
      takeovers: {
        after,
        limitMs: limits.takeoverMs,
        reaskMs: limits.reaskMs,
        counters,
        ask: (other) => confirmations.ask(other, realm, ANY_VERSION),
      },
      derive: ({ match, procedure }, attempt) => derive(realm, match, procedure, attempt) as RegistrationId,
    });
  }
}
