import type { Claim, ClaimOutcome } from '../../../routing/ports.js';
import type { NodeId, RegistrationId, SessionId, Uri } from '../../../wamp/ids.js';
import type { MatchPolicy } from '../../../wamp/options.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import { NotCarriedOutError } from '../ports.js';
import { HeldCallees } from './held-callees.js';
import { Leavers } from './leavers.js';
import type { MirrorView } from './mirror-view.js';
import { PresenceWrite } from './presence-write.js';
import type { RealmWriter } from './realm-writer.js';
import { RowsRepair } from './rows-repair.js';
import { calleeTraits, fromMember, type Member } from './rows.js';
import type { RealmSnapshot } from './snapshot.js';
import { Takeovers, type TakeoversOptions } from './takeovers.js';
import type { WritePath } from './write-path.js';
import { WriteQueue } from './write-queue.js';
import {
  ClaimWrite,
  authidDigest,
  InterestWrite,
  ReleaseWrite,
  TakeoverWrite,
  type ClaimEvents,
  type Grant,
} from './writes.js';

type OwnWrite = InterestWrite | PresenceWrite | ClaimWrite | TakeoverWrite | ReleaseWrite;

export interface DesiredRowsOptions {
  readonly node: NodeId;
  /** Topics or callees in one write at most. */
  readonly maxPerWrite: number;
  /** How long a watch or claim waits for other nodes at most. */
  readonly timeoutMs: number;
  readonly writer: RealmWriter;
  readonly mirror: MirrorView;
  readonly takeovers: Pick<TakeoversOptions, 'after' | 'limitMs' | 'reaskMs' | 'counters' | 'ask'>;
  readonly nowMs: () => number;
  readonly schedule: (flush: () => void) => void;
  /** The id to try after so many that belong to other procedures. */
  readonly derive: (claim: Claim, attempt: number) => RegistrationId;
}

/** The rows that this node wants in one realm, and how they come into the store. Memory decides; the store follows. */
export class DesiredRows {
  readonly #options: DesiredRowsOptions;
  readonly #queue: WriteQueue<OwnWrite>;
  readonly #path: WritePath<OwnWrite>;
  readonly #takeovers: Takeovers;
  readonly #claimEvents: ClaimEvents = {
    granted: (write, grant) => this.#granted(write, grant),
    certain: (write) => this.#certain(write),
    postponed: (write) => this.#postpone(write),
    refused: (write, refusal, holders) => this.#takeovers.refused(write, refusal, holders),
    abandoned: ({ member, claim: { callee } }) => void this.#release(member, callee.session),
  };
  readonly #repair: RowsRepair;
  /** Topics wanted: known to all other nodes, or on their way in this write. */
  readonly #topics = new Map<Member, InterestWrite | 'known'>();
  readonly #leavers = new Leavers();
  readonly #held = new HeldCallees();
  /** Claims that all nodes have confirmed, and whose procedures other callees take over. */
  readonly #succeeded = new Map<Member, Set<ClaimWrite>>();
  /** Claims that are not decided. */
  readonly #claims = new Map<string, ClaimWrite>();
  /** Claims among them that wait until all nodes have confirmed that they are present. */
  readonly #asking = new Set<ClaimWrite>();
  /** Releases that the next repair does. */
  #postponed: ReleaseWrite[] = [];
  /** Writes that the store has not carried out, to be sent again behind the next repair. */
  #again: OwnWrite[] = [];

  constructor(options: DesiredRowsOptions) {
    const { node, maxPerWrite, writer, mirror, nowMs } = options;
    this.#options = options;
    this.#queue = new WriteQueue(options.schedule);
    this.#takeovers = new Takeovers({
      ...options.takeovers,
      node,
      nowMs,
      isHeld: (member, session) => this.isHeld(member, session),
      retry: (write) => this.#queue.push(write),
    });
    this.#repair = new RowsRepair({
      node,
      maxPerWrite,
      writer,
      mirror,
      topics: this.#topics,
      leavers: this.#leavers,
      held: this.#held,
      release: (member, session) => void this.#release(member, session),
    });
    this.#path = {
      maxPerWrite,
      run: (script, fields) => writer.runInOrder(script, fields),
      written: (version, nodes, pending) => writer.written(version, nodes, pending),
      realmLost: (write) => this.#realmLost(write),
      uncertain: (write, cause) => this.#uncertain(write, cause),
    };
  }

  get queuedCount(): number {
    return this.#queue.size;
  }

  /** `refusal`: nothing new can be written now. */
  watch(member: Member, refusal?: Error): void | Promise<void> {
    const wanted = this.#topics.get(member);
    if (wanted === 'known') return;
    if (wanted !== undefined) return wanted.known();
    if (refusal !== undefined) return Promise.reject(refusal);
    const write = this.#interestWrite();
    write.members.add(member);
    this.#topics.set(member, write);
    this.#leavers.delete(member);
    if (!write.isAwaited) this.#options.writer.watchDeadline(write);
    return write.known();
  }

  /** `leaver`: the session that was the last to want it. */
  unwatch(member: Member, leaver?: SessionId): void {
    if (!this.#topics.delete(member)) return;
    this.#interestWrite().members.add(member);
    if (leaver !== undefined) this.#leavers.set(member, leaver);
  }

  /** The row of a topic has a time that is not the one of the cluster. */
  rewriteTopic(member: Member): void {
    if (this.#topics.has(member)) this.#interestWrite().members.add(member);
  }

  /** The topics that this node wants. */
  get topics(): (readonly [Uri, MatchPolicy])[] {
    return [...this.#topics.keys()].flatMap((member) => {
      const entry = fromMember(member);
      return entry === undefined ? [] : [[entry.uri, entry.match] as const];
    });
  }

  claim(claim: Claim): Promise<ClaimOutcome> {
    const key = claimKey(claim.registration, claim.callee.session);
    return new Promise((resolve) => {
      const write = new ClaimWrite({
        path: this.#path,
        events: this.#claimEvents,
        mirror: this.#options.mirror,
        deadlineMs: this.#deadlineMs(),
        claim,
        derive: this.#options.derive,
        decide: (outcome) => {
          this.#claims.delete(key);
          this.#asking.delete(write);
          this.#succeeded.get(write.member)?.delete(write);
          resolve(outcome);
        },
      });
      this.#claims.set(key, write);
      this.#options.writer.watchDeadline(write);
      if (this.#concernsOthers(claim, write.member)) this.#putWhenPresent(write);
      else this.#queue.push(write);
    });
  }

  /** Other nodes would route calls to its callee before it is certain. */
  #concernsOthers({ force, invoke }: Claim, member: Member): boolean {
    const held = this.#options.mirror.registrationOf(member);
    if (held === undefined || force === 'if-free') return false;
    return force !== false || (held.invoke !== 'single' && held.invoke === invoke);
  }

  #putWhenPresent(claim: ClaimWrite): void {
    const { last } = this.#queue;
    const isOpen = last?.kind === 'presence' && !last.isFull;
    const write = isOpen ? last : new PresenceWrite(this.#path, claim.deadlineMs, (present) => this.#put(present));
    write.claims.push(claim);
    this.#asking.add(claim);
    if (!isOpen) this.#queue.push(write);
  }

  #put({ claims }: PresenceWrite): void {
    for (const claim of claims) {
      if (!this.#asking.delete(claim) || claim.isSettled) continue;
      if (claim.isGivenUp) claim.fail();
      else this.#queue.push(claim);
    }
  }

  release(id: RegistrationId, session: SessionId): Promise<void> {
    const member = this.#held.memberOf(id);
    if (member === undefined || !this.isHeld(member, session)) {
      this.#giveUp(id, session);
      return Promise.resolve();
    }
    const write = this.#release(member, session);
    return write.done();
  }

  #giveUp(id: RegistrationId, session: SessionId): void {
    const write = this.#claims.get(claimKey(id, session));
    if (write === undefined) return;
    write.giveUp();
    this.#takeovers.abandon(write);
    // The store may grant it yet. A later claim of this node for the same procedure must find it released.
    if (!this.#asking.has(write) && !write.isSettled) this.#release(write.member, session);
  }

  /** The node is alive: it has confirmed a version. */
  nodeAnswered(node: NodeId): void {
    this.#takeovers.nodeAnswered(node);
  }

  /** The registration has another state now. */
  registrationChanged(member: Member): void {
    this.#takeovers.registrationChanged(member);
    const succeeded = this.#succeeded.get(member);
    this.#succeeded.delete(member);
    for (const write of succeeded ?? []) write.open();
  }

  #postpone(write: ClaimWrite): void {
    const known = this.#succeeded.get(write.member);
    if (known === undefined) this.#succeeded.set(write.member, new Set([write]));
    else known.add(write);
  }

  isHeld(member: Member, session: SessionId): boolean {
    return this.#held.get(member, session) !== undefined;
  }

  /** The mirror has removed the callee, as of this version. */
  calleeRemoved(member: Member, session: SessionId, version: number): void {
    const held = this.#held.get(member, session);
    if (held === undefined || held.version > version) return;
    this.#release(member, session);
  }

  /** Releases every callee that the mirror, at this version, does not have. */
  releaseUnplaced(version: number): void {
    for (const [member, session] of this.#held.all)
      if (!this.#options.mirror.isPlaced(member, session)) this.calleeRemoved(member, session, version);
  }

  /** Nothing is sent until `resume`. Resolves when nothing is under way. */
  pause(): Promise<void> {
    this.#queue.pause();
    return this.#queue.drained();
  }

  resume(): void {
    this.#queue.putBack(this.#again);
    this.#again = [];
    this.#queue.resume();
  }

  /** Makes the store have what this node wants, and nothing else. Only while paused. */
  async repair(snapshot: RealmSnapshot): Promise<void> {
    const postponed = this.#postponed;
    this.#postponed = [];
    try {
      await this.#repair.run(snapshot, postponed);
    } catch (cause) {
      this.#postponed.push(...postponed);
      throw cause;
    }
    for (const write of postponed) write.finish();
  }

  /** Writes that were not sent fail, but for releases, which the next repair does. */
  cutOff(cause: Error): void {
    this.failTakeovers();
    for (const write of [...this.#again, ...this.#queue.takeAll()]) {
      if (write.kind === 'release') this.#postponed.push(write);
      else write.fail(cause);
    }
    this.#again = [];
    this.#takeovers.failAll();
  }

  /**
   * A store that cannot be reached, or has lost data, leaves takeovers undecided. Those that are not certain fail, and the holders
   * keep their procedures.
   */
  failTakeovers(): void {
    for (const write of [...this.#claims.values()])
      if (write.isOffer || (this.#asking.has(write) && write.claim.force !== false)) write.fail();
  }

  stop(cause: Error): void {
    this.#queue.pause();
    this.cutOff(cause);
    for (const write of this.#postponed) write.fail(cause);
    this.#postponed = [];
    this.#topics.clear();
    this.#leavers.clear();
    this.#held.clear();
  }

  #interestWrite(): InterestWrite {
    const { last } = this.#queue;
    if (last?.kind === 'interest' && !last.isFull && !last.isSettled) return last;
    const write = new InterestWrite(
      this.#path,
      this.#deadlineMs(),
      this.#leavers,
      (member) => this.#topics.has(member),
      (member) => this.#options.mirror.createdMs(member),
      (settled, isKnown) => this.#settleTopics(settled, isKnown),
    );
    this.#queue.push(write);
    return write;
  }

  #settleTopics(write: InterestWrite, isKnown: boolean): void {
    for (const member of write.members) {
      if (this.#topics.get(member) !== write) continue;
      if (isKnown) this.#topics.set(member, 'known');
      else this.unwatch(member);
    }
  }

  #granted(write: ClaimWrite, grant: Grant): void {
    const { member, claim } = write;
    this.#takeovers.close(write);
    const { session } = claim.callee;
    if (this.#options.mirror.version >= grant.version && !this.#options.mirror.isPlaced(member, session)) {
      this.#release(member, session);
      return;
    }
    this.#held.set(member, session, {
      ...grant,
      invoke: claim.invoke,
      rest: calleeTraits(claim.callee),
      digest: authidDigest(claim.authid),
      takeover: write.isOffer ? write : undefined,
    });
  }

  #certain(write: ClaimWrite): void {
    const { member, claim } = write;
    const { session } = claim.callee;
    if (this.#held.get(member, session)?.takeover !== write) return;
    const done = (): void => this.#held.completeTakeover(member, session, write);
    this.#queue.push(new TakeoverWrite(this.#path, member, session, done));
  }

  /** Also for a callee that another one has replaced by force: the store may still list it for this node. */
  #release(member: Member, session: SessionId): ReleaseWrite {
    this.#held.delete(member, session);
    const { last } = this.#queue;
    const write = last?.kind === 'release' && !last.isFull ? last : new ReleaseWrite(this.#path);
    write.add(member, session);
    if (write !== last) this.#queue.push(write);
    return write;
  }

  #realmLost(write: OwnWrite): void {
    if (write.kind === 'release') this.#postponed.push(write);
    else if (write.kind === 'claim') this.#again.push(write);
    else if (write.kind === 'presence') write.open();
    this.#options.writer.realmLost(write.kind === 'interest' && write.isAwaited ? write : undefined);
  }

  #uncertain(write: OwnWrite, cause: unknown): void {
    const unavailable =
      cause instanceof BackplaneUnavailableError ? cause : new BackplaneUnavailableError(write.kind, cause);
    const isUndone = cause instanceof NotCarriedOutError;
    if (write.kind === 'release') this.#postponed.push(write);
    // Behind later writes it means the same, unless its session has left meanwhile.
    else if (isUndone && write.kind !== 'takeover' && !(write.kind === 'claim' && write.isGivenUp))
      this.#again.push(write);
    else write.fail(unavailable);
    this.#options.writer.uncertain(cause);
  }

  #deadlineMs(): number {
    return this.#options.nowMs() + this.#options.timeoutMs;
  }
}

function claimKey(registration: RegistrationId, session: SessionId): string {
  return `${registration} ${session}`;
}
