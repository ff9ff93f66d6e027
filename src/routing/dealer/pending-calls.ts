import type { Fault } from '../../wamp/faults.js';
import type { NodeId, RequestId, Uri } from '../../wamp/ids.js';
import type { Call } from '../../wamp/messages.js';
import type { CallKey, InvokeFrame } from '../frames.js';
import type { Callee, Outlet, ClockAndRandom } from '../ports.js';
import type { CallOutcome } from '../outcomes.js';
import type { Peer } from '../peer.js';
import { NumberTable, type HashSeed } from '../number-table.js';
import type { Search } from './invocation-policy.js';
import type { RegistrationEntry } from './registrations.js';

/** A CALL that was accepted and has no final answer. */
export interface PendingCall<P extends Peer> {
  readonly caller: CallerState<P>;
  readonly request: RequestId;
  readonly procedure: Uri;
  /** Rises with each call of this node. */
  readonly number: number;
  /** Its caller's identity is to be told, whoever the callee is (CID-1). */
  readonly disclose: boolean;
  readonly startedMs: number;
  /** Undefined: it may take as long as it likes. */
  readonly timeout: CallTimeout | undefined;
  entry: RegistrationEntry;
  callee: Callee;
  key: CallKey;
  /** Kept only while the call may still go to another callee: then all of it is needed again (RRT-3). */
  invoke: InvokeFrame | undefined;
  /** Undefined while its first callee has not refused it. */
  search: Search | undefined;
  /** Why the last callee that is there did not take it; undefined: none was found, the procedure may not exist (RRT-2). */
  notTaken: Fault | undefined;
  /** More CALLs with this request id may follow (PCI-1). */
  expectsMore: boolean;
  /** CANCEL with `kill`: only the final answer of the callee is of interest (CAN-1). */
  isCanceled: boolean;
  /** Its invoke is being told; a callee of this node may refuse it meanwhile. */
  isForwarding: boolean;
  wantsAnother: boolean;
}

/** What a call begins with. */
export interface CallTerms {
  readonly disclose: boolean;
  readonly entry: RegistrationEntry;
  readonly callee: Callee;
  /** 0: no timeout. */
  readonly limitMs: number;
}

/** How long a call may take until its answer, or between two progressive ones. */
export interface CallTimeout {
  readonly limitMs: number;
  /** Restarts with every progressive result (PCR-5). */
  deadlineMs: number;
  stopTimer: (() => void) | undefined;
}

export interface CallerState<P extends Peer> {
  readonly peer: P;
  readonly pending: NumberTable<PendingCall<P>>;
  /** Requests that ended while their caller still had chunks to send: those are to be ignored (PCI-7). */
  readonly unfinished: Set<RequestId>;
  /** It is to go as soon as its calls have ended: it may not make new ones. */
  isLeaving: boolean;
}

/** Per caller; beyond it the oldest is forgotten. */
const MAX_UNFINISHED = 256;

/** The calls of the callers of this node: found by caller and request, or by the number the other half knows. */
export class PendingCalls<P extends Peer> {
  readonly #node: NodeId;
  readonly #outlet: Outlet<P>;
  readonly #sources: ClockAndRandom;
  readonly #hashSeed: HashSeed;
  /** By session. */
  readonly #callers: NumberTable<CallerState<P>>;
  readonly #byNumber: NumberTable<PendingCall<P>>;
  /** Those that callees of other nodes have: a node that dies, or a lost message, must not cost a look at all calls. */
  readonly #byNode = new Map<NodeId, NumberTable<PendingCall<P>>>();
  #lastNumber = 0;

  constructor(node: NodeId, outlet: Outlet<P>, sources: ClockAndRandom, hashSeed: HashSeed) {
    this.#node = node;
    this.#outlet = outlet;
    this.#sources = sources;
    this.#hashSeed = hashSeed;
    this.#callers = new NumberTable(hashSeed);
    this.#byNumber = new NumberTable(hashSeed);
  }

  get size(): number {
    return this.#byNumber.size;
  }

  get callerCount(): number {
    return this.#callers.size;
  }

  caller({ session }: P): CallerState<P> | undefined {
    return this.#callers.get(session);
  }

  callerOf(peer: P): CallerState<P> {
    const known = this.#callers.get(peer.session);
    if (known !== undefined) return known;
    const caller: CallerState<P> = {
      peer,
      pending: new NumberTable(this.#hashSeed),
      unfinished: new Set(),
      isLeaving: false,
    };
    this.#callers.set(peer.session, caller);
    return caller;
  }

  find(key: CallKey): PendingCall<P> | undefined {
    return key.node === this.#node ? this.#byNumber.get(key.number) : undefined;
  }

  isPending(call: PendingCall<P>): boolean {
    return this.#byNumber.get(call.key.number) === call;
  }

  nextKey(): CallKey {
    return { node: this.#node, number: ++this.#lastNumber };
  }

  /** It becomes pending with `add`. */
  make(caller: CallerState<P>, [, request, options, procedure]: Call, terms: CallTerms): PendingCall<P> {
    const { disclose, entry, callee, limitMs } = terms;
    const startedMs = this.#sources.nowMs();
    const key = this.nextKey();
    return {
      caller,
      request,
      procedure,
      number: key.number,
      disclose,
      startedMs,
      timeout: limitMs === 0 ? undefined : { limitMs, deadlineMs: startedMs + limitMs, stopTimer: undefined },
      entry,
      callee,
      key,
      invoke: undefined,
      search: undefined,
      notTaken: undefined,
      expectsMore: options.progress,
      isCanceled: false,
      isForwarding: false,
      wantsAnother: false,
    };
  }

  add(call: PendingCall<P>): void {
    call.caller.pending.set(call.request, call);
    this.#enter(call);
  }

  /** To another callee. What is said under the old key from now on is late. */
  rekey(call: PendingCall<P>, callee: Callee): void {
    this.#remove(call);
    call.callee = callee;
    call.key = this.nextKey();
    this.#enter(call);
  }

  /** Exactly once per call, before its final answer is sent (G3). */
  end(call: PendingCall<P>, outcome: CallOutcome): void {
    this.#remove(call);
    call.caller.pending.delete(call.request);
    call.timeout?.stopTimer?.();
    call.invoke = undefined;
    // It was in the hands of its callee, which may take the next one.
    if (outcome !== 'refused') call.entry.passedOver?.unhear(call.callee.session);
    if (call.expectsMore) this.rememberUnfinished(call.caller, call.request);
    this.#outlet.callEnded(outcome, this.#sources.nowMs() - call.startedMs);
  }

  /** Chunks of this request may be under way although it has its final answer. */
  rememberUnfinished({ unfinished }: CallerState<P>, request: RequestId): void {
    unfinished.add(request);
    if (unfinished.size <= MAX_UNFINISHED) return;
    for (const oldest of unfinished) {
      unfinished.delete(oldest);
      return;
    }
  }

  /** Calls that callees of another node have. O(those). */
  callsTo(node: NodeId): PendingCall<P>[] {
    return this.#byNode.get(node)?.values() ?? [];
  }

  /** It has gone, and its calls have ended. */
  forgetNode(node: NodeId): void {
    if (this.#byNode.get(node)?.size === 0) this.#byNode.delete(node);
  }

  /** Calls that callees of other nodes have. O(those). */
  callsElsewhere(): PendingCall<P>[] {
    return [...this.#byNode.values()].flatMap((calls) => calls.values());
  }

  /** The calls of a caller that has left; from now on it is unknown. */
  removeCaller(peer: P): PendingCall<P>[] {
    const caller = this.#callers.get(peer.session);
    this.#callers.delete(peer.session);
    return caller?.pending.values() ?? [];
  }

  #enter(call: PendingCall<P>): void {
    const { node } = call.callee;
    this.#byNumber.set(call.key.number, call);
    if (node === this.#node) return;
    let calls = this.#byNode.get(node);
    if (calls === undefined) this.#byNode.set(node, (calls = new NumberTable(this.#hashSeed)));
    calls.set(call.key.number, call);
  }

  #remove({ key, callee }: PendingCall<P>): void {
    this.#byNumber.delete(key.number);
    if (callee.node !== this.#node) this.#byNode.get(callee.node)?.delete(key.number);
  }
}
