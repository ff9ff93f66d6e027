import type { CookieLookupResult, Counters } from '../../telemetry/counters.js';
import type { ConnectionCookie } from '../connection.js';
import { cookieIn, newCookie, setCookie, type CookieOptions } from './cookies.js';

/** Cookies that an opening handshake sets, and the cookie of its connection. */
export interface HandshakeCookies {
  readonly cookie: ConnectionCookie;
  /** Values of the header `Set-Cookie`, one each. */
  readonly headers: readonly string[];
}

/** Whether a login stands behind a value. */
export type HasLogin = (value: string) => Promise<boolean>;

/** The shared store may be away: the client does not wait for it longer than this. */
const LOOKUP_TIMEOUT_MS = 2_000;

/**
 * A cookie can be set with the answer to a handshake only, before anybody logs in. So each handshake sets a second cookie with a
 * value that nobody knew before. A login of this connection binds that value, never the one that the client has presented, which
 * somebody else may have planted (ADR 40). The next handshake finds the value bound and moves it to the first cookie.
 */
export function handshakeCookies(
  header: string,
  options: CookieOptions,
  hasLogin: HasLogin,
  counters: Pick<Counters, 'cookieLookups'>,
): HandshakeCookies | Promise<HandshakeCookies> {
  const current = cookieIn(header, options.name);
  const next = cookieIn(header, nextName(options));
  if (next !== undefined)
    return outcomeOf(hasLogin(next)).then(({ result, isBound }) => {
      counters.cookieLookups[result]++;
      return afterLookup(options, current, next, isBound);
    });
  return current === undefined ? firstCookies(options) : cookiesOf(options, current);
}

function nextName({ name }: CookieOptions): string {
  return `${name}-next`;
}

function firstCookies(options: CookieOptions): HandshakeCookies {
  const fresh = newCookie();
  return { cookie: { fresh }, headers: [setCookie(fresh, options)] };
}

function cookiesOf(options: CookieOptions, presented: string): HandshakeCookies {
  const fresh = newCookie();
  return { cookie: { presented, fresh }, headers: both(options, presented, fresh) };
}

/** `isBound` undefined: the store could not be asked. Both cookies stay as they are, and no login of this connection is bound. */
function afterLookup(
  options: CookieOptions,
  current: string | undefined,
  next: string,
  isBound: boolean | undefined,
): HandshakeCookies {
  if (isBound === undefined) {
    const kept = setCookie(next, { ...options, name: nextName(options) });
    if (current === undefined) return { cookie: {}, headers: [kept] };
    return { cookie: { presented: current }, headers: [setCookie(current, options), kept] };
  }
  const presented = isBound ? next : current;
  if (presented !== undefined) return cookiesOf(options, presented);
  const fresh = newCookie();
  return { cookie: { fresh }, headers: both(options, fresh, newCookie()) };
}

function both(options: CookieOptions, current: string, next: string): readonly string[] {
  return [setCookie(current, options), setCookie(next, { ...options, name: nextName(options) })];
}

interface Lookup {
  readonly result: CookieLookupResult;
  /** Absent: the store did not answer. */
  readonly isBound?: boolean;
}

function outcomeOf(lookup: Promise<boolean>): Promise<Lookup> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve({ result: 'timeout' }), LOOKUP_TIMEOUT_MS);
    const settle = (outcome: Lookup): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    lookup.then(
      (isBound) => settle({ result: 'answered', isBound }),
      () => settle({ result: 'failed' }),
    );
  });
}
