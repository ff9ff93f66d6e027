import type { Frame } from '../../src/routing/frames.js';
import type {
  Claim,
  ClaimOutcome,
  Outlet,
  Publication,
  RetainMark,
  Subscription,
  ClockAndRandom,
} from '../../src/routing/ports.js';
import type { CallOutcome, RoutingDiscard } from '../../src/routing/outcomes.js';
import type { Peer } from '../../src/routing/peer.js';
import type { Fault } from '../../src/wamp/faults.js';
import type { NodeId, PublicationId, RegistrationId, SessionId, SubscriptionId, Uri } from '../../src/wamp/ids.js';
import type { RouterMessage } from '../../src/wamp/messages.js';
import type { MatchPolicy } from '../../src/wamp/options.js';

/** One call of the outlet. `deliver` keeps a copy of the receivers at that moment. */
export type Recorded<P extends Peer> =
  | { readonly verb: 'send'; readonly to: P; readonly message: RouterMessage }
  | {
      readonly verb: 'deliver';
      readonly publication: Publication;
      readonly subscription: Subscription<P>;
      readonly id: SubscriptionId;
      readonly receivers: readonly P[];
    }
  | { readonly verb: 'publish'; readonly publication: Publication; readonly wantsToKnow: boolean }
  | { readonly verb: 'sendFrame'; readonly node: NodeId; readonly frame: Frame }
  | { readonly verb: 'watch'; readonly topic: Uri; readonly match: MatchPolicy }
  | { readonly verb: 'unwatch'; readonly topic: Uri; readonly match: MatchPolicy }
  | { readonly verb: 'retain' | 'record'; readonly publication: Publication }
  | { readonly verb: 'findRetained'; readonly topic: Uri; readonly match: MatchPolicy; readonly receiver: P }
  | { readonly verb: 'claim'; readonly claim: Claim }
  | { readonly verb: 'release'; readonly registration: RegistrationId; readonly callee: SessionId }
  | { readonly verb: 'count'; readonly what: RoutingDiscard }
  | { readonly verb: 'callEnded'; readonly outcome: CallOutcome; readonly elapsedMs: number };

export interface PendingWatch {
  readonly topic: Uri;
  readonly match: MatchPolicy;
  settle(refusal?: Fault): void;
}

export interface PendingPublish {
  readonly publication: Publication;
  settle(refusal?: Fault): void;
}

export interface PendingLookup<P extends Peer> {
  readonly topic: Uri;
  readonly receiver: P;
  settle(found: Publication | Fault | undefined): void;
}

export interface PendingClaim {
  readonly claim: Claim;
  decide(outcome: ClaimOutcome): void;
}

interface Timer {
  readonly dueMs: number;
  readonly action: () => void;
}

/**
 * Records every call. Those that settle later wait in `watches`, `publishes`, `retained`, `lookups`, `claims` until the
 * test answers them; with `settlesAtOnce`, watch and publish settle before they return. Time moves only by `advance`.
 */
export class RecordingOutlet<P extends Peer> implements Outlet<P>, ClockAndRandom {
  readonly recorded: Recorded<P>[] = [];
  readonly watches: PendingWatch[] = [];
  readonly publishes: PendingPublish[] = [];
  readonly retained: PendingPublish[] = [];
  readonly records: PendingPublish[] = [];
  readonly lookups: PendingLookup<P>[] = [];
  readonly claims: PendingClaim[] = [];
  settlesAtOnce: boolean;
  isIsolated = false;
  /** Returns the reason if a message cannot be sent to a session; a refused message is not recorded. */
  refuseSend: ((to: P, message: RouterMessage) => Fault | undefined) | undefined;
  /** Called after each frame was recorded; connect it to the other half of the dealer. */
  onSendFrame: ((node: NodeId, frame: Frame) => void) | undefined;
  /** Called after each message was recorded; for what happens in the middle of answering several. */
  onSend: ((to: P, message: RouterMessage) => void) | undefined;
  /** Called after each delivery was recorded; for what happens in the middle of one. */
  onDeliver: ((publication: Publication, subscription: Subscription<P>) => void) | undefined;
  /** What `random` returns; the last one again and again. */
  randoms: number[] = [0];
  #nowMs = 0;
  #timers: Timer[] = [];
  #lastPublicationId = 0;
  #lastRetained = 0;

  constructor(options: { settlesAtOnce?: boolean } = {}) {
    this.settlesAtOnce = options.settlesAtOnce ?? false;
  }

  send(to: P, message: RouterMessage): Fault | undefined {
    const refusal = this.refuseSend?.(to, message);
    if (refusal !== undefined) return refusal;
    this.recorded.push({ verb: 'send', to, message });
    this.onSend?.(to, message);
    return undefined;
  }

  deliver(publication: Publication, subscription: Subscription<P>): void {
    const receivers = [...subscription.receivers];
    this.recorded.push({ verb: 'deliver', publication, subscription, id: subscription.id, receivers });
    this.onDeliver?.(publication, subscription);
  }

  publish(publication: Publication, settled?: (refusal?: Fault) => void): void {
    this.recorded.push({ verb: 'publish', publication, wantsToKnow: settled !== undefined });
    if (settled === undefined) return;
    if (this.settlesAtOnce) settled();
    else this.publishes.push({ publication, settle: once('publish', settled) });
  }

  sendFrame(node: NodeId, frame: Frame): void {
    this.recorded.push({ verb: 'sendFrame', node, frame });
    this.onSendFrame?.(node, frame);
  }

  watch(topic: Uri, match: MatchPolicy, settled: (refusal?: Fault) => void): void {
    this.recorded.push({ verb: 'watch', topic, match });
    if (this.settlesAtOnce) settled();
    else this.watches.push({ topic, match, settle: once('watch', settled) });
  }

  unwatch(topic: Uri, match: MatchPolicy): void {
    this.recorded.push({ verb: 'unwatch', topic, match });
  }

  retain(publication: Publication, settled: (refusal?: Fault) => void): void {
    this.recorded.push({ verb: 'retain', publication });
    this.retained.push({ publication, settle: once('retain', settled) });
  }

  record(publication: Publication, settled: (refusal?: Fault) => void): void {
    this.recorded.push({ verb: 'record', publication });
    this.records.push({ publication, settle: once('record', settled) });
  }

  findRetained(
    topic: Uri,
    match: MatchPolicy,
    receiver: P,
    found: (event: Publication | Fault | undefined) => void,
  ): void {
    this.recorded.push({ verb: 'findRetained', topic, match, receiver });
    this.lookups.push({ topic, receiver, settle: once('findRetained', found) });
  }

  claim(claim: Claim, decided: (outcome: ClaimOutcome) => void): void {
    this.recorded.push({ verb: 'claim', claim });
    this.claims.push({ claim, decide: once('claim', decided) });
  }

  release(registration: RegistrationId, callee: SessionId): void {
    this.recorded.push({ verb: 'release', registration, callee });
  }

  after(delayMs: number, action: () => void): () => void {
    const timer: Timer = { dueMs: this.#nowMs + delayMs, action };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  count(what: RoutingDiscard): void {
    this.recorded.push({ verb: 'count', what });
  }

  callEnded(outcome: CallOutcome, elapsedMs: number): void {
    this.recorded.push({ verb: 'callEnded', outcome, elapsedMs });
  }

  nowMs(): number {
    return this.#nowMs;
  }

  random(): number {
    return (this.randoms.length > 1 ? this.randoms.shift() : this.randoms[0]) ?? 0;
  }

  retainMark(): RetainMark {
    return { node: 'here' as NodeId, number: ++this.#lastRetained };
  }

  publicationId(): PublicationId {
    this.#lastPublicationId++;
    return this.#lastPublicationId as PublicationId;
  }

  /** Moves time on and runs what falls due, earliest first. */
  advance(elapsedMs: number): void {
    const untilMs = this.#nowMs + elapsedMs;
    for (;;) {
      let next: Timer | undefined;
      for (const timer of this.#timers) {
        if (timer.dueMs <= untilMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
      }
      if (next === undefined) break;
      const due = next;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#nowMs = Math.max(this.#nowMs, due.dueMs);
      due.action();
    }
    this.#nowMs = untilMs;
  }

  timerCount(): number {
    return this.#timers.length;
  }

  /** Takes and returns all records since the last call. */
  take(): Recorded<P>[] {
    return this.recorded.splice(0);
  }

  /** The messages sent to one session, in order; the records stay. */
  sentTo(peer: P): RouterMessage[] {
    return this.recorded.flatMap((one) => (one.verb === 'send' && one.to === peer ? [one.message] : []));
  }
}

function once<Argument>(verb: string, settled: (argument?: Argument) => void): (argument?: Argument) => void;
function once<Argument>(verb: string, settled: (argument: Argument) => void): (argument: Argument) => void;
function once<Argument>(verb: string, settled: (argument: Argument) => void): (argument: Argument) => void {
  let isSettled = false;
  return (argument) => {
    if (isSettled) throw new Error(`the test settled one ${verb} twice`);
    isSettled = true;
    settled(argument);
  };
}

let lastSession = 0;

/** A session with every role and no features, unless overridden. Session ids rise. */
export function testPeer(overrides: Partial<Peer> = {}): Peer {
  lastSession++;
  return {
    session: lastSession as SessionId,
    authid: `authid-${lastSession}`,
    authrole: 'anonymous',
    features: { publisher: new Set(), subscriber: new Set(), caller: new Set(), callee: new Set() },
    ...overrides,
  };
}
