import { staticEntries } from '../config/auth-entries.js';
import type { AuthConfig } from '../config/schema.js';

/** Principals whose logins cannot succeed, or not as their author intended. `path`: of the section `auth`. */
export function adviceOnPrincipals(path: string, auth: AuthConfig): string[] {
  return [...sharedKeys(path, auth), ...derivedKeys(path, auth)];
}

/** A client that sends no authid is the principal of its key, unless that is ambiguous. */
function sharedKeys(path: string, auth: AuthConfig): string[] {
  const principals = staticEntries(auth, 'cryptosign').flatMap((entry) => Object.entries(entry.principals));
  const holders = new Map<string, Set<string>>();
  for (const [authid, { authorizedKeys }] of principals)
    for (const key of authorizedKeys) holders.set(key, (holders.get(key) ?? new Set()).add(authid));
  return [...holders]
    .filter(([, authids]) => authids.size > 1)
    .map(([key, authids]) => {
      const names = [...authids].map((authid) => `"${authid}"`).join(' and ');
      return `${path}.cryptosign: the key ${key.slice(0, 8)}… belongs to ${names}: clients that use it must send an authid. Give each principal a key of its own.`;
    });
}

/** Clients sign with base64 text of `keylen` bytes: a key of another length is never theirs. */
function derivedKeys(path: string, auth: AuthConfig): string[] {
  const users = staticEntries(auth, 'wampcra').flatMap((entry) => Object.entries(entry.users));
  return users.flatMap(([authid, { derivedKey, keylen }]) => {
    if (derivedKey === undefined) return [];
    const bytes = Buffer.from(derivedKey, 'base64');
    if (bytes.length === keylen && bytes.toString('base64') === derivedKey) return [];
    return [
      `${path}.wampcra.users.${authid}: derivedKey is not base64 of keylen (${keylen}) bytes, so no client can log in with it. If it is the password, call it secret.`,
    ];
  });
}
