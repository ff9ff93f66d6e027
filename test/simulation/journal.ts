import type { NodeId, RegistrationId, RequestId, SessionId, SubscriptionId } from '../../src/wamp/ids.js';
import type { CancelMode, MatchPolicy } from '../../src/wamp/options.js';
import type { AudienceChoice, Plan } from './schedule.js';

export type NodeState = 'starting' | 'live' | 'declared-dead' | 'stopped' | 'dead';

/** A node as its clients' records show it. */
export interface ParticipantNode {
  readonly id: NodeId;
  readonly state: NodeState;
  readonly goneNotices: readonly { readonly node: NodeId; readonly at: number }[];
  readonly gapNotices: readonly { readonly from: NodeId; readonly at: number }[];
  readonly returnNotices: readonly number[];
  readonly liveAt: number;
  readonly goneAt: number;
  readonly declaredDeadAt: number;
  readonly removedAt: number;
  readonly wereRowsLost: boolean;
  readonly isolatedAt: readonly number[];
  readonly cutOffs: readonly { readonly from: number; readonly until: number }[];
  readonly calleesLostAt: readonly number[];
}

/** A client as the records show it. */
export interface Participant {
  readonly session: SessionId;
  readonly name: string;
  readonly isOpen: boolean;
  readonly goneAt: number;
  readonly canBeInterrupted: boolean;
  /** Requests without an answer. */
  readonly asked: ReadonlyMap<RequestId, { readonly kind: 'subscribe' | 'register'; readonly at: number }>;
  readonly node: ParticipantNode;
}

export interface PublicationRecord {
  readonly number: number;
  readonly client: Participant;
  readonly topic: string;
  readonly at: number;
  readonly excludeMe: boolean;
  readonly audience: AudienceChoice;
  /** The sessions the audience lists name. */
  readonly named: ReadonlySet<Participant>;
  readonly acknowledge: boolean;
  /** The store keeps it as the newest of its topic. */
  readonly isRetained: boolean;
  answer: 'published' | 'error' | undefined;
  /** When the answer came. */
  answeredAt: number;
  /** When the router had delivered and sent on the publication. Infinity: not yet. */
  handledAt: number;
  /** An ERROR or a counter has shown that the publication could not reach every node. */
  isRefused: boolean;
}

export interface SubscriptionRecord {
  readonly client: Participant;
  readonly id: SubscriptionId;
  readonly topic: string;
  readonly match: MatchPolicy;
  /** When SUBSCRIBE was sent. */
  readonly askedAt: number;
  readonly from: number;
  until: number;
  readonly received: Set<number>;
  /** SUBSCRIBE asked for the retained event. */
  readonly wantsRetained: boolean;
  /** The event that came as the retained one. */
  replayed: PublicationRecord | undefined;
  liveCount: number;
}

export interface RegistrationRecord {
  readonly client: Participant;
  readonly id: RegistrationId;
  readonly procedure: string;
  readonly match: MatchPolicy;
  readonly invoke: string;
  /** Invocations it takes at once; 0: no bound. */
  readonly concurrency: number;
  /** When REGISTER was sent. */
  readonly askedAt: number;
  readonly from: number;
  until: number;
}

export interface ClaimRecord {
  readonly client: Participant;
  readonly procedure: string;
  readonly match: MatchPolicy;
  readonly force: boolean;
  readonly at: number;
}

export interface InvocationRecord {
  readonly client: Participant;
  readonly request: RequestId;
  /** Undefined if the callee holds no such registration. */
  readonly registration: RegistrationRecord | undefined;
  readonly call: CallRecord;
  readonly mayProgress: boolean;
  chunkCount: number;
  progressCount: number;
  answer: Plan['reply'] | 'interrupted' | undefined;
  isInterrupted: boolean;
  interruptedAtMs: number | undefined;
}

export interface CallRecord {
  readonly number: number;
  readonly client: Participant;
  readonly request: RequestId;
  readonly procedure: string;
  readonly at: number;
  readonly atMs: number;
  readonly timeoutMs: number;
  readonly receiveProgress: boolean;
  readonly isChunked: boolean;
  readonly plan: Plan;
  /** The times at which the call was sent to a callee. */
  readonly sentAt: number[];
  readonly invocations: InvocationRecord[];
  cancelMode: CancelMode | undefined;
  progressCount: number;
  /** Its final RESULT (empty) or the error URI. */
  end: { readonly error: string; readonly at: number; readonly atMs: number } | undefined;
}

/** The events of one simulated cluster, in one order. */
export class Journal {
  readonly violations: string[] = [];
  readonly publications: PublicationRecord[] = [];
  readonly subscriptions: SubscriptionRecord[] = [];
  readonly registrations: RegistrationRecord[] = [];
  readonly calls: CallRecord[] = [];
  /** Every REGISTER sent: a callee that leaves before its REGISTERED may be in the nodes' mirrors for a moment. */
  readonly claims: ClaimRecord[] = [];
  /** The times at which a part of the store lost rows. */
  readonly rowLosses: number[] = [];
  /** Moments at which nothing was under way between nodes. */
  readonly #quiet: number[] = [];
  #at = 0;

  get at(): number {
    return this.#at;
  }

  /** The time at which a part of the store lost rows for the first time. */
  get rowsLostAt(): number {
    return this.rowLosses[0] ?? Infinity;
  }

  /** A part of the store lost rows that may not have been written again before `at`. */
  lacksRowsAt(at: number): boolean {
    return this.rowLosses.some((lostAt) => lostAt <= at && !this.wasQuiet(lostAt, at));
  }

  /** The number of the next event. */
  tick(): number {
    return ++this.#at;
  }

  violate(rule: string, what: string): void {
    this.violations.push(`${rule}: ${what} (at ${this.#at})`);
  }

  markQuiet(): void {
    if (this.#quiet.at(-1) !== this.#at) this.#quiet.push(this.#at);
  }

  /** All that was under way at `from` had arrived at some moment before `to`. */
  wasQuiet(from: number, to: number): boolean {
    let low = 0;
    let high = this.#quiet.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#quiet[middle]! < from) low = middle + 1;
      else high = middle;
    }
    const first = this.#quiet[low];
    return first !== undefined && first < to;
  }
}

export function matches(uri: string, pattern: string, match: MatchPolicy): boolean {
  if (match === 'exact') return uri === pattern;
  if (match === 'prefix') return uri.startsWith(pattern);
  const parts = uri.split('.');
  const wanted = pattern.split('.');
  return parts.length === wanted.length && wanted.every((part, index) => part === '' || part === parts[index]);
}

/**
 * The lists of ids name a session that has the receiver's id, because the node of one of the two was declared dead: nothing
 * could distinguish them.
 */
function hasIdOfNamed({ audience, named }: PublicationRecord, receiver: Participant): boolean {
  if (audience !== 'eligible_some' && audience !== 'exclude_some') return false;
  const isDeclaredDead = ({ node }: Participant): boolean => node.state === 'declared-dead';
  for (const one of named)
    if (one.session === receiver.session && (isDeclaredDead(one) || isDeclaredDead(receiver))) return true;
  return false;
}

/** Applies the six lists and publisher exclusion as the test meant them, not as the router read them. */
export function admits(publication: PublicationRecord, receiver: Participant): boolean {
  if (publication.excludeMe && receiver === publication.client) return false;
  const isNamed = publication.named.has(receiver) || hasIdOfNamed(publication, receiver);
  switch (publication.audience) {
    case 'everybody':
      return true;
    case 'nobody':
      return false;
    case 'eligible_some':
    case 'eligible_role':
      return isNamed;
    case 'exclude_some':
    case 'exclude_role':
    case 'exclude_authid':
      return !isNamed;
  }
}
