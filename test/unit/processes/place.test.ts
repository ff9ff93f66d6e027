import { expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.js';
import { maxTotalUnsentBytes } from '../../../src/config/memory.js';
import { configOfProcess, placeIn, placeText, PLACE_VARIABLE } from '../../../src/processes/place.js';
import { processorCount } from '../../../src/processes/processor-count.js';

it('a place passes through the environment; anything else is none', () => {
  const place = { index: 2, count: 4 };
  expect(placeIn({ [PLACE_VARIABLE]: placeText(place) })).toEqual(place);
  expect(placeIn({})).toBeUndefined();
  expect(placeIn({ [PLACE_VARIABLE]: 'x' })).toBeUndefined();
});

it('processes share the memory, have names of their own and no endpoint of their own', () => {
  const config = parseConfig({ limits: { maxMemoryPercent: 80 } });
  const own = configOfProcess(config, { index: 1, count: 4 }, 'machine');
  expect(own.ops.enabled).toBe(false);
  expect(own.node.name).toBe('machine-1');
  expect(own.limits.maxMemoryPercent).toBe(20);
  expect(own.limits.maxTotalUnsentBytes).toBe(Math.floor(maxTotalUnsentBytes(config) / 4));
  expect(configOfProcess(parseConfig({ node: { name: 'a' } }), { index: 0, count: 2 }, 'machine').node.name).toBe(
    'a-0',
  );
});

it.each([
  ['a quota of two and a half processors', '250000 100000\n', 2],
  ['less than one', '50000 100000\n', 1],
  ['no limit', 'max 100000\n', 8],
  ['more than the machine has', '1600000 100000\n', 8],
])('auto respects the limit of the container: %s', (_what, text, count) => {
  expect(processorCount(8, () => text)).toBe(count);
});

it('auto is the number of processors where no limit can be read', () => {
  const unreadable = (): string => {
    throw new Error('ENOENT');
  };
  expect(processorCount(8, unreadable)).toBe(8);
});
