import type { EntryName, ExpiringStore } from '../../backplane/expiring-store.js';
import { own } from '../../wamp/dict.js';
import type { Uri } from '../../wamp/ids.js';
import type { Subject } from '../authorization/permission.js';
import type { Login } from './login.js';
import type { Principal } from './method.js';

export interface CookieLoginsOptions {
  readonly store: Pick<ExpiringStore, 'put' | 'get' | 'delete'>;
  /** Undefined: the realm has no login by cookie. */
  readonly ttlMsOf: (realm: Uri) => number | undefined;
  /** What the principal of a login may do now. Undefined: it may not join any more. */
  readonly subjectNow: (realm: Uri, traits: LoginTraits) => Subject | undefined;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  /** Unguessable, another one each time. */
  readonly newId: () => string;
}

/** Who has logged in, and by which method. */
export type LoginTraits = Pick<Principal, 'authid' | 'authrole' | 'authprovider'> & { readonly authmethod: string };

interface Row extends LoginTraits, Login {}

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

  /**
   * In place of what the cookie stood for before. A principal that expires is not bound: its session would not end in time.
   * Undefined: the cookie stands for nobody.
   */
  async bind(realm: Uri, cookie: string, authmethod: string, principal: Principal): Promise<Login | undefined> {
    const { store, ttlMsOf, wallMs, newId } = this.#options;
    const ttlMs = ttlMsOf(realm);
    if (ttlMs === undefined) return undefined;
    const { authid, authrole, authprovider, validForMs } = principal;
    if (validForMs !== undefined) {
      await store.delete(realm, entryOf(cookie));
      return undefined;
    }
    const login = { id: newId(), atMs: wallMs() };
    await store.put(realm, entryOf(cookie), { authid, authrole, authmethod, authprovider, ...login }, ttlMs);
    return login;
  }

  /** Undefined: the cookie stands for nobody. */
  async find(realm: Uri, cookie: string): Promise<Principal | undefined> {
    const { store, subjectNow } = this.#options;
    const row = readRow(await store.get(realm, entryOf(cookie)));
    if (row === undefined) return undefined;
    const { id, atMs, ...traits } = row;
    const login = { id, atMs };
    if (await this.hasEnded(realm, row.authid, login)) {
      await store.delete(realm, entryOf(cookie));
      return undefined;
    }
    const subject = subjectNow(realm, traits);
    return subject && { ...subject, authprovider: 'cookie', login };
  }

  /** By a logout, or because the logins of the authid were revoked. */
  async hasEnded(realm: Uri, authid: string, { id, atMs }: Login): Promise<boolean> {
    const { store } = this.#options;
    const [logout, revokedAtMs] = await Promise.all([
      store.get(realm, logoutOf(id)),
      store.get(realm, revocationOf(authid)),
    ]);
    return logout !== undefined || (typeof revokedAtMs === 'number' && atMs <= revokedAtMs);
  }

  /** Ends one login: no cookie stands for it any more. */
  async logout(realm: Uri, { id }: Login): Promise<void> {
    await this.#mark(realm, logoutOf(id));
  }

  /** Ends every login of the authid until now. */
  async revoke(realm: Uri, authid: string): Promise<void> {
    await this.#mark(realm, revocationOf(authid));
  }

  /** For as long as logins live. */
  async #mark(realm: Uri, entry: EntryName): Promise<void> {
    const { store, ttlMsOf, wallMs } = this.#options;
    const ttlMs = ttlMsOf(realm);
    if (ttlMs !== undefined) await store.put(realm, entry, wallMs(), ttlMs);
  }
}

function entryOf(cookie: string): EntryName {
  return { kind: 'cookie', name: `login\n${cookie}` };
}

function logoutOf(id: string): EntryName {
  return { kind: 'cookie', name: `logout\n${id}` };
}

function revocationOf(authid: string): EntryName {
  return { kind: 'cookie', name: `revoked\n${authid}` };
}

const ROW_KEYS = ['authid', 'authrole', 'authmethod', 'authprovider', 'id', 'atMs'];

/** Trusts nothing: the row comes from the shared store. */
function readRow(row: unknown): Row | undefined {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return undefined;
  const [authid, authrole, authmethod, authprovider, id, atMs] = ROW_KEYS.map((key) =>
    own(row as Record<string, unknown>, key),
  );
  if (typeof authid !== 'string' || typeof authrole !== 'string' || typeof atMs !== 'number') return undefined;
  if (typeof authmethod !== 'string' || typeof authprovider !== 'string' || typeof id !== 'string') return undefined;
  return { authid, authrole, authmethod, authprovider, id, atMs };
}
