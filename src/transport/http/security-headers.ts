import type { HttpHeaders } from './exchange.js';

/** Scripts and styles come from the site itself; it may open WebSockets to any router. */
export const SITE_POLICY =
  "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; style-src 'self' 'unsafe-inline'; " +
  "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The policy of an answer that is not a page: it loads nothing, and no page may frame it. */
const NO_PAGE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Headers that every answer has, unless its route sends one of the same name. */
export const SECURITY_HEADERS: HttpHeaders = [
  ['X-Content-Type-Options', 'nosniff'],
  ['Referrer-Policy', 'no-referrer'],
  ['Content-Security-Policy', NO_PAGE],
];

/** Those of a listener. `hstsMaxAgeSeconds` counts only with TLS: browsers ignore the header without it. */
export function securityHeaders(hasTls: boolean, hstsMaxAgeSeconds: number): HttpHeaders {
  if (!hasTls || hstsMaxAgeSeconds === 0) return SECURITY_HEADERS;
  return [...SECURITY_HEADERS, ['Strict-Transport-Security', `max-age=${hstsMaxAgeSeconds}`]];
}

/** The headers of an answer, and those of `standing` that it does not have. Both are short. */
export function withStanding(headers: HttpHeaders, standing: HttpHeaders): HttpHeaders {
  const missing = standing.filter(([name]) => {
    const lower = name.toLowerCase();
    return headers.every(([other]) => other.toLowerCase() !== lower);
  });
  return [...headers, ...missing];
}
