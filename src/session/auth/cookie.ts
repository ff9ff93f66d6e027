import { BackplaneUnavailableError } from '../../backplane/backplane.js';
import type { EntryName, ExpiringStore } from '../../backplane/expiring-store.js';
import { own } from '../../wamp/dict.js';
import type { Uri } from '../../wamp/ids.js';
import type { Subject } from '../authorization/permission.js';
import { unavailable } from '../ports.js';
import type { AuthMethod, AuthRequest, AuthStep, Principal } from './method.js';

export interface CookieLoginsOptions {
  readonly store: Pick<ExpiringStore, 'put' | 'get' | 'delete'>;
  /** Undefined: the realm has no login by cookie. */
  readonly ttlMsOf: (realm: Uri) => number | undefined;
  /** What the principal of a login may do now. Undefined: it may not join any more. */
  readonly subjectNow: (realm: Uri, login: CookieLogin) => Subject | undefined;
  readonly onLostLogout: (cause: unknown) => void;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
}

/** The login that a cookie stands for: who, and by which method. */
export type CookieLogin = Pick<Principal, 'authid' | 'authrole' | 'authprovider'> & { readonly authmethod: string };

const COOKIE = 'cookie';
const PASSED: AuthStep = { kind: 'passed' };

/**
 * Which principal a cookie stands for, in the store that all nodes share. A login by another method binds the cookie of its
 * connection; the store has only a digest of it. The time to live begins with that login, whatever the browser keeps.
 */
export class CookieLogins {
  readonly #options: CookieLoginsOptions;

  constructor(options: CookieLoginsOptions) {
    this.#options = options;
  }

  isOffered(realm: Uri): boolean {
    return this.#options.ttlMsOf(realm) !== undefined;
  }

  /** In place of what the cookie stood for before. A principal that expires is not bound: its session would not end in time. */
  async bind(realm: Uri, cookie: string, authmethod: string, principal: Principal): Promise<void> {
    const { store, ttlMsOf, wallMs } = this.#options;
    const ttlMs = ttlMsOf(realm);
    if (ttlMs === undefined) return;
    const { authid, authrole, authprovider, validForMs } = principal;
    const login = { authid, authrole, authmethod, authprovider, atMs: wallMs() };
    if (validForMs === undefined) await store.put(realm, loginOf(cookie), login, ttlMs);
    else await store.delete(realm, loginOf(cookie));
  }

  /** Undefined: the cookie stands for nobody. */
  async find(realm: Uri, cookie: string): Promise<Principal | undefined> {
    const { store, subjectNow } = this.#options;
    const row = readLogin(await store.get(realm, loginOf(cookie)));
    if (row === undefined) return undefined;
    const revokedAtMs = await store.get(realm, revocationOf(row.authid));
    if (typeof revokedAtMs === 'number' && row.atMs <= revokedAtMs) {
      await store.delete(realm, loginOf(cookie));
      return undefined;
    }
    const subject = subjectNow(realm, row);
    return subject && { ...subject, authprovider: COOKIE };
  }

  logout(realm: Uri, cookie: string | undefined): void {
    const { store, onLostLogout } = this.#options;
    if (cookie !== undefined) store.delete(realm, loginOf(cookie)).catch(onLostLogout);
  }

  /** Unbinds every cookie that stands for the authid now. */
  async revoke(realm: Uri, authid: string): Promise<void> {
    const { store, ttlMsOf, wallMs } = this.#options;
    const ttlMs = ttlMsOf(realm);
    if (ttlMs !== undefined) await store.put(realm, revocationOf(authid), wallMs(), ttlMs);
  }
}

/** Admits a client by the cookie of its opening handshake; another method of its offer may follow. */
export function createCookieMethod(logins: CookieLogins): AuthMethod {
  return {
    name: COOKIE,
    async begin({ realm, cookie }) {
      if (cookie === undefined) return PASSED;
      try {
        const principal = await logins.find(realm, cookie);
        return principal === undefined ? PASSED : { kind: 'granted', principal };
      } catch (cause) {
        if (!(cause instanceof BackplaneUnavailableError)) throw cause;
        return {
          kind: 'postponed',
          reason: unavailable('unreachable', 'the cluster could not be asked for the cookie'),
        };
      }
    },
  };
}

/** As `method`; a login by it binds the cookie of the connection, if there is one and the realm has login by cookie. */
export function bindingMethod(method: AuthMethod, logins: CookieLogins): AuthMethod {
  if (method.name === 'anonymous') return method;
  const bound = (request: AuthRequest, step: AuthStep): AuthStep | Promise<AuthStep> => {
    const { cookie } = request;
    if (cookie === undefined) return step;
    if (step.kind === 'challenge')
      return {
        ...step,
        answer: (signature, extra) => afterwards(step.answer(signature, extra), (next) => bound(request, next)),
      };
    if (step.kind !== 'granted') return step;
    // An authenticator may have chosen another realm than HELLO names.
    const { realm = request.realm } = step.principal;
    if (!logins.isOffered(realm)) return step;
    // Without the store the client is admitted all the same; its next login needs its credential again.
    return logins.bind(realm, cookie, method.name, step.principal).then(
      () => step,
      () => step,
    );
  };
  return {
    ...method,
    begin: (request) => afterwards(method.begin(request), (step) => bound(request, step)),
  };
}

function afterwards(
  step: AuthStep | Promise<AuthStep>,
  next: (step: AuthStep) => AuthStep | Promise<AuthStep>,
): AuthStep | Promise<AuthStep> {
  return step instanceof Promise ? step.then(next) : next(step);
}

function loginOf(cookie: string): EntryName {
  return { kind: 'cookie', name: `login\n${cookie}` };
}

function revocationOf(authid: string): EntryName {
  return { kind: 'cookie', name: `revoked\n${authid}` };
}

interface Login extends CookieLogin {
  readonly atMs: number;
}

const LOGIN_KEYS = ['authid', 'authrole', 'authmethod', 'authprovider', 'atMs'];

/** Trusts nothing: the row comes from the shared store. */
function readLogin(row: unknown): Login | undefined {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return undefined;
  const [authid, authrole, authmethod, authprovider, atMs] = LOGIN_KEYS.map((key) =>
    own(row as Record<string, unknown>, key),
  );
  if (typeof authid !== 'string' || typeof authrole !== 'string' || typeof atMs !== 'number') return undefined;
  if (typeof authmethod !== 'string' || typeof authprovider !== 'string') return undefined;
  return { authid, authrole, authmethod, authprovider, atMs };
}
