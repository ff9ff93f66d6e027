import type { NodeId, RegistrationId, SessionId } from '../../wamp/ids.js';
import type { CallKey, ContinueFrame, InvokeFrame } from '../frames.js';
import { NumberTable, type Spread } from '../number-table.js';
import type { Peer } from '../ports.js';
import type { CalleeState } from './callees.js';

/** An invoke that came before its callee has REGISTERED, with what followed it. */
export interface HeldInvoke {
  readonly frame: InvokeFrame;
  readonly continuations: ContinueFrame[];
}

interface Entry<P extends Peer> extends HeldInvoke {
  readonly callee: CalleeState<P>;
}

/** What one callee is to get later. */
interface Waiting<P extends Peer> {
  /** In the order in which they came. */
  readonly entries: Set<Entry<P>>;
  readonly countByCaller: Map<SessionId, number>;
}

/** Per callee. The wait lasts as long as the cluster takes to confirm a registration. */
const MAX_HELD_PER_CALLEE = 1_024;

/**
 * Invokes that wait for a REGISTERED (ORD-4). Later ones of the same caller wait behind them, whatever they call
 * (ORD-3). Empty nearly always. What concerns one call is O(1), what concerns one callee O(held for it).
 */
export class HeldInvokes<P extends Peer> {
  readonly #spread: Spread;
  readonly #byCallee = new Map<CalleeState<P>, Waiting<P>>();
  readonly #byCall = new Map<NodeId, NumberTable<Entry<P>>>();

  constructor(spread: Spread) {
    this.#spread = spread;
  }

  get size(): number {
    let count = 0;
    for (const entries of this.#byCall.values()) count += entries.size;
    return count;
  }

  /** Of their callers. */
  get nodes(): Set<NodeId> {
    return new Set(this.#byCall.keys());
  }

  /** Would an invoke by this caller overtake one that is held? */
  isBehind(callee: CalleeState<P>, caller: SessionId): boolean {
    if (this.#byCallee.size === 0) return false;
    return this.#byCallee.get(callee)?.countByCaller.has(caller) ?? false;
  }

  /** False: too many are held, this one was not taken. */
  hold(callee: CalleeState<P>, frame: InvokeFrame): boolean {
    const waiting = this.#byCallee.get(callee) ?? { entries: new Set(), countByCaller: new Map<SessionId, number>() };
    if (waiting.entries.size >= MAX_HELD_PER_CALLEE) return false;
    const { call, caller } = frame;
    const entry: Entry<P> = { callee, frame, continuations: [] };
    this.#byCallee.set(callee, waiting);
    waiting.entries.add(entry);
    waiting.countByCaller.set(caller.session, (waiting.countByCaller.get(caller.session) ?? 0) + 1);
    let ofNode = this.#byCall.get(call.node);
    if (ofNode === undefined) this.#byCall.set(call.node, (ofNode = new NumberTable(this.#spread)));
    ofNode.set(call.number, entry);
    return true;
  }

  find(call: CallKey): HeldInvoke | undefined {
    return this.#byCall.get(call.node)?.get(call.number);
  }

  /** False when it is not held. */
  drop(call: CallKey): boolean {
    const entry = this.#byCall.get(call.node)?.get(call.number);
    if (entry !== undefined) this.#remove(entry);
    return entry !== undefined;
  }

  /** O(held for callers of that node). */
  dropNode(node: NodeId): void {
    for (const entry of this.#byCall.get(node)?.values() ?? []) this.#remove(entry);
  }

  /** Takes out, in order, what need not wait any more: neither for its registration nor behind another of its caller. */
  takeReady(callee: CalleeState<P>, isPending: (registration: RegistrationId) => boolean): HeldInvoke[] {
    const ready: Entry<P>[] = [];
    const waitingCallers = new Set<SessionId>();
    for (const entry of this.#byCallee.get(callee)?.entries ?? []) {
      const caller = entry.frame.caller.session;
      if (isPending(entry.frame.registration) || waitingCallers.has(caller)) waitingCallers.add(caller);
      else ready.push(entry);
    }
    for (const entry of ready) this.#remove(entry);
    return ready;
  }

  takeAll(callee: CalleeState<P>): HeldInvoke[] {
    const held = [...(this.#byCallee.get(callee)?.entries ?? [])];
    for (const entry of held) this.#remove(entry);
    return held;
  }

  #remove(entry: Entry<P>): void {
    const { callee, frame } = entry;
    const { node, number } = frame.call;
    const ofNode = this.#byCall.get(node);
    ofNode?.delete(number);
    if (ofNode?.size === 0) this.#byCall.delete(node);
    const waiting = this.#byCallee.get(callee);
    if (waiting === undefined) return;
    waiting.entries.delete(entry);
    if (waiting.entries.size === 0) this.#byCallee.delete(callee);
    const caller = frame.caller.session;
    const count = waiting.countByCaller.get(caller) ?? 0;
    if (count > 1) waiting.countByCaller.set(caller, count - 1);
    else waiting.countByCaller.delete(caller);
  }
}
