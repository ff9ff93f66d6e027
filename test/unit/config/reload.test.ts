import { describe, expect, it } from 'vitest';
import { fingerprint } from '../../../src/config/keys/fingerprint.js';
import { parseConfig } from '../../../src/config/load.js';
import { realm as realmSchema } from '../../../src/config/schema/realm-schema.js';
import { isReloadable, planReload, RELOADABLE, RESTART_RULES } from '../../../src/config/reload.js';
import type { Config, ConfigInput } from '../../../src/config/schema.js';
import { settingAt, SETTINGS } from '../../../src/config/settings.js';

type Realm = NonNullable<ConfigInput['realms']>[number];

const ROLES: Realm['roles'] = [
  { name: 'anonymous', permissions: [{ uri: '', match: 'prefix', allow: { call: true } }] },
];
const realm = (name: string, more: Partial<Realm> = {}): Realm => ({ name, roles: ROLES, ...more });
const TLS = { certFile: 'c', keyFile: 'k' };

function plan(before: ConfigInput, after: ConfigInput) {
  return planReload(parseConfig(before), parseConfig(after));
}

describe('planReload', () => {
  it('changes nothing where nothing is different, in whatever order authids stand', () => {
    const ticket = (...authids: string[]): ConfigInput => {
      const principals = Object.fromEntries(authids.map((authid) => [authid, { ticket: 'x', role: 'anonymous' }]));
      return { realms: [realm('a', { auth: { ticket: { principals } } })] };
    };
    expect(plan(ticket('b', 'c'), ticket('c', 'b'))).toMatchObject({ changed: [], needsRestart: [] });
  });

  it('takes over what a reload changes', () => {
    const after: ConfigInput = {
      realms: [realm('b')],
      limits: { maxSessions: 7, maxCallTimeoutMs: 1_000 },
      log: { level: 'warn' },
      listen: { allowedOrigins: ['https://a.example'] },
    };
    const { config, changed, needsRestart } = plan({}, after);
    expect(config).toEqual(parseConfig(after));
    expect([...changed].sort()).toEqual([
      'limits.maxCallTimeoutMs',
      'limits.maxSessions',
      'listen.allowedOrigins',
      'log.level',
      'realms',
    ]);
    expect(needsRestart).toEqual([]);
  });

  it('removes what is not there any more', () => {
    const template = { names: [{ uri: 'x' }], roles: ROLES };
    const { config, changed } = plan({ realmTemplate: template, limits: { maxCallTimeoutMs: 5 } }, {});
    expect(changed).toEqual(['limits.maxCallTimeoutMs', 'realmTemplate']);
    expect(config.realmTemplate).toBeUndefined();
    expect('maxCallTimeoutMs' in config.limits).toBe(false);
  });

  it('keeps what needs a restart, and names it', () => {
    const { config, changed, needsRestart } = plan(
      { listen: { port: 1 }, node: { name: 'n1' } },
      { listen: { port: 2 }, ops: { enabled: false }, limits: { maxConnections: 9, maxSessions: 9 } },
    );
    expect(changed).toEqual(['limits.maxSessions']);
    expect([...needsRestart].sort()).toEqual(['limits.maxConnections', 'listen.port', 'node.name', 'ops.enabled']);
    expect(config).toEqual(parseConfig({ listen: { port: 1 }, node: { name: 'n1' }, limits: { maxSessions: 9 } }));
  });

  it('changes the certificate, and does not change whether there is TLS', () => {
    const other = { certFile: 'd', keyFile: 'k' };
    expect(plan({ listen: { tls: TLS } }, { listen: { tls: other } })).toMatchObject({
      changed: ['listen.tls.certFile'],
      config: { listen: { tls: other } },
    });
    const [added, removed] = [plan({}, { listen: { tls: TLS } }), plan({ listen: { tls: TLS } }, {})];
    expect(added.config.listen.tls).toBeUndefined();
    expect(removed.config.listen.tls).toEqual(TLS);
    for (const { changed, needsRestart } of [added, removed]) {
      expect(changed).toEqual([]);
      expect(needsRestart).toEqual(['listen.tls.certFile', 'listen.tls.keyFile']);
    }
  });

  it.each<[string, NonNullable<ConfigInput['listen']>]>([
    ['cookie', { cookie: { name: 'c' } }],
    [
      'clientCertificate',
      {
        trustProxyHeader: 'x-forwarded-for',
        trustedProxies: ['10.0.0.0/8'],
        clientCertificate: { header: 'c', format: 'pem' },
      },
    ],
  ])('leaves listen.%s as a whole to a restart', (section, listen) => {
    const [added, removed] = [plan({}, { listen }), plan({ listen }, {})];
    expect(added.config).toEqual(parseConfig({}));
    expect(removed.config).toEqual(parseConfig({ listen }));
    for (const { changed, needsRestart } of [added, removed]) {
      expect(changed).toEqual([]);
      expect(needsRestart.some((path) => path.startsWith(`listen.${section}`))).toBe(true);
    }
  });

  it('changes the origins and methods of listeners, and leaves the rest of the list to a restart', () => {
    const web = { type: 'websocket', port: 1 } as const;
    const before: ConfigInput = { listeners: [web, { type: 'rawsocket', port: 2, authMethods: ['ticket'] }] };
    const after: ConfigInput = {
      listeners: [
        { ...web, allowedOrigins: ['https://a.example'], authMethods: ['cookie'] },
        { type: 'rawsocket', port: 2 },
      ],
    };
    const { config, changed, needsRestart } = plan(before, after);
    expect(config).toEqual(parseConfig(after));
    expect([...changed].sort()).toEqual([
      'listeners[0].allowedOrigins',
      'listeners[0].authMethods',
      'listeners[1].authMethods',
    ]);
    expect(needsRestart).toEqual([]);
    for (const other of [
      [web],
      [{ ...web, allowedOrigins: ['https://a.example'], path: '/x' }, before.listeners![1]!],
    ]) {
      const kept = plan(before, { listeners: other });
      expect(kept).toMatchObject({ changed: [], needsRestart: ['listeners'] });
      expect(kept.config).toEqual(parseConfig(before));
    }
  });

  it('leaves a section without settings to a restart, and names it', () => {
    const backplane = (tls: object) => ({ backplane: { url: 'rediss://r.example', redis: tls } }) as ConfigInput;
    const { config, needsRestart } = plan(backplane({}), backplane({ tls: {} }));
    expect(needsRestart).toEqual(['backplane.redis.tls']);
    expect(config.backplane.redis.tls).toBeUndefined();
  });

  it('keeps rules of a realm that its calls in flight depend on', () => {
    const before = { realms: [realm('a'), realm('b')] };
    const after = { realms: [realm('c', { busyError: 'crossbar' }), realm('b', { busyError: 'crossbar' })] };
    const { config, changed, needsRestart } = plan(before, after);
    expect(changed).toEqual(['realms']);
    expect(needsRestart).toEqual(['realms[1].busyError']);
    expect(config.realms.map(({ busyError }) => busyError)).toEqual(['crossbar', 'wamp']);
  });

  it('keeps the bound on sessions of an authid, and names it', () => {
    const bounded: ConfigInput = { realms: [realm('a', { onDuplicate: 'refuse', maxSessionsPerAuthid: 3 })] };
    const open: ConfigInput = { realms: [realm('a')] };
    for (const [before, after] of [
      [bounded, open],
      [open, bounded],
    ] as const) {
      const { config, needsRestart } = plan(before, after);
      expect(needsRestart).toEqual(['realms[0].maxSessionsPerAuthid', 'realms[0].onDuplicate']);
      expect(config).toEqual(parseConfig(before));
    }
  });

  it('refuses what does not fit to settings that stay', () => {
    const after = { limits: { maxMessageBytes: 4_096, maxInboxBytes: 8_192 } };
    expect(() => plan({}, after)).toThrow('limits.maxInboxBytes: Too small: expected at least limits.maxMessageBytes');
  });
});

/** Rules of a realm that a reload changes in a realm that is there already: `Realm.apply`, authMethods, and `withdrawals`. */
const LIVE_RULES = [
  'anonymousRole',
  'roles',
  'auth',
  'onWithdrawn',
  'retention',
  'history',
  'uriCheck',
  'requestIdCheck',
  'allowDisclose',
  'metaApi',
];

it('each rule of a realm is applied by a reload, or named as one that needs a restart', () => {
  expect([...LIVE_RULES, ...RESTART_RULES, 'name'].sort()).toEqual(Object.keys(realmSchema.shape).sort());
});

it('each setting that differs is changed by a reload, or named as one that needs a restart', () => {
  const current = parseConfig({ listen: { tls: { ...TLS, passphrase: 'p' } } });
  const leaves = SETTINGS.filter(({ kind, path }) => kind !== 'section' && path[0] !== 'realmTemplate');
  expect(leaves.length).toBeGreaterThan(100);
  for (const { path } of leaves) {
    // The same with another value, whichever: what differs is found before anything is parsed again.
    const next = structuredClone(current) as Record<string, unknown>;
    const section = path.slice(0, -1).reduce((node, key) => (node[key] ??= {}) as Record<string, unknown>, next);
    const name = path.at(-1) ?? '';
    section[name] = name === 'realms' ? [] : 'another value';
    const { config, changed, needsRestart } = planReload(current, next as unknown as Config);
    const isLive = isReloadable(path);
    expect(isLive ? changed : needsRestart).toEqual([path.join('.')]);
    expect(isLive ? needsRestart : changed).toEqual([]);
    if (!isLive) expect(config, path.join('.')).toEqual(current);
  }
});

it('each reloadable path is a setting', () => {
  for (const path of RELOADABLE) expect(settingAt(path), path).toBeDefined();
  expect(isReloadable(['limits', 'maxSessions'])).toBe(true);
  expect(isReloadable(['drain', 'periodMs'])).toBe(true);
  expect(isReloadable(['limits', 'maxSessionsOther'])).toBe(false);
});

describe('fingerprint', () => {
  const print = (input: ConfigInput): number => fingerprint(parseConfig(input));
  const withTicket = (ticket: string): ConfigInput => {
    const principals = { joe: { ticket, role: 'anonymous' } };
    return { realms: [realm('a', { auth: { ticket: { principals } } })] };
  };

  it('is the same for nodes that differ in names and addresses only', () => {
    const here: ConfigInput = {
      listen: { host: '0.0.0.0', port: 1 },
      ops: { port: 2 },
      node: { name: 'a' },
      log: { level: 'warn' },
    };
    expect(print(here)).toBe(print({}));
    expect(Number.isSafeInteger(print({}))).toBe(true);
  });

  it('changes with a setting and with a secret, of which it has 8 bits', () => {
    expect(print({ realms: [realm('b')] })).not.toBe(print({ realms: [realm('a')] }));
    const prints = Array.from({ length: 600 }, (_, index) => print(withTicket(`ticket ${index}`)));
    expect(new Set(prints.map((number) => Math.floor(number / 256))).size).toBe(1);
    expect(new Set(prints).size).toBeGreaterThan(150);
  });

  it('has the same bits of a secret whatever stands beside it', () => {
    const more = { ...withTicket('x'), limits: { maxSessions: 7 } };
    expect(print(more)).not.toBe(print(withTicket('x')));
    expect(print(more) % 256).toBe(print(withTicket('x')) % 256);
  });
});
