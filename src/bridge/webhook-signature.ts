import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { HttpExchange } from '../transport/http/exchange.js';
import { refusal, type Refusal } from './refusal.js';

/** The way in which the sender of a webhook signs its requests. */
export interface WebhookSignature {
  /** Name of the header, in lower case. */
  readonly header: string;
  /** `plain`: the header is the secret itself. */
  readonly algorithm: 'sha1' | 'sha256' | 'plain';
  readonly encoding: 'hex' | 'base64';
  /** Text before a signature in the header. */
  readonly prefix: string;
  readonly secret: string;
  /** The text that is signed: `{body}`, and `{name}` for another header or an entry `name=…` of this one. */
  readonly text: string;
  /** Name of the entry or header with the time of the signature in seconds since 1970. */
  readonly timestamp?: string;
}

type Sources = Pick<HttpExchange, 'header'>;

const BODY = '{body}';
const PLACEHOLDER = /\{([a-z0-9-]+)\}/g;
const MS_PER_SECOND = 1_000;
/** Signatures in one header: some senders sign with an old and a new secret at a time. */
const MAX_ENTRIES = 16;

/** Undefined: the signature is right. */
export function signatureFlaw(
  exchange: Sources,
  body: Uint8Array,
  rules: WebhookSignature,
  { nowMs, deltaMs }: { readonly nowMs: number; readonly deltaMs: number },
): Refusal | undefined {
  const { header, algorithm, encoding, prefix, secret, text, timestamp } = rules;
  const value = exchange.header(header);
  if (value === '') return wrong(`The header "${header}" is missing.`);
  const entries = value.split(',', MAX_ENTRIES).map((entry) => entry.trim());
  const named = (name: string): string =>
    entries.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1) ?? exchange.header(name);
  if (timestamp !== undefined) {
    const sentMs = /^\d{1,12}$/.test(named(timestamp)) ? Number(named(timestamp)) * MS_PER_SECOND : NaN;
    if (!(Math.abs(nowMs - sentMs) <= deltaMs)) return wrong(`The time "${timestamp}" of the signature is not now.`);
  }
  const expected = algorithm === 'plain' ? secret : digest();
  const candidates = algorithm === 'plain' ? [value] : entries;
  const isRight = candidates.some((one) => one.startsWith(prefix) && isSame(one.slice(prefix.length), expected));
  return isRight ? undefined : wrong(`The header "${header}" has a wrong signature.`);

  function digest(): string {
    const hmac = createHmac(algorithm, secret);
    const [before = '', ...behind] = text.split(BODY);
    hmac.update(filled(before));
    for (const part of behind) hmac.update(body).update(filled(part));
    return hmac.digest(encoding);
  }

  function filled(part: string): string {
    return part.replace(PLACEHOLDER, (_, name: string) => named(name));
  }
}

/** Takes the same time wherever two texts differ. */
function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => createHash('sha256').update(text).digest());
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}

function wrong(message: string): Refusal {
  return refusal('400', 'unauthorized', message);
}
