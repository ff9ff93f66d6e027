import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { contrast, overflowing } from '../support/in-page.js';
import { flood, longList, stored, withoutCreate } from './in-page.js';
import { choose, MARKUP, reports, rows, setStage, signIn, type View } from './stage.js';

const stage = setStage(1);
const VIEWS: readonly View[] = ['nodes', 'sessions', 'subscriptions', 'registrations', 'events'];
const PHONE = { width: 360, height: 740 };
const LONG_URI = `com.example.${'a_very_long_name_'.repeat(12)}`;

/** A module of the page. By its text: the compiler of the tests would replace the import. */
function loaded(page: Page, module: string) {
  return page.evaluateHandle(`import('/console/${module}')`);
}

describe('what a role may see', () => {
  it('is nothing without permissions, and each view shows the error', async () => {
    await stage().join('operator');
    const page = await stage().open();
    await signIn(page, 'anonymous');
    await page.locator('#who', { hasText: /^realm1 · .* \(member\)$/ }).waitFor();
    for (const view of VIEWS.slice(0, 4)) {
      await choose(page, view);
      await reports(page, view, /wamp\.error\.not_authorized/);
      expect(await rows(page, view).count()).toBe(0);
    }
  });

  it('is the realm without closing sessions, if it may not', async () => {
    const other = await stage().join('member');
    const page = await stage().signedIn('viewer');
    await reports(page, 'nodes', /wamp\.error\.not_authorized/);
    await choose(page, 'sessions');
    await rows(page, 'sessions', String(other.session), 'member').waitFor();
    await reports(page, 'sessions', /^2 sessions$/);
    expect(await page.locator('#sessions').getByRole('button', { name: 'Close' }).count()).toBe(0);
  });

  it('does not hide that a session has gone before it was closed', async () => {
    const other = await stage().join('member');
    const page = await stage().signedIn('operator');
    await choose(page, 'sessions');
    await rows(page, 'sessions', String(other.session)).getByRole('button', { name: 'Close' }).click();
    await other.close();
    await rows(page, 'sessions', String(other.session)).waitFor({ state: 'detached' });
    await page.click('#kill-yes');
    await page.locator('#kill-failure', { hasText: 'wamp.error.no_such_session' }).waitFor();
    await page.click('#kill-no');
    expect(await page.locator('#kill').isVisible()).toBe(false);
  });
});

describe('signing in', () => {
  it('takes WAMP-CRA, salted or not, and refuses a wrong secret in words', async () => {
    const page = await stage().open();
    await signIn(page, 'wampcra', 'carol', 'wrong');
    await page.locator('#notice', { hasText: 'wamp.error.' }).waitFor();
    expect(await page.locator('#console').isVisible()).toBe(false);
    await page.fill('#secret', 'carol-secret');
    await page.click('#join');
    await page.locator('#who', { hasText: 'carol (operator)' }).waitFor();
    await reports(page, 'nodes', /^1 node · 1 session/);
    await page.click('#sign-out');
    await signIn(page, 'wampcra', 'dora', 'dora-secret');
    await page.locator('#who', { hasText: 'dora (viewer)' }).waitFor();
  });

  it('leaves no trace of the secret in storage, address or form, and nothing to see after signing out', async () => {
    await stage().join('member');
    const page = await stage().signedIn('operator');
    await choose(page, 'sessions');
    await reports(page, 'sessions', /^2 sessions$/);
    expect(await page.evaluate(stored)).toEqual({ local: 0, session: 0, cookie: '' });
    expect(page.url()).toMatch(/\/console\/$/);
    expect(await page.inputValue('#secret')).toBe('');
    await page.click('#sign-out');
    await page.locator('#sign-in').waitFor();
    expect(await page.locator('#console').isVisible()).toBe(false);
    await expect.poll(() => rows(page, 'sessions').count()).toBe(0);
    expect(await page.evaluate(stored)).toEqual({ local: 0, session: 0, cookie: '' });
  });

  it('ends when another session closes this one, and does not come back by itself', async () => {
    const page = await stage().signedIn('operator');
    const killer = await stage().join('operator');
    killer.call('wamp.session.kill_by_authid', ['operator']);
    await killer.expect(Code.RESULT);
    await page.locator('#notice', { hasText: 'The router has ended the session: wamp.close.killed' }).waitFor();
    await page.locator('#sign-in').waitFor();
    killer.call('wamp.session.count');
    expect((await killer.expect(Code.RESULT))[3]).toEqual([1]);
  });
});

describe('what clients chose', () => {
  it('is text, wherever it is shown', async () => {
    const client = await stage().join(MARKUP);
    await client.register(`com.example.${MARKUP}`);
    await client.subscribe(`com.example.${MARKUP}`);
    const page = await stage().signedIn('operator');
    await choose(page, 'sessions');
    await rows(page, 'sessions', MARKUP).waitFor();
    await rows(page, 'sessions', MARKUP).getByRole('button', { name: 'Close' }).click();
    expect(await page.textContent('#kill-who')).toContain(MARKUP);
    await page.click('#kill-no');
    await choose(page, 'registrations');
    await rows(page, 'registrations', MARKUP).waitFor();
    await choose(page, 'subscriptions');
    await rows(page, 'subscriptions', MARKUP).getByRole('button', { name: 'Watch' }).click();
    await reports(page, 'events', /^watching/);
    client.request(Code.PUBLISH, { exclude_me: false }, `com.example.${MARKUP}`, [MARKUP], { [MARKUP]: MARKUP });
    await page.locator('.events li code', { hasText: '<img' }).waitFor();
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.title()).toBe('Console · Gantry');
  });

  it('cannot become markup: the policy lets no script insert any, and nothing from elsewhere', async () => {
    const page = await stage().open();
    const policy = (await page.reload())!.headers()['content-security-policy']!.split('; ');
    expect(policy).toEqual(
      expect.arrayContaining(["default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'"]),
    );
    expect(policy.join()).not.toMatch(/unsafe|\*|https?:|data:/);
  });
});

it('a subscription appears with on_subscribe where on_create is missing (ADR 42)', async () => {
  const page = await stage().open();
  const rows = await page.evaluate(withoutCreate, [await loaded(page, 'directory.js')] as const);
  expect(rows).toContain('com.example.late');
});

describe('bounds', () => {
  it('shows one page of many sessions, and finds one by its details', async () => {
    const members = await Promise.all(Array.from({ length: 60 }, () => stage().join('member')));
    const page = await stage().signedIn('operator');
    await choose(page, 'sessions');
    await reports(page, 'sessions', /^61 sessions$/);
    expect(await rows(page, 'sessions').count()).toBe(25);
    await page.getByRole('button', { name: 'Older' }).and(page.locator('#sessions button')).click();
    await page.locator('#sessions nav', { hasText: '2 of 3' }).waitFor();
    await page.fill('#sessions input', 'OPERATOR');
    await reports(page, 'sessions', /^1 found in 61 sessions$/);
    await page.fill('#sessions input', String(members[7]!.session));
    await rows(page, 'sessions', 'member').waitFor();
    expect(await rows(page, 'sessions').count()).toBe(1);
  });

  it('shows one page of 50,000 entries, and reads the details of no more than it needs', async () => {
    const page = await stage().open();
    const seen = await page.evaluate(longList, [await loaded(page, 'list-view.js'), 50_000] as const);
    expect(seen.status).toBe('50,000 things');
    expect([seen.rows, seen.first, seen.pages]).toEqual([25, '50000', '1 of 2,000']);
    expect(seen.read).toBe(25);
    expect(seen.filtered.status).toBe('3 found in the newest 2,000 of 50,000 things');
    expect(seen.filtered.read).toBeLessThanOrEqual(2_025);
  });

  it('survives a flood of events, of which it shows some and counts the others', async () => {
    const page = await stage().signedIn('operator');
    await choose(page, 'events');
    await page.fill('#events input', 'com.example.flood');
    await page.locator('#events').getByRole('button', { name: 'Watch' }).click();
    await reports(page, 'events', /^watching/);
    const publisher = await stage().join('member');
    for (let count = 0; count < 20_000; count++)
      publisher.send([Code.PUBLISH, count + 1, {}, 'com.example.flood', [count]]);
    await reports(page, 'events', /not shown: more than 50 in a second/);
    await choose(page, 'sessions');
    await rows(page, 'sessions', String(publisher.session)).waitFor();
    expect(await page.locator('.events li').count()).toBeLessThanOrEqual(200);
  });

  it('ends a subscription with too many events in a second', async () => {
    const page = await stage().open();
    expect(await page.evaluate(flood, [await loaded(page, 'events.js'), 6_000] as const)).toEqual({
      status: '5,001 events · 4,950 not shown: more than 50 in a second · stopped: more than 5,000 events in a second',
      items: 50,
      hasUnsubscribed: true,
    });
  });
});

describe.each(['light', 'dark'] as const)('on a phone, %s', (colorScheme) => {
  it('everything fits, can be read and is big enough for a finger', async () => {
    const client = await stage().join(MARKUP);
    await client.register(LONG_URI);
    await client.subscribe(LONG_URI, { match: 'prefix' });
    const page = await stage().open(0, { ...PHONE, colorScheme });
    await page.locator('#join:enabled').waitFor();
    expect(await page.evaluate(overflowing)).toEqual([]);
    await page.close();
    const open = await stage().signedIn('operator', 0, { ...PHONE, colorScheme });
    for (const view of VIEWS) {
      await choose(open, view);
      if (view === 'events') {
        await open.fill('#events input', LONG_URI);
        await open.locator('#events').getByRole('button', { name: 'Watch' }).click();
        await reports(open, view, /^watching/);
        client.request(Code.PUBLISH, { exclude_me: false }, LONG_URI, ['x'.repeat(500)]);
        await open.locator('.events li').waitFor();
      } else await rows(open, view).first().waitFor();
      // A long topic scrolls within its field.
      expect(
        (await open.evaluate(overflowing)).filter((one) => !one.startsWith('<input')),
        view,
      ).toEqual([]);
      for (const selector of [`#${view} .status`, '#who', '[role=tab]', `#${view} :is(td, code)`])
        expect(await open.locator(selector).first().evaluate(contrast), `${view} ${selector}`).toBeGreaterThan(4.5);
      for (const box of await Promise.all((await open.locator('button:visible').all()).map((one) => one.boundingBox())))
        expect(box!.height).toBeGreaterThanOrEqual(40);
    }
  });
});
