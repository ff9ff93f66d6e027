import type { ClaimOutcome } from '../../../routing/ports.js';
import type { NodeId, SessionId } from '../../../wamp/ids.js';

/** A callee that holds a procedure which another session claims. */
export interface Holder {
  readonly node: NodeId;
  readonly session: SessionId;
}

/** Outcome of a claim whose procedure another callee holds. */
export type ClaimRefusal = Exclude<ClaimOutcome, { kind: 'granted' | 'failed' }>;
