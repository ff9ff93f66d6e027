import { expect, it } from 'vitest';
import {
  ALL_BUTTONS,
  button,
  COUNTING,
  enabled,
  LIVE,
  LIVE_OVER_HTTP,
  NOBODY_COUNTS,
  showsNotice,
  setStage,
  shows,
  STANDING_BY,
} from './stage.js';

const stage = setStage();

it('shows that nobody counts, and wakes up by itself when a back end is opened in a tab', async () => {
  const pages = [await stage().open(''), await stage().open('')];
  for (const page of pages) {
    await showsNotice(page, NOBODY_COUNTS);
    expect(await enabled(page)).toEqual([]);
    await shows(page, ['–', '–', '–']);
  }
  await showsNotice(await stage().open('backend.html'), COUNTING);
  for (const page of pages) {
    await showsNotice(page, LIVE);
    expect(await enabled(page)).toEqual(ALL_BUTTONS);
    await shows(page, [0, 0, 0]);
  }
});

it('shows a vote in every page at once, and a reset', async () => {
  const backEnd = await stage().open('backend.html');
  const [one, other] = [await stage().open(''), await stage().open('')];
  for (const page of [one, other]) await showsNotice(page, LIVE);
  await button(one, 'lemon').click();
  for (const page of [one, other]) await shows(page, [0, 0, 1]);
  await button(other, 'banana').click();
  await button(one, 'lemon').click();
  for (const page of [one, other]) {
    await shows(page, [1, 0, 2]);
    expect(await page.locator('#total').textContent()).toBe('3 votes');
  }
  expect(await backEnd.locator('#log li').allTextContents()).toEqual([
    'vote → banana 1, chocolate 0, lemon 2',
    'vote → banana 1, chocolate 0, lemon 1',
    'vote → banana 0, chocolate 0, lemon 1',
  ]);
  await other.locator('#reset').click();
  for (const page of [one, other]) {
    await shows(page, [0, 0, 0]);
    expect(await page.locator('#total').textContent()).toBe('No votes yet');
  }
});

it('shows on every page that the back end has gone, and goes on with the next one', async () => {
  const backEnd = await stage().open('backend.html');
  const pages = [await stage().open(''), await stage().open('')];
  for (const page of pages) await showsNotice(page, LIVE);
  await button(pages[0]!, 'chocolate').click();
  for (const page of pages) await shows(page, [0, 1, 0]);
  await backEnd.close();
  for (const page of pages) {
    await showsNotice(page, NOBODY_COUNTS);
    expect(await enabled(page)).toEqual([]);
  }
  await stage().open('backend.html');
  for (const page of pages) {
    await showsNotice(page, LIVE);
    await shows(page, [0, 0, 0]);
  }
  await button(pages[1]!, 'chocolate').click();
  for (const page of pages) await shows(page, [0, 1, 0]);
});

it('keeps a second back end standing by, and lets it take over', async () => {
  const first = await stage().open('backend.html');
  await showsNotice(first, COUNTING);
  const second = await stage().open('backend.html');
  await showsNotice(second, STANDING_BY);
  const page = await stage().open('');
  await button(page, 'banana').click();
  await shows(page, [1, 0, 0]);
  await first.close();
  await showsNotice(second, COUNTING);
  await shows(page, [0, 0, 0]);
  await button(page, 'banana').click();
  await shows(page, [1, 0, 0]);
});

it.each(['SIGTERM', 'SIGKILL'] as const)('survives a restart of the router: %s', async (signal) => {
  const backEnd = await stage().open('backend.html');
  const pages = [await stage().open(''), await stage().open('')];
  for (const page of pages) await showsNotice(page, LIVE);
  await button(pages[0]!, 'lemon').click();
  for (const page of pages) await shows(page, [0, 0, 1]);
  await Promise.all([
    ...[...pages, backEnd].map((page) => showsNotice(page, /router cannot be reached/)),
    stage().restartRouter(signal),
  ]);
  await showsNotice(backEnd, COUNTING);
  for (const page of pages) await showsNotice(page, LIVE);
  await button(pages[1]!, 'lemon').click();
  // The votes live in the back end, not in the router.
  for (const page of pages) await shows(page, [0, 0, 2]);
});

it('works with the back end as a process, also over a restart of the router', async () => {
  const page = await stage().open('');
  await showsNotice(page, NOBODY_COUNTS);
  const backEnd = stage().startBackEnd();
  await showsNotice(page, LIVE);
  await button(page, 'lemon').click();
  await backEnd.printed(/vote → banana 0, chocolate 0, lemon 1/);
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await Promise.all([backEnd.printed(/trying again/), stage().restartRouter(signal)]);
    await backEnd.printed(/counting votes/);
    await showsNotice(page, LIVE);
  }
  await button(page, 'lemon').click();
  await shows(page, [0, 0, 2]);
  await backEnd.stop();
  await showsNotice(page, NOBODY_COUNTS);
});

it.each(['refused', 'unanswered'] as const)(
  'changes to long-poll by itself where a WebSocket is %s',
  async (webSockets) => {
    // With a WebSocket: the router keeps a session over long-poll for 30 s after its page is gone.
    await showsNotice(await stage().open('backend.html'), COUNTING);
    const [blocked, other] = [await stage().open('', { webSockets }), await stage().open('')];
    await showsNotice(blocked, LIVE_OVER_HTTP);
    await showsNotice(other, LIVE);
    await button(blocked, 'lemon').click();
    for (const page of [blocked, other]) await shows(page, [0, 0, 1]);
    await button(other, 'banana').click();
    for (const page of [blocked, other]) await shows(page, [1, 0, 1]);
  },
);
