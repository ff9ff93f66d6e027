import { NO_PAYLOAD } from '../codec/payload.js';
import type { FailureFrame, Frame } from '../routing/frames.js';
import { ErrorUri } from '../wamp/uris.js';

/**
 * The failure that a node gives itself for a frame that certainly did not reach another node, if a call waits for that
 * node's answer: the call goes to another callee or ends (G3, G6).
 */
export function unreachableFailure(frame: Frame): FailureFrame | undefined {
  const isAwaited =
    frame.kind === 'invoke' || frame.kind === 'continue' || (frame.kind === 'cancel' && frame.mode === 'kill');
  if (!isAwaited) return undefined;
  const error = ErrorUri.NETWORK_FAILURE;
  return { kind: 'failure', call: frame.call, cause: 'unreachable', error, payload: NO_PAYLOAD };
}

/**
 * The failure that replaces a frame larger than the store carries: of a call, for this node; of an answer, for the
 * caller's node.
 */
export function tooLargeFailure(frame: Frame): FailureFrame | undefined {
  if (frame.kind === 'lost' || frame.kind === 'cancel') return undefined;
  return { kind: 'failure', call: frame.call, cause: 'refused', error: ErrorUri.LIMIT_EXCEEDED, payload: NO_PAYLOAD };
}
