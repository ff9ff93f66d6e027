import { createHash } from 'node:crypto';
import type { Claim, ClaimOutcome, Registration } from '../../../routing/ports.js';
import { Deferred } from '../../../util/deferred.js';
import { fault } from '../../../wamp/faults.js';
import type { RegistrationId, SessionId } from '../../../wamp/ids.js';
import { ErrorUri } from '../../../wamp/uris.js';
import { UNREACHABLE_NOW } from '../../backplane.js';
import type { Leavers } from './leavers.js';
import type { PendingWait } from './pending.js';
import type { Holder, ClaimRefusal } from './holders.js';
import type { MirrorView } from './mirror-view.js';
import { calleeTraits, toMember, type Member } from './rows.js';
import {
  changeInterest,
  claimProcedure,
  completeTakeover,
  releaseCallees,
  type ClaimReply,
  type Done,
  type NotServing,
} from './scripts.js';
import type { WritePath } from './write-path.js';
import type { Write } from './write-queue.js';

const HEAVY = 16;
/** Ids tried for one procedure at most. Even one collision is as unlikely as a hash can make it. */
const MAX_ATTEMPTS = 32;

/** Topics whose interest changes in one step. Whether each is added or removed is looked up when the write is sent. */
export class InterestWrite implements Write, PendingWait {
  readonly kind = 'interest';
  readonly cost = HEAVY;
  readonly deadlineMs: number;
  readonly members = new Set<Member>();
  readonly #path: WritePath<InterestWrite>;
  readonly #leavers: Leavers;
  readonly #isWanted: (member: Member) => boolean;
  readonly #createdMs: (member: Member) => number | undefined;
  readonly #settled: (write: InterestWrite, isKnown: boolean) => void;
  #isSettled = false;
  #known: Deferred | undefined;

  constructor(
    path: WritePath<InterestWrite>,
    deadlineMs: number,
    leavers: Leavers,
    isWanted: (member: Member) => boolean,
    createdMs: (member: Member) => number | undefined,
    settled: (write: InterestWrite, isKnown: boolean) => void,
  ) {
    this.#path = path;
    this.deadlineMs = deadlineMs;
    this.#leavers = leavers;
    this.#isWanted = isWanted;
    this.#createdMs = createdMs;
    this.#settled = settled;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  get isFull(): boolean {
    return this.members.size >= this.#path.maxPerWrite;
  }

  get isAwaited(): boolean {
    return this.#known !== undefined;
  }

  /** Resolves once every other node knows of all its topics. */
  known(): Promise<void> {
    this.#known ??= new Deferred();
    return this.#known.promise;
  }

  async run(): Promise<void> {
    const added: Member[] = [];
    const removed: Member[] = [];
    for (const member of this.members) (this.#isWanted(member) ? added : removed).push(member);
    const leavers = this.#leavers.of(removed);
    let reply: Done | NotServing;
    try {
      reply = await this.#path.run(changeInterest, { added, removed, createdMs: this.#createdMs, leavers });
    } catch (cause) {
      this.#path.uncertain(this, cause);
      return;
    }
    if (reply.kind === 'done') this.#leavers.written(leavers);
    const waits = added.length > 0 && this.isAwaited && !this.#isSettled;
    if (reply.kind === 'not-serving') this.#path.realmLost(this);
    else if (waits) this.#path.written(reply.version, reply.nodes, this);
    else this.#path.written(reply.version);
    // No watch waits for it, or only for topics that are not wanted any more.
    if (!waits) this.open();
  }

  open(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#settled(this, true);
    this.#known?.resolve();
  }

  fail(cause: Error): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#settled(this, false);
    this.#known?.reject(cause);
  }
}

export interface Grant {
  readonly id: RegistrationId;
  readonly order: number;
  readonly createdMs: number;
  readonly version: number;
}

const DIGEST_LENGTH = 32;

/** An authid may be long and have any characters. */
export function authidDigest(authid: string | undefined): string | undefined {
  return authid === undefined ? undefined : createHash('sha256').update(authid).digest('hex').slice(0, DIGEST_LENGTH);
}

export interface ClaimEvents {
  /** The store has given it, or offered: from now on this node wants to keep it. */
  granted(write: ClaimWrite, grant: Grant): void;
  /** The take-over is certain: the holders are to lose the procedure. */
  certain(write: ClaimWrite): void;
  /** To be opened again when the procedure has another state. */
  postponed(write: ClaimWrite): void;
  /** Another callee holds it: `refuse` follows, or the claim is sent to the store again. */
  refused(write: ClaimWrite, refusal: ClaimRefusal, holders: readonly Holder[]): void;
  /** The claim was decided too late, or not in the whole cluster: nobody wants its callee any more. */
  abandoned(write: ClaimWrite): void;
}

export interface ClaimWriteOptions {
  readonly path: WritePath<ClaimWrite>;
  readonly events: ClaimEvents;
  readonly mirror: MirrorView;
  readonly deadlineMs: number;
  readonly claim: Claim;
  /** The id to try after so many that belong to other procedures. */
  readonly derive: (claim: Claim, attempt: number) => RegistrationId;
  readonly decide: (outcome: ClaimOutcome) => void;
}

/** One claim of a session of this node to be a callee. */
export class ClaimWrite implements Write, PendingWait {
  readonly kind = 'claim';
  readonly cost = 1;
  readonly deadlineMs: number;
  readonly claim: Claim;
  readonly member: Member;
  readonly #options: ClaimWriteOptions;
  #id: RegistrationId;
  #isSettled = false;
  #isGranted = false;
  #isOffer = false;
  #createdMs = 0;
  #isGivenUp = false;

  constructor(options: ClaimWriteOptions) {
    const { claim, deadlineMs } = options;
    this.#options = options;
    this.deadlineMs = deadlineMs;
    this.claim = claim;
    this.member = toMember(claim.match, claim.procedure);
    this.#id = claim.registration;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  async run(): Promise<void> {
    if (this.#isSettled) return;
    let reply: ClaimReply;
    try {
      reply = await this.#ask();
    } catch (cause) {
      this.#options.path.uncertain(this, cause);
      return;
    }
    switch (reply.kind) {
      case 'granted':
        this.#grant(reply);
        break;
      case 'policy':
        this.#options.events.refused(this, { kind: 'policy-conflict', invoke: reply.invoke }, reply.holders);
        break;
      case 'taken':
      case 'protected':
        this.#options.events.refused(this, { kind: reply.kind }, reply.holders);
        break;
      case 'not-serving':
        this.#options.path.realmLost(this);
        break;
      default:
        this.fail();
    }
  }

  /**
   * A claim whose procedure another callee takes over is postponed until that has ended. The other claim may be granted already, and
   * this one must not be granted after it: its callee would be the former one, and REGISTERED last. The other claim is granted only
   * when this node has confirmed it. So this claim is granted before this node knows of the other, or waits.
   */
  open(): void {
    if (this.#isSettled) return;
    const registration = this.#placedIn();
    const { match, procedure, invoke, callee } = this.claim;
    const last = registration?.successors?.[0];
    if (last !== undefined && last.session !== callee.session) {
      this.#options.events.postponed(this);
      return;
    }
    const own = { id: this.#id, procedure, match, invoke, createdMs: this.#createdMs, callees: [callee] };
    this.#settle({ kind: 'granted', registration: this.#isOffer ? own : (registration ?? own) });
    if (this.#isOffer) this.#options.events.certain(this);
  }

  /** It takes the procedure from others, who have it until `certain`. */
  get isOffer(): boolean {
    return this.#isOffer;
  }

  /** Its session has left: it is not worth waiting for. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  giveUp(): void {
    this.#isGivenUp = true;
  }

  refuse(refusal: ClaimRefusal): void {
    this.#settle(refusal);
  }

  fail(): void {
    if (this.#isSettled) return;
    this.#settle({
      kind: 'failed',
      fault: fault(ErrorUri.NETWORK_FAILURE, UNREACHABLE_NOW),
    });
    if (this.#isGranted) this.#options.events.abandoned(this);
  }

  /** Until an id is found that belongs to no other procedure (ID-3). */
  async #ask(): Promise<ClaimReply> {
    const { invoke, callee, force, authid } = this.claim;
    let reply: ClaimReply;
    for (let attempt = 1; ; attempt++) {
      reply = await this.#options.path.run(claimProcedure, {
        member: this.member,
        id: this.#id,
        invoke,
        session: callee.session,
        rest: calleeTraits(callee),
        force,
        digest: authidDigest(authid),
      });
      if (reply.kind !== 'id-taken' || attempt === MAX_ATTEMPTS) return reply;
      this.#id = this.#options.derive(this.claim, attempt);
    }
  }

  #grant({ id, order, createdMs, version, isOffer, nodes }: Extract<ClaimReply, { kind: 'granted' }>): void {
    this.#id = id as RegistrationId;
    this.#isGranted = true;
    this.#isOffer = isOffer;
    this.#options.events.granted(this, { id: this.#id, order, createdMs, version });
    this.#createdMs = createdMs;
    if (this.#isSettled) this.#options.events.abandoned(this);
    else this.#options.path.written(version, nodes, this);
  }

  /** Undefined: the mirror does not have this callee. */
  #placedIn(): Registration | undefined {
    const { mirror } = this.#options;
    return mirror.isPlaced(this.member, this.claim.callee.session) ? mirror.registrationOf(this.member) : undefined;
  }

  #settle(outcome: ClaimOutcome): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#options.decide(outcome);
  }
}

/** A callee that takes a procedure over is certain to have it. */
export class TakeoverWrite implements Write {
  readonly kind = 'takeover';
  readonly cost = 1;
  readonly member: Member;
  readonly #path: WritePath<TakeoverWrite>;
  readonly #session: SessionId;
  readonly #done: () => void;

  constructor(path: WritePath<TakeoverWrite>, member: Member, session: SessionId, done: () => void) {
    this.#path = path;
    this.member = member;
    this.#session = session;
    this.#done = done;
  }

  async run(): Promise<void> {
    const { member } = this;
    const asked = this.#path.run(completeTakeover, { member, session: this.#session });
    if (await isDone(this.#path, this, asked)) this.#done();
  }

  /** A repair does it. */
  fail(): void {
    return;
  }
}

/** Callees that leave their procedures in one step. */
export class ReleaseWrite implements Write {
  readonly kind = 'release';
  readonly cost = HEAVY;
  readonly callees = new Map<Member, SessionId[]>();
  readonly #path: WritePath<ReleaseWrite>;
  #count = 0;
  #waiting: { readonly resolve: () => void; readonly reject: (cause: Error) => void }[] = [];

  constructor(path: WritePath<ReleaseWrite>) {
    this.#path = path;
  }

  get isFull(): boolean {
    return this.#count >= this.#path.maxPerWrite;
  }

  add(member: Member, session: SessionId): void {
    this.#count++;
    const sessions = this.callees.get(member);
    if (sessions === undefined) this.callees.set(member, [session]);
    else sessions.push(session);
  }

  done(): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  async run(): Promise<void> {
    const asked = this.#path.run(releaseCallees, { callees: this.callees });
    if (await isDone(this.#path, this, asked)) this.finish();
  }

  finish(): void {
    for (const { resolve } of this.#take()) resolve();
  }

  fail(cause: Error): void {
    for (const { reject } of this.#take()) reject(cause);
  }

  #take(): readonly { readonly resolve: () => void; readonly reject: (cause: Error) => void }[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }
}

/** Whether the store has done a step that no client waits for. False: `uncertain` or `realmLost` was called. */
async function isDone<W>(path: WritePath<W>, write: W, asked: Promise<Done | NotServing>): Promise<boolean> {
  let reply: Done | NotServing;
  try {
    reply = await asked;
  } catch (cause) {
    path.uncertain(write, cause);
    return false;
  }
  if (reply.kind === 'done') path.written(reply.version);
  else path.realmLost(write);
  return reply.kind === 'done';
}
