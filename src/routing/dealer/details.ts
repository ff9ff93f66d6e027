import {
  NO_DETAILS,
  PROGRESS,
  RECEIVE_PROGRESS,
  type CallOptions,
  type Dict,
  type MatchPolicy,
  type Passthru,
  type TimeUnit,
  type TrustLevel,
} from '../../wamp/options.js';
import type { InvokeFrame } from '../frames.js';

const MS_PER_SECOND = 1_000;

/** RESULT.Details: progress and the passthru keys, nothing else (PCR-1, PPT-1). */
export function resultDetails(progress: boolean, passthru: Passthru | undefined): Dict {
  const details = passthru?.details ?? NO_DETAILS;
  return progress ? withProgress(details) : details;
}

export function withProgress(details: Dict): Dict {
  return details === NO_DETAILS ? PROGRESS : { ...details, progress: true };
}

/** The frame with those options of the CALL that few calls have. */
export function withRareOptions(plain: InvokeFrame, { passthru, trustLevel }: CallOptions): InvokeFrame {
  if (passthru === undefined && trustLevel === undefined) return plain;
  return { ...plain, ...(passthru !== undefined && { passthru }), ...(trustLevel !== undefined && { trustLevel }) };
}

/**
 * INVOCATION.Details without `progress`, from the first CALL (PCI-5). Never shared between callees when it names
 * the caller (CID-4). `procedure` only where the registration is a pattern (PBR-6).
 */
export function invocationDetails(
  frame: InvokeFrame,
  match: MatchPolicy,
  receiveProgress: boolean,
  timeoutUnit: TimeUnit,
  trustLevel: TrustLevel | undefined,
): Dict {
  const { discloseCaller, timeoutMs, passthru } = frame;
  const isPlain = !discloseCaller && match === 'exact' && timeoutMs === 0 && passthru === undefined;
  if (isPlain && trustLevel === undefined) return receiveProgress ? RECEIVE_PROGRESS : NO_DETAILS;
  const details: Record<string, unknown> = passthru === undefined ? {} : { ...passthru.details };
  if (discloseCaller) {
    details['caller'] = frame.caller.session;
    details['caller_authid'] = frame.caller.authid;
    details['caller_authrole'] = frame.caller.authrole;
  }
  if (trustLevel !== undefined) details['trustlevel'] = trustLevel;
  if (match !== 'exact') details['procedure'] = frame.procedure;
  if (receiveProgress) details['receive_progress'] = true;
  if (timeoutMs > 0) details['timeout'] = timeoutUnit === 'ms' ? timeoutMs : Math.ceil(timeoutMs / MS_PER_SECOND);
  return details;
}
