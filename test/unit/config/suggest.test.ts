import { expect, it } from 'vitest';
import { didYouMean, nearest } from '../../../src/config/suggest.js';

it('finds the word that was meant, whatever its capitals', () => {
  expect(nearest('prot', ['path', 'port', 'host'])).toBe('port');
  expect(nearest('MAXSESSIONS', ['maxRealms', 'maxSessions'])).toBe('maxSessions');
});
it('keeps silent when nothing is near', () => {
  expect(nearest('zebra', ['path', 'port'])).toBeUndefined();
  expect(didYouMean('zebra', ['path', 'port'])).toBe('');
  expect(nearest('', ['a', 'ab'])).toBeUndefined();
});
it('stays cheap for a word of any length', () => {
  expect(nearest('x'.repeat(1_000_000), ['port'])).toBeUndefined();
});
