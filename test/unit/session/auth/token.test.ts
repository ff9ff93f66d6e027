import { describe, expect, it } from 'vitest';
import { DENIED } from '../../../../src/session/auth/credentials.js';
import type { AuthenticatorRequest } from '../../../../src/session/auth/method.js';
import { createTokenMethod, TokenReader, type ClaimRules } from '../../../../src/session/auth/token.js';
import { unavailable } from '../../../../src/session/ports.js';
import type { Uri } from '../../../../src/wamp/ids.js';
import type { Dict } from '../../../../src/wamp/options.js';
import { NO_AUTHENTICATORS } from '../../../support/session-harness.js';
import { SESSION, TRANSPORT } from './methods.js';

const REALM: Uri = 'com.example.app';

const RULES: ClaimRules = {
  authid: 'sub',
  role: 'role',
  fixedRole: undefined,
  realm: undefined,
  authextra: [],
  roles: new Set(['user', 'admin']),
  closeOnExpiry: true,
};

function reader(claims: Dict, rules: Partial<ClaimRules> = {}): TokenReader {
  return new TokenReader({ verify: () => Promise.resolve({ claims, validForMs: 5 }) }, { ...RULES, ...rules });
}

const REQUEST: AuthenticatorRequest = {
  realm: REALM,
  details: {},
  transport: TRANSPORT,
  session: () => SESSION,
  authenticators: NO_AUTHENTICATORS,
  signal: new AbortController().signal,
};

/** Undefined: the token names no principal. */
async function read(claims: Dict, rules?: Partial<ClaimRules>): Promise<unknown> {
  const step = await reader(claims, rules).decide('token', REQUEST);
  if (step.kind === 'granted') return step.principal;
  expect(step).toBe(DENIED);
  return undefined;
}

describe('claims of a token', () => {
  it('give authid, role and time of a session (AUT-2)', async () => {
    expect(await read({ sub: 'joe', role: 'user' })).toEqual({
      authid: 'joe',
      authrole: 'user',
      authprovider: 'jwt',
      validForMs: 5,
    });
    expect(await read({ sub: 'joe', role: 'user' }, { closeOnExpiry: false })).not.toHaveProperty('validForMs');
  });

  it.each<[Dict, string]>([
    [{ sub: 'joe' }, 'no role'],
    [{ sub: 'joe', role: 'root' }, 'a role that the realm does not have'],
    [{ sub: 'joe', role: 7 }, 'a role that is no text'],
    [{ sub: 'joe', role: [] }, 'an empty list of roles'],
    [{ sub: '', role: 'user' }, 'an empty authid'],
    [{ sub: 7, role: 'user' }, 'an authid that is no text'],
    [{ sub: 'x'.repeat(256), role: 'user' }, 'a long authid'],
    [{ sub: 'a\0b', role: 'user' }, 'a control character in the authid'],
    [{ sub: 'a\ud800', role: 'user' }, 'half a surrogate pair in the authid'],
    [{ role: 'user' }, 'no authid'],
  ])('name no principal: %j has %s', async (claims) => {
    expect(await read(claims)).toBeUndefined();
  });

  it('may list roles: the first that the realm has counts', async () => {
    expect(await read({ sub: 'joe', role: ['x', 'admin', 'user'] })).toMatchObject({ authrole: 'admin' });
  });

  it('may be at the end of a path, or be called like one', async () => {
    const rules = { role: 'realm_access.roles', authid: 'https://example.com/name' };
    const claims = { 'https://example.com/name': 'joe', realm_access: { roles: ['user'] } };
    expect(await read(claims, rules)).toMatchObject({ authid: 'joe', authrole: 'user' });
    expect(await read({ sub: 'joe', 'a.b': 'user', a: { b: 'admin' } }, { role: 'a.b' })).toMatchObject({
      authrole: 'user',
    });
  });

  it('are only those that the token has itself', async () => {
    for (const authid of ['__proto__', 'constructor', 'toString', 'constructor.name', '__proto__.constructor.name'])
      expect(await read({ sub: 'joe', role: 'user' }, { authid })).toBeUndefined();
  });

  it('may bind a token to realms', async () => {
    const rules = { realm: 'realms' };
    expect(await read({ sub: 'joe', role: 'user', realms: REALM }, rules)).toBeDefined();
    expect(await read({ sub: 'joe', role: 'user', realms: ['x', REALM] }, rules)).toBeDefined();
    expect(await read({ sub: 'joe', role: 'user', realms: ['x'] }, rules)).toBeUndefined();
    expect(await read({ sub: 'joe', role: 'user' }, rules)).toBeUndefined();
  });

  it.each(['\0text', Infinity, [['\0text']], [[NaN]]])(
    'go nowhere if JSON cannot represent them (SER-3)',
    async (mail) => {
      const principal = await read({ sub: 'joe', role: 'user', mail }, { authextra: ['mail'] });
      expect(principal).not.toHaveProperty('authextra');
    },
  );

  it('go into authextra where they are named and plain', async () => {
    const claims = { sub: 'joe', role: 'user', mail: 'joe@example.com', groups: ['a', 'b'], deep: { x: [[[]]] } };
    const principal = await read(claims, { authextra: ['mail', 'groups', 'deep', 'missing', '__proto__'] });
    expect(principal).toHaveProperty('authextra', { mail: 'joe@example.com', groups: ['a', 'b'] });
  });

  it('do not matter where the role is fixed', async () => {
    expect(await read({ sub: 'joe', role: 'admin' }, { fixedRole: 'user' })).toMatchObject({ authrole: 'user' });
  });
});

describe('several issuers', () => {
  const away = new TokenReader({ verify: () => Promise.resolve(unavailable('undecided', 'away')) }, RULES);
  const refusing = new TokenReader({ verify: () => Promise.resolve(undefined) }, RULES);
  const good = reader({ sub: 'joe', role: 'user' });

  const outcome = async (...readers: TokenReader[]): Promise<string> => {
    const step = await createTokenMethod(readers).begin({ realm: REALM } as never);
    if (step.kind !== 'challenge') throw new Error('no challenge');
    return (await step.answer('token', {})).kind;
  };

  it('are asked in turn', async () => {
    expect(await outcome(refusing, good)).toBe('granted');
    expect(await outcome(away, good)).toBe('granted');
    expect(await outcome(refusing, refusing)).toBe('refused');
  });

  it('decide nothing while one of them cannot be asked', async () => {
    expect(await outcome(away, refusing)).toBe('postponed');
  });

  it('receive no token that is too long', async () => {
    expect(await good.decide('x'.repeat(16_385), REQUEST)).toBe(DENIED);
  });
});
