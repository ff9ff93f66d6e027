import { describe, expect, it } from 'vitest';
import { adviceOn } from '../../../src/cli/advice.js';
import { parseConfig } from '../../../src/config/load.js';
import { memoryAdvice } from '../../../src/config/memory.js';
import type { ConfigInput } from '../../../src/config/schema.js';

type RealmInput = NonNullable<ConfigInput['realms']>[number];
type PermissionInput = NonNullable<RealmInput['roles'][number]['permissions']>[number];

const advice = (input: ConfigInput): readonly string[] => adviceOn(parseConfig(input));
const permitting = (...permissions: PermissionInput[]): ConfigInput => ({
  realms: [{ name: 'a', roles: [{ name: 'anonymous', permissions }] }],
});
const everything: PermissionInput = { uri: '', match: 'prefix', allow: { call: true } };

describe('advice on a configuration', () => {
  it('has nothing against the defaults, nor against what the README shows', () => {
    expect(advice({})).toEqual([]);
    expect(
      advice(
        permitting(
          { uri: 'com.example.public.', match: 'prefix', allow: { call: true, subscribe: true } },
          { uri: 'com.example.chat', allow: { publish: true, subscribe: true }, disclose: { publisher: true } },
        ),
      ),
    ).toEqual([]);
  });

  it('names a proxy header that too many could forge', () => {
    const listen = { trustProxyHeader: 'x-forwarded-for' } as const;
    expect(advice({ listen })).toEqual([expect.stringContaining('listen.trustedProxies')]);
    expect(advice({ listen: { ...listen, trustedProxies: ['10.0.0.1'] } })).toEqual([]);
  });

  it('names a total that does not fit into the memory of the process', () => {
    const most = 2_147_483_648;
    expect(advice({ limits: { maxUnsentBytes: 1_073_741_824, maxTotalUnsentBytes: most } })).toEqual(
      memoryAdvice(parseConfig({ limits: { maxTotalUnsentBytes: most } })),
    );
  });

  it('names that there is no realm, unless clients may make some', () => {
    expect(advice({ realms: [] })).toEqual([expect.stringContaining('realms: there is no realm')]);
    const realmTemplate = { names: [{ uri: 'a' }], roles: [{ name: 'anonymous', permissions: [everything] }] };
    expect(advice({ realms: [], realmTemplate })).toEqual([]);
    const lasting = { retention: { topics: [{ uri: 'x' }] }, history: [{ uri: 'y' }, { uri: 'z', ttlMs: 1_000 }] };
    const anyName = { ...realmTemplate, names: [{ uri: 'a.', match: 'prefix' as const }] };
    expect(advice({ realms: [], realmTemplate: { ...realmTemplate, ...lasting } })).toEqual([]);
    expect(advice({ realms: [], realmTemplate: { ...anyName, ...lasting } })).toEqual([
      expect.stringContaining('set realmTemplate.retention.ttlMs'),
      expect.stringContaining('set realmTemplate.history[0].ttlMs'),
    ]);
  });

  it('names a realm whose sessions the console shows to everybody', () => {
    const console = { enabled: true };
    const [text = '', ...others] = advice({ console });
    expect(others).toEqual([]);
    expect(text).toMatch(/^console\.enabled: .* may see the sessions of realms\[0\].*"anonymous".*docs\/console\.md/);
    const roles = [{ name: 'anonymous', permissions: [everything] }];
    const realm: RealmInput = { name: 'a', roles };
    const closed: PermissionInput = { uri: 'wamp.', match: 'prefix', allow: {} };
    expect(advice({ console, realms: [{ ...realm, metaApi: 'all' }] })).toEqual([
      expect.stringContaining('may see and close the sessions of realms[0]'),
    ]);
    expect(advice({ console, realms: [{ ...realm, metaApi: 'off' }] })).toEqual([]);
    expect(
      advice({ console, realms: [{ ...realm, roles: [{ name: 'anonymous', permissions: [everything, closed] }] }] }),
    ).toEqual([]);
    expect(advice({ console, realms: [], realmTemplate: { names: [{ uri: 'b' }], roles } })).toEqual([
      expect.stringContaining('sessions of realmTemplate'),
    ]);
  });

  it.each([
    ['publisher', 'keys or bearer'],
    ['caller', 'keys or bearer'],
    ['events', 'bearer'],
  ] as const)('names a service %s of the HTTP bridge that everybody may use, and its remedy', (type, remedy) => {
    const open = { type, path: '/open', realm: 'a', role: 'anonymous' };
    const { realms = [] } = permitting(everything);
    const found = advice({ realms, httpBridge: [open] });
    expect(found).toEqual([expect.stringContaining(`may use /open: set ${remedy}, or let`)]);
  });

  it('names a realm that nobody can join', () => {
    expect(advice({ realms: [{ name: 'a', roles: [{ name: 'member', permissions: [everything] }] }] })).toEqual([
      expect.stringContaining('realms[0]: no client can join realm "a"'),
    ]);
  });

  it('names a role that no session can have, also of the template', () => {
    const roles = [
      { name: 'anonymous', permissions: [everything] },
      { name: 'member', permissions: [everything] },
    ];
    const template = { names: [{ uri: 'b' }], roles };
    expect(advice({ realms: [{ name: 'a', roles }], realmTemplate: template })).toEqual([
      expect.stringContaining('realms[0].roles[1]: no session has the role "member"'),
      expect.stringContaining('realmTemplate.roles[1]: no session has the role "member"'),
    ]);
  });

  it('names a role that may do nothing', () => {
    expect(advice({ realms: [{ name: 'a', roles: [{ name: 'anonymous' }] }] })).toEqual([
      expect.stringContaining('realms[0].roles[0]: sessions of the role "anonymous" may do nothing'),
    ]);
  });

  it('names a permission that a more specific one covers', () => {
    const shadowed: PermissionInput = { uri: 'com.a..c', match: 'wildcard', allow: { call: true } };
    expect(advice(permitting(shadowed, { uri: 'com.', match: 'prefix' }))).toEqual([
      expect.stringMatching(/permissions\[0\]: never decides: .*permissions\[1\] covers "com\.a\.\.c"/),
    ]);
    expect(advice(permitting(shadowed, { uri: 'com.b.', match: 'prefix' }, everything))).toHaveLength(1);
    expect(advice(permitting(shadowed, { uri: 'com.b.', match: 'prefix' }, { uri: 'com.a.b.c' }))).toEqual([]);
  });
});
