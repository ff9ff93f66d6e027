import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../../src/config/load.js';
import type { Config, ConfigInput } from '../../../../src/config/schema.js';
import { withdrawals } from '../../../../src/node/reload/withdrawal.js';

type Policy = 'keep' | 'recheck' | 'close';
const KEY = 'ab'.repeat(32);

const user = (prefix: string) => ({
  name: 'user',
  permissions: [{ uri: prefix, match: 'prefix' as const, allow: { call: true } }],
});

interface Parts {
  readonly onWithdrawn?: Policy;
  readonly roles?: object[];
  readonly auth?: object;
  readonly anonymousRole?: string | null;
}

const AUTH = {
  ticket: { principals: { joe: { ticket: 'x', role: 'user' } } },
  wampcra: { users: { joe: { secret: 'x', role: 'user' } } },
  cryptosign: { principals: { joe: { authorizedKeys: [KEY], role: 'user' } } },
};

function config({ onWithdrawn = 'recheck', roles = [user('a.'), { name: 'other' }], ...rest }: Parts = {}): Config {
  const realm = { name: 'r', onWithdrawn, roles, auth: AUTH, anonymousRole: 'other', ...rest };
  return parseConfig({ realms: [realm] } as unknown as ConfigInput);
}

const joe = { realm: 'r', authid: 'joe', authrole: 'user', authmethod: 'ticket', authprovider: 'static' };
const anonymous = { ...joe, authid: 'x-1', authrole: 'other', authmethod: 'anonymous' };
const WITHOUT_JOE = { ...AUTH, ticket: { principals: { ann: { ticket: 'x', role: 'user' } } } };

describe.each<[policy: Policy]>([['keep'], ['recheck'], ['close']])('onWithdrawn: %s', (onWithdrawn) => {
  const verdict = (after: Parts, session = joe) => withdrawals(config(), config({ onWithdrawn, ...after }))(session);
  const kept = { kind: 'keeps' };
  const stays = onWithdrawn === 'keep' ? kept : expect.objectContaining({ kind: 'rechecked' });
  const closed = { kind: 'closed', reason: expect.any(String) as string };
  const closes = onWithdrawn === 'keep' ? kept : closed;
  const closesOnly = onWithdrawn === 'close' ? closed : (stays as object);

  it('leaves a session whose principal and role are as before', () => {
    expect(verdict({})).toEqual(stays);
    expect(verdict({}, anonymous)).toEqual(stays);
  });

  it('closes a session whose principal is gone, unless it keeps all', () => {
    expect(verdict({ auth: WITHOUT_JOE })).toEqual(closes);
    // The same authid by another method is another principal.
    expect(verdict({ auth: WITHOUT_JOE }, { ...joe, authmethod: 'wampcra' })).toEqual(stays);
    expect(verdict({ auth: WITHOUT_JOE }, { ...joe, authmethod: 'cryptosign' })).toEqual(stays);
    expect(verdict({ auth: {} })).toEqual(closes);
  });

  it('closes a session whose principal has another role, or whose role is gone', () => {
    const auth = { ticket: { principals: { joe: { ticket: 'x', role: 'other' } } } };
    expect(verdict({ auth })).toEqual(closes);
    expect(verdict({ auth: {}, roles: [{ name: 'other' }] }, { ...joe, authprovider: 'dynamic' })).toEqual(closes);
  });

  it('closes anonymous sessions when there are none any more, or with another role', () => {
    expect(verdict({ anonymousRole: null }, anonymous)).toEqual(closes);
    expect(verdict({ anonymousRole: 'user' }, anonymous)).toEqual(closes);
  });

  it('does not look for principals of others in the configuration', () => {
    expect(verdict({ auth: {} }, { ...joe, authprovider: 'dynamic' })).toEqual(stays);
  });

  it('closes a session whose credential has changed only if it closes all that is withdrawn', () => {
    const ticket = { principals: { joe: { ticket: 'y', role: 'user' } } };
    expect(verdict({ auth: { ...AUTH, ticket } })).toEqual(closesOnly);
  });

  it('closes a session whose role may do less only if it closes all that is withdrawn', () => {
    expect(verdict({ roles: [user('a.b.'), { name: 'other' }] })).toEqual(closesOnly);
    const denied = { uri: 'a.b', match: 'exact', allow: {} };
    const narrowed = { name: 'user', permissions: [...user('a.').permissions, denied] };
    expect(verdict({ roles: [narrowed, { name: 'other' }] })).toEqual(closesOnly);
    const more = { name: 'user', permissions: [...user('a.').permissions, ...user('b.').permissions] };
    expect(verdict({ roles: [more, { name: 'other' }] })).toEqual(stays);
    expect(verdict({ roles: [user(''), { name: 'other' }] })).toEqual(stays);
  });
});

it('leaves realms alone that only one of the configurations has, and authids of the prototype', () => {
  const other = parseConfig({ realms: [{ name: 's', roles: [{ name: 'user' }] }] });
  expect(withdrawals(config(), other)(joe)).toEqual({ kind: 'keeps' });
  expect(withdrawals(config(), config())({ ...joe, authid: 'constructor' })).toMatchObject({ kind: 'closed' });
});

it('rechecks with the new permissions of the principal itself', () => {
  const permissions = [{ uri: 'own', match: 'exact', allow: { call: true } }];
  const ticket = { principals: { joe: { ticket: 'x', role: 'user', permissions } } };
  expect(withdrawals(config(), config({ auth: { ...AUTH, ticket } }))(joe)).toMatchObject({
    kind: 'rechecked',
    subject: { authid: 'joe', authrole: 'user', permissions },
  });
});

it('asks of tokens whether the issuers are the same', () => {
  const token = { ...joe, authmethod: 'jwt', authprovider: 'jwt' };
  const key = { algorithm: 'HS256', secret: 'x'.repeat(32) };
  const jwt = (issuer: string): Parts => ({
    onWithdrawn: 'close',
    auth: { jwt: [{ issuer, keys: [key], audience: 'a', role: 'user' }] },
  });
  const verdict = (after: Parts) => withdrawals(config(jwt('i')), config(after))(token).kind;
  expect(verdict(jwt('i'))).toBe('rechecked');
  expect(verdict(jwt('j'))).toBe('closed');
  expect(verdict({ ...jwt('j'), onWithdrawn: 'recheck' })).toBe('rechecked');
  expect(verdict({ auth: {} })).toBe('closed');
});

describe('a session that joined by cookie', () => {
  const cookie = { ...joe, authmethod: 'cookie', authprovider: 'cookie' };
  const only = (principal: object): Parts => ({ auth: { ticket: { principals: { joe: principal } } } });
  const plain = only({ ticket: 'x', role: 'user' });
  const verdict = (before: Parts, after: Parts, session = cookie) =>
    withdrawals(config(before), config(after))(session).kind;

  it('ends with its principal, and with the role of its principal', () => {
    expect(verdict(plain, plain)).toBe('keeps');
    expect(verdict(plain, { ...plain, roles: [user('b.'), { name: 'other' }] })).toBe('rechecked');
    expect(verdict(plain, only({ ticket: 'x', role: 'other' }))).toBe('closed');
    expect(verdict(plain, { auth: {} })).toBe('closed');
    expect(verdict(plain, { ...plain, auth: {}, onWithdrawn: 'keep' })).toBe('keeps');
  });

  it('ends when the credential has changed only if all that is withdrawn is closed', () => {
    const changed = only({ ticket: 'y', role: 'user' });
    expect(verdict(plain, changed)).toBe('rechecked');
    expect(verdict(plain, { ...changed, onWithdrawn: 'close' })).toBe('closed');
  });

  it('is not rechecked without the permissions of its principal', () => {
    const permissions = [{ uri: 'a.b', allow: {} }];
    const own = only({ ticket: 'x', role: 'user', permissions });
    expect(verdict(own, own)).toBe('keeps');
    expect(verdict(own, { ...own, roles: [user('b.'), { name: 'other' }] })).toBe('closed');
    expect(verdict(plain, own)).toBe('closed');
  });

  it('goes on when an authenticator or a token has decided on its principal', () => {
    expect(verdict({}, plain, { ...cookie, authid: 'ann' })).toBe('rechecked');
  });
});
