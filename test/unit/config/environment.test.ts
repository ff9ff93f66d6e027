import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config/load.js';
import { isSecret, SETTINGS, variableOf, VARIABLES, type Setting } from '../../../src/config/settings.js';

const leaves = SETTINGS.filter(({ kind }) => kind !== 'section');

const ROLES = [{ name: 'r', permissions: [] }];
const NAMES = [{ uri: 'a', match: 'exact' }];
const AUTHENTICATOR = {
  type: 'dynamic',
  authenticator: 'com.example.authenticate',
  timeoutMs: 100,
  mayChooseRealm: true,
  onUnavailable: 'abort',
};

/** Values of a list or a text, where the schema names none; always other than the default. */
const SAMPLES: Readonly<Record<string, unknown>> = {
  processes: 4,
  httpBridge: [
    {
      type: 'publisher',
      path: '/publish',
      listeners: ['listen'],
      realm: 'realm1',
      role: 'anonymous',
      authid: 'web',
      keys: [{ key: 'app', secret: 'x' }],
      bearer: false,
      requireTls: true,
      timestampDeltaMs: 1_000,
      maxBodyBytes: 1_000,
      bodyTimeoutMs: 1_000,
      callTimeoutMs: 1_000,
      errorStatus: 'http',
      publishedHeaders: [],
      successResponse: 'yes',
      errorResponse: 'no',
      maxPending: 1,
      maxUnsentBytes: 4_096,
    },
  ],
  listeners: [
    {
      type: 'rawsocket',
      host: '::1',
      port: 8081,
      mode: '0600',
      serializers: ['cbor'],
      handshakeTimeoutMs: 1_000,
      keepAliveMs: 60_000,
    },
  ],
  'listen.cookie.name': 'session',
  'listen.trustedProxies': ['10.0.0.0/8'],
  'listen.host': '0.0.0.0',
  'longPoll.path': '/poll',
  'listen.path': '/other',
  'listen.tls.certFile': 'cert.pem',
  'listen.tls.keyFile': 'key.pem',
  'listen.tls.passphrase': 'open sesame',
  'listen.allowedOrigins': ['https://a.example'],
  'listen.headersForAuthenticators': ['x-tenant'],
  'listen.serializers': ['cbor'],
  'listen.authMethods': ['ticket'],
  'listen.clientCertificate.header': 'x-cert',
  realms: [],
  'realmTemplate.names': NAMES,
  'realmTemplate.roles': ROLES,
  'realmTemplate.history': [{ uri: 'com.example.', match: 'prefix', limit: 1_000, maxBytes: 16_777_216, ttlMs: 0 }],
  'realmTemplate.retention.topics': [{ uri: 'com.example.', match: 'prefix' }],
  'realmTemplate.anonymousRole': 'r',
  'realmTemplate.auth.jwt': [
    {
      keys: [{ algorithm: 'HS256', secret: 'open sesame, open sesame, open sesame' }],
      algorithms: ['ES256'],
      clockToleranceS: 1,
      closeOnExpiry: false,
      asTicket: false,
      timeoutMs: 1,
      mayChooseRealm: true,
      onUnavailable: 'abort',
      claims: { authid: 'name', role: 'group', authextra: [] },
    },
  ],
  'realmTemplate.auth.ticket': AUTHENTICATOR,
  'realmTemplate.auth.wampcra': [AUTHENTICATOR, AUTHENTICATOR],
  'realmTemplate.auth.wampScram': [AUTHENTICATOR],
  'realmTemplate.auth.scram': AUTHENTICATOR,
  'realmTemplate.auth.anonymous': [AUTHENTICATOR],
  'realmTemplate.auth.cryptosign': AUTHENTICATOR,
  'realmTemplate.auth.tls': AUTHENTICATOR,
  'ops.host': '127.0.0.3',
  'backplane.url': 'redis://a:1/2',
  'backplane.redis.prefix': 'votes',
  'backplane.redis.username': 'gantry',
  'backplane.redis.password': 'open sesame',
  'backplane.redis.tls.caFile': 'ca.pem',
  'backplane.redis.tls.certFile': 'cert.pem',
  'backplane.redis.tls.keyFile': 'key.pem',
  'backplane.redis.tls.serverName': 'redis.example',
  'backplane.redis.cluster.nodes': ['a:7000', '[::1]:7001'],
  'backplane.redis.sentinels.master': 'mymaster',
  'backplane.redis.sentinels.nodes': ['a:26379', '[::1]:26380'],
  'backplane.redis.sentinels.username': 'watcher',
  'backplane.redis.sentinels.password': 'open barley',
  'web.paths': { '/old': { type: 'redirect', url: '/new', status: 307 } },
  'node.name': 'node-1',
};

/** What must be there beside a setting for its section to be whole. */
/** Settings of a store are refused where nothing names one, or none. */
const STORE = { GANTRY_BACKPLANE_URL: 'memory' };

const CERTIFICATES = {
  GANTRY_LISTEN_CLIENT_CERTIFICATE_HEADER: 'x-client-cert',
  GANTRY_LISTEN_CLIENT_CERTIFICATE_FORMAT: 'pem',
  GANTRY_LISTEN_TRUST_PROXY_HEADER: 'x-forwarded-for',
  GANTRY_LISTEN_TRUSTED_PROXIES: '["192.0.2.1"]',
};

const COMPANIONS: Readonly<Record<string, Record<string, string>>> = {
  'listen.tls': { GANTRY_LISTEN_TLS_CERT_FILE: 'c', GANTRY_LISTEN_TLS_KEY_FILE: 'k' },
  'listen.clientCertificate': CERTIFICATES,
  'realmTemplate.auth.tls': CERTIFICATES,
  realmTemplate: {
    GANTRY_REALM_TEMPLATE_NAMES: JSON.stringify(NAMES),
    GANTRY_REALM_TEMPLATE_ROLES: JSON.stringify(ROLES),
  },
  'realmTemplate.auth.cookie': {
    GANTRY_LISTEN_COOKIE_NAME: 'c',
    GANTRY_LISTEN_ALLOWED_ORIGINS: '["https://app.example.com"]',
  },
  'realmTemplate.maxSessionsPerAuthid': { GANTRY_REALM_TEMPLATE_ON_DUPLICATE: 'refuse' },
  'backplane.redis.cluster': { GANTRY_BACKPLANE_URL: 'redis://127.0.0.1:6379' },
  'backplane.redis.cluster.nodes': { GANTRY_BACKPLANE_URL: 'redis://127.0.0.1:6379' },
  'backplane.redis.sentinels': {
    GANTRY_BACKPLANE_REDIS_SENTINELS_MASTER: 'm',
    GANTRY_BACKPLANE_REDIS_SENTINELS_NODES: '["s:1"]',
  },
  'backplane.cluster.leaseMs': {
    GANTRY_BACKPLANE_CLUSTER_RENEW_MS: '100',
    GANTRY_BACKPLANE_REDIS_COMMAND_TIMEOUT_MS: '400',
  },
  'backplane.cluster.probeTimeoutMs': { GANTRY_BACKPLANE_CLUSTER_HEARTBEAT_MS: '50' },
  'backplane.cluster.barrierTimeoutMs': {
    GANTRY_BACKPLANE_CLUSTER_LEASE_MS: '900',
    GANTRY_BACKPLANE_CLUSTER_RENEW_MS: '300',
    GANTRY_BACKPLANE_REDIS_COMMAND_TIMEOUT_MS: '800',
  },
  'backplane.cluster.maxUnacknowledgedBytes': {
    GANTRY_BACKPLANE_CLUSTER_MAX_BATCH_BYTES: '4096',
    GANTRY_LIMITS_MAX_MESSAGE_BYTES: '1024',
  },
  'backplane.cluster': STORE,
  'backplane.redis': STORE,
  'drain.deadlineMs': { GANTRY_DRAIN_PERIOD_MS: '0' },
  processes: { GANTRY_BACKPLANE_URL: 'redis://127.0.0.1:6379' },
  'limits.maxInboxBytes': { GANTRY_LIMITS_MAX_MESSAGE_BYTES: '1024' },
  'limits.maxTotalHeldBytes': { GANTRY_LIMITS_MAX_HELD_BYTES: '1024' },
  'limits.maxTotalInboxBytes': { GANTRY_LIMITS_MAX_INBOX_BYTES: '65536', GANTRY_LIMITS_MAX_MESSAGE_BYTES: '1024' },
  'limits.maxTotalUnsentBytes': { GANTRY_LIMITS_MAX_UNSENT_BYTES: '65536', GANTRY_LIMITS_MAX_MESSAGE_BYTES: '1024' },
  'limits.maxUnsentBytes': { GANTRY_LIMITS_MAX_MESSAGE_BYTES: '1024' },
};

function sampleFor({ path, kind, schema }: Setting): unknown {
  const sample = SAMPLES[path.join('.')];
  if (sample !== undefined) return sample;
  if (kind === 'boolean') return schema.default === false;
  if (schema.enum !== undefined) return schema.enum.find((value) => value !== schema.default);
  if (kind === 'number') return schema.minimum === schema.default ? (schema.minimum ?? 0) + 1 : schema.minimum;
  throw new Error(`no sample for ${path.join('.')}`);
}

function companionsOf({ path }: Setting): Record<string, string> {
  const prefixes = path.map((_, index) => path.slice(0, index + 1).join('.'));
  return Object.assign({}, ...prefixes.map((prefix) => COMPANIONS[prefix] ?? {})) as Record<string, string>;
}

function valueAt(tree: unknown, path: readonly string[]): unknown {
  return path.reduce((node, key) => (node as Record<string, unknown> | undefined)?.[key], tree);
}

describe('every setting', () => {
  it('has a variable of its own', () => {
    expect(new Set(VARIABLES).size).toBe(VARIABLES.length);
    expect(leaves.length).toBeGreaterThan(45);
  });
  it('has the variable that its path makes', () => {
    expect(variableOf(['listen', 'tls', 'certFile'])).toBe('GANTRY_LISTEN_TLS_CERT_FILE');
    expect(variableOf(['realmTemplate', 'idleMs'])).toBe('GANTRY_REALM_TEMPLATE_IDLE_MS');
    expect(VARIABLES).toEqual(
      expect.arrayContaining(['GANTRY_LISTEN_PORT', 'GANTRY_LISTEN_HOST', 'GANTRY_OPS_PORT', 'GANTRY_BACKPLANE_URL']),
    );
  });
  for (const setting of leaves) {
    it(`can be set by ${setting.variable}, and by --set ${setting.path.join('.')}`, () => {
      const sample = sampleFor(setting);
      const text = typeof sample === 'string' ? sample : JSON.stringify(sample);
      const environment = { ...companionsOf(setting), [setting.variable]: text };
      expect(valueAt(loadConfig({ environment }), setting.path)).toEqual(sample);
      const override = { path: setting.path.join('.'), text, flag: '--set' };
      const config = loadConfig({ environment: companionsOf(setting), overrides: [override] });
      expect(valueAt(config, setting.path)).toEqual(sample);
    });
  }
  it('has a description', () => {
    for (const { path, schema } of SETTINGS) expect(schema.description, path.join('.')).toMatch(/^\S.{3,}[.)]$/);
  });
  it('that is a number has its unit: in its name where it has one, and in its description', () => {
    for (const { path, kind, schema } of SETTINGS) {
      const name = path.at(-1) ?? '';
      if (kind !== 'number' || name === 'port') continue;
      const unit = Object.entries(UNITS).find(([end]) => name.endsWith(end))?.[1] ?? 'Number of';
      expect(schema.description, path.join('.')).toMatch(new RegExp(`^${unit} `));
      const { minimum, maximum } = schema.anyOf?.find(({ type }) => type === 'integer') ?? schema;
      expect(minimum, path.join('.')).toBeGreaterThanOrEqual(0);
      expect(maximum, path.join('.')).toBeLessThanOrEqual(2 ** 31);
    }
  });
});

const UNITS = { Ms: 'Milliseconds', Bytes: 'Bytes', Percent: 'Percent', Seconds: 'Seconds' };

describe('the environment', () => {
  it('counts an empty variable as unset', () => {
    expect(loadConfig({ environment: { GANTRY_LISTEN_PORT: '', GANTRY_CONFIG: '', GANTRY_FOO: '' } }).listen.port).toBe(
      8080,
    );
  });
  it('takes a section as JSON', () => {
    const tls = { certFile: 'c', keyFile: 'k' };
    expect(loadConfig({ environment: { GANTRY_LISTEN_TLS: JSON.stringify(tls) } }).listen.tls).toEqual(tls);
  });
  it('can demand that nobody is admitted without authentication', () => {
    const roles = JSON.stringify([{ name: 'anonymous' }]);
    const environment = {
      GANTRY_REALM_TEMPLATE: `{"names": [{"uri": "a"}], "roles": ${roles}}`,
      GANTRY_REALM_TEMPLATE_ANONYMOUS_ROLE: 'null',
    };
    expect(loadConfig({ environment }).realmTemplate?.anonymousRole).toBeNull();
  });
  it('leaves text alone that looks like a number', () => {
    expect(loadConfig({ environment: { GANTRY_NODE_NAME: '12' } }).node.name).toBe('12');
  });

  const refused: [variable: string, text: string, fault: string][] = [
    [
      'GANTRY_LISTEN_PORT',
      '80a',
      'listen.port: Invalid input: expected number, received string (from GANTRY_LISTEN_PORT)',
    ],
    ['GANTRY_LISTEN_PORT', '0x50', 'listen.port: Invalid input: expected number'],
    ['GANTRY_LISTEN_PORT', '80.5', 'listen.port: Invalid input: expected a whole number'],
    ['GANTRY_LISTEN_PORT', ' ', 'listen.port: Invalid input: expected number'],
    ['GANTRY_OPS_ENABLED', 'yes', 'ops.enabled: Invalid input: expected boolean'],
    [
      'GANTRY_LISTEN_ALLOWED_ORIGINS',
      'https://a',
      'listen.allowedOrigins: Invalid input: expected JSON such as ["a", "b"]',
    ],
    ['GANTRY_REALMS', '{}', 'realms: Invalid input: expected a list'],
    ['GANTRY_LISTEN', '[', 'listen: Invalid input: expected JSON such as {"key": "value"} (from GANTRY_LISTEN)'],
    ['GANTRY_LISTEN', '5', 'listen: Invalid input: expected settings by name, received number (from GANTRY_LISTEN)'],
    ['GANTRY_LISTEN_PROT', '1', 'GANTRY_LISTEN_PROT: Unknown variable, did you mean "GANTRY_LISTEN_PORT"?'],
    ['GANTRY_ZZZ_QQQ_XXX', '1', 'GANTRY_ZZZ_QQQ_XXX: Unknown variable'],
  ];
  for (const [variable, text, fault] of refused) {
    it(`refuses ${variable}=${JSON.stringify(text)}`, () => {
      expect(() => loadConfig({ environment: { [variable]: text } })).toThrow(fault);
    });
  }

  describe('a secret in a file', () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'gantry-secret-'));
    });
    afterAll(() => rmSync(folder, { recursive: true }));
    const file = (content: string): string => {
      const path = join(folder, 'secret');
      writeFileSync(path, content);
      return path;
    };

    it.each(['sesame', 'sesame\n', 'sesame\r\n'])('is read without the line end behind it: %j', (content) => {
      const environment = { ...STORE, GANTRY_BACKPLANE_REDIS_PASSWORD_FILE: file(content) };
      expect(loadConfig({ environment }).backplane.redis.password).toBe('sesame');
    });
    it('keeps white space that belongs to it', () => {
      const environment = { ...STORE, GANTRY_BACKPLANE_REDIS_PASSWORD_FILE: file(' a b \n\n') };
      expect(loadConfig({ environment }).backplane.redis.password).toBe(' a b \n');
    });
    it('may be every secret, and a URL that holds a password', () => {
      for (const setting of SETTINGS.filter(isSecret)) {
        const value = setting.path.join('.') === 'backplane.url' ? 'redis://:word@127.0.0.1:1' : 'word';
        const environment = { ...companionsOf(setting), [`${setting.variable}_FILE`]: file(value) };
        if (setting.path.join('.') === 'backplane.url') expect(loadConfig({ environment }).backplane.url).toBe(value);
        else expect(valueAt(loadConfig({ environment }), setting.path)).toBe(value);
      }
    });
    it('is refused beside the variable itself, where it cannot be read, and where the setting is no secret', () => {
      const variable = 'GANTRY_BACKPLANE_REDIS_PASSWORD';
      expect(() => loadConfig({ environment: { [variable]: 'a', [`${variable}_FILE`]: file('b') } })).toThrow(
        `${variable}_FILE: ${variable} is set too: set one of them`,
      );
      expect(() => loadConfig({ environment: { [`${variable}_FILE`]: '/absent' } })).toThrow(
        `${variable}_FILE: /absent cannot be read: there is no such file`,
      );
      expect(() => loadConfig({ environment: { GANTRY_LISTEN_PORT_FILE: file('1') } })).toThrow(
        'GANTRY_LISTEN_PORT_FILE: Unknown variable',
      );
    });
  });

  it('never shows the text of a secret that is refused', () => {
    const environment = { GANTRY_LISTEN_TLS_PASSPHRASE: 'sesame', GANTRY_LISTEN_PORT: 'x' };
    expect(() => loadConfig({ environment })).toThrow(/^(?!.*sesame)/s);
  });

  it('leaves alone what an orchestrator sets about a service called gantry, and what clients and tests use', () => {
    const environment = {
      GANTRY_PORT: 'tcp://10.0.0.1:8080',
      GANTRY_OPS_PORT: 'tcp://10.0.0.1:9090',
      GANTRY_SERVICE_HOST: '10.0.0.1',
      GANTRY_SERVICE_PORT: '8080',
      GANTRY_SERVICE_PORT_HTTP: '8080',
      GANTRY_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
      GANTRY_PORT_8080_TCP_PROTO: 'tcp',
      GANTRY_CLIENT_URL: 'ws://127.0.0.1:8080/ws',
      GANTRY_TEST_REDIS_URL: 'redis://127.0.0.1',
    };
    expect(loadConfig({ environment })).toEqual(loadConfig({}));
  });
});
