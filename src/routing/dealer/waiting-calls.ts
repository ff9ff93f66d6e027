import type { Uri } from '../../wamp/ids.js';
import type { Call } from '../../wamp/messages.js';
import type { HeldTotal } from '../held-total.js';
import type { Peer } from '../peer.js';
import type { Callees } from './callees.js';
import type { OpenClaim, OpenClaims } from './open-claims.js';
import type { PendingCall } from './pending-calls.js';
import type { RegistrationEntry, Registrations } from './registrations.js';

export interface WaitingLimits {
  readonly maxHeldMessages: number;
  readonly maxHeldBytes: number;
}

export interface WaitingCallsOptions<P extends Peer> {
  readonly limits: WaitingLimits;
  readonly heldTotal: HeldTotal;
  readonly openClaims: OpenClaims;
  readonly mirror: Registrations;
  readonly callees: Callees<P>;
}

/** The position of a waiting call: what it waits for, and what must not pass it. */
export interface WaitingPosition {
  /** The REGISTER of its own session; undefined: it waits for earlier calls only. */
  readonly claim: OpenClaim | undefined;
  /** The call may go to a callee other than its own session, so that no later call may pass it (ORD-3). */
  readonly isContested: boolean;
  /** The callee is already chosen, and is the caller's own session. */
  readonly isPlaced?: boolean;
}

/** A CALL that was not forwarded yet, or that goes to its own session after another callee did not take it. */
export interface WaitingCall<P extends Peer> {
  readonly call: PendingCall<P>;
  readonly message: Call;
  readonly claim: OpenClaim | undefined;
  readonly isContested: boolean;
  readonly isPlaced: boolean;
  /** Further chunks of a progressive call. */
  readonly chunks: Call[];
  /** Position in its line. */
  readonly number: number;
}

interface Line<P extends Peer> {
  readonly calls: Map<PendingCall<P>, WaitingCall<P>>;
  contestedCount: number;
  messageCount: number;
  bytes: number;
  lastNumber: number;
  /** Calls up to this number were passed by a later call. */
  overtakenNumber: number;
}

/**
 * Calls that wait for a REGISTER of their own session (G10), and those that must not pass them (ORD-3): one bounded
 * line per session. Nearly always empty.
 */
export class WaitingCalls<P extends Peer> {
  readonly #options: WaitingCallsOptions<P>;
  readonly #lines = new Map<P, Line<P>>();

  constructor(options: WaitingCallsOptions<P>) {
    this.#options = options;
  }

  /** Calls, of all sessions. O(sessions with a line). */
  get size(): number {
    let count = 0;
    for (const { calls } of this.#lines.values()) count += calls.size;
    return count;
  }

  has(call: PendingCall<P>): boolean {
    return this.#lines.get(call.caller.peer)?.calls.has(call) ?? false;
  }

  /**
   * Undefined: a call of the procedure, which goes to `entry` now, need not wait, neither for a REGISTER of its session
   * nor behind a call that does. It then counts as forwarded.
   */
  placeOf(peer: P, procedure: Uri, entry: RegistrationEntry | undefined): WaitingPosition | undefined {
    const { openClaims, mirror, callees } = this.#options;
    // Nearly always the answer is found here.
    if (openClaims.isEmpty && this.#lines.size === 0) return undefined;
    const isContested = entry !== undefined && !isOnlyCallee(entry, peer);
    const claim = openClaims.best(peer.session, procedure);
    if (claim !== undefined && mirror.wouldMatch(procedure, claim.procedure, claim.match))
      return { claim, isContested };
    const line = this.#lines.get(peer);
    if (entry === undefined || line === undefined) return undefined;
    const mayGoToItself = callees.get(peer.session)?.registrations.has(entry.registration.id) ?? false;
    if (mayGoToItself || line.contestedCount > 0) return { claim: undefined, isContested };
    line.overtakenNumber = line.lastNumber;
    return undefined;
  }

  /** Whether the session may have one more message waiting. One call may wait however large it is, if the total admits it. */
  hasRoom(peer: P, message: Call): boolean {
    const { heldTotal, limits } = this.#options;
    const { byteLength } = message[4];
    if (!heldTotal.hasRoom(byteLength)) return false;
    const line = this.#lines.get(peer);
    return (
      line === undefined ||
      (line.messageCount < limits.maxHeldMessages && line.bytes + byteLength <= limits.maxHeldBytes)
    );
  }

  /**
   * Whether an earlier call of the session waits, which this call must not pass on its way to its own session (ORD-3).
   * O(waiting calls).
   */
  isBehind(call: PendingCall<P>): boolean {
    if (this.#lines.size === 0) return false;
    for (const { number } of this.#lines.get(call.caller.peer)?.calls.keys() ?? [])
      if (number < call.number) return true;
    return false;
  }

  add(call: PendingCall<P>, message: Call, { claim, isContested, isPlaced = false }: WaitingPosition): void {
    const { peer } = call.caller;
    let line = this.#lines.get(peer);
    if (line === undefined) {
      line = { calls: new Map(), contestedCount: 0, messageCount: 0, bytes: 0, lastNumber: 0, overtakenNumber: 0 };
      this.#lines.set(peer, line);
    }
    line.calls.set(call, { call, message, claim, isContested, isPlaced, chunks: [], number: ++line.lastNumber });
    if (isContested) line.contestedCount++;
    this.#take(line, message);
  }

  /** Adds the next chunk of a waiting call. False: a bound is reached. */
  addChunk(call: PendingCall<P>, chunk: Call): boolean {
    const { peer } = call.caller;
    const line = this.#lines.get(peer);
    const waiting = line?.calls.get(call);
    if (line === undefined || waiting === undefined || !this.hasRoom(peer, chunk)) return false;
    waiting.chunks.push(chunk);
    this.#take(line, chunk);
    return true;
  }

  /** Whether a later call of its session was forwarded first: then this call may go only to its own session (ORD-3). */
  isOvertaken({ call, number }: WaitingCall<P>): boolean {
    return number <= (this.#lines.get(call.caller.peer)?.overtakenNumber ?? 0);
  }

  /** The first call in line, unless it still waits for its REGISTER. It stays in line. */
  ready(peer: P): WaitingCall<P> | undefined {
    const line = this.#lines.get(peer);
    if (line === undefined) return undefined;
    for (const waiting of line.calls.values()) return waiting.claim?.isDecided === false ? undefined : waiting;
    return undefined;
  }

  /** False: the call was not waiting. */
  remove(call: PendingCall<P>): boolean {
    const { peer } = call.caller;
    const line = this.#lines.get(peer);
    const waiting = line?.calls.get(call);
    if (line === undefined || waiting === undefined) return false;
    line.calls.delete(call);
    for (const message of [waiting.message, ...waiting.chunks]) this.#giveBack(line, message);
    if (line.calls.size === 0) {
      this.#lines.delete(peer);
      return true;
    }
    if (waiting.isContested) line.contestedCount--;
    return true;
  }

  dropPeer(peer: P): void {
    this.#options.heldTotal.giveBack(this.#lines.get(peer)?.bytes ?? 0);
    this.#lines.delete(peer);
  }

  #take(line: Line<P>, message: Call): void {
    const { byteLength } = message[4];
    this.#options.heldTotal.take(byteLength);
    line.messageCount++;
    line.bytes += byteLength;
  }

  #giveBack(line: Line<P>, message: Call): void {
    const { byteLength } = message[4];
    this.#options.heldTotal.giveBack(byteLength);
    line.messageCount--;
    line.bytes -= byteLength;
  }
}

function isOnlyCallee({ registration: { callees, successors } }: RegistrationEntry, peer: Peer): boolean {
  return successors === undefined && callees.length === 1 && callees[0]?.session === peer.session;
}
