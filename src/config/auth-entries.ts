import type { AuthConfig, RealmConfig, TokenRules } from './schema.js';

/** Methods whose entries are principals or procedures. */
export type AuthSection = Exclude<keyof AuthConfig, 'jwt' | 'cookie'>;

type EntryIn<Section> = Section extends readonly (infer Entry)[] ? Entry : Section;

/** One entry of a method: principals of the configuration, or a procedure. */
export type AuthEntry<Name extends AuthSection> = EntryIn<NonNullable<AuthConfig[Name]>>;
/** A procedure of the application that decides who a client is. */
export type DynamicEntry = Extract<AuthEntry<'ticket'>, { readonly type: 'dynamic' }>;
export type StaticEntry<Name extends AuthSection> = Exclude<AuthEntry<Name>, DynamicEntry>;

export interface PrincipalConfig {
  readonly role: string;
  readonly permissions?: RealmConfig['roles'][number]['permissions'];
}

export interface Placed<Entry> {
  readonly path: readonly PropertyKey[];
  readonly entry: Entry;
}

const SECTIONS = [
  'ticket',
  'wampcra',
  'wampScram',
  'scram',
  'cryptosign',
  'tls',
  'anonymous',
] as const satisfies AuthSection[];

/** The entries of a method, whether the section is one entry or a list of them. */
export function entriesOf<Name extends AuthSection>(auth: AuthConfig, name: Name): readonly AuthEntry<Name>[] {
  const section = auth[name] as AuthEntry<Name> | readonly AuthEntry<Name>[] | undefined;
  if (section === undefined) return [];
  return isList(section) ? section : [section];
}

export function staticEntries<Name extends AuthSection>(auth: AuthConfig, name: Name): readonly StaticEntry<Name>[] {
  return entriesOf(auth, name).filter((entry): entry is StaticEntry<Name> => entry.type !== 'dynamic');
}

/** The procedures that a method asks, in the order of the list. */
export function dynamicEntries(auth: AuthConfig, name: AuthSection): readonly DynamicEntry[] {
  return entriesOf(auth, name).filter((entry): entry is DynamicEntry => entry.type === 'dynamic');
}

/** Every entry of every method, with its path below `auth`. */
export function placedEntries(auth: AuthConfig): readonly Placed<AuthEntry<AuthSection>>[] {
  return SECTIONS.flatMap((name) => {
    const entries: readonly AuthEntry<AuthSection>[] = entriesOf<AuthSection>(auth, name);
    return entries.map((entry, index) => ({ path: isList(auth[name]) ? [name, index] : [name], entry }));
  });
}

/** Every procedure that decides who a client is, with its path below `auth`. */
export function placedAuthenticators(auth: AuthConfig): readonly Placed<DynamicEntry>[] {
  const entries = placedEntries(auth).flatMap(({ path, entry }) => (entry.type === 'dynamic' ? [{ path, entry }] : []));
  const ofTokens = (auth.jwt ?? []).flatMap((rules, index) => {
    const entry = tokenAuthenticator(rules);
    return entry === undefined ? [] : [{ path: ['jwt', index], entry }];
  });
  return [...entries, ...ofTokens];
}

/** The procedure that decides on the bearers of tokens of one issuer. Undefined: their claims decide. */
export function tokenAuthenticator(rules: TokenRules): DynamicEntry | undefined {
  const { authenticator, authenticatorRealm, timeoutMs, mayChooseRealm, onUnavailable } = rules;
  if (authenticator === undefined) return undefined;
  const entry = { type: 'dynamic', authenticator, timeoutMs, mayChooseRealm, onUnavailable } as const;
  return authenticatorRealm === undefined ? entry : { ...entry, authenticatorRealm };
}

/** The principals of an entry, by authid, and the key below which they stand. */
export function principalsIn(
  entry: AuthEntry<AuthSection>,
): readonly [key: string, principals: Readonly<Record<string, PrincipalConfig>>] {
  if (entry.type === 'dynamic') return ['', {}];
  return 'users' in entry ? ['users', entry.users] : ['principals', entry.principals];
}

function isList<Entry>(section: Entry | readonly Entry[] | undefined): section is readonly Entry[] {
  return Array.isArray(section);
}
