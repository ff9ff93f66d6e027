import { randomBytes } from 'node:crypto';

/** The cookie that the router sets with an opening handshake. */
export interface CookieOptions {
  readonly name: string;
  readonly sameSite: 'lax' | 'strict' | 'none';
  /** Only over TLS. */
  readonly secure: boolean;
  /** How long a browser keeps it after its last connection. */
  readonly maxAgeSeconds: number;
}

const VALUE_BYTES = 32;
/** 32 bytes in base64url. No other value is taken for a cookie of the router. */
const VALUE = /^[A-Za-z0-9_-]{43}$/;
const SAME_SITE = { lax: 'Lax', strict: 'Strict', none: 'None' } as const;

export function newCookie(): string {
  return randomBytes(VALUE_BYTES).toString('base64url');
}

/** The cookie of that name in the request header `Cookie`, of which several lines are joined with commas. Undefined: there is none. */
export function cookieIn(header: string, name: string): string | undefined {
  for (const pair of header.split(/[;,]/)) {
    const at = pair.indexOf('=');
    if (at < 0 || pair.slice(0, at).trim() !== name) continue;
    const value = pair.slice(at + 1).trim();
    if (VALUE.test(value)) return value;
  }
  return undefined;
}

/** The value of the header `Set-Cookie`. */
export function setCookie(value: string, { name, sameSite, secure, maxAgeSeconds }: CookieOptions): string {
  const attributes = `Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=${SAME_SITE[sameSite]}`;
  return `${name}=${value}; ${attributes}${secure ? '; Secure' : ''}`;
}
