import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.js';
import type { ConfigInput } from '../../../src/config/schema.js';

type RealmInput = NonNullable<ConfigInput['realms']>[number];
type PermissionInput = NonNullable<RealmInput['roles'][number]['permissions']>[number];

const realm = (rest: Partial<RealmInput> = {}): RealmInput => ({ name: 'a', roles: [{ name: 'r' }], ...rest });
const permitting = (...permissions: PermissionInput[]) => realm({ roles: [{ name: 'r', permissions }] });
const accept = (input: ConfigInput) => expect(() => parseConfig(input)).not.toThrow();
const refuse = (input: ConfigInput, fault: string) => expect(() => parseConfig(input)).toThrow(fault);

describe('the console', () => {
  it('is where no WebSocket is', () => {
    const fault = 'console.enabled: The console is at /console/, and so is listen.path';
    const console = { enabled: true };
    refuse({ console, listen: { path: '/console' } }, fault);
    refuse({ console, listen: { path: ['/ws', '/console/'] } }, fault);
    accept({ console, listen: { path: '/console/ws' } });
    accept({ listen: { path: '/console' } });
  });
});

describe('ports', () => {
  it('must differ where the addresses overlap', () => {
    const fault = 'ops.port: Port 7 is that of listen.port too';
    refuse({ listen: { port: 7 }, ops: { port: 7 } }, fault);
    refuse({ listen: { port: 7, host: '0.0.0.0' }, ops: { port: 7 } }, fault);
    refuse({ listen: { port: 7 }, ops: { port: 7, host: '::' } }, fault);
  });
  it('may be the same on different addresses, when free ones are chosen, or without operations endpoint', () => {
    accept({ listen: { port: 7, host: '127.0.0.2' }, ops: { port: 7 } });
    accept({ listen: { port: 0 }, ops: { port: 0 } });
    accept({ listen: { port: 7 }, ops: { port: 7, enabled: false } });
  });
});

describe('limits', () => {
  it('leave room for one message on its way in and out', () => {
    refuse({ limits: { maxInboxBytes: 1_048_575 } }, 'limits.maxInboxBytes: Too small');
    refuse(
      { limits: { maxMessageBytes: 100_000, maxUnsentBytes: 99_999 } },
      'limits.maxUnsentBytes: Too small: expected at least limits.maxMessageBytes, which is 100000',
    );
    accept({ limits: { maxMessageBytes: 100_000, maxUnsentBytes: 100_000, maxInboxBytes: 100_000 } });
    refuse(
      { limits: { maxUnsentBytes: 4_194_304, maxTotalUnsentBytes: 4_194_303 } },
      'limits.maxTotalUnsentBytes: Too small: expected at least limits.maxUnsentBytes, which is 4194304',
    );
    refuse(
      { limits: { maxInboxBytes: 4_194_304, maxTotalInboxBytes: 4_194_303 } },
      'limits.maxTotalInboxBytes: Too small: expected at least limits.maxInboxBytes, which is 4194304',
    );
    refuse(
      { limits: { maxHeldBytes: 4_194_304, maxTotalHeldBytes: 4_194_303 } },
      'limits.maxTotalHeldBytes: Too small: expected at least limits.maxHeldBytes, which is 4194304',
    );
  });
  it('leave room for the realms that are configured', () => {
    const realms = [realm(), realm({ name: 'b' })];
    refuse({ limits: { maxRealms: 1 }, realms }, 'limits.maxRealms: Too small: expected at least 2');
    accept({ limits: { maxRealms: 2 }, realms });
  });
  it('keep the idle timeout within what the transport can do: 8 to 960 s, whole seconds', () => {
    for (const idleTimeoutMs of [8_000, 9_000, 960_000]) accept({ limits: { idleTimeoutMs } });
    for (const idleTimeoutMs of [0, 7_000, 8_001, 961_000])
      refuse({ limits: { idleTimeoutMs } }, 'limits.idleTimeoutMs:');
  });
  it('are whole numbers within bounds', () => {
    refuse({ limits: { maxSessions: 1.5 } }, 'limits.maxSessions: Invalid input: expected a whole number');
    refuse({ limits: { maxSessions: 0 } }, 'limits.maxSessions: Too small');
    refuse({ limits: { maxSessions: 2 ** 53 } }, 'limits.maxSessions: Too big');
    refuse({ limits: { maxSessions: Number.NaN } }, 'limits.maxSessions: Invalid input');
  });
});

describe('settings of a store', () => {
  it('are refused without a store: each node would run alone', () => {
    const fault = 'is set and backplane.url is not, so each node would run alone';
    refuse({ backplane: { redis: { prefix: 'votes' } } }, `backplane: backplane.redis ${fault}`);
    refuse({ backplane: { cluster: { leaseMs: 8_000 } } }, `backplane: backplane.cluster ${fault}`);
  });
  it('are accepted where a node is to run alone all the same', () => {
    accept({ backplane: { url: 'memory', redis: { prefix: 'votes' } } });
    accept({ backplane: {} });
  });
});

describe('drain', () => {
  it('has its deadline after its period', () => {
    refuse(
      { drain: { periodMs: 200, deadlineMs: 199 } },
      'drain.deadlineMs: Too small: expected at least drain.periodMs',
    );
    accept({ drain: { periodMs: 200, deadlineMs: 200 } });
  });
});

describe('realms', () => {
  it('have names of their own, which are URIs', () => {
    refuse({ realms: [realm(), realm()] }, 'realms[1].name: There is another realm "a"');
    refuse({ realms: [realm({ name: 'a..b' })] }, 'realms[0].name: Invalid URI "a..b": it has an empty component');
    refuse({ realms: [realm({ name: 'a b' })] }, 'realms[0].name: Invalid URI "a b": it contains white space');
  });
  it('may be none', () => accept({ realms: [] }));
  it('have at least one role, and no role twice', () => {
    refuse({ realms: [realm({ roles: [] })] }, 'realms[0].roles: Too small');
    const roles = [{ name: 'r' }, { name: 'r' }];
    refuse({ realms: [realm({ roles })] }, 'realms[0].roles[1].name: There is another role "r" in this realm');
  });
});

describe('permissions', () => {
  it('take the patterns a client may use (URI-1, URI-3)', () => {
    accept({
      realms: [
        permitting(
          { uri: 'com.example.a' },
          { uri: 'com.example.', match: 'prefix' },
          { uri: '', match: 'prefix' },
          { uri: 'com..a', match: 'wildcard' },
          { uri: '', match: 'wildcard' },
        ),
      ],
    });
  });
  it('refuse what no client could use', () => {
    const at = 'realms[0].roles[0].permissions[0].uri: Invalid URI';
    refuse({ realms: [permitting({ uri: '' })] }, `${at} "" (match: exact): it is empty`);
    refuse({ realms: [permitting({ uri: 'a..b', match: 'prefix' })] }, `${at} "a..b" (match: prefix)`);
    refuse({ realms: [permitting({ uri: 'a#' })] }, `${at} "a#"`);
    refuse({ realms: [{ ...permitting({ uri: 'A' }), uriCheck: 'strict' }] }, `${at} "A"`);
    refuse({ realms: [permitting({ uri: 'a'.repeat(40) })], limits: { maxUriBytes: 39 } }, '(limits.maxUriBytes)');
  });
  it('explain the trailing star of Crossbar.io', () => {
    refuse({ realms: [permitting({ uri: 'com.a.*' })] }, 'write "com.a." with match: prefix instead of the star');
  });
  it('may have placeholders', () => {
    const at = 'realms[0].roles[0].permissions[0].uri: Invalid URI';
    accept({ realms: [permitting({ uri: 'com.user.{authid}.', match: 'prefix' })] });
    accept({ realms: [{ ...permitting({ uri: 'com.{authrole}.{authid}' }), uriCheck: 'strict' }] });
    refuse({ realms: [permitting({ uri: 'com.{authid}', match: 'prefix' })] }, `${at} "com.{authid}" (match: prefix)`);
    refuse({ realms: [permitting({ uri: 'com.{user}' })] }, '{user} is no placeholder');
    refuse({ realms: [permitting({ uri: 'com.{authid}#' })] }, `${at} "com.{authid}#"`);
  });
  it('of principals obey the same rules', () => {
    const withOwn = (...permissions: { uri: string; match?: 'prefix' }[]) => ({
      ...permitting({ uri: 'a' }),
      auth: { ticket: { principals: { joe: { ticket: 'x', role: 'r', permissions } } } },
    });
    const at = 'realms[0].auth.ticket.principals.joe.permissions';
    accept({ realms: [withOwn({ uri: 'a' }, { uri: 'com.{authid}.', match: 'prefix' })] });
    refuse({ realms: [withOwn({ uri: 'a..b' })] }, `${at}[0].uri: Invalid URI "a..b"`);
    refuse({ realms: [withOwn({ uri: 'com.{authid}x', match: 'prefix' })] }, `${at}[0].uri: Invalid URI`);
    refuse({ realms: [withOwn({ uri: 'a' }, { uri: 'a' })] }, `${at}[1]: There is another permission`);
  });
  it('are there once per pattern', () => {
    const twice = permitting({ uri: 'a' }, { uri: 'a', match: 'prefix' }, { uri: 'a' });
    refuse(
      { realms: [twice] },
      'realms[0].roles[0].permissions[2]: There is another permission for the same uri and match',
    );
  });
});

describe('login by cookie', () => {
  const realms = [realm({ auth: { cookie: {} } })];
  const allowedOrigins = ['https://app.example.com'];
  it('needs the cookie of the listener, and origins that are named', () => {
    accept({ listen: { cookie: {}, allowedOrigins }, realms });
    accept({ listen: { cookie: {} } });
    refuse({ listen: { allowedOrigins }, realms }, 'realms[0].auth.cookie: Missing: it needs listen.cookie');
    refuse(
      { listen: { cookie: {}, allowedOrigins: ['*'] }, realms },
      'listen.allowedOrigins: Invalid with login by cookie',
    );
    const template = { names: [{ uri: 'a' }], roles: [{ name: 'r' }], auth: { cookie: {} } };
    refuse({ listen: { cookie: {} }, realmTemplate: template }, 'listen.allowedOrigins: Invalid with login by cookie');
  });
  it('of other sites needs TLS', () => {
    const fault = 'listen.cookie.sameSite: Invalid: browsers take "none" only with listen.cookie.secure';
    refuse({ listen: { cookie: { sameSite: 'none' }, allowedOrigins } }, fault);
    accept({ listen: { cookie: { sameSite: 'none', secure: true }, allowedOrigins } });
  });
});

describe('sessions of one authid', () => {
  it('have a bound only with a rule for further ones', () => {
    refuse(
      { realms: [realm({ maxSessionsPerAuthid: 2 })] },
      'realms[0].onDuplicate: Invalid: with maxSessionsPerAuthid',
    );
    accept({ realms: [realm({ maxSessionsPerAuthid: 2, onDuplicate: 'replace' })] });
    accept({ realms: [realm({ onDuplicate: 'refuse' })] });
  });
});

describe('an authorizer', () => {
  const PROCEDURE = 'com.authorize';
  const names = { uri: PROCEDURE, allow: { register: true } };
  const realmOf = (permissions: PermissionInput[], procedure = PROCEDURE, own: object = {}) =>
    realm({
      roles: [
        { name: 'user', authorizer: { procedure } },
        { name: 'backend', permissions, ...own },
      ],
    });
  const at = 'realms[0].roles[0].authorizer.procedure';
  it('is registered by a role with a permission that names it, and without an authorizer', () => {
    accept({ realms: [realmOf([names])] });
    refuse(
      { realms: [realmOf([{ uri: '', match: 'prefix', allow: { register: true } }])] },
      `${at}: No role may register`,
    );
    refuse({ realms: [realmOf([{ uri: PROCEDURE, allow: { call: true } }])] }, `${at}: No role may register`);
    const other = { authorizer: { procedure: PROCEDURE } };
    refuse({ realms: [realmOf([names], PROCEDURE, other)] }, `${at}: The role "backend" may register "com.authorize"`);
  });
  it('may be registered by a principal whose role has none', () => {
    const authOf = (role: string) => ({
      ticket: { principals: { joe: { ticket: 'x', role, permissions: [names] } } },
    });
    accept({ realms: [{ ...realmOf([]), auth: authOf('backend') }] });
    refuse({ realms: [{ ...realmOf([]), auth: authOf('user') }] }, `${at}: The role "user" may register`);
  });
  it('has a URI that an application may register', () => {
    refuse({ realms: [realmOf([names], 'gantry.authorize')] }, `${at}: Invalid URI "gantry.authorize"`);
    refuse({ realms: [realmOf([names], 'wamp.authorize')] }, `${at}: Invalid URI "wamp.authorize"`);
    refuse({ realms: [realmOf([names], 'com..authorize')] }, `${at}: Invalid URI "com..authorize"`);
  });
});

describe('realmTemplate', () => {
  it('obeys the rules of realms', () => {
    const names = [{ uri: 'com.', match: 'prefix' as const }];
    accept({ realmTemplate: { names, roles: [{ name: 'anonymous' }] } });
    refuse({ realmTemplate: { names: [], roles: [{ name: 'r' }] } }, 'realmTemplate.names: Too small');
    refuse(
      { realmTemplate: { names: [{ uri: 'a..b' }], roles: [{ name: 'r' }] } },
      'realmTemplate.names[0].uri: Invalid URI',
    );
    refuse(
      { realmTemplate: { names: [{ uri: '' }], roles: [{ name: 'r' }] } },
      'realmTemplate.names[0].uri: Invalid URI',
    );
    refuse(
      { realmTemplate: { names, roles: [{ name: 'r' }], anonymousRole: 'x' } },
      'realmTemplate.anonymousRole: There is no role "x" in this realm',
    );
  });
  it('decides the role of anonymous sessions like a realm', () => {
    const names = [{ uri: 'a' }];
    const roleFor = (name: string) =>
      parseConfig({ realmTemplate: { names, roles: [{ name }] } }).realmTemplate?.anonymousRole;
    expect(roleFor('anonymous')).toBe('anonymous');
    expect(roleFor('other')).toBeNull();
  });
});

describe('listen', () => {
  it('takes origins as browsers send them', () => {
    accept({
      listen: {
        allowedOrigins: [
          'https://a.example',
          'http://localhost:3000',
          'http://[::1]:*',
          'https://*.a.example:*',
          'null',
        ],
      },
    });
    for (const origin of [
      'a.example',
      'https://a.example/',
      'https://a.*.example',
      'https://a.example:x',
      'https://*',
      '',
    ]) {
      refuse({ listen: { allowedOrigins: [origin] } }, 'listen.allowedOrigins[0]: Invalid origin');
    }
    refuse({ listen: { allowedOrigins: [] } }, 'listen.allowedOrigins: Too small');
  });
  it('takes each serializer once', () => {
    refuse(
      { listen: { serializers: ['json', 'json'] } },
      'listen.serializers: Invalid list: an element is there twice',
    );
  });
  it('takes a plain path', () => {
    accept({ listen: { path: '/' } });
    for (const path of ['ws', '/*', '/:a', '/a?b', '/a b', ''])
      refuse({ listen: { path } }, 'listen.path: Invalid path');
  });
});

describe('backplane', () => {
  it.each([
    'memory',
    'redis://a',
    'redis://a/',
    'rediss://user:p%40ss@a.example:1/15',
    'valkey://[::1]:6379',
    'valkeys://:secret@10.0.0.1',
    'unix:/run/redis.sock',
    'unix:///run/redis.sock?db=3',
  ])('may be %s', (url) => {
    accept({ backplane: { url } });
  });
  it.each([
    ['nats://a', 'Invalid backplane: write "memory", redis://'],
    ['redis', 'Invalid backplane'],
    ['redis:a', 'Invalid backplane'],
    ['redis://', 'Invalid URL'],
    ['redis:///0', 'Invalid URL: it names no host'],
    ['redis://a:70000', 'Invalid URL: the port is above 65535'],
    ['redis://u:sesame@[::1]:70000/0', 'Invalid URL: the port is above 65535'],
    ['redis://u:70000#1@a', 'Invalid URL: special characters in user and password must be percent-encoded'],
    ['redis://u:sesame#1@a', 'Invalid URL: special characters in user and password must be percent-encoded'],
    ['redis://u:sesame%@a', 'Invalid URL: special characters in user and password must be percent-encoded'],
    ['redis://u:sesame%ff@a', 'Invalid URL: special characters in user and password must be percent-encoded'],
    ['redis://u:sesame@a/one', 'Invalid URL: expected a database number after the host'],
    ['redis://u:sesame@a/1/2', 'Invalid URL: expected a database number after the host'],
    ['redis://u:sesame@a/0?tls=true', 'Invalid URL: nothing may follow the database number'],
    ['unix://run/redis.sock', 'Invalid URL: write unix:/path, with one or three slashes'],
    ['unix:/', 'Invalid URL: write unix:/path'],
    ['unix:/a?db=x', 'Invalid URL: write unix:/path'],
  ])('may not be %s, and the fault does not repeat its password', (url, fault) => {
    refuse({ backplane: { url } }, `backplane.url: ${fault}`);
    expect(() => parseConfig({ backplane: { url } })).not.toThrow('sesame');
  });

  it('has a prefix that fits into names of keys and channels', () => {
    for (const prefix of ['', 'a:b', '{a}', 'a b', 'a@1', 'x'.repeat(33)])
      refuse({ backplane: { redis: { prefix } } }, 'backplane.redis.prefix: Invalid prefix');
    accept({ backplane: { url: 'memory', redis: { prefix: 'Votes_1.eu-west' } } });
  });

  it('has TLS files only where TLS is used, and a key with its certificate', () => {
    const tls = { caFile: 'ca.pem' };
    refuse({ backplane: { url: 'redis://a', redis: { tls } } }, 'backplane.redis.tls: Nothing here speaks TLS');
    accept({ backplane: { url: 'rediss://a', redis: { tls } } });
    accept({ backplane: { url: 'memory', redis: { tls } } });
    accept({ backplane: { url: 'redis://a', redis: { tls, sentinels: { master: 'm', nodes: ['s:1'], tls: true } } } });
    const half = { keyFile: 'key.pem' };
    refuse(
      { backplane: { url: 'rediss://a', redis: { tls: half } } },
      'backplane.redis.tls: certFile and keyFile belong',
    );
  });

  it('has Sentinels with a port each, and no unix socket beside them', () => {
    const sentinels = { master: 'm', nodes: ['a:1', '[::1]:2'] };
    accept({ backplane: { url: 'redis://a', redis: { sentinels } } });
    refuse(
      { backplane: { url: 'unix:/s', redis: { sentinels } } },
      'backplane.redis.sentinels: Sentinels know no unix',
    );
    for (const node of ['a', 'redis://a:1', 'a:b', ':1', 'u:p@a:1'])
      refuse({ backplane: { redis: { sentinels: { master: 'm', nodes: [node] } } } }, 'Invalid Sentinel');
  });

  it('has times and sizes that fit each other; all faults are reported at once', () => {
    const cluster = {
      leaseMs: 2_000,
      renewMs: 1_000,
      absentMs: 1_000,
      heartbeatMs: 1_000,
      probeTimeoutMs: 1_999,
      barrierTimeoutMs: 2_000,
      reaskMs: 2_000,
      maxBatchBytes: 131_072,
      maxUnacknowledgedBytes: 65_536,
    };
    const input = {
      backplane: { url: 'memory', cluster, redis: { commandTimeoutMs: 2_000 } },
      limits: { maxMessageBytes: 100_000 },
    };
    for (const fault of [
      'backplane.cluster.leaseMs: Too small: expected at least 3000, three times renewMs',
      'backplane.cluster.absentMs: Too small: expected 0, or more than 1000',
      'backplane.cluster.probeTimeoutMs: Too small: expected at least 2000, twice heartbeatMs',
      'backplane.cluster.barrierTimeoutMs: Too small: expected more than leaseMs, which is 2000',
      'backplane.cluster.reaskMs: Too big: expected less than barrierTimeoutMs, which is 2000',
      'backplane.cluster.maxUnacknowledgedBytes: Too small: expected at least maxBatchBytes, which is 131072',
      'backplane.redis.commandTimeoutMs: Too big: expected less than backplane.cluster.leaseMs, which is 2000',
    ])
      refuse(input, fault);
    const bytes = { backplane: { cluster: { maxUnacknowledgedBytes: 1_048_575 } } };
    refuse(bytes, 'backplane.cluster.maxUnacknowledgedBytes: Too small: expected at least limits.maxMessageBytes');
    accept({
      backplane: {
        url: 'memory',
        cluster: { leaseMs: 3_000, renewMs: 1_000, probeTimeoutMs: 2_000, barrierTimeoutMs: 3_001, reaskMs: 3_000 },
        redis: { commandTimeoutMs: 2_999 },
      },
    });
  });
});
