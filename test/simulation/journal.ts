import type { RegistrationId, RequestId, SubscriptionId } from '../../src/wamp/ids.js';
import type { CancelMode, MatchPolicy } from '../../src/wamp/options.js';
import type { Client } from './client.js';
import type { AudienceChoice, Plan } from './schedule.js';

export interface PublicationRecord {
  readonly number: number;
  readonly client: Client;
  readonly topic: string;
  readonly at: number;
  readonly excludeMe: boolean;
  readonly audience: AudienceChoice;
  /** The sessions the audience lists name. */
  readonly named: ReadonlySet<Client>;
  readonly acknowledge: boolean;
  answer: 'published' | 'error' | undefined;
  /** It was said, in an ERROR or by a counter, that not every node could be reached. */
  isRefused: boolean;
}

export interface SubscriptionRecord {
  readonly client: Client;
  readonly id: SubscriptionId;
  readonly topic: string;
  readonly match: MatchPolicy;
  /** When SUBSCRIBE was sent. */
  readonly askedAt: number;
  readonly from: number;
  until: number;
  readonly received: Set<number>;
}

export interface RegistrationRecord {
  readonly client: Client;
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
  readonly procedure: string;
  readonly match: MatchPolicy;
  readonly force: boolean;
  readonly at: number;
}

export interface InvocationRecord {
  readonly client: Client;
  readonly request: RequestId;
  /** What it came by; undefined: nothing the callee holds. */
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
  readonly client: Client;
  readonly request: RequestId;
  readonly procedure: string;
  readonly at: number;
  readonly atMs: number;
  readonly timeoutMs: number;
  readonly receiveProgress: boolean;
  readonly isChunked: boolean;
  readonly plan: Plan;
  /** When it was sent to a callee, each time. */
  readonly sentAt: number[];
  readonly invocations: InvocationRecord[];
  cancelMode: CancelMode | undefined;
  progressCount: number;
  /** Its final RESULT (empty) or the error URI. */
  end: { readonly error: string; readonly at: number; readonly atMs: number } | undefined;
}

/** What happened in one simulated cluster, in one order. */
export class Journal {
  readonly violations: string[] = [];
  readonly publications: PublicationRecord[] = [];
  readonly subscriptions: SubscriptionRecord[] = [];
  readonly registrations: RegistrationRecord[] = [];
  readonly calls: CallRecord[] = [];
  /** Every REGISTER sent: a callee that leaves before its REGISTERED may be in the nodes' mirrors for a moment. */
  readonly claims: ClaimRecord[] = [];
  /** Moments at which nothing was under way between nodes. */
  readonly #quiet: number[] = [];
  #at = 0;

  get at(): number {
    return this.#at;
  }

  /** The number of the next thing that happens. */
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

/** By the six lists and publisher exclusion, worked out from what the test meant, not from what the router read. */
export function admits(publication: PublicationRecord, receiver: Client): boolean {
  if (publication.excludeMe && receiver === publication.client) return false;
  const isNamed = publication.named.has(receiver);
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
