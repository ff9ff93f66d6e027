import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { NodeId } from '../../../wamp/ids.js';
import type { MembershipView } from './ports.js';
import { parseChange, type RealmChange } from './changes.js';
import type { RealmSnapshot } from './snapshot.js';
import type { Keep, RealmMirror } from './mirror.js';
import type { RealmStore } from './realm-store.js';
import type { RealmWaits } from './waits.js';

export interface RealmFollowerOptions {
  readonly node: NodeId;
  readonly mirror: RealmMirror;
  readonly membership: MembershipView;
  readonly counters: ClusterCounters;
  readonly schedule: (flush: () => void) => void;
  /** Notes every version that a change names. */
  readonly store: Pick<RealmStore, 'noteVersion'>;
  /** Open when this node has a version, and when another node serves the realm no more. */
  readonly waits: Pick<RealmWaits, 'confirm' | 'withdrawn'>;
  readonly confirm: (to: NodeId, version: number) => void;
  /** Changes were missed: the realm is to be read anew. */
  readonly missed: () => void;
  /** A version does not fit what is known. */
  readonly doubted: (what: string) => void;
  /** The store counts from an older version: it has lost data. */
  readonly wentBack: () => void;
}

/** Changes kept while the realm is read; with more of them it is read again. */
const MAX_BUFFERED_COUNT = 20_000;

/**
 * More than a realm can change while its mirror is behind. Any client of Redis may write to its channel: a change that claims to be further
 * ahead is not believed, or all versions that follow would count as old, up to the last that there can be.
 */
export const MAX_VERSIONS_AHEAD = 2 ** 20;

/** Keeps the mirror of one realm at the version of the last change, and confirms that version to the nodes that wait for it. */
export class RealmFollower {
  readonly #options: RealmFollowerOptions;
  /** Other nodes that wait until this one has the version. */
  readonly #owed = new Map<NodeId, number>();
  /** Version the mirror has applied. */
  #version = 0;
  /** Parts of the last snapshot may be as late as this version. */
  #lastSnapshotVersion = 0;
  /** Version of the last change on this connection, applied or not. */
  #streamVersion = 0;
  #isFollowing = false;
  /** Changes that came while the realm is read. */
  #buffer: RealmChange[] | undefined;
  /** Version as which this node has last entered the realm, by the changes on this connection. */
  #lastEntry = 0;
  /** Version as which this node has entered the realm; changes before that one are ignored. Undefined: it has come. */
  #awaitedEntry: number | undefined;
  #stream = 0;
  /** Earlier versions are not confirmed: the store has lost them. */
  #firstVersion = 0;
  #isScheduled = false;
  #isLoading = false;

  constructor(options: RealmFollowerOptions) {
    this.#options = options;
  }

  get version(): number {
    return this.#version;
  }

  /** Version of the removals that the mirror announces. A load removes what it lacks, whatever the version of that. */
  get announcedVersion(): number {
    return this.#isLoading ? Infinity : this.#version;
  }

  get isFollowing(): boolean {
    return this.#isFollowing;
  }

  /** Names the connection that changes come through: another one after `cutOff`. */
  get stream(): number {
    return this.#stream;
  }

  changed(message: Uint8Array): void {
    const { counters } = this.#options;
    const change = parseChange(message);
    if (typeof change === 'string') counters.messagesIgnored[change]++;
    else if (this.#isBeforeEntry(change)) counters.changes.stale++;
    else this.#follow(change);
  }

  /**
   * The store has replied that this node entered the realm as this version. The channel may be later than the reply. Changes
   * that come before the entry are in the next snapshot, or the store has lost them: then their versions are used anew, and they
   * would look like the changes behind the snapshot. `stream` is the connection on which the entry was to come.
   */
  entered(version: number, stream: number): void {
    if (stream !== this.#stream || version === this.#lastEntry) return;
    this.#awaitedEntry = version;
    if (this.#buffer !== undefined) this.#buffer = [];
  }

  #isBeforeEntry({ version, body }: RealmChange): boolean {
    if (body.kind !== 'enter' || body.node !== this.#options.node) return this.#awaitedEntry !== undefined;
    if (version < (this.#awaitedEntry ?? 0)) return true;
    const isExpected = this.#awaitedEntry !== undefined || !this.#isFollowing;
    this.#awaitedEntry = undefined;
    this.#lastEntry = version;
    if (!isExpected) return false;
    // Versions may begin anew with it.
    this.#streamVersion = Math.min(this.#streamVersion, version - 1);
    if (this.#buffer !== undefined) this.#buffer = [];
    return false;
  }

  #follow(change: RealmChange): void {
    if (this.#buffer !== undefined && this.#isFar(change.version)) {
      // The snapshot that is being read will show whether it is true.
      this.#keep(this.#buffer, change);
      return;
    }
    if (this.doubts(change.version)) return;
    this.#options.store.noteVersion(change.version);
    if (change.asker !== undefined) this.owe(change.asker, change.version);
    const isBack = change.version <= this.#streamVersion;
    this.#streamVersion = change.version;
    if (isBack) {
      this.halt();
      this.#options.doubted('a change was older than the one before it');
      this.#options.wentBack();
    } else if (this.#buffer !== undefined) this.#keep(this.#buffer, change);
    else if (this.#isFollowing) this.#apply(change);
  }

  /**
   * Whether the version is further ahead of the mirror than the realm can be. Then the realm is read anew: should it be true
   * all the same, that shows it.
   */
  doubts(version: number): boolean {
    if (!this.#isFar(version)) return false;
    this.#doubt(version);
    if (!this.#isFollowing) return true;
    this.halt();
    this.#options.missed();
    return true;
  }

  /** Confirms the version to `asker` once the mirror has it; 0 confirms any version. One confirmation per turn, however many changes came. */
  owe(asker: NodeId, version: number): void {
    if (asker === this.#options.node || !this.#options.membership.isMember(asker)) return;
    if (version < this.#firstVersion && version !== 0) return;
    this.#owed.set(asker, Math.max(this.#owed.get(asker) ?? 0, version));
    this.#scheduleConfirmations();
  }

  /** Changes are kept from now on, for `load`. */
  begin(): void {
    this.#isFollowing = false;
    this.#buffer = [];
  }

  /**
   * Takes over a snapshot that was read since `begin`, applies the changes since, and follows. False: a change was missed
   * meanwhile, or the snapshot may have it already, and the realm is to be read again.
   */
  load(snapshot: RealmSnapshot, keep: Keep): boolean {
    const buffer = this.#buffer;
    if (buffer === undefined) return false;
    this.#version = snapshot.version;
    this.#lastSnapshotVersion = snapshot.lastVersion;
    let hasAll = true;
    const changes = buffer.filter((change) => this.#isCredible(change));
    this.#isLoading = true;
    this.#options.mirror.load(snapshot, keep, () => {
      for (const change of changes) {
        if (change.version <= this.#version) continue;
        hasAll = change.version === this.#version + 1 && !this.#isUnclear(change);
        if (!hasAll) break;
        this.#version = change.version;
        this.#options.mirror.apply(change.body);
      }
    });
    this.#isLoading = false;
    this.#buffer = undefined;
    this.#isFollowing = hasAll;
    this.#options.waits.confirm(this.#options.node, this.#version);
    this.#scheduleConfirmations();
    return hasAll;
  }

  /** Discards what is being read. Nothing is confirmed until the next `load`. */
  halt(): void {
    this.#isFollowing = false;
    this.#buffer = undefined;
  }

  /** The connection is lost: an unknown number of changes will be missing. */
  cutOff(): void {
    this.halt();
    this.#stream++;
    this.#streamVersion = 0;
    this.#lastEntry = 0;
    this.#awaitedEntry = undefined;
    this.#owed.clear();
  }

  /** The store has lost the versions before this one. */
  forgetBefore(version: number): void {
    this.#firstVersion = version;
    for (const [asker, owed] of this.#owed) if (owed < version && owed !== 0) this.#owed.delete(asker);
  }

  forget(node: NodeId): void {
    this.#owed.delete(node);
  }

  #isUnclear({ version, body }: Pick<RealmChange, 'version' | 'body'>): boolean {
    return version <= this.#lastSnapshotVersion && this.#options.mirror.isUnclear(body);
  }

  #isFar(version: number): boolean {
    return version - this.#version > MAX_VERSIONS_AHEAD;
  }

  #doubt(version: number): void {
    this.#options.counters.messagesIgnored.far++;
    this.#options.doubted(`version ${version} was ignored: the realm cannot have it yet`);
  }

  #isCredible({ version, asker }: RealmChange): boolean {
    if (this.#isFar(version)) {
      this.#doubt(version);
      return false;
    }
    if (asker !== undefined) this.owe(asker, version);
    return true;
  }

  #keep(buffer: RealmChange[], change: RealmChange): void {
    if (buffer.length < MAX_BUFFERED_COUNT) buffer.push(change);
    else this.#buffer = undefined;
  }

  #apply({ version, body }: RealmChange): void {
    const { counters, mirror, waits, node } = this.#options;
    if (version <= this.#version) {
      // The realm was read before the message came.
      counters.changes.stale++;
    } else if (version === this.#version + 1 && !this.#isUnclear({ version, body })) {
      this.#version = version;
      counters.changes.applied++;
      mirror.apply(body);
      if (body.kind === 'withdrawn') waits.withdrawn(body.node, version);
      waits.confirm(node, version);
    } else {
      this.halt();
      this.#options.missed();
    }
    this.#scheduleConfirmations();
  }

  #scheduleConfirmations(): void {
    if (this.#isScheduled || this.#owed.size === 0 || !this.#isFollowing) return;
    this.#isScheduled = true;
    this.#options.schedule(() => {
      this.#isScheduled = false;
      this.#confirm();
    });
  }

  #confirm(): void {
    if (!this.#isFollowing) return;
    for (const [asker, version] of this.#owed) {
      if (version > this.#version) continue;
      this.#owed.delete(asker);
      this.#options.confirm(asker, this.#version);
    }
  }
}
