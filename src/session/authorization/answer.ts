import { isCount, isDict } from '../../wamp/dict.js';
import type { Dict, List } from '../../wamp/options.js';
import type { Decision } from './permission.js';

/** An authorizer's answer. */
export interface AuthorizerAnswer {
  readonly decision: Decision;
  /** The session, or every session of its role: the answer decides their later requests as well. Undefined: it decides this request only. */
  readonly scope: 'session' | 'role' | undefined;
  /** How long, at most. Undefined: as long as the configuration has it. */
  readonly ttlMs: number | undefined;
  /** It has `validate`, which Gantry does not support. */
  readonly hasValidate: boolean;
}

const KEYS: ReadonlySet<string> = new Set(['allow', 'disclose', 'cache', 'ttlMs', 'validate', 'trustLevel']);

/**
 * Reads a result: a boolean, or a dict with `allow`. Returns its flaw, in words, if it is anything else. An answer that
 * is not understood must not allow anything.
 */
export function readAnswer(args: List, kwargs: Dict): AuthorizerAnswer | string {
  if (args.length !== 1 || Object.keys(kwargs).length > 0) return 'the result is not one positional value';
  const [value] = args;
  if (typeof value === 'boolean') return answer(value, false, undefined, undefined, false);
  if (!isDict(value)) return 'the result is neither a boolean nor a dict';
  for (const key of Object.keys(value)) if (!KEYS.has(key)) return 'the result has a key that is not known';
  const { allow, disclose = false, cache = false, ttlMs, trustLevel } = value;
  if (typeof allow !== 'boolean') return '"allow" is not a boolean';
  if (typeof disclose !== 'boolean') return '"disclose" is not a boolean';
  if (typeof cache !== 'boolean' && cache !== 'role') return '"cache" is neither a boolean nor "role"';
  if (ttlMs !== undefined && !(Number.isSafeInteger(ttlMs) && (ttlMs as number) > 0))
    return '"ttlMs" is not a positive integer';
  if (trustLevel !== undefined && !isCount(trustLevel)) return '"trustLevel" is not an integer from 0';
  const scope = cache === 'role' ? 'role' : cache ? 'session' : undefined;
  const read = answer(
    allow,
    disclose,
    scope,
    ttlMs as number | undefined,
    (value['validate'] ?? undefined) !== undefined,
  );
  return allow && trustLevel !== undefined ? { ...read, decision: { ...read.decision, trustLevel } } : read;
}

function answer(
  allowed: boolean,
  disclose: boolean,
  scope: AuthorizerAnswer['scope'],
  ttlMs: number | undefined,
  hasValidate: boolean,
): AuthorizerAnswer {
  return { decision: { allowed, disclose: allowed && disclose }, scope, ttlMs, hasValidate };
}
