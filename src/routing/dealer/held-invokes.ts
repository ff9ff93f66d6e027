import type { NodeId, RegistrationId, SessionId } from '../../wamp/ids.js';
import type { CallKey, ContinueFrame, InvokeFrame } from '../frames.js';
import type { Peer } from '../ports.js';
import type { CalleeState } from './callees.js';

/** An invoke that came before its callee has REGISTERED, with what followed it. */
export interface HeldInvoke {
  readonly frame: InvokeFrame;
  readonly continuations: ContinueFrame[];
}

/** Per callee. The wait lasts as long as the cluster takes to confirm a registration. */
const MAX_HELD_PER_CALLEE = 1_024;

/**
 * Invokes that wait for a REGISTERED (ORD-4). Later ones of the same caller wait behind them, whatever they call
 * (ORD-3). Empty nearly always; operations cost O(held).
 */
export class HeldInvokes<P extends Peer> {
  readonly #byCallee = new Map<CalleeState<P>, HeldInvoke[]>();

  get size(): number {
    let count = 0;
    for (const held of this.#byCallee.values()) count += held.length;
    return count;
  }

  /** Of their callers. */
  get nodes(): Set<NodeId> {
    const nodes = new Set<NodeId>();
    for (const held of this.#byCallee.values()) for (const { frame } of held) nodes.add(frame.call.node);
    return nodes;
  }

  /** Would an invoke by this caller overtake one that is held? */
  isBehind(callee: CalleeState<P>, caller: SessionId): boolean {
    if (this.#byCallee.size === 0) return false;
    return this.#byCallee.get(callee)?.some(({ frame }) => frame.caller.session === caller) ?? false;
  }

  /** False: too many are held, this one was not taken. */
  hold(callee: CalleeState<P>, frame: InvokeFrame): boolean {
    const held = this.#byCallee.get(callee);
    if (held === undefined) this.#byCallee.set(callee, [{ frame, continuations: [] }]);
    else if (held.length >= MAX_HELD_PER_CALLEE) return false;
    else held.push({ frame, continuations: [] });
    return true;
  }

  find(call: CallKey): HeldInvoke | undefined {
    for (const held of this.#byCallee.values()) {
      const found = held.find(({ frame }) => isSame(frame.call, call));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** False when it is not held. */
  drop(call: CallKey): boolean {
    for (const [callee, held] of this.#byCallee) {
      const index = held.findIndex(({ frame }) => isSame(frame.call, call));
      if (index === -1) continue;
      held.splice(index, 1);
      if (held.length === 0) this.#byCallee.delete(callee);
      return true;
    }
    return false;
  }

  dropNode(node: NodeId): void {
    for (const [callee, held] of this.#byCallee) {
      this.#keep(
        callee,
        held.filter(({ frame }) => frame.call.node !== node),
      );
    }
  }

  /** Takes out, in order, what need not wait any more: neither for its registration nor behind another of its caller. */
  takeReady(callee: CalleeState<P>, isPending: (registration: RegistrationId) => boolean): HeldInvoke[] {
    const ready: HeldInvoke[] = [];
    const waiting: HeldInvoke[] = [];
    const waitingCallers = new Set<SessionId>();
    for (const held of this.#byCallee.get(callee) ?? []) {
      const caller = held.frame.caller.session;
      if (isPending(held.frame.registration) || waitingCallers.has(caller)) {
        waitingCallers.add(caller);
        waiting.push(held);
      } else ready.push(held);
    }
    this.#keep(callee, waiting);
    return ready;
  }

  takeAll(callee: CalleeState<P>): HeldInvoke[] {
    const held = this.#byCallee.get(callee) ?? [];
    this.#byCallee.delete(callee);
    return held;
  }

  #keep(callee: CalleeState<P>, held: HeldInvoke[]): void {
    if (held.length === 0) this.#byCallee.delete(callee);
    else this.#byCallee.set(callee, held);
  }
}

function isSame(one: CallKey, other: CallKey): boolean {
  return one.number === other.number && one.node === other.node;
}
