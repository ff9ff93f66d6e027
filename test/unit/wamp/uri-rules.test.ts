import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MatchPolicy } from '../../../src/wamp/options.js';
import { checkUri, isReserved, type UriRules } from '../../../src/wamp/uri-rules.js';

const rules: UriRules = { uriCheck: 'loose', maxUriBytes: 1_024, maxUriComponents: 64 };
const strict: UriRules = { ...rules, uriCheck: 'strict' };

/** The table of rules 3.2, with the white space that `\s` means in Python besides, and without U+0000 at the beginning (SER-3). */
const LOOSE: Record<MatchPolicy, RegExp> = {
  exact: /^(?!\0)([^\s\x1c-\x1f\x85\u180e.#]+\.)*([^\s\x1c-\x1f\x85\u180e.#]+)$/,
  prefix: /^(?!\0)([^\s\x1c-\x1f\x85\u180e.#]+\.)*([^\s\x1c-\x1f\x85\u180e.#]*)$/,
  wildcard: /^(?!\0)(([^\s\x1c-\x1f\x85\u180e.#]+\.)|\.)*([^\s\x1c-\x1f\x85\u180e.#]+)?$/,
};
const STRICT: Record<MatchPolicy, RegExp> = {
  exact: /^([0-9a-z_]+\.)*([0-9a-z_]+)$/,
  prefix: /^([0-9a-z_]+\.)*([0-9a-z_]*)$/,
  wildcard: /^(([0-9a-z_]+\.)|\.)*([0-9a-z_]+)?$/,
};

const matches: MatchPolicy[] = ['exact', 'prefix', 'wildcard'];
const isWellFormed = (text: string) => !/\p{Surrogate}/u.test(text);
const uriLike = fc
  .array(
    fc.constantFrom(
      'a',
      'Z',
      '0',
      '_',
      '-',
      '.',
      '.',
      '..',
      '#',
      ' ',
      '\n',
      'é',
      '\u00a0',
      '\u3000',
      '\ufeff',
      '\u1680',
      '\u200b',
      '日',
      '😀',
      'ß.',
    ),
    {
      maxLength: 12,
    },
  )
  .map((parts) => parts.join(''));

describe('URI rules', () => {
  it.each(matches)('agrees with the expressions of the specification for %s (URI-1, URI-4)', (match) => {
    fc.assert(
      fc.property(fc.oneof(uriLike, fc.string({ unit: 'binary', maxLength: 8 })), (uri) => {
        fc.pre(isWellFormed(uri));
        expect(checkUri(uri, match, rules) === undefined).toBe(LOOSE[match].test(uri));
        expect(checkUri(uri, match, strict) === undefined).toBe(STRICT[match].test(uri));
      }),
      { numRuns: 500 },
    );
  });

  it('takes every kind of white space for white space, as \\s does somewhere (URI-4)', () => {
    for (let unit = 0; unit < 0x10000; unit++) {
      if (unit >= 0xd800 && unit <= 0xdfff) continue;
      const uri = `a${String.fromCharCode(unit)}b`;
      if (LOOSE.exact.test(uri) !== (checkUri(uri, 'exact', rules) === undefined))
        expect.fail(`U+${unit.toString(16)}`);
    }
  });

  it.each([
    ['com.myapp.', 'prefix', true],
    ['', 'prefix', true],
    ['com..', 'prefix', false],
    ['.', 'prefix', false],
    ['com.myapp.', 'exact', false],
    ['', 'exact', false],
    ['com..topic', 'exact', false],
    ['com..topic', 'wildcard', true],
    ['..', 'wildcard', true],
    ['', 'wildcard', true],
    ['com.my app', 'wildcard', false],
    ['com.#', 'exact', false],
    ['com.topic\n', 'exact', false],
  ] as const)('judges %j by %s: %s (URI-3)', (uri, match, isFine) => {
    expect(checkUri(uri, match, rules) === undefined).toBe(isFine);
  });

  it('reports what is wrong', () => {
    expect(checkUri('', 'exact', rules)).toContain('empty');
    expect(checkUri('a..b', 'exact', rules)).toContain('empty component');
    expect(checkUri('a.#', 'exact', rules)).toContain('#');
    expect(checkUri('a b', 'exact', rules)).toContain('white space');
    expect(checkUri('Ab', 'exact', strict)).toContain('strict');
    expect(checkUri('\0com.topic', 'prefix', rules)).toContain('U+0000');
  });

  it('bounds the length in bytes of UTF-8 and the number of components (URI-5)', () => {
    const tight: UriRules = { uriCheck: 'loose', maxUriBytes: 8, maxUriComponents: 3 };
    expect(checkUri('12345678', 'exact', tight)).toBeUndefined();
    expect(checkUri('123456789', 'exact', tight)).toContain('maxUriBytes');
    expect(checkUri('😀😀', 'exact', tight)).toBeUndefined();
    expect(checkUri('😀😀a', 'exact', tight)).toContain('maxUriBytes');
    expect(checkUri('日日é', 'exact', tight)).toBeUndefined();
    expect(checkUri('日日日', 'exact', tight)).toContain('maxUriBytes');
    expect(checkUri('a.b.c', 'exact', tight)).toBeUndefined();
    expect(checkUri('a.b.c.', 'prefix', tight)).toContain('maxUriComponents');
    expect(checkUri('...', 'wildcard', tight)).toContain('maxUriComponents');
  });

  it('refuses halves of surrogate pairs, which other serializers cannot represent', () => {
    for (const uri of ['a\ud83d', '\ude00a', '\ud83d\ud83d', '\ude00\ud83d']) {
      expect(checkUri(uri, 'exact', rules)).toContain('Unicode');
    }
  });

  it('knows what is reserved (URI-2)', () => {
    for (const uri of ['wamp', 'wamp.', 'wamp.session.count']) expect(isReserved(uri)).toBe(true);
    for (const uri of ['', 'wam', 'wampy', 'wampy.x', 'com.wamp', '.wamp', 'Wamp.x'])
      expect(isReserved(uri)).toBe(false);
  });
});
