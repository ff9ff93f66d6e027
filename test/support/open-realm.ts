import type { ConfigInput } from '../../src/config/schema.js';

type RealmInput = NonNullable<ConfigInput['realms']>[number];

const EVERYTHING = { call: true, register: true, publish: true, subscribe: true };

/** The default realm, where anybody may do anything, with other rules. */
export function openRealm(rules: Omit<Partial<RealmInput>, 'name' | 'roles'>): ConfigInput {
  const roles = [{ name: 'anonymous', permissions: [{ uri: '', match: 'prefix' as const, allow: EVERYTHING }] }];
  return { realms: [{ name: 'realm1', roles, ...rules }] };
}
