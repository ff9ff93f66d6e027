import { describe, expect, it } from 'vitest';
import { BackplaneUnavailableError } from '../../../../src/backplane/backplane.js';
import { MemoryExpiringStore, SharedExpiringState } from '../../../../src/backplane/memory/expiring-store.js';
import { sharedStepUnless } from '../../../../src/backplane/memory/shared-step.js';
import { bindingMethod, createCookieMethod } from '../../../../src/session/auth/cookie.js';
import { CookieLogins } from '../../../../src/session/auth/cookie-logins.js';
import { granted } from '../../../../src/session/auth/credentials.js';
import type { AuthMethod, AuthRequest, Principal } from '../../../../src/session/auth/method.js';
import type { ConnectionCookie } from '../../../../src/transport/connection.js';
import { NO_AUTHENTICATORS } from '../../../support/session-harness.js';
import { SESSION, TRANSPORT } from './methods.js';

const PETER: Principal = { authid: 'peter', authrole: 'user', authprovider: 'static' };
const TTL_MS = 1_000;

function scene(principal: Principal = PETER) {
  const clock = { nowMs: 0, isAway: false, ids: 0 };
  const state = new SharedExpiringState(() => clock.nowMs);
  const store = new MemoryExpiringStore(
    state,
    sharedStepUnless(() => (clock.isAway ? new BackplaneUnavailableError('expiring state') : undefined)),
  );
  const ttlMsOf = (realm: string): number | undefined =>
    realm === 'r' ? TTL_MS : realm === 'long' ? 2 * TTL_MS : undefined;
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
  const request = (cookie: ConnectionCookie | undefined, realm = 'r'): AuthRequest => ({
    realm,
    cookie,
    details: { features: {}, authmethods: [] },
    remoteAddress: TRANSPORT.peer,
    transport: TRANSPORT,
    session: () => SESSION,
    authenticators: NO_AUTHENTICATORS,
    signal: new AbortController().signal,
  });
  /** `fresh`: the value that the handshake has set; `presented`: that of the client. */
  const login = async (fresh: string | undefined, realm?: string, presented?: string) => {
    const cookie = { ...(fresh === undefined ? {} : { fresh }), ...(presented === undefined ? {} : { presented }) };
    const step = await bindingMethod(ticket, logins).begin(request(cookie, realm));
    return step.kind === 'challenge' ? step.answer('secret', {}) : step;
  };
  const byCookie = (presented: string | undefined, realm?: string) =>
    createCookieMethod(logins).begin(request(presented === undefined ? undefined : { presented }, realm));
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
  const [first, second] = [await logins.find('r', { presented: 'c' }), await logins.find('r', { presented: 'd' })];
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

describe('a login on a connection that has presented a cookie', () => {
  const PASSES = { kind: 'passed' };

  it('binds the fresh value, and ends the login of the presented one', async () => {
    const { login, byCookie, logins } = scene();
    await login('planted');
    expect(await logins.hasLogin('planted')).toBe(true);
    expect(await logins.hasLogin('fresh')).toBe(false);
    await login('fresh', 'r', 'planted');
    expect(await byCookie('planted')).toEqual(PASSES);
    expect(await byCookie('fresh')).toMatchObject({ kind: 'granted' });
    expect(await logins.hasLogin('fresh')).toBe(true);
  });

  it('takes the logins of other realms along, for the rest of their time', async () => {
    const { clock, login, byCookie } = scene();
    await login('old', 'long');
    clock.nowMs = 1_500;
    await login('new', 'r', 'old');
    expect(await byCookie('new', 'long')).toMatchObject({ kind: 'granted' });
    expect(await byCookie('new')).toMatchObject({ kind: 'granted' });
    clock.nowMs = 2_000;
    expect(await byCookie('new', 'long')).toEqual(PASSES);
    expect(await byCookie('new')).toMatchObject({ kind: 'granted' });
    await login('newer', 'long', 'new');
    expect(await byCookie('newer')).toMatchObject({ kind: 'granted' });
  });

  it('binds nothing where no fresh value could be set', async () => {
    const { login, byCookie } = scene();
    await login(undefined, 'r', 'presented');
    expect(await byCookie('presented')).toEqual(PASSES);
  });

  it('ends the login of the presented value also where the new principal expires', async () => {
    const { login, byCookie, logins } = scene();
    await login('old');
    await logins.bind('r', { fresh: 'new', presented: 'old' }, 'jwt', { ...PETER, validForMs: 1 });
    expect(await byCookie('old')).toEqual(PASSES);
    expect(await byCookie('new')).toEqual(PASSES);
  });

  it('joins by the value that this connection has bound, or else by the presented one', async () => {
    const { login, logins } = scene();
    await login('presented');
    expect(await logins.find('r', { fresh: 'unbound', presented: 'presented' })).toMatchObject({ authid: 'peter' });
    await login('fresh', 'r', 'presented');
    expect(await logins.find('r', { fresh: 'fresh', presented: 'presented' })).toMatchObject({ authid: 'peter' });
  });
});
