import { expect, it } from 'vitest';
import { BackplaneUnavailableError, type Backplane } from '../../../../src/backplane/backplane.js';
import { MemoryExpiringStore, SharedExpiringState } from '../../../../src/backplane/memory/expiring-store.js';
import { sharedStepUnless } from '../../../../src/backplane/memory/shared-step.js';
import { CookieLogouts } from '../../../../src/node/auth/cookie-logouts.js';
import { CookieLogins } from '../../../../src/session/auth/cookie-logins.js';
import type { Login } from '../../../../src/session/auth/login.js';
import type { Session } from '../../../../src/session/ports.js';
import { META_LIMITS } from '../../../support/meta-limits.js';

const PETER = { authid: 'peter', authrole: 'user', authprovider: 'static' };

async function scene() {
  const state = { isAway: false };
  const store = new MemoryExpiringStore(
    new SharedExpiringState(() => 0),
    sharedStepUnless(() => (state.isAway ? new BackplaneUnavailableError('expiring state') : undefined)),
  );
  const logins = new CookieLogins({
    store,
    ttlMsOf: () => 1_000,
    subjectNow: (_realm, { authid, authrole }) => ({ authid, authrole }),
    wallMs: () => 0,
    newId: () => 'one',
  });
  const lost: string[] = [];
  const ask = (): never => {
    throw new BackplaneUnavailableError('question');
  };
  const logouts = new CookieLogouts({
    logins,
    asking: { backplane: { ask } as unknown as Backplane, limits: META_LIMITS, onLimit: () => undefined },
    onLost: (operation) => lost.push(operation),
  });
  const login = (await logins.bind('r', { fresh: 'c' }, 'ticket', PETER))!;
  const closed: string[] = [];
  const session = (of: Login | undefined): Session =>
    ({ realm: 'r', ...PETER, login: of, close: (reason: string) => closed.push(reason) }) as unknown as Session;
  return { state, logins, logouts, login, lost, closed, session };
}

it('closes a session whose login has ended between the lookup of its cookie and its WELCOME', async () => {
  const { logins, logouts, login, closed, session } = await scene();
  await logins.logout('r', login);
  logouts.joined(session(login));
  await expect.poll(() => closed).toEqual(['wamp.close.logout']);
});

it('keeps a session whose login stands, or that has none', async () => {
  const { logins, logouts, login, closed, session } = await scene();
  logouts.joined(session(login));
  logouts.joined(session(undefined));
  await logins.logout('r', { id: 'other', atMs: 0 });
  logouts.joined(session({ id: 'other', atMs: 0 }));
  await expect.poll(() => closed).toEqual(['wamp.close.logout']);
});

it('reports a logout that the store, or other nodes, have not taken', async () => {
  const { state, logouts, login, lost, session } = await scene();
  logouts.logout(session(login));
  await expect.poll(() => lost).toEqual(['logout']);
  state.isAway = true;
  logouts.logout(session(login));
  logouts.joined(session(login));
  await expect.poll(() => lost).toEqual(['logout', 'check of a login', 'logout']);
});
