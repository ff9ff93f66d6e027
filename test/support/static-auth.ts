import { staticEntries, type AuthSection, type StaticEntry } from '../../src/config/auth-entries.js';
import type { Config } from '../../src/config/schema.js';

/** The first static entry of each method of the first realm. */
export function staticAuth({ realms }: Config): { readonly [Name in AuthSection]?: StaticEntry<Name> } {
  const auth = realms[0]?.auth ?? {};
  const sections = Object.keys(auth) as AuthSection[];
  return Object.fromEntries(sections.map((name) => [name, staticEntries(auth, name)[0]]));
}
