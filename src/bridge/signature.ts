import { createHmac, timingSafeEqual } from 'node:crypto';
import { badRequest, isRefusal, refusal, type Refusal } from './refusal.js';
import type { SigningKey } from './service.js';

/** A request that one of the keys has signed. */
export interface SignedRequest {
  readonly key: SigningKey;
  /** Equal for equal requests, and for no others. */
  readonly digest: Buffer;
}

interface Parameters {
  readonly key: string;
  readonly timestamp: string;
  readonly seq: string;
  readonly nonce: string;
  readonly signature: string;
}

const NAMES = ['key', 'timestamp', 'seq', 'nonce', 'signature'] as const;
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/;
const NUMBER = /^\d{1,20}$/;
/** Base64url of 32 bytes. */
const SIGNATURE = /^[A-Za-z0-9_-]{43}=?$/;
const MAX_KEY_LENGTH = 256;

/**
 * Checks the signature of a request as Crossbar.io defines it: HMAC-SHA256 of key, timestamp, seq, nonce and body, without
 * separators. Whether the request came before is another question.
 */
export function checkSignature(
  query: string,
  body: Uint8Array,
  keys: readonly SigningKey[],
  { nowMs, deltaMs }: { readonly nowMs: number; readonly deltaMs: number },
): SignedRequest | Refusal {
  const parameters = parametersOf(new URLSearchParams(query));
  if (isRefusal(parameters)) return parameters;
  const { timestamp, seq, nonce, signature } = parameters;
  const sentMs = TIMESTAMP.test(timestamp) ? Date.parse(timestamp) : NaN;
  if (Number.isNaN(sentMs)) return badRequest('The parameter "timestamp" must be UTC, as 2026-01-31T12:00:00.000Z.');
  if (!NUMBER.test(seq)) return badRequest('The parameter "seq" must be a whole number.');
  if (!NUMBER.test(nonce)) return badRequest('The parameter "nonce" must be a whole number.');
  if (Math.abs(nowMs - sentMs) > deltaMs)
    return badRequest(
      `The parameter "timestamp" differs by more than ${deltaMs} ms from the router's clock (timestampDeltaMs).`,
    );
  const key = keys.find((one) => one.key === parameters.key);
  if (key === undefined) return refusal('401', 'unauthorized', 'The parameter "key" names no key of this service.');
  const digest = createHmac('sha256', key.secret).update(`${key.key}${timestamp}${seq}${nonce}`).update(body).digest();
  if (!SIGNATURE.test(signature) || !timingSafeEqual(digest, Buffer.from(signature, 'base64url')))
    return refusal('401', 'unauthorized', 'The parameter "signature" is wrong.');
  return { key, digest };
}

/** The query has a parameter of a signature. */
export function isSigned(query: string): boolean {
  const parameters = new URLSearchParams(query);
  return parameters.has('key') || parameters.has('signature');
}

function parametersOf(query: URLSearchParams): Parameters | Refusal {
  for (const name of NAMES) {
    const values = query.getAll(name);
    if (values.length === 0) return badRequest(`The parameter "${name}" is missing.`);
    if (values.length > 1) return badRequest(`The parameter "${name}" is there more than once.`);
    if ((values[0] ?? '').length > MAX_KEY_LENGTH) return badRequest(`The parameter "${name}" is too long.`);
  }
  const [key, timestamp, seq, nonce, signature] = NAMES.map((name) => query.get(name) ?? '');
  return { key: key ?? '', timestamp: timestamp ?? '', seq: seq ?? '', nonce: nonce ?? '', signature: signature ?? '' };
}
