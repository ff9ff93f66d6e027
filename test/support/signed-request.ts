import { createHmac, randomInt } from 'node:crypto';

export interface Signing {
  readonly key: string;
  readonly secret: string;
  readonly timestamp?: string;
  readonly seq?: string;
  readonly nonce?: string;
}

/** The query of a signed request, as clients of Crossbar.io's bridge make it. */
export function signedQuery(body: string, { key, secret, timestamp, seq = '1', nonce }: Signing): string {
  const at = timestamp ?? new Date().toISOString();
  const once = nonce ?? String(randomInt(2 ** 47));
  const text = `${key}${at}${seq}${once}${body}`;
  const signature = `${createHmac('sha256', secret).update(text).digest('base64url')}=`;
  return new URLSearchParams({ key, timestamp: at, seq, nonce: once, signature }).toString();
}
