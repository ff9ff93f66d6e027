import { expect, it } from 'vitest';
import { chunks } from '../../../src/util/chunks.js';

it.each([
  [0, []],
  [1, [[1]]],
  [2, [[1, 2]]],
  [3, [[1, 2], [3]]],
  [
    4,
    [
      [1, 2],
      [3, 4],
    ],
  ],
])('cuts %i items into arrays of two', (count, expected) => {
  const items = Array.from({ length: count }, (_, at) => at + 1);
  expect(chunks(items, 2)).toEqual(expected);
});
