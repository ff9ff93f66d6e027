import { beforeEach, expect, it, vi } from 'vitest';
import { createCounters, type Counters } from '../../../../src/telemetry/counters.js';
import { newCookie, type CookieOptions } from '../../../../src/transport/opening/cookies.js';
import {
  handshakeCookies,
  type HandshakeCookies,
  type HasLogin,
} from '../../../../src/transport/opening/handshake-cookies.js';

const OPTIONS: CookieOptions = { name: 'login', sameSite: 'lax', secure: true, maxAgeSeconds: 60 };
const ATTRIBUTES = 'Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure';
const [P, N] = [newCookie(), newCookie()];

const unasked: HasLogin = () => {
  throw new Error('the store was asked');
};

/** All results so far. */
let counters: Counters;
beforeEach(() => (counters = createCounters()));

async function settle(header: string, hasLogin: HasLogin): Promise<{ pairs: unknown; cookie: unknown; fresh: string }> {
  const { cookie, headers }: HandshakeCookies = await handshakeCookies(header, OPTIONS, hasLogin, counters);
  const pairs = headers.map((line) => {
    const [pair = '', ...attributes] = line.split('; ');
    expect(attributes.join('; ')).toBe(ATTRIBUTES);
    return pair.replace(cookie.fresh ?? 'none', 'FRESH');
  });
  const { fresh = '', ...others } = cookie;
  expect([P, N]).not.toContain(fresh);
  return { pairs, cookie: others, fresh };
}

it('sets one cookie where the client has none, which nobody knew', async () => {
  const { pairs, cookie, fresh } = await settle('theme=dark', unasked);
  expect(pairs).toEqual(['login=FRESH']);
  expect(cookie).toEqual({});
  expect(counters.cookieLookups).toEqual({ answered: 0, timeout: 0, failed: 0 });
  expect(fresh).toHaveLength(43);
});

it('prolongs what the client presents, and sets a fresh value beside it', async () => {
  const { pairs, cookie } = await settle(`login=${P}`, unasked);
  expect(pairs).toEqual([`login=${P}`, 'login-next=FRESH']);
  expect(cookie).toEqual({ presented: P });
});

it('moves the value to the first cookie once a login was bound to it', async () => {
  const { pairs, cookie } = await settle(`login=${P}; login-next=${N}`, (value) => Promise.resolve(value === N));
  expect(pairs).toEqual([`login=${N}`, 'login-next=FRESH']);
  expect(cookie).toEqual({ presented: N });
  expect(counters.cookieLookups).toEqual({ answered: 1, timeout: 0, failed: 0 });
});

it('replaces a value that no login was bound to', async () => {
  const { pairs, cookie } = await settle(`login=${P}; login-next=${N}`, () => Promise.resolve(false));
  expect(pairs).toEqual([`login=${P}`, 'login-next=FRESH']);
  expect(cookie).toEqual({ presented: P });
  const alone = await settle(`login-next=${N}`, () => Promise.resolve(false));
  expect(alone.cookie).toEqual({});
  expect(alone.pairs).toEqual(['login=FRESH', expect.stringMatching(/^login-next=[A-Za-z0-9_-]{43}$/)]);
  expect(alone.pairs).not.toContain(`login-next=${N}`);
});

it('keeps both cookies, and binds nothing, when the store cannot be asked', async () => {
  const failing: HasLogin = () => Promise.reject(new Error('away'));
  expect(await settle(`login=${P}; login-next=${N}`, failing)).toEqual({
    pairs: [`login=${P}`, `login-next=${N}`],
    cookie: { presented: P },
    fresh: '',
  });
  expect(await settle(`login-next=${N}`, failing)).toEqual({ pairs: [`login-next=${N}`], cookie: {}, fresh: '' });
  expect(counters.cookieLookups).toEqual({ answered: 0, timeout: 0, failed: 2 });
});

it('does not wait for a store that does not answer', async () => {
  vi.useFakeTimers();
  try {
    const pending = settle(`login=${P}; login-next=${N}`, () => new Promise(() => undefined));
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await pending).cookie).toEqual({ presented: P });
    expect(counters.cookieLookups).toEqual({ answered: 0, timeout: 1, failed: 0 });
  } finally {
    vi.useRealTimers();
  }
});
