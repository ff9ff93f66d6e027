import type { EntryName, ExpiringStore } from '../../backplane/expiring-store.js';
import type { ConnectionCookie } from '../../transport/connection.js';
import { own } from '../../wamp/dict.js';
import type { Uri } from '../../wamp/ids.js';
import type { Subject } from '../authorization/permission.js';
import type { Login } from './login.js';
import type { Principal } from './method.js';

export interface CookieLoginsOptions {
  readonly store: Pick<ExpiringStore, 'put' | 'get'>;
  /** Undefined: the realm has no login by cookie. */
  readonly ttlMsOf: (realm: Uri) => number | undefined;
  /** The current rights of the principal of a login. Undefined: it may not join any more. */
  readonly subjectNow: (realm: Uri, traits: LoginTraits) => Subject | undefined;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  /** Unguessable, another one each time. */
  readonly newId: () => string;
}

/** The principal of a login, and its method. */
export type LoginTraits = Pick<Principal, 'authid' | 'authrole' | 'authprovider'> & { readonly authmethod: string };

interface Row extends LoginTraits, Login {}

/**
 * The principal of each cookie, in the store that all nodes share. A login by another method binds the fresh value of its
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
   * Binds the fresh value of the connection; the value that the client has presented stands for nobody in this realm any more.
   * Its logins in other realms go on under the fresh value. A principal that expires is not bound: its session would not end in
   * time. Undefined: nothing was bound.
   */
  async bind(
    realm: Uri,
    { presented, fresh }: ConnectionCookie,
    authmethod: string,
    principal: Principal,
  ): Promise<Login | undefined> {
    const { store, ttlMsOf, wallMs, newId } = this.#options;
    const ttlMs = ttlMsOf(realm);
    if (ttlMs === undefined || fresh === undefined) return undefined;
    const { authid, authrole, authprovider, validForMs } = principal;
    for (const value of presented === undefined ? [fresh] : [fresh, presented]) {
      const former = await this.#read(realm, value);
      if (former !== undefined) await this.logout(realm, former);
    }
    if (validForMs !== undefined) return undefined;
    const login = { id: newId(), atMs: wallMs() };
    await store.put(realm, entryOf(fresh), { authid, authrole, authmethod, authprovider, ...login }, ttlMs);
    const known = await this.#realmsOf(fresh);
    const others = presented === undefined ? [] : await this.#copy(presented, fresh, [...known, realm]);
    await this.#list(fresh, [...new Set([...known, ...others, realm])]);
    return login;
  }

  /** Whether a login was bound to the value. */
  async hasLogin(value: string): Promise<boolean> {
    return (await this.#realmsOf(value)).length > 0;
  }

  /** Undefined: neither cookie of the connection stands for somebody. */
  async find(realm: Uri, { presented, fresh }: ConnectionCookie): Promise<Principal | undefined> {
    const values = [fresh, presented].filter((value) => value !== undefined);
    const found = await Promise.all(values.map((value) => this.#find(realm, value)));
    return found.find((principal) => principal !== undefined);
  }

  async #find(realm: Uri, value: string): Promise<Principal | undefined> {
    const row = await this.#read(realm, value);
    if (row === undefined) return undefined;
    const { id, atMs, ...traits } = row;
    const login = { id, atMs };
    if (await this.hasEnded(realm, row.authid, login)) return undefined;
    const subject = this.#options.subjectNow(realm, traits);
    return subject && { ...subject, authprovider: 'cookie', login };
  }

  /** Whether a logout or a revocation of the authid has ended the login. */
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

  async #read(realm: Uri, value: string): Promise<Row | undefined> {
    return readRow(await this.#options.store.get(realm, entryOf(value)));
  }

  /** The logins of other realms, for what is left of their time. Returns their realms. */
  async #copy(from: string, to: string, except: readonly Uri[]): Promise<readonly Uri[]> {
    const { store, ttlMsOf, wallMs } = this.#options;
    const copied: Uri[] = [];
    for (const realm of await this.#realmsOf(from)) {
      const row = except.includes(realm) ? undefined : await this.#read(realm, from);
      const leftMs = row === undefined ? 0 : row.atMs + (ttlMsOf(realm) ?? 0) - wallMs();
      if (leftMs <= 0) continue;
      await store.put(realm, entryOf(to), row, leftMs);
      copied.push(realm);
    }
    return copied;
  }

  /** Realms in which a login was bound to the value. */
  async #realmsOf(value: string): Promise<readonly Uri[]> {
    const realms = await this.#options.store.get(NO_REALM, realmsEntryOf(value));
    return Array.isArray(realms) ? realms.filter((realm) => typeof realm === 'string').slice(0, MAX_REALMS) : [];
  }

  /** The realms whose logins are newest. */
  async #list(value: string, realms: readonly Uri[]): Promise<void> {
    const { store, ttlMsOf } = this.#options;
    const ttlMs = Math.max(...realms.map((realm) => ttlMsOf(realm) ?? 0));
    await store.put(NO_REALM, realmsEntryOf(value), realms.slice(-MAX_REALMS), ttlMs);
  }

  /** Writes an entry that lives as long as a login. */
  async #mark(realm: Uri, entry: EntryName): Promise<void> {
    const { store, ttlMsOf, wallMs } = this.#options;
    const ttlMs = ttlMsOf(realm);
    if (ttlMs !== undefined) await store.put(realm, entry, wallMs(), ttlMs);
  }
}

/** No realm has this name. */
const NO_REALM: Uri = '';
/** Realms in which one browser is logged in at a time. */
const MAX_REALMS = 16;

function realmsEntryOf(cookie: string): EntryName {
  return { kind: 'cookie', name: `realms\n${cookie}` };
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
