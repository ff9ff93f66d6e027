import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { NodeId, SessionId } from '../../../wamp/ids.js';
import type { Holder, ClaimRefusal } from './holders.js';
import type { Member } from './rows.js';
import type { ClaimWrite } from './writes.js';

export interface TakeoversOptions {
  readonly node: NodeId;
  readonly nowMs: () => number;
  readonly after: (delayMs: number, action: () => void) => () => void;
  /** How long a claim waits until it is certain whether its holders stay, at most. */
  readonly limitMs: number;
  /** After which a node that has not answered is asked again. */
  readonly reaskMs: number;
  readonly counters: Pick<ClusterCounters, 'takeovers'>;
  /** The node is to confirm whatever version it has. */
  readonly ask: (node: NodeId) => void;
  /** Does this node still want this callee of its own? */
  readonly isHeld: (member: Member, session: SessionId) => boolean;
  /** Sends the claim to the store again, after earlier writes. */
  readonly retry: (write: ClaimWrite) => void;
}

/** A claim that the store has refused, while its holders may be going. */
interface Contest {
  readonly write: ClaimWrite;
  readonly deadlineMs: number;
  /** Outcome of the claim unless something changes. */
  refusal: ClaimRefusal;
  /** Nodes of the holders that were asked and have not answered. */
  readonly asked: Set<NodeId>;
  /** How often the node of each holder has answered while that was still the holder. */
  readonly answers: Map<string, number>;
  holders: readonly Holder[];
  /** The claim was sent to the store again, which has not replied. */
  isTrying: boolean;
  /** The row has changed since the claim was sent. */
  isStale: boolean;
  ownCount: number;
}

/**
 * A holder that is still there after its node has answered that often stays. Two, because the first answer may have been under
 * way before the node was asked.
 */
const MAX_ANSWERS = 2;
/** Releases of this node that a claim may have overtaken: each was written before it. */
const MAX_OWN_RETRIES = 3;

/**
 * Claims of procedures that other callees hold. A holder may have left already, or its node may be dead, and the store does not
 * know yet. Therefore the nodes of the holders are asked, and the claim is sent again when they have answered or the row has
 * changed. A node that is alive answers at once, and the claim is refused after two round trips to it. A dead node never
 * answers, and the claim waits until it has been declared dead.
 */
export class Takeovers {
  readonly #options: TakeoversOptions;
  readonly #contests = new Map<ClaimWrite, Contest>();
  readonly #byMember = new Map<Member, Set<Contest>>();
  readonly #byNode = new Map<NodeId, Set<Contest>>();
  #cancelTick: (() => void) | undefined;

  constructor(options: TakeoversOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#contests.size;
  }

  /** The store has refused the claim because of these holders. It is sent again later, or refused now. */
  refused(write: ClaimWrite, refusal: ClaimRefusal, holders: readonly Holder[]): void {
    const contest = this.#contests.get(write) ?? this.#open(write, refusal);
    contest.refusal = refusal;
    contest.holders = holders;
    contest.isTrying = false;
    if (write.isSettled || !this.#mayGo(contest)) this.#refuse(contest, 'refused');
    else if (contest.isStale || holders.every(({ node }) => node === this.#options.node)) this.#retry(contest);
    else this.#ask(contest);
  }

  /** The claim was decided otherwise. */
  close(write: ClaimWrite): void {
    const contest = this.#contests.get(write);
    if (contest === undefined) return;
    this.#options.counters.takeovers.granted++;
    this.#forget(contest);
  }

  /** The node has answered, or confirmed another version. */
  nodeAnswered(node: NodeId): void {
    for (const contest of [...(this.#byNode.get(node) ?? [])]) {
      for (const holder of contest.holders) {
        if (holder.node !== node) continue;
        const key = keyOf(holder);
        contest.answers.set(key, (contest.answers.get(key) ?? 0) + 1);
      }
      this.#retry(contest);
    }
  }

  /** The row of the procedure has changed. */
  registrationChanged(member: Member): void {
    for (const contest of [...(this.#byMember.get(member) ?? [])]) {
      if (contest.isTrying) contest.isStale = true;
      else this.#retry(contest);
    }
  }

  /** The claim was given up: unless the store is about to reply, it is refused now. */
  abandon(write: ClaimWrite): void {
    const contest = this.#contests.get(write);
    if (contest !== undefined && !contest.isTrying) this.#refuse(contest, 'refused');
  }

  /** No claim can be decided any more. */
  failAll(): void {
    const contests = [...this.#contests.values()];
    for (const contest of contests) this.#forget(contest);
    for (const { write } of contests) write.fail();
  }

  #open(write: ClaimWrite, refusal: ClaimRefusal): Contest {
    const { nowMs, limitMs, reaskMs, after } = this.#options;
    const contest: Contest = {
      write,
      // Before the deadline of the claim itself: its outcome is to be that another callee holds the procedure.
      deadlineMs: Math.min(nowMs() + limitMs, write.deadlineMs - reaskMs),
      refusal,
      asked: new Set(),
      answers: new Map(),
      holders: [],
      isTrying: false,
      isStale: false,
      ownCount: 0,
    };
    this.#contests.set(write, contest);
    enter(this.#byMember, write.member, contest);
    this.#cancelTick ??= after(reaskMs, this.#tick);
    return contest;
  }

  /** False: a holder is known to stay. */
  #mayGo(contest: Contest): boolean {
    const { node, isHeld } = this.#options;
    const { write, holders, answers } = contest;
    if (write.isGivenUp || holders.length === 0 || this.#options.limitMs === 0) return false;
    for (const holder of holders) {
      if (holder.node === node && isHeld(write.member, holder.session)) return false;
      if ((answers.get(keyOf(holder)) ?? 0) >= MAX_ANSWERS) return false;
    }
    return holders.some((holder) => holder.node !== node) || ++contest.ownCount <= MAX_OWN_RETRIES;
  }

  #ask(contest: Contest): void {
    for (const { node } of contest.holders) {
      if (node === this.#options.node || contest.asked.has(node)) continue;
      contest.asked.add(node);
      enter(this.#byNode, node, contest);
      this.#options.ask(node);
    }
  }

  #retry(contest: Contest): void {
    this.#expectNobody(contest);
    contest.isTrying = true;
    contest.isStale = false;
    this.#options.retry(contest.write);
  }

  #refuse(contest: Contest, how: 'refused' | 'timed_out'): void {
    // Refused without having waited, it is a claim like any other.
    if (contest.answers.size > 0 || how === 'timed_out') this.#options.counters.takeovers[how]++;
    this.#forget(contest);
    contest.write.refuse(contest.refusal);
  }

  #forget(contest: Contest): void {
    this.#expectNobody(contest);
    this.#contests.delete(contest.write);
    leave(this.#byMember, contest.write.member, contest);
    if (this.#contests.size > 0) return;
    this.#cancelTick?.();
    this.#cancelTick = undefined;
  }

  #expectNobody(contest: Contest): void {
    for (const node of contest.asked) leave(this.#byNode, node, contest);
    contest.asked.clear();
  }

  readonly #tick = (): void => {
    const { nowMs, after, reaskMs, ask } = this.#options;
    const now = nowMs();
    for (const contest of [...this.#contests.values()]) {
      if (contest.write.isSettled) this.#forget(contest);
      else if (contest.deadlineMs <= now) this.#refuse(contest, 'timed_out');
    }
    for (const node of this.#byNode.keys()) ask(node);
    this.#cancelTick = this.#contests.size > 0 ? after(reaskMs, this.#tick) : undefined;
  };
}

function keyOf({ node, session }: Holder): string {
  return `${node} ${session}`;
}

function enter<Key>(index: Map<Key, Set<Contest>>, key: Key, contest: Contest): void {
  const contests = index.get(key);
  if (contests === undefined) index.set(key, new Set([contest]));
  else contests.add(contest);
}

function leave<Key>(index: Map<Key, Set<Contest>>, key: Key, contest: Contest): void {
  const contests = index.get(key);
  contests?.delete(contest);
  if (contests?.size === 0) index.delete(key);
}
