import { expect, it } from 'vitest';
import { BackplaneUnavailableError } from '../../../../src/backplane/backplane.js';
import { MemoryExpiringStore, SharedExpiringState } from '../../../../src/backplane/memory/expiring-store.js';
import { reachUnless } from '../../../../src/backplane/memory/reach.js';
import { bindingMethod, createCookieMethod } from '../../../../src/session/auth/cookie.js';
import { CookieLogins } from '../../../../src/session/auth/cookie-logins.js';
import { granted } from '../../../../src/session/auth/credentials.js';
import type { AuthMethod, AuthRequest, Principal } from '../../../../src/session/auth/method.js';
import { NO_AUTHENTICATORS } from '../../../support/session-harness.js';
import { SESSION, TRANSPORT } from './methods.js';

const PETER: Principal = { authid: 'peter', authrole: 'user', authprovider: 'static' };
const TTL_MS = 1_000;

function scene(principal: Principal = PETER) {
  const clock = { nowMs: 0, isAway: false, ids: 0 };
  const state = new SharedExpiringState(() => clock.nowMs);
  const store = new MemoryExpiringStore(
    state,
    reachUnless(() => (clock.isAway ? new BackplaneUnavailableError('expiring state') : undefined)),
  );
  const ttlMsOf = (realm: string): number | undefined => (realm === 'r' ? TTL_MS : undefined);
  const withdrawn = new Set<string>();
  const logins = new CookieLogins({
    store,
    ttlMsOf,
    subjectNow: (_realm, { authid, authrole }) => (withdrawn.has(authid) ? undefined : { authid, authrole }),
    wallMs: () => clock.nowMs,
    newId: () => `login ${++clock.ids}`,
  });
  const ticket: AuthMethod = {
    name: 'ticket',
    begin: () => ({ kind: 'challenge', extra: {}, answer: () => granted(principal) }),
  };
  const request = (cookie: string | undefined, realm = 'r'): AuthRequest => ({
    realm,
    cookie,
    details: { features: {}, authmethods: [] },
    remoteAddress: TRANSPORT.peer,
    transport: TRANSPORT,
    session: () => SESSION,
    authenticators: NO_AUTHENTICATORS,
    signal: new AbortController().signal,
  });
  const login = async (cookie: string | undefined, realm?: string) => {
    const step = await bindingMethod(ticket, logins).begin(request(cookie, realm));
    return step.kind === 'challenge' ? step.answer('secret', {}) : step;
  };
  const byCookie = (cookie: string | undefined, realm?: string) =>
    createCookieMethod(logins).begin(request(cookie, realm));
  return { clock, state, store, logins, login, byCookie, withdrawn };
}

it('binds a cookie for a time that begins with the login', async () => {
  const { clock, login, byCookie } = scene();
  expect(await login('c')).toMatchObject({ kind: 'granted', principal: PETER });
  clock.nowMs = TTL_MS - 1;
  expect(await byCookie('c')).toEqual({
    kind: 'granted',
    principal: { authid: 'peter', authrole: 'user', authprovider: 'cookie', login: { id: 'login 1', atMs: 0 } },
  });
  clock.nowMs = TTL_MS;
  expect(await byCookie('c')).toEqual({ kind: 'passed' });
});

it('admits nobody whose principal was withdrawn', async () => {
  const { login, byCookie, withdrawn } = scene();
  await login('c');
  withdrawn.add('peter');
  expect(await byCookie('c')).toEqual({ kind: 'passed' });
});

it('binds nothing without a cookie, in a realm without login by cookie, or for a principal that expires', async () => {
  const { state, login } = scene();
  await login(undefined);
  await login('c', 'other');
  expect(state.size).toBe(0);
  const expiring = scene({ ...PETER, validForMs: 60_000 });
  await expiring.login('c');
  expect(await expiring.byCookie('c')).toEqual({ kind: 'passed' });
});

it('lets a login by another method pass while the store is away, and postpones a login by cookie', async () => {
  const { clock, login, byCookie } = scene();
  clock.isAway = true;
  expect(await login('c')).toMatchObject({ kind: 'granted' });
  expect(await byCookie('c')).toMatchObject({ kind: 'postponed', reason: { cause: 'unreachable' } });
});

it.each([
  ['text'],
  [[]],
  [{}],
  [{ authid: 'peter', authrole: 7, atMs: 0 }],
  [{ authid: 'peter', authrole: 'user', atMs: 0 }],
  [{ authid: 'peter', authrole: 'user', authmethod: 'ticket', authprovider: 'static', atMs: 0 }],
  [null],
])('admits nobody by a row that is %j', async (row: unknown) => {
  const { store, byCookie } = scene();
  await store.put('r', { kind: 'cookie', name: 'login\nc' }, row, TTL_MS);
  expect(await byCookie('c')).toEqual({ kind: 'passed' });
});

it('leaves anonymous sessions alone', () => {
  const { logins } = scene();
  const anonymous: AuthMethod = { name: 'anonymous', begin: () => granted(PETER) };
  expect(bindingMethod(anonymous, logins)).toBe(anonymous);
});

it('ends one login, and all logins of an authid until now', async () => {
  const { clock, logins, login, byCookie } = scene();
  await login('c');
  await login('d');
  const [first, second] = [await logins.find('r', 'c'), await logins.find('r', 'd')];
  expect(first?.login?.id).not.toBe(second?.login?.id);
  await logins.logout('r', first!.login!);
  expect(await byCookie('c')).toEqual({ kind: 'passed' });
  expect(await byCookie('d')).toMatchObject({ kind: 'granted' });
  expect(await logins.hasEnded('r', 'peter', second!.login!)).toBe(false);
  await logins.revoke('r', 'peter');
  expect(await logins.hasEnded('r', 'peter', second!.login!)).toBe(true);
  expect(await byCookie('d')).toEqual({ kind: 'passed' });
  clock.nowMs++;
  await login('d');
  expect(await byCookie('d')).toMatchObject({ kind: 'granted' });
});
