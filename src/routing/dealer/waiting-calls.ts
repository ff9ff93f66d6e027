import type { Uri } from '../../wamp/ids.js';
import type { Call } from '../../wamp/messages.js';
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
  readonly openClaims: OpenClaims;
  readonly mirror: Registrations;
  readonly callees: Callees<P>;
}

/** What a call waits for, and what has to wait for it. */
export interface WaitingPosition {
  /** The REGISTER of its own session; undefined: the calls before it. */
  readonly claim: OpenClaim | undefined;
  /** It may go to a callee other than its own session, so that no later call may pass it (ORD-3). */
  readonly isContested: boolean;
  /** Set: its callee is chosen already, and is its own session. */
  readonly isPlaced?: boolean;
}

/** A CALL that was not forwarded yet, or goes on to its own session when another callee did not take it. */
export interface WaitingCall<P extends Peer> {
  readonly call: PendingCall<P>;
  readonly message: Call;
  readonly claim: OpenClaim | undefined;
  readonly isContested: boolean;
  readonly isPlaced: boolean;
  /** Further chunks of a progressive call. */
  readonly chunks: Call[];
  /** Counts in its line. */
  readonly number: number;
}

interface Line<P extends Peer> {
  readonly calls: Map<PendingCall<P>, WaitingCall<P>>;
  contestedCount: number;
  messageCount: number;
  bytes: number;
  lastNumber: number;
  /** Up to this number a later call has passed. */
  overtakenNumber: number;
}

/**
 * Calls that wait for a REGISTER of their own session (G10), and those that must not pass them (ORD-3): a line for each
 * session, bounded. Empty nearly always.
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
   * Undefined: a call of the procedure, which goes to `entry` now, need not wait, neither for a REGISTER of its session nor
   * behind a call that does. It is then taken for forwarded.
   */
  placeOf(peer: P, procedure: Uri, entry: RegistrationEntry | undefined): WaitingPosition | undefined {
    const { openClaims, mirror, callees } = this.#options;
    // Nearly always nothing more is asked.
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

  /** Has the session room for one more? One call may always wait. */
  hasRoom(peer: P, message: Call): boolean {
    const line = this.#lines.get(peer);
    if (line === undefined) return true;
    const { maxHeldMessages, maxHeldBytes } = this.#options.limits;
    return line.messageCount < maxHeldMessages && line.bytes + message[4].byteLength <= maxHeldBytes;
  }

  /** Does a call wait that its session made before? It must not be passed on the way to its own session (ORD-3). O(waiting). */
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
    line.messageCount++;
    line.bytes += message[4].byteLength;
  }

  /** The next chunk of a call that waits. False: there is no room for it. */
  addChunk(call: PendingCall<P>, chunk: Call): boolean {
    const { peer } = call.caller;
    const line = this.#lines.get(peer);
    const waiting = line?.calls.get(call);
    if (line === undefined || waiting === undefined || !this.hasRoom(peer, chunk)) return false;
    waiting.chunks.push(chunk);
    line.messageCount++;
    line.bytes += chunk[4].byteLength;
    return true;
  }

  /** A later call of its session was forwarded before this one: it may go to its own session only (ORD-3). */
  isOvertaken({ call, number }: WaitingCall<P>): boolean {
    return number <= (this.#lines.get(call.caller.peer)?.overtakenNumber ?? 0);
  }

  /** The first in line, unless it still waits for its REGISTER. It stays in line. */
  ready(peer: P): WaitingCall<P> | undefined {
    const line = this.#lines.get(peer);
    if (line === undefined) return undefined;
    for (const waiting of line.calls.values()) return waiting.claim?.isDecided === false ? undefined : waiting;
    return undefined;
  }

  /** False: it did not wait. */
  remove(call: PendingCall<P>): boolean {
    const { peer } = call.caller;
    const line = this.#lines.get(peer);
    const waiting = line?.calls.get(call);
    if (line === undefined || waiting === undefined) return false;
    line.calls.delete(call);
    if (line.calls.size === 0) {
      this.#lines.delete(peer);
      return true;
    }
    if (waiting.isContested) line.contestedCount--;
    line.messageCount -= 1 + waiting.chunks.length;
    line.bytes -= waiting.message[4].byteLength;
    for (const chunk of waiting.chunks) line.bytes -= chunk[4].byteLength;
    return true;
  }

  dropPeer(peer: P): void {
    this.#lines.delete(peer);
  }
}

function isOnlyCallee({ registration: { callees, successors } }: RegistrationEntry, peer: Peer): boolean {
  return successors === undefined && callees.length === 1 && callees[0]?.session === peer.session;
}
