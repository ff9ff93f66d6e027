import { expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.js';
import { renderConfig } from '../../../src/config/render.js';
import type { ConfigInput } from '../../../src/config/schema.js';
import { adviceOn } from '../../../src/cli/advice.js';
import { staticAuth } from '../../support/static-auth.js';

type Auth = NonNullable<NonNullable<ConfigInput['realms']>[number]['auth']>;

const HEX = 'ab'.repeat(32);
const DERIVED = Buffer.from(HEX, 'hex').toString('base64');
const everything = { uri: '', match: 'prefix', allow: { call: true } } as const;

function realmWith(auth: Auth, anonymousRole: string | null = null): ConfigInput {
  return { realms: [{ name: 'a', anonymousRole, roles: [{ name: 'user', permissions: [everything] }], auth }] };
}

const ticket: Auth = { ticket: { principals: { joe: { ticket: 'x', role: 'user' } } } };

it('takes every method', () => {
  const keys = { salt: 'ab'.repeat(16), storedKey: HEX, serverKey: HEX, role: 'user' };
  const config = parseConfig(
    realmWith({
      ticket: { principals: { joe: { ticket: 'x', role: 'user' }, ann: { ticketSha256: HEX, role: 'user' } } },
      wampcra: { users: { joe: { secret: 'x', role: 'user' }, ann: { derivedKey: DERIVED, salt: 's', role: 'user' } } },
      wampScram: { principals: { joe: { kdf: 'pbkdf2', iterations: 4_096, ...keys } } },
      scram: { principals: { joe: { kdf: 'argon2id', iterations: 3, memoryKiB: 65_536, ...keys } } },
      cryptosign: { principals: { joe: { authorizedKeys: [HEX], role: 'user' } } },
    }),
  );
  expect(staticAuth(config).wampcra?.users['ann']).toMatchObject({ iterations: 1_000, keylen: 32 });
  expect(adviceOn(config)).toEqual([]);
});

it.each<[fault: string, auth: Auth]>([
  ['realms[0].auth.ticket.principals: Invalid input: expected at least one authid', { ticket: { principals: {} } }],
  ...['\0joe', 'joe\ud800'].map((authid): [string, Auth] => [
    'Invalid name: expected well-formed Unicode that does not begin with U+0000',
    { ticket: { principals: { [authid]: { ticket: 'x', role: 'user' } } } },
  ]),
  ['joe: Invalid input: expected either ticket or ticketSha256', { ticket: { principals: { joe: { role: 'user' } } } }],
  [
    'joe: Invalid input: expected either ticket or ticketSha256',
    { ticket: { principals: { joe: { ticket: 'x', ticketSha256: HEX, role: 'user' } } } },
  ],
  [
    'joe.ticketSha256: Invalid value: expected 32 bytes as 64 hexadecimal digits',
    { ticket: { principals: { joe: { ticketSha256: 'abc', role: 'user' } } } },
  ],
  [
    'realms[0].auth.ticket.principals.joe.role: There is no role "admin" in this realm',
    { ticket: { principals: { joe: { ticket: 'x', role: 'admin' } } } },
  ],
  ['joe: Invalid input: derivedKey needs the salt', { wampcra: { users: { joe: { derivedKey: 'k', role: 'user' } } } }],
  [
    'joe.iterations: Missing',
    {
      wampScram: {
        principals: { joe: { kdf: 'pbkdf2', salt: 'ab'.repeat(16), storedKey: HEX, serverKey: HEX, role: 'user' } },
      },
    } as unknown as Auth,
  ],
  ['joe.keylen: ', { wampcra: { users: { joe: { secret: 'x', salt: 's', keylen: 30, role: 'user' } } } }],
  [
    'joe: Invalid input: argon2id needs memoryKiB',
    {
      scram: {
        principals: {
          joe: { kdf: 'argon2id', iterations: 3, salt: 'ab'.repeat(16), storedKey: HEX, serverKey: HEX, role: 'user' },
        },
      },
    },
  ],
  [
    'joe.authorizedKeys[0]: Invalid value: expected 32 bytes',
    { cryptosign: { principals: { joe: { authorizedKeys: ['ab'], role: 'user' } } } },
  ],
])('names what is wrong: %s', (fault, auth) => {
  expect(() => parseConfig(realmWith(auth))).toThrow(fault);
});

it('suggests a key near one that does not exist, also below an authid', () => {
  const auth = { ticket: { principals: { joe: { tiket: 'x', role: 'user' } } } } as unknown as Auth;
  expect(() => parseConfig(realmWith(auth))).toThrow('did you mean "ticket"?');
});

it('masks secrets wherever they stand', () => {
  const secret = 'open-sesame';
  const text = renderConfig(
    parseConfig({
      ...realmWith({
        ticket: { principals: { joe: { ticket: secret, role: 'user' } } },
        wampcra: { users: { joe: { secret, role: 'user' }, ann: { derivedKey: secret, salt: 'salty', role: 'user' } } },
      }),
      backplane: { url: `redis://user:${secret}@localhost`, redis: { password: secret } },
    }),
  );
  expect(text).not.toContain(secret);
  expect(text).toContain('salty');
});

it('advises on tickets that other machines can see', () => {
  expect(adviceOn(parseConfig(realmWith(ticket)))).toEqual([]);
  const exposed = adviceOn(parseConfig({ ...realmWith(ticket), listen: { host: '0.0.0.0' } }));
  expect(exposed).toEqual([
    expect.stringContaining('realms[0].auth.ticket: tickets and tokens cross the network in the clear'),
  ]);
});

it('advises on tickets at each listener that other machines reach without TLS', () => {
  const tls = { certFile: 'cert.pem', keyFile: 'key.pem' };
  const host = '0.0.0.0';
  const trustedProxies = ['10.0.0.1'];
  const listeners: ConfigInput['listeners'] = [
    { type: 'rawsocket', host, port: 8081 },
    { type: 'rawsocket', host, port: 8082, tls },
    { type: 'rawsocket', path: '/run/gantry.sock' },
    { type: 'rawsocket', host, port: 8083, authMethods: ['wampcra'] },
    { type: 'rawsocket', host, port: 8084, proxyProtocol: { trustedProxies } },
    { type: 'rawsocket', port: 8085 },
    { type: 'websocket', host, port: 8086, authMethods: ['ticket'] },
    { type: 'websocket', host, port: 8087, trustProxyHeader: 'x-forwarded-for', trustedProxies },
  ];
  expect(adviceOn(parseConfig({ ...realmWith(ticket), listen: { host, tls }, listeners }))).toEqual([
    expect.stringContaining('in the clear: set listeners[0].tls and listeners[6].tls, or end TLS at a proxy'),
  ]);
});

it('takes public keys as OpenSSH writes them, and normalizes those in hexadecimal', () => {
  const ssh = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBrfyL/h01YW5k3/vZAAlvI7Bm+RTIwv+7ZvYHW5bhFt';
  const hex = '1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d';
  const authorizedKeys = [ssh, `${ssh} joe@laptop with spaces\n`, hex.toUpperCase()];
  const config = parseConfig(realmWith({ cryptosign: { principals: { joe: { authorizedKeys, role: 'user' } } } }));
  expect(staticAuth(config).cryptosign?.principals['joe']?.authorizedKeys).toEqual([hex, hex, hex]);
});

it.each([
  'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ==',
  'ssh-ed25519',
  'ssh-ed25519 ',
  // The name inside is another one, and the key is too short or too long.
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE4AAAAIBrfyL/h01YW5k3/vZAAlvI7Bm+RTIwv+7ZvYHW5bhFt',
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBrfyL/h01YW5k3/vZAAlvI7Bm+RTIwv+7ZvYHW5bg==',
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBrfyL/h01YW5k3/vZAAlvI7Bm+RTIwv+7ZvYHW5bhFtAA==',
  'no-pty ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBrfyL/h01YW5k3/vZAAlvI7Bm+RTIwv+7ZvYHW5bhFt',
])('refuses the public key %s', (key) => {
  const auth: Auth = { cryptosign: { principals: { joe: { authorizedKeys: [key], role: 'user' } } } };
  expect(() => parseConfig(realmWith(auth))).toThrow('joe.authorizedKeys[0]: Invalid value: expected 32 bytes');
});

it('advises on one key of two principals, by however they write it', () => {
  const ssh = `ssh-ed25519 ${Buffer.from(`0000000b7373682d6564323535313900000020${HEX}`, 'hex').toString('base64')} x`;
  const principals = {
    joe: { authorizedKeys: [HEX, HEX], role: 'user' },
    ann: { authorizedKeys: [ssh], role: 'user' },
    kim: { authorizedKeys: ['cd'.repeat(32)], role: 'user' },
  };
  expect(adviceOn(parseConfig(realmWith({ cryptosign: { principals } })))).toEqual([
    expect.stringContaining('realms[0].auth.cryptosign: the key abababab… belongs to "joe" and "ann"'),
  ]);
});

it.each(['password', DERIVED.slice(0, -1), Buffer.from(HEX, 'hex').subarray(1).toString('base64'), HEX])(
  'advises on a derived key that no client can derive: %s',
  (derivedKey) => {
    const auth: Auth = { wampcra: { users: { joe: { derivedKey, salt: 's', role: 'user' } } } };
    expect(adviceOn(parseConfig(realmWith(auth)))).toEqual([
      expect.stringContaining('realms[0].auth.wampcra.users.joe: derivedKey is not base64 of keylen (32) bytes'),
    ]);
  },
);

const dynamic = { type: 'dynamic', authenticator: 'com.example.authenticate' } as const;

it('takes a list of entries, static and dynamic', () => {
  const config = parseConfig(
    realmWith({
      ticket: [dynamic, { type: 'static', principals: { joe: { ticket: 'x', role: 'user' } } }],
      wampcra: dynamic,
      anonymous: dynamic,
    }),
  );
  const complete = { ...dynamic, timeoutMs: 5_000, mayChooseRealm: false, onUnavailable: 'close' };
  expect(config.realms[0]?.auth).toEqual({
    ticket: [complete, { type: 'static', principals: { joe: { ticket: 'x', role: 'user' } } }],
    wampcra: complete,
    anonymous: complete,
  });
  expect(config.realms[0]?.anonymousRole).toBe(null);
});

it.each<[fault: string, auth: unknown]>([
  ['realms[0].auth.ticket[1].principals: Invalid input: expected at least one authid', [dynamic, { principals: {} }]],
  [
    'realms[0].auth.ticket[0].principals.joe.role: There is no role "admin" in this realm',
    [{ principals: { joe: { ticket: 'x', role: 'admin' } } }],
  ],
  ['realms[0].auth.ticket[1].principals.joe: An earlier entry has the same authid', [ticket.ticket, ticket.ticket]],
  ['realms[0].auth.ticket: ', []],
  ['realms[0].auth.ticket.authenticator: Missing', { type: 'dynamic' }],
  ['realms[0].auth.ticket.type: Invalid input: expected "static" or "dynamic"', { type: 'magic' }],
  ['did you mean "authenticator"?', { ...dynamic, authenticater: 'x' }],
  ['realms[0].auth.ticket.authenticator: Invalid URI "a..b"', { ...dynamic, authenticator: 'a..b' }],
  ['realms[0].auth.ticket.authenticator: Invalid URI', { ...dynamic, authenticator: '\0com.example.authenticate' }],
  ['Procedures of the router decide nothing', { ...dynamic, authenticator: 'gantry.session.info' }],
  ['realms[0].auth.ticket.authenticatorRealm: There is no realm "b"', { ...dynamic, authenticatorRealm: 'b' }],
])('names what is wrong with an entry: %s', (fault, section) => {
  expect(() => parseConfig(realmWith({ ticket: section } as Auth))).toThrow(fault);
});

it('refuses two who decide on anonymous sessions', () => {
  expect(() => parseConfig(realmWith({ anonymous: dynamic }, 'user'))).toThrow(
    'realms[0].auth.anonymous: anonymousRole',
  );
});

it('masks secrets in lists of entries', () => {
  const secret = 'open-sesame';
  const config = parseConfig(
    realmWith({ ticket: [dynamic, { principals: { joe: { ticket: secret, role: 'user' } } }] }),
  );
  expect(renderConfig(config)).not.toContain(secret);
  expect(renderConfig(config)).toContain('com.example.authenticate');
});

it('advises on an authenticator that no role may register', () => {
  expect(adviceOn(parseConfig(realmWith({ ticket: dynamic })))).toEqual([
    expect.stringContaining('realms[0].auth.ticket: no role may register "com.example.authenticate"'),
  ]);
  const named = { uri: dynamic.authenticator, allow: { register: true } };
  const realms = [
    { name: 'a', anonymousRole: null, roles: [{ name: 'user', permissions: [named] }], auth: { ticket: dynamic } },
  ];
  expect(adviceOn(parseConfig({ realms }))).toEqual([]);
});
