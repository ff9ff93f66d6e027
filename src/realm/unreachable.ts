import { NO_PAYLOAD } from '../codec/payload.js';
import type { FailureFrame, Frame } from '../routing/frames.js';
import { ErrorUri } from '../wamp/uris.js';

/**
 * What a node is to tell itself about a frame that certainly did not reach another one, if anybody waits for what that
 * node would have said to it: its call goes elsewhere or ends (G3, G6).
 */
export function unreachableFailure(frame: Frame): FailureFrame | undefined {
  const isAwaited =
    frame.kind === 'invoke' || frame.kind === 'continue' || (frame.kind === 'cancel' && frame.mode === 'kill');
  if (!isAwaited) return undefined;
  const error = ErrorUri.NETWORK_FAILURE;
  return { kind: 'failure', call: frame.call, cause: 'unreachable', error, payload: NO_PAYLOAD };
}

/**
 * What takes the place of a frame that is larger than one to another node may be: of a call, for this node; of an answer, for the
 * node of the caller.
 */
export function tooLargeFailure(frame: Frame): FailureFrame | undefined {
  if (frame.kind === 'lost' || frame.kind === 'cancel') return undefined;
  return { kind: 'failure', call: frame.call, cause: 'refused', error: ErrorUri.LIMIT_EXCEEDED, payload: NO_PAYLOAD };
}
