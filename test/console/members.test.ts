import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { overflowing } from '../support/in-page.js';
import { choose, MARKUP, reports, rows, setStage } from './stage.js';

const stage = setStage(1);
const PHONE = { width: 375, height: 667 };

const members = (page: Page) => page.locator('#members-list li');
const openMembers = (page: Page, view: 'subscriptions' | 'registrations', uri: string) =>
  rows(page, view, uri)
    .getByRole('button', { name: /^(Subscribers|Callees): / })
    .click();

async function remove(page: Page, session: number): Promise<void> {
  const item = members(page).filter({ hasText: String(session) });
  await item.getByRole('button', { name: 'Remove', exact: true }).click();
  await item.getByRole('button', { name: 'Remove now?' }).click();
  await item.waitFor({ state: 'detached' });
}

describe('the members', () => {
  it('of a subscription are listed, and one is removed after a second click', async () => {
    const [first, second] = [await stage().join('member'), await stage().join('member')];
    const topic = 'com.example.members';
    for (const client of [first, second]) await client.subscribe(topic);
    const page = await stage().signedIn('operator');
    await choose(page, 'subscriptions');
    await openMembers(page, 'subscriptions', topic);
    await page.locator('#members-page', { hasText: /^2 sessions$/ }).waitFor();
    expect(await page.textContent('#members-of')).toBe(`${topic} (exact)`);
    await remove(page, first.session);
    await page.locator('#members-page', { hasText: /^1 session$/ }).waitFor();
    await members(page)
      .filter({ hasText: String(second.session) })
      .waitFor();
    expect(await first.expect(Code.UNSUBSCRIBED)).toMatchObject([Code.UNSUBSCRIBED, 0, {}]);
    const publisher = await stage().join('member');
    await publisher.publishAcknowledged(topic, ['after']);
    expect((await second.expect(Code.EVENT))[4]).toEqual(['after']);
    // The removed session has received no event before this one.
    await first.subscribe(`${topic}.fence`);
    await publisher.publishAcknowledged(`${topic}.fence`, ['fence']);
    expect((await first.expect(Code.EVENT))[4]).toEqual(['fence']);
    await remove(page, second.session);
    await page.locator('#members-page', { hasText: /^0 sessions$/ }).waitFor();
    await page.click('#members-close');
    await expect
      .poll(() => rows(page, 'subscriptions').locator('td:first-child').allTextContents())
      .not.toContain(topic);
  });

  it('of a registration are listed, and one is removed', async () => {
    const callee = await stage().join('member');
    await callee.register('com.example.callee');
    const page = await stage().signedIn('operator');
    await choose(page, 'registrations');
    await openMembers(page, 'registrations', 'com.example.callee');
    await remove(page, callee.session);
    expect(await callee.expect(Code.UNREGISTERED)).toMatchObject([Code.UNREGISTERED, 0, {}]);
    const caller = await stage().join('member');
    caller.call('com.example.callee');
    expect((await caller.expect(Code.ERROR))[4]).toBe('wamp.error.no_such_procedure');
  });

  it('cannot be removed by a role that may not, which sees them', async () => {
    const client = await stage().join('member');
    await client.subscribe('com.example.viewed');
    const page = await stage().signedIn('viewer');
    await choose(page, 'subscriptions');
    await openMembers(page, 'subscriptions', 'com.example.viewed');
    await members(page)
      .filter({ hasText: String(client.session) })
      .waitFor();
    expect(await members(page).getByRole('button').count()).toBe(0);
  });

  it('are shown page by page', async () => {
    const clients = await Promise.all(Array.from({ length: 23 }, () => stage().join('member')));
    for (const client of clients) await client.subscribe('com.example.many');
    const page = await stage().signedIn('operator');
    await choose(page, 'subscriptions');
    await openMembers(page, 'subscriptions', 'com.example.many');
    await page.locator('#members-page', { hasText: '1 of 3 · 23 sessions' }).waitFor();
    expect(await members(page).count()).toBe(10);
    await page.click('#members-older');
    await page.click('#members-older');
    await page.locator('#members-page', { hasText: '3 of 3' }).waitFor();
    expect(await members(page).count()).toBe(3);
    expect(await page.locator('#members-older').isDisabled()).toBe(true);
  });
});

describe('the history of a topic', () => {
  const keep = async (topic: string, count: number): Promise<void> => {
    const publisher = await stage().join('member');
    for (let value = 1; value <= count; value++) await publisher.publishAcknowledged(topic, [`${topic}-${value}-`]);
  };
  const read = async (page: Page, topic: string, match: string): Promise<void> => {
    await choose(page, 'history');
    await page.fill('#history input', topic);
    await page.selectOption('#history select', match);
    await page.click('#history button[type=submit]');
  };
  const items = (page: Page) => page.locator('#history li');
  const turn = (page: Page, name: string) => page.locator('#history').getByRole('button', { name }).click();

  it('is shown page by page, the newest event first, and as text', async () => {
    await keep(`com.example.kept.${MARKUP}`, 60);
    const page = await stage().signedIn('operator');
    await read(page, 'com.example.kept.', 'prefix');
    await items(page).first().filter({ hasText: '-60-' }).waitFor();
    expect(await items(page).count()).toBe(25);
    await turn(page, 'Older');
    await items(page).first().filter({ hasText: '-35-' }).waitFor();
    await turn(page, 'Older');
    await items(page).first().filter({ hasText: '-10-' }).waitFor();
    expect(await items(page).count()).toBe(10);
    expect(await page.locator('#history').getByRole('button', { name: 'Older' }).isDisabled()).toBe(true);
    await turn(page, 'Newer');
    await items(page).first().filter({ hasText: '-35-' }).waitFor();
    expect(await page.locator('img').count()).toBe(0);
    await page.click('#sign-out');
    await expect.poll(() => items(page).count()).toBe(0);
  });

  it('opens from the subscription that has it', async () => {
    await keep('com.example.kept.opened', 1);
    const client = await stage().join('member');
    await client.subscribe('com.example.kept.', { match: 'prefix' });
    const page = await stage().signedIn('operator');
    await choose(page, 'subscriptions');
    await rows(page, 'subscriptions', 'com.example.kept.').getByRole('button', { name: 'History' }).click();
    await items(page).filter({ hasText: 'com.example.kept.opened-1-' }).waitFor();
  });

  it('shows the error of the router where there is none, or the role may not', async () => {
    const page = await stage().signedIn('operator');
    await read(page, 'com.example.unkept', 'exact');
    await reports(page, 'history', /wamp\.error\.no_such_subscription/);
    const viewer = await stage().signedIn('viewer');
    await read(viewer, 'com.example.kept.', 'prefix');
    await reports(viewer, 'history', /wamp\.error\.not_authorized/);
  });

  it('fits on a phone, and so do the members', async () => {
    const uri = `com.example.kept.${'a_very_long_name_'.repeat(10)}`;
    await keep(uri, 30);
    const client = await stage().join('member');
    await client.subscribe(uri);
    await client.subscribe(uri, { match: 'prefix' });
    const page = await stage().signedIn('operator', 0, PHONE);
    const fits = async (): Promise<void> => {
      expect((await page.evaluate(overflowing)).filter((one) => !one.startsWith('<input'))).toEqual([]);
      for (const button of await page.locator('button:visible').all())
        expect((await button.boundingBox())!.height).toBeGreaterThanOrEqual(40);
    };
    await read(page, 'com.example.kept.', 'prefix');
    await items(page).first().waitFor();
    await fits();
    await choose(page, 'subscriptions');
    await rows(page, 'subscriptions', 'prefix').getByRole('button', { name: 'History' }).waitFor();
    await fits();
    await openMembers(page, 'subscriptions', 'prefix');
    await members(page).first().waitFor();
    await fits();
    await remove(page, client.session);
  });
});
