import { describe, expect, it } from 'vitest';
import { contrast, focused, outlineStyle, overflowing } from '../support/in-page.js';
import { button, COUNTING, enabled, LIVE, NOBODY_COUNTS, showsNotice, setStage, shows } from './stage.js';

const stage = setStage();
const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1280, height: 800 };

describe.each([
  ['a phone', PHONE],
  ['a desktop', DESKTOP],
])('on %s', (_name, size) => {
  it.each(['light', 'dark'] as const)('everything fits and can be read, %s', async (colorScheme) => {
    const page = await stage().open('', { ...size, colorScheme });
    await showsNotice(page, NOBODY_COUNTS);
    expect(await page.evaluate(overflowing)).toEqual([]);
    expect(await page.$eval('#notice', contrast)).toBeGreaterThan(4.5);
    const backEnd = await stage().open('backend.html', { ...size, colorScheme });
    await showsNotice(backEnd, COUNTING);
    await showsNotice(page, LIVE);
    await button(page, 'chocolate').click();
    await shows(page, [0, 1, 0]);
    for (const open of [page, backEnd]) expect(await open.evaluate(overflowing)).toEqual([]);
    for (const selector of ['h1', 'header p', '#notice', '.name', '.count', '#total', '#reset', '.more a'])
      expect(await page.$eval(selector, contrast), selector).toBeGreaterThan(4.5);
    for (const selector of ['#notice', '#log li', '.more a'])
      expect(await backEnd.$eval(selector, contrast), selector).toBeGreaterThan(4.5);
  });

  it('all buttons are seen without scrolling, and big enough for a finger', async () => {
    await stage().open('backend.html');
    const page = await stage().open('', size);
    await showsNotice(page, LIVE);
    const boxes = await Promise.all((await page.locator('button').all()).map((one) => one.boundingBox()));
    expect(boxes).toHaveLength(4);
    for (const box of boxes) {
      expect(box!.height).toBeGreaterThanOrEqual(40);
      expect(box!.y + box!.height).toBeLessThanOrEqual(size.height);
    }
  });
});

it('puts the flavours side by side where there is room, and below each other where there is not', async () => {
  const rows = async (size: object): Promise<number> => {
    const page = await stage().open('', size);
    const boxes = await Promise.all((await page.locator('.flavour').all()).map((one) => one.boundingBox()));
    return new Set(boxes.map((box) => box!.y)).size;
  };
  expect(await rows(DESKTOP)).toBe(1);
  expect(await rows(PHONE)).toBe(3);
});

it('can be used with the keyboard alone', async () => {
  await stage().open('backend.html');
  const page = await stage().open('');
  await showsNotice(page, LIVE);
  await page.keyboard.press('Tab');
  expect(await page.evaluate(focused)).toBe('banana');
  expect(await page.$eval(':focus-visible', outlineStyle)).toBe('solid');
  await page.keyboard.press('Enter');
  await shows(page, [1, 0, 0]);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  await shows(page, [1, 1, 0]);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  expect(await page.evaluate(focused)).toBe('reset');
  await page.keyboard.press('Enter');
  await shows(page, [0, 0, 0]);
  expect(await page.evaluate(focused)).toBe('reset');
});

it('announces to screen readers what changes, and what each button is', async () => {
  const page = await stage().open('');
  await showsNotice(page, NOBODY_COUNTS);
  expect(await enabled(page)).toEqual([]);
  expect(await page.getByRole('status').first().textContent()).toMatch(NOBODY_COUNTS);
  for (const name of [/banana/i, /chocolate/i, /lemon/i, /reset/i])
    expect(await page.getByRole('button', { name }).count()).toBe(1);
});
