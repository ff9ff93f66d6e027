import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asComponent, fillPlaceholders, placeholderFlaw } from '../../../src/wamp/uri-placeholders.js';
import { checkUri } from '../../../src/wamp/uri-rules.js';

const RULES = { uriCheck: 'loose', maxUriBytes: 10_000, maxUriComponents: 100 } as const;

describe('a text as one URI component', () => {
  it.each([
    ['joe', 'joe'],
    ['d3b07384-d9a0-4c3b-9d1f-2a7b1e3c4d5e', 'd3b07384-d9a0-4c3b-9d1f-2a7b1e3c4d5e'],
    ['joe@example.com', 'joe%40example%2Ecom'],
    ['joe%40example%2Ecom', 'joe%2540example%252Ecom'],
    ['a b#c\u0000', 'a%20b%23c%00'],
    ['J\u00f6', 'J%C3%B6'],
    ['Jo\u0308', 'Jo%CC%88'],
    ['{authid}', '%7Bauthid%7D'],
    ['..', '%2E%2E'],
    ['__proto__', '__proto__'],
    ['', undefined],
    ['\ud800', undefined],
    ['x\udc00y', undefined],
  ])('%j is %j', (text, component) => {
    expect(asComponent(text)).toBe(component);
  });

  it('is one component that any URI may have, and no other text has it', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.stringMatching(/^[.%2E#a ]{0,6}$/));
    fc.assert(
      fc.property(text, text, (one, other) => {
        const component = asComponent(one);
        if (component === undefined) {
          expect(one === '' || /\p{Surrogate}/u.test(one)).toBe(true);
          return;
        }
        expect(component).not.toContain('.');
        expect(checkUri(component, 'exact', RULES)).toBeUndefined();
        expect(decodeURIComponent(component)).toBe(one);
        if (one !== other) expect(asComponent(other)).not.toBe(component);
      }),
      { numRuns: 500 },
    );
  });
});

describe('placeholders', () => {
  it('are replaced once, everywhere', () => {
    const values = { authid: '{authrole}', authrole: 'ro.le' };
    expect(fillPlaceholders('com.{authrole}.x-{authid}.{authid}', values)).toBe(
      'com.ro%2Ele.x-%7Bauthrole%7D.%7Bauthrole%7D',
    );
    expect(fillPlaceholders('com.$&.{authid}', { authid: '$1', authrole: '' })).toBe('com.$&.%241');
  });

  it('make the pattern one for no URI where a value has no form', () => {
    expect(fillPlaceholders('com.{authid}.', { authid: '', authrole: 'a' })).toBeUndefined();
    expect(fillPlaceholders('com.{authrole}.{authid}', { authid: 'a', authrole: '\udfff' })).toBeUndefined();
    expect(fillPlaceholders('com.{authrole}.', { authid: '', authrole: 'a' })).toBe('com.a.');
  });

  it.each([
    ['com.{authid}', 'exact', undefined],
    ['com.{authid}.', 'prefix', undefined],
    ['com.u-{authid}-x.{authrole}.', 'prefix', undefined],
    ['com..{authid}', 'wildcard', undefined],
    ['com.{authid}', 'prefix', 'a dot must follow'],
    ['com.{authid}x', 'prefix', 'a dot must follow'],
    ['com.{authid}{authrole}', 'exact', 'more than one placeholder'],
    ['{authid}.com', 'exact', 'cannot be the first component'],
    ['{authrole}.', 'prefix', 'cannot be the first component'],
    ['com.{authId}', 'exact', '{authId} is no placeholder'],
    ['com.{}', 'exact', '{} is no placeholder'],
    ['com.{a.b}', 'exact', undefined],
  ] as const)('%s by %s: %s', (pattern, match, flaw) => {
    if (flaw === undefined) expect(placeholderFlaw(pattern, match)).toBeUndefined();
    else expect(placeholderFlaw(pattern, match)).toContain(flaw);
  });
});
