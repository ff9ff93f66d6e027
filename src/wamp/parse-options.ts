import { isDict, own, returnedId } from './dict.js';
import { isFault, violation, type Fault } from './faults.js';
import { checkKeys, KnownKeys } from './option-keys.js';
import {
  NO_DETAILS,
  type AudienceLists,
  type CallOptions,
  type CancelMode,
  type CancelOptions,
  type Dict,
  type ErrorOptions,
  type InvocationPolicy,
  type MatchPolicy,
  type Passthru,
  type PublishOptions,
  type RegisterOptions,
  type SubscribeOptions,
  type YieldOptions,
} from './options.js';
import { ListedIds, type SessionIds } from './session-ids.js';

/** Options without audience and passthru are one of a few shared objects, so that most messages allocate none. */
const PUBLISH_OPTIONS = eight<PublishOptions>((first, second, third) => ({
  acknowledge: first,
  excludeMe: !second,
  discloseMe: third,
}));
const CALL_OPTIONS = eight<CallOptions>((first, second, third) => ({
  timeoutMs: 0,
  receiveProgress: first,
  progress: second,
  discloseMe: third,
}));
const YIELD_FINAL: YieldOptions = Object.freeze({ progress: false });
const YIELD_PROGRESS: YieldOptions = Object.freeze({ progress: true });
const ERROR_OPTIONS: ErrorOptions = Object.freeze({});
const SUBSCRIBE_OPTIONS: Readonly<Record<MatchPolicy, SubscribeOptions>> = Object.freeze({
  exact: Object.freeze({ match: 'exact' }),
  prefix: Object.freeze({ match: 'prefix' }),
  wildcard: Object.freeze({ match: 'wildcard' }),
});
const RETAINED_SUBSCRIBE_OPTIONS: typeof SUBSCRIBE_OPTIONS = Object.freeze({
  exact: Object.freeze({ match: 'exact', getRetained: true }),
  prefix: Object.freeze({ match: 'prefix', getRetained: true }),
  wildcard: Object.freeze({ match: 'wildcard', getRetained: true }),
});
const CANCEL_OPTIONS: Readonly<Record<CancelMode, CancelOptions>> = Object.freeze({
  skip: Object.freeze({ mode: 'skip' }),
  kill: Object.freeze({ mode: 'kill' }),
  killnowait: Object.freeze({ mode: 'killnowait' }),
});
const REGISTER_OPTIONS: RegisterOptions = Object.freeze({
  match: 'exact',
  invoke: 'single',
  discloseCaller: false,
  forwardTimeout: false,
  forceReregister: false,
});

export function parsePublishOptions(options: unknown): PublishOptions | Fault {
  if (options === NO_DETAILS) return pick(PUBLISH_OPTIONS, false, false, false);
  if (!isDict(options)) return violation('PUBLISH.Options must be a dict');
  const seen = checkKeys('PUBLISH.Options', options, KnownKeys.PUBLISH);
  if (isFault(seen)) return seen;
  const plain = pick(
    PUBLISH_OPTIONS,
    own(options, 'acknowledge') === true,
    own(options, 'exclude_me') === false,
    own(options, 'disclose_me') === true,
  );
  const retains = own(options, 'retain') === true;
  if (seen === 'booleans') return retains ? { ...plain, retain: true } : plain;
  const passthru = parsePassthru('PUBLISH.Options', options);
  if (isFault(passthru)) return passthru;
  const audience = parseAudience(options);
  const { acknowledge, excludeMe, discloseMe } = plain;
  if (retains)
    return {
      ...plain,
      retain: true,
      ...(audience !== undefined && { audience }),
      ...(passthru !== undefined && { passthru }),
    };
  if (passthru === undefined) {
    return audience === undefined ? plain : { acknowledge, excludeMe, discloseMe, audience };
  }
  return audience === undefined
    ? { acknowledge, excludeMe, discloseMe, passthru }
    : { acknowledge, excludeMe, discloseMe, audience, passthru };
}

export function parseCallOptions(options: unknown): CallOptions | Fault {
  if (options === NO_DETAILS) return pick(CALL_OPTIONS, false, false, false);
  if (!isDict(options)) return violation('CALL.Options must be a dict');
  const seen = checkKeys('CALL.Options', options, KnownKeys.CALL);
  if (isFault(seen)) return seen;
  const plain = pick(
    CALL_OPTIONS,
    own(options, 'receive_progress') === true,
    own(options, 'progress') === true,
    own(options, 'disclose_me') === true,
  );
  if (seen === 'booleans') return plain;
  const passthru = parsePassthru('CALL.Options', options);
  if (isFault(passthru)) return passthru;
  const timeoutMs = (own(options, 'timeout') as number | undefined) ?? 0;
  if (timeoutMs === 0 && passthru === undefined) return plain;
  // Written out: a spread costs more than all the rest of this function.
  const { receiveProgress, progress, discloseMe } = plain;
  return passthru === undefined
    ? { timeoutMs, receiveProgress, progress, discloseMe }
    : { timeoutMs, receiveProgress, progress, discloseMe, passthru };
}

export function parseYieldOptions(options: unknown): YieldOptions | Fault {
  if (options === NO_DETAILS) return YIELD_FINAL;
  if (!isDict(options)) return violation('YIELD.Options must be a dict');
  const seen = checkKeys('YIELD.Options', options, KnownKeys.YIELD);
  if (isFault(seen)) return seen;
  const plain = own(options, 'progress') === true ? YIELD_PROGRESS : YIELD_FINAL;
  if (seen === 'booleans') return plain;
  const passthru = parsePassthru('YIELD.Options', options);
  if (isFault(passthru)) return passthru;
  return passthru === undefined ? plain : { ...plain, passthru };
}

export function parseErrorOptions(details: unknown): ErrorOptions | Fault {
  if (details === NO_DETAILS) return ERROR_OPTIONS;
  if (!isDict(details)) return violation('ERROR.Details must be a dict');
  const seen = checkKeys('ERROR.Details', details, KnownKeys.ERROR);
  if (isFault(seen)) return seen;
  const passthru = parsePassthru('ERROR.Details', details);
  if (isFault(passthru)) return passthru;
  return passthru === undefined ? ERROR_OPTIONS : { passthru };
}

export function parseSubscribeOptions(options: unknown): SubscribeOptions | Fault {
  if (options === NO_DETAILS) return SUBSCRIBE_OPTIONS.exact;
  if (!isDict(options)) return violation('SUBSCRIBE.Options must be a dict');
  const seen = checkKeys('SUBSCRIBE.Options', options, KnownKeys.SUBSCRIBE);
  if (isFault(seen)) return seen;
  const known = own(options, 'get_retained') === true ? RETAINED_SUBSCRIBE_OPTIONS : SUBSCRIBE_OPTIONS;
  return known[(own(options, 'match') as MatchPolicy | undefined) ?? 'exact'];
}

/** Without a mode: killnowait (CAN-4). */
export function parseCancelOptions(options: unknown): CancelOptions | Fault {
  if (options === NO_DETAILS) return CANCEL_OPTIONS.killnowait;
  if (!isDict(options)) return violation('CANCEL.Options must be a dict');
  const seen = checkKeys('CANCEL.Options', options, KnownKeys.CANCEL);
  if (isFault(seen)) return seen;
  return CANCEL_OPTIONS[(own(options, 'mode') as CancelMode | undefined) ?? 'killnowait'];
}

export function parseRegisterOptions(options: unknown): RegisterOptions | Fault {
  if (options === NO_DETAILS) return REGISTER_OPTIONS;
  if (!isDict(options)) return violation('REGISTER.Options must be a dict');
  const seen = checkKeys('REGISTER.Options', options, KnownKeys.REGISTER);
  if (isFault(seen)) return seen;
  const concurrency = own(options, 'concurrency') as number | undefined;
  return {
    match: (own(options, 'match') as MatchPolicy | undefined) ?? 'exact',
    invoke: (own(options, 'invoke') as InvocationPolicy | undefined) ?? 'single',
    discloseCaller: own(options, 'disclose_caller') === true,
    forwardTimeout: own(options, 'forward_timeout') === true,
    forceReregister: own(options, 'force_reregister') === true,
    ...(concurrency === undefined ? undefined : { concurrency }),
  };
}

const PPT_KEYS = ['ppt_scheme', 'ppt_serializer', 'ppt_cipher', 'ppt_keyid'];
const ENC_KEYS = ['enc_algo', 'enc_key', 'enc_serializer'];

/** Keys have been checked. An empty ppt_scheme means none (PPT-1). */
function parsePassthru(where: string, options: Dict): Passthru | Fault | undefined {
  const isPpt = (own(options, 'ppt_scheme') ?? '') !== '';
  const isEnc = own(options, 'enc_algo') !== undefined;
  if (!isPpt && !isEnc) return undefined;
  if (isPpt && isEnc) return violation(`${where} must not hold both ppt_scheme and enc_algo`);
  const details: Record<string, unknown> = {};
  for (const key of isPpt ? PPT_KEYS : ENC_KEYS) {
    const value = own(options, key);
    if (value !== undefined) details[key] = value;
  }
  return { form: isPpt ? 'ppt' : 'enc', details };
}

/** Keys have been checked. Presence decides, an empty list counts (BWL-2). */
function parseAudience(options: Dict): AudienceLists | undefined {
  const eligible = ids(options, 'eligible');
  const eligibleAuthid = strings(options, 'eligible_authid');
  const eligibleAuthrole = strings(options, 'eligible_authrole');
  const exclude = ids(options, 'exclude');
  const excludeAuthid = strings(options, 'exclude_authid');
  const excludeAuthrole = strings(options, 'exclude_authrole');
  if ((eligible ?? eligibleAuthid ?? eligibleAuthrole ?? exclude ?? excludeAuthid ?? excludeAuthrole) === undefined) {
    return undefined;
  }
  return {
    ...(eligible && { eligible }),
    ...(eligibleAuthid && { eligibleAuthid }),
    ...(eligibleAuthrole && { eligibleAuthrole }),
    ...(exclude && { exclude }),
    ...(excludeAuthid && { excludeAuthid }),
    ...(excludeAuthrole && { excludeAuthrole }),
  };
}

function ids(options: Dict, key: string): SessionIds | undefined {
  const list = own(options, key) as readonly unknown[] | undefined;
  return list && new ListedIds(list.map((id) => returnedId(id) ?? 0));
}

function strings(options: Dict, key: string): ReadonlySet<string> | undefined {
  const list = own(options, key) as readonly string[] | undefined;
  return list && new Set(list);
}

function eight<Options>(make: (first: boolean, second: boolean, third: boolean) => Options): readonly Options[] {
  return [0, 1, 2, 3, 4, 5, 6, 7].map((bits) =>
    Object.freeze(make((bits & 1) !== 0, (bits & 2) !== 0, (bits & 4) !== 0)),
  );
}

function pick<Options>(table: readonly Options[], first: boolean, second: boolean, third: boolean): Options {
  return table[(first ? 1 : 0) + (second ? 2 : 0) + (third ? 4 : 0)] as Options;
}
