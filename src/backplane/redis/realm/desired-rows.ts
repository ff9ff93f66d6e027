import type { Claim, ClaimOutcome, Registration } from '../../../routing/ports.js';
import type { NodeId, RegistrationId, SessionId } from '../../../wamp/ids.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import { HeldCallees, type HeldCallee } from './held-callees.js';
import { ClaimWrite, digestOf, InterestWrite, ReleaseWrite, TakeoverWrite, type Grant } from './writes.js';
import type { Script } from '../ports.js';
import { PresenceWrite } from './presence-write.js';
import type { Pending } from './barriers.js';
import type { RealmSnapshot } from './snapshot.js';
import { calleeRest, type Member } from './rows.js';
import {
  changeInterest,
  claimProcedure,
  completeTakeover,
  releaseCallees,
  type ClaimReply,
  type RealmStep,
  type Stranger,
} from './scripts.js';
import { Takeovers, type TakeoversOptions } from './takeovers.js';
import type { WritePath } from './write-path.js';
import { WriteQueue } from './write-queue.js';

type OwnWrite = InterestWrite | PresenceWrite | ClaimWrite | TakeoverWrite | ReleaseWrite;

export interface DesiredRowsOptions {
  readonly node: NodeId;
  readonly maxTopics: number;
  readonly timeoutMs: number;
  readonly takeovers: Pick<TakeoversOptions, 'after' | 'limitMs' | 'reaskMs' | 'counters' | 'ask'>;
  readonly nowMs: () => number;
  readonly schedule: (flush: () => void) => void;
  readonly writeBefore: () => void;
  step(): RealmStep;
  run<Input, Reply>(script: Script<Input, Reply>, input: Input): Promise<Reply>;
  derive(claim: Claim, attempt: number): RegistrationId;
  /** Begins to watch its deadline. */
  waits(pending: Pending): void;
  wrote(version: number, nodes: readonly NodeId[], pending: Pending | undefined): void;
  /** The store lost the realm; `pending` waits until it is whole again. */
  realmLost(pending: Pending | undefined): void;
  unsure(cause: unknown): void;
  registrationOf(member: Member): Registration | undefined;
  isPlaced(member: Member, session: SessionId): boolean;
  /** Version that the mirror has. */
  version(): number;
  /** The cluster did not give a callee of this node its procedure again. */
  refusedAgain(member: Member, session: SessionId): void;
}

/** Of a repair under way at once. */
const REPAIR_STEPS = 4;
const REPAIR_CLAIMS = 64;

/** What this node wants in one realm, and how it comes into the store. Memory decides; the store follows. */
export class DesiredRows {
  readonly #options: DesiredRowsOptions;
  readonly #queue: WriteQueue<OwnWrite>;
  readonly #path: WritePath<OwnWrite>;
  readonly #takeovers: Takeovers;
  /** Topics wanted: known to all other nodes, or by the step that says so. */
  readonly #topics = new Map<Member, InterestWrite | 'known'>();
  readonly #held = new HeldCallees();
  /** Not decided. */
  readonly #claims = new Map<string, ClaimWrite>();
  /** Of these, those that wait until all nodes have answered. */
  readonly #asking = new Set<ClaimWrite>();
  /** What a repair does in their stead. */
  #postponed: ReleaseWrite[] = [];
  /** Claims that met a store which had lost the realm. */
  #again: ClaimWrite[] = [];

  constructor(options: DesiredRowsOptions) {
    this.#options = options;
    this.#queue = new WriteQueue(options.schedule);
    this.#takeovers = new Takeovers({
      ...options.takeovers,
      node: options.node,
      nowMs: options.nowMs,
      isHeld: (member, session) => this.isHeld(member, session),
      retry: (write) => this.#queue.push(write),
    });
    this.#path = {
      maxTopics: options.maxTopics,
      step: () => options.step(),
      run: (script, input) => {
        options.writeBefore();
        return options.run(script, input);
      },
      wrote: (version, nodes, pending) => options.wrote(version, nodes, pending),
      realmLost: (write) => this.#realmLost(write),
      unsure: (write, cause) => this.#unsure(write, cause),
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
    if (!write.isAwaited) this.#options.waits(write);
    return write.known();
  }

  unwatch(member: Member): void {
    if (this.#topics.delete(member)) this.#interestWrite().members.add(member);
  }

  claim(claim: Claim): Promise<ClaimOutcome> {
    const key = claimKey(claim.registration, claim.callee.session);
    return new Promise((resolve) => {
      const write = new ClaimWrite(
        this.#path,
        {
          derive: (wanted, attempt) => this.#options.derive(wanted, attempt),
          granted: (granted, grant) => this.#granted(granted, grant),
          certain: (taking) => this.#certain(taking),
          refused: (refused, refusal, holders) => this.#takeovers.refused(refused, refusal, holders),
          registrationOf: ({ member, claim: { callee } }) =>
            this.#options.isPlaced(member, callee.session) ? this.#options.registrationOf(member) : undefined,
          abandoned: ({ member, claim: { callee } }) => void this.#release(member, callee.session),
        },
        this.#deadlineMs(),
        claim,
        (outcome) => {
          this.#claims.delete(key);
          this.#asking.delete(write);
          resolve(outcome);
        },
      );
      this.#claims.set(key, write);
      this.#options.waits(write);
      if (this.#concernsOthers(claim, write.member)) this.#putWhenPresent(write);
      else this.#queue.push(write);
    });
  }

  /** Calls that others serve would come to its callee too early until it is certain. */
  #concernsOthers({ force, invoke }: Claim, member: Member): boolean {
    const held = this.#options.registrationOf(member);
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
  }

  /** The node is there: it has confirmed something. */
  heard(node: NodeId): void {
    this.#takeovers.heard(node);
  }

  /** The row is another now. */
  changed(member: Member): void {
    this.#takeovers.changed(member);
  }

  isHeld(member: Member, session: SessionId): boolean {
    return this.#held.get(member, session) !== undefined;
  }

  /** The mirror, at this version, has the callee no more. */
  lost(member: Member, session: SessionId, version: number): void {
    const held = this.#held.get(member, session);
    if (held === undefined || held.version > version) return;
    this.#release(member, session);
  }

  /** Lets go of everything that the mirror, at this version, does not have. */
  loseUnplaced(version: number): void {
    for (const [member, session] of this.#held.all)
      if (!this.#options.isPlaced(member, session)) this.lost(member, session, version);
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
  async repair(image: RealmSnapshot): Promise<void> {
    const postponed = this.#postponed;
    this.#postponed = [];
    try {
      await this.#repairTopics(image.ownTopics);
      await this.#repairCallees(image, postponed);
    } catch (cause) {
      this.#postponed.push(...postponed);
      throw cause;
    }
    for (const write of postponed) write.finish();
  }

  /** What was not sent fails, but for what takes something back. */
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
   * Of a store that cannot be reached, or has lost data, nobody knows who takes what over: those that are not certain are given
   * up, and whoever holds the procedures keeps them.
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
    this.#held.clear();
  }

  #interestWrite(): InterestWrite {
    const { last } = this.#queue;
    if (last?.kind === 'interest' && !last.isFull && !last.isSettled) return last;
    const write = new InterestWrite(
      this.#path,
      this.#deadlineMs(),
      (member) => this.#topics.has(member),
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
    if (this.#options.version() >= grant.version && !this.#options.isPlaced(member, session)) {
      this.#release(member, session);
      return;
    }
    this.#held.set(member, session, {
      ...grant,
      invoke: claim.invoke,
      rest: calleeRest(claim.callee),
      digest: digestOf(claim.authid),
      takeover: write.isOffer ? write : undefined,
    });
  }

  #certain(write: ClaimWrite): void {
    const { member, claim } = write;
    const { session } = claim.callee;
    if (this.#held.get(member, session)?.takeover !== write) return;
    this.#queue.push(new TakeoverWrite(this.#path, member, session, () => this.#completed(member, session, write)));
  }

  #completed(member: Member, session: SessionId, write: ClaimWrite): void {
    const held = this.#held.get(member, session);
    if (held?.takeover === write) this.#held.set(member, session, { ...held, takeover: undefined });
  }

  /** Also of a callee that has gone: whoever took its procedure by force cannot know of this node's key. */
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
    this.#options.realmLost(write.kind === 'interest' && write.isAwaited ? write : undefined);
  }

  #unsure(write: OwnWrite, cause: unknown): void {
    const unavailable =
      cause instanceof BackplaneUnavailableError ? cause : new BackplaneUnavailableError(write.kind, cause);
    if (write.kind === 'release') this.#postponed.push(write);
    else write.fail(unavailable);
    this.#options.unsure(cause);
  }

  async #repairTopics(stored: ReadonlySet<Member>): Promise<void> {
    const missing = [...this.#topics.keys()].filter((member) => !stored.has(member));
    const superfluous = [...stored].filter((member) => !this.#topics.has(member));
    const { maxTopics } = this.#options;
    await inSteps(partsOf(missing, maxTopics), REPAIR_STEPS, async (added) =>
      this.#wrote(await this.#options.run(changeInterest, { ...this.#options.step(), added, removed: [] })),
    );
    await inSteps(partsOf(superfluous, maxTopics), REPAIR_STEPS, async (removed) =>
      this.#wrote(await this.#options.run(changeInterest, { ...this.#options.step(), added: [], removed })),
    );
  }

  async #repairCallees(
    { procedures, ownProcedures }: RealmSnapshot,
    postponed: readonly ReleaseWrite[],
  ): Promise<void> {
    const stored = new Map<Member, Set<SessionId>>();
    const unwanted: (readonly [Member, SessionId?])[] = [];
    for (const [member, { callees }] of procedures) {
      const own = callees.filter(({ callee }) => callee.node === this.#options.node);
      const sessions = new Set(own.map(({ callee }) => callee.session));
      stored.set(member, sessions);
      for (const session of sessions) if (!this.isHeld(member, session)) unwanted.push([member, session]);
    }
    // In the key of this node, but perhaps in no row any more: to be looked at.
    const listed = new Set([...ownProcedures, ...postponed.flatMap(({ callees }) => [...callees.keys()])]);
    for (const member of listed) if (!this.#held.hasAny(member)) unwanted.push([member]);
    await inSteps(partsOf(unwanted, this.#options.maxTopics), REPAIR_STEPS, async (part) => {
      const callees = new Map<Member, SessionId[]>();
      for (const [member, session] of part) {
        const sessions = callees.get(member) ?? [];
        callees.set(member, sessions);
        if (session !== undefined) sessions.push(session);
      }
      this.#wrote(await this.#options.run(releaseCallees, { ...this.#options.step(), callees }));
    });
    await this.#completeTakeovers(stored);
    const missing = this.#held.all.filter(([member, session]) => stored.get(member)?.has(session) !== true);
    await inSteps(missing, REPAIR_CLAIMS, ([member, session, held]) => this.#claimAgain(member, session, held));
  }

  /** Those that are certain to take over and are not said to have: this node had no answer, or no time. */
  async #completeTakeovers(stored: ReadonlyMap<Member, ReadonlySet<SessionId>>): Promise<void> {
    const open: (readonly [Member, SessionId, ClaimWrite])[] = [];
    for (const [member, session, { takeover }] of this.#held.all)
      if (takeover?.isSettled === true && stored.get(member)?.has(session) === true)
        open.push([member, session, takeover]);
    await inSteps(open, REPAIR_CLAIMS, async ([member, session, write]) => {
      this.#wrote(await this.#options.run(completeTakeover, { ...this.#options.step(), member, session }));
      this.#completed(member, session, write);
    });
  }

  async #claimAgain(member: Member, session: SessionId, held: HeldCallee): Promise<void> {
    const { id, invoke, rest, order, digest, takeover } = held;
    if (takeover?.isSettled === false) {
      takeover.fail();
      return;
    }
    const force = takeover !== undefined;
    const wanted = { ...this.#options.step(), member, id, invoke, session, rest, order, digest, force };
    const reply = await this.#options.run(claimProcedure, wanted);
    this.#wrote(reply);
    if (this.#held.get(member, session) !== held) {
      // Released meanwhile: the step that says so waits in the queue.
    } else if (reply.kind === 'granted') {
      this.#held.set(member, session, { ...held, version: reply.version, takeover: undefined });
    } else {
      this.#release(member, session);
      this.#options.refusedAgain(member, session);
    }
  }

  #wrote(reply: ClaimReply | Stranger | { readonly kind: 'done'; readonly version: number }): void {
    if (reply.kind === 'stranger') throw new BackplaneUnavailableError('repair: the store has lost the realm again');
    if ('version' in reply) this.#options.wrote(reply.version, [], undefined);
  }

  #deadlineMs(): number {
    return this.#options.nowMs() + this.#options.timeoutMs;
  }
}

function claimKey(registration: RegistrationId, session: SessionId): string {
  return `${registration} ${session}`;
}

async function inSteps<T>(all: readonly T[], atOnce: number, write: (one: T) => Promise<void>): Promise<void> {
  for (const few of partsOf(all, atOnce)) await Promise.all(few.map(write));
}

function partsOf<T>(all: readonly T[], size: number): T[][] {
  const parts: T[][] = [];
  for (let at = 0; at < all.length; at += size) parts.push(all.slice(at, at + size));
  return parts;
}
