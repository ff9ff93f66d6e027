import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.js';
import { launchChromium } from '../support/chromium.js';
import { cleanups, startRedisCluster } from '../support/cluster.js';
import { joinByCookie } from './clients/cookie-in-page.js';

const SCRIPT = createRequire(import.meta.url).resolve('autobahn-browser/autobahn.min.js');
const CONFIG: ConfigInput = {
  listen: { cookie: { name: 'login' }, allowedOrigins: ['http://127.0.0.1:*'] },
  realms: [
    {
      name: 'realm1',
      roles: [{ name: 'user' }],
      auth: { cookie: {}, ticket: { principals: { peter: { ticket: 'right', role: 'user' } } } },
    },
  ],
};

const later = cleanups();
let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

/** A page of the origin of a node: any answer of the router is one, without the policy that forbids it all scripts. */
async function pageAt(url: string, context = browser.newContext({ bypassCSP: true })): Promise<Page> {
  const page = await (await context).newPage();
  page.on('websocket', (socket) =>
    socket.on('socketerror', (error) => console.warn(`Chromium, ${socket.url()}: ${error}`)),
  );
  await page.goto(url.replace(/^ws/, 'http').replace(/ws$/, ''));
  await page.addScriptTag({ path: SCRIPT });
  return page;
}

it('autobahn-js in Chromium logs in at one node, and joins another by the cookie', async () => {
  const cluster = await startRedisCluster(2, CONFIG);
  later(() => cluster.stop());
  const [one, two] = [cluster.url(0), cluster.url(1)];
  const page = await pageAt(one);
  later(() => page.context().close());
  const join = (url: string, ticket: string, farewell = ''): Promise<unknown> =>
    page.evaluate(joinByCookie, { url, ticket, farewell });
  expect(await join(one, 'wrong')).toBe('wamp.error.authentication_denied');
  expect(await join(one, 'right')).toEqual({ authid: 'peter', authmethod: 'ticket' });
  expect(await page.evaluate('document.cookie')).toBe('');
  for (const url of [two, one, two])
    expect(await join(url, 'wrong')).toEqual({ authid: 'peter', authmethod: 'cookie' });
  const cookie = (await page.context().cookies()).find(({ name }) => name === 'login');
  expect(cookie).toMatchObject({ name: 'login', httpOnly: true, sameSite: 'Lax', secure: false });
  const outsider = await pageAt(one);
  later(() => outsider.context().close());
  expect(await outsider.evaluate(joinByCookie, { url: two, ticket: 'wrong', farewell: '' })).toBe(
    'wamp.error.authentication_denied',
  );
  expect(await join(two, 'wrong', 'wamp.close.logout')).toEqual({ authid: 'peter', authmethod: 'cookie' });
  await expect.poll(() => join(one, 'wrong')).toBe('wamp.error.authentication_denied');
});

it('autobahn-js in Chromium exchanges a planted cookie when it logs in', async () => {
  const cluster = await startRedisCluster(2, CONFIG);
  later(() => cluster.stop());
  const [one, two] = [cluster.url(0), cluster.url(1)];
  const [attacker, victim] = [await pageAt(one), await pageAt(one)];
  later(() => Promise.all([attacker.context().close(), victim.context().close()]));
  const join = (page: Page, url: string, ticket: string): Promise<unknown> =>
    page.evaluate(joinByCookie, { url, ticket, farewell: '' });
  await join(attacker, one, 'wrong');
  // Every cookie of the attacker, who has logged in with none of them.
  await victim.context().addCookies(await attacker.context().cookies());
  expect(await join(victim, two, 'right')).toEqual({ authid: 'peter', authmethod: 'ticket' });
  for (const url of [one, two])
    expect(await join(victim, url, 'wrong')).toEqual({ authid: 'peter', authmethod: 'cookie' });
  for (const url of [one, two]) expect(await join(attacker, url, 'wrong')).toBe('wamp.error.authentication_denied');
});
