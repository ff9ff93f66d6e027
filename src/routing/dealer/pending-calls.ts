import type { Fault } from '../../wamp/faults.js';
import type { NodeId, RequestId, Uri } from '../../wamp/ids.js';
import type { Call } from '../../wamp/messages.js';
import type { CallKey, InvokeFrame } from '../frames.js';
import type { HeldTotal } from '../held-total.js';
import type { Callee, ClockAndRandom, Outlet, Registration } from '../ports.js';
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
  /** Increases with each call of this node. */
  readonly number: number;
  /** Disclose the caller's identity to whichever callee gets the call (CID-1). */
  readonly disclose: boolean;
  readonly startedMs: number;
  /** Undefined: no timeout. */
  readonly timeout: CallTimeout | undefined;
  /** The registration as it was when the call was made. */
  readonly asked: Registration;
  entry: RegistrationEntry;
  callee: Callee;
  key: CallKey;
  /** Kept only while the call may go to another callee: rerouting needs all of it (RRT-3). */
  invoke: InvokeFrame | undefined;
  /** Bytes of `invoke` that count in the total of the node. */
  keptBytes: number;
  /** Undefined until its first callee has refused it. */
  search: Search | undefined;
  /**
   * Why the last callee that exists did not take the call; undefined: no callee was found, the procedure may not exist
   * (RRT-2).
   */
  notTaken: Fault | undefined;
  /** More CALLs with this request id may follow (PCI-1). */
  expectsMore: boolean;
  /** CANCEL with `kill` arrived: only the callee's final answer matters (CAN-1). */
  isCanceled: boolean;
  /** Its invoke frame is being sent; a callee of this node may refuse it before `sendFrame` returns. */
  isForwarding: boolean;
  wantsAnother: boolean;
}

/** The terms on which a call begins. */
export interface CallTerms {
  readonly disclose: boolean;
  readonly entry: RegistrationEntry;
  readonly callee: Callee;
  /** 0: no timeout. */
  readonly limitMs: number;
}

/** The timeout of a call: until its answer, or between two progressive results. */
export interface CallTimeout {
  readonly limitMs: number;
  /** Restarts with every progressive result (PCR-5). */
  deadlineMs: number;
  stopTimer: (() => void) | undefined;
}

export interface CallerState<P extends Peer> {
  readonly peer: P;
  readonly pending: NumberTable<PendingCall<P>>;
  /** Requests that ended while their caller still had chunks to send, which are to be ignored (PCI-7). */
  readonly unfinished: Set<RequestId>;
  /** The session will be closed as soon as its calls have ended: it may not start new ones. */
  isLeaving: boolean;
}

/** Bound per caller; beyond it the oldest is forgotten. */
const MAX_UNFINISHED = 256;

export interface PendingCallsOptions<P extends Peer> {
  readonly node: NodeId;
  readonly outlet: Outlet<P>;
  readonly sources: ClockAndRandom;
  readonly hashSeed: HashSeed;
  readonly heldTotal: HeldTotal;
}

/** The calls of this node's callers, found by caller and request, or by the number that the callee half knows. */
export class PendingCalls<P extends Peer> {
  readonly #node: NodeId;
  readonly #outlet: Outlet<P>;
  readonly #sources: ClockAndRandom;
  readonly #hashSeed: HashSeed;
  readonly #heldTotal: HeldTotal;
  /** Keyed by session. */
  readonly #callers: NumberTable<CallerState<P>>;
  readonly #byNumber: NumberTable<PendingCall<P>>;
  /** Calls at callees of other nodes: the death of a node, or a lost message, must not cost a scan of all calls. */
  readonly #byNode = new Map<NodeId, NumberTable<PendingCall<P>>>();
  #lastNumber = 0;

  constructor({ node, outlet, sources, hashSeed, heldTotal }: PendingCallsOptions<P>) {
    this.#node = node;
    this.#outlet = outlet;
    this.#sources = sources;
    this.#heldTotal = heldTotal;
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

  /** Creates a call, which becomes pending with `add`. */
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
      asked: entry.registration,
      entry,
      callee,
      key,
      invoke: undefined,
      keptBytes: 0,
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

  /** Moves the call to another callee. Frames with the old key are late from now on. */
  rekey(call: PendingCall<P>, callee: Callee): void {
    this.#remove(call);
    call.callee = callee;
    call.key = this.nextKey();
    this.#enter(call);
  }

  /** Keeps the pending call for another callee. False: the total of the node has no room, and the call was let go. */
  keep(call: PendingCall<P>, bytes: number): boolean {
    if (!this.#heldTotal.hasRoom(bytes)) {
      this.letGo(call);
      return false;
    }
    this.#heldTotal.take(bytes);
    call.keptBytes += bytes;
    return true;
  }

  /** The call goes to no other callee any more (RRT-3). */
  letGo(call: PendingCall<P>): void {
    call.invoke = undefined;
    this.#heldTotal.giveBack(call.keptBytes);
    call.keptBytes = 0;
  }

  /** Ends a call. Exactly once per call, before its final answer is sent (G3). */
  end(call: PendingCall<P>, outcome: CallOutcome): void {
    this.#remove(call);
    call.caller.pending.delete(call.request);
    call.timeout?.stopTimer?.();
    this.letGo(call);
    // The callee had the call, and may take the next one.
    if (outcome !== 'refused') call.entry.passedOver?.forgetRefusal(call.callee.session);
    if (call.expectsMore) this.rememberUnfinished(call.caller, call.request);
    this.#outlet.callEnded(outcome, this.#sources.nowMs() - call.startedMs);
  }

  /** Remembers that chunks of this request may still arrive although it has its final answer. */
  rememberUnfinished({ unfinished }: CallerState<P>, request: RequestId): void {
    unfinished.add(request);
    if (unfinished.size <= MAX_UNFINISHED) return;
    for (const oldest of unfinished) {
      unfinished.delete(oldest);
      return;
    }
  }

  /** Calls at callees of that node. O(those calls). */
  callsTo(node: NodeId): PendingCall<P>[] {
    return this.#byNode.get(node)?.values() ?? [];
  }

  /** The node is gone and its calls have ended. */
  forgetNode(node: NodeId): void {
    if (this.#byNode.get(node)?.size === 0) this.#byNode.delete(node);
  }

  /** Calls at callees of any other node. O(those calls). */
  callsElsewhere(): PendingCall<P>[] {
    return [...this.#byNode.values()].flatMap((calls) => calls.values());
  }

  /** Returns `count` calls of a caller that has left; all, and then the caller is removed, if it has no more. */
  removeCaller(peer: P, count: number): PendingCall<P>[] {
    const pending = this.#callers.get(peer.session)?.pending;
    if (pending !== undefined && pending.size > count) return pending.some(count);
    this.#callers.delete(peer.session);
    return pending?.values() ?? [];
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
