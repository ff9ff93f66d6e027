import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PatternIndex } from '../../../src/routing/pattern-index.js';
import type { MatchPolicy } from '../../../src/wamp/options.js';

interface Entry {
  readonly uri: string;
  readonly match: MatchPolicy;
}

function indexOf(...entries: [uri: string, match: MatchPolicy][]): PatternIndex<Entry> {
  const index = new PatternIndex<Entry>();
  for (const [uri, match] of entries) index.add(uri, match, { uri, match });
  return index;
}

function matches(index: PatternIndex<Entry>, uri: string): string[] {
  const found: string[] = [];
  index.forEachMatch(uri, (entry) => found.push(`${entry.match} ${entry.uri}`));
  return found.sort();
}

function best(index: PatternIndex<Entry>, uri: string): string | undefined {
  const entry = index.best(uri);
  return entry && `${entry.match} ${entry.uri}`;
}

describe('which patterns match a URI', () => {
  it('finds the exact entry, every prefix and every wildcard, once each (PBS-2)', () => {
    const index = indexOf(
      ['com.app.topic', 'exact'],
      ['com.app.topics', 'exact'],
      ['com', 'prefix'],
      ['com.app.', 'prefix'],
      ['com.bpp', 'prefix'],
      ['com..topic', 'wildcard'],
      ['..', 'wildcard'],
      ['.app', 'wildcard'],
    );
    expect(matches(index, 'com.app.topic')).toEqual([
      'exact com.app.topic',
      'prefix com',
      'prefix com.app.',
      'wildcard ..',
      'wildcard com..topic',
    ]);
  });

  it('keeps the same string under different policies apart (PBS-4, PBR-1)', () => {
    const index = indexOf(['a.b', 'exact'], ['a.b', 'prefix'], ['a.b', 'wildcard']);
    expect(index.size).toBe(3);
    expect(matches(index, 'a.b')).toEqual(['exact a.b', 'prefix a.b', 'wildcard a.b']);
    expect(index.remove('a.b', 'prefix')).toBe(true);
    expect(index.remove('a.b', 'prefix')).toBe(false);
    expect(matches(index, 'a.b')).toEqual(['exact a.b', 'wildcard a.b']);
    expect(index.get('a.b', 'prefix')).toBeUndefined();
    expect(index.get('a.b', 'wildcard')).toEqual({ uri: 'a.b', match: 'wildcard' });
  });

  it.each([
    ['com.myapp.myobject1', true],
    ['com.myapp.myobject1-mysubobject1', true],
    ['com.myapp.myobject1.mysubobject1', true],
    ['com.myapp.myobject', false],
    ['com.myapp.myobject2', false],
    ['', false],
  ])('takes a prefix as a plain string: %s (PBR-2)', (uri, isMatch) => {
    const index = indexOf(['com.myapp.myobject1', 'prefix']);
    expect(matches(index, uri)).toEqual(isMatch ? ['prefix com.myapp.myobject1'] : []);
  });

  it('lets the empty prefix match everything (URI-3)', () => {
    const index = indexOf(['', 'prefix']);
    for (const uri of ['a', 'a.b.c', 'wamp.session.on_join', 'ü']) expect(matches(index, uri)).toEqual(['prefix ']);
  });

  it.each([
    ['a..c', 'a.b.c', true],
    ['a..c', 'a.b.d', false],
    ['a..c', 'a.c', false],
    ['a..c', 'a.b.b.c', false],
    ['a..c', 'a..c', false],
    ['.b', 'a.b', true],
    ['.b', '.b', false],
    ['a.', 'a.b', true],
    ['a.', 'a.', false],
    ['a.', 'a.b.c', false],
    ['', 'a', true],
    ['', '', false],
    ['', 'a.b', false],
    ['...', 'a.b.c.d', true],
    ['...', 'a.b.c', false],
    ['a.b', 'a.b', true],
    ['a.b', 'a.bb', false],
    ['a.bb', 'a.b', false],
  ])('matches one component that is not empty with each empty one: %j against %j (PBR-3)', (pattern, uri, isMatch) => {
    const index = indexOf([pattern, 'wildcard']);
    expect(matches(index, uri)).toEqual(isMatch ? [`wildcard ${pattern}`] : []);
    expect(index.best(uri)).toEqual(isMatch ? { uri: pattern, match: 'wildcard' } : undefined);
  });

  it('hands the context on', () => {
    const found: Entry[] = [];
    indexOf(['a', 'prefix'], ['', 'wildcard'], ['a', 'exact']).forEachMatch(
      'a',
      (entry, into) => into.push(entry),
      found,
    );
    expect(found).toHaveLength(3);
  });

  it('replaces the value of an entry that is added again', () => {
    for (const match of ['exact', 'prefix', 'wildcard'] as const) {
      const index = new PatternIndex<{ turn: number }>();
      index.add('a.b', match, { turn: 1 });
      index.add('a.b', match, { turn: 2 });
      expect(index.size).toBe(1);
      expect(index.best('a.b')).toEqual({ turn: 2 });
    }
  });

  it('counts patterns apart from exact entries', () => {
    const index = indexOf(['a', 'exact'], ['a', 'prefix'], ['a.', 'wildcard'], ['b', 'wildcard']);
    expect([index.size, index.patternCount]).toEqual([4, 3]);
    index.remove('b', 'wildcard');
    index.remove('a.', 'wildcard');
    index.remove('a', 'prefix');
    expect([index.size, index.patternCount]).toEqual([1, 0]);
  });

  it('compares UTF-16 units, astral and prototype names included', () => {
    const index = indexOf(['😀.a', 'prefix'], ['😁.', 'wildcard'], ['__proto__', 'exact'], ['constructor', 'prefix']);
    expect(matches(index, '😀.a.b')).toEqual(['prefix 😀.a']);
    expect(matches(index, '😁.a')).toEqual(['wildcard 😁.']);
    expect(matches(index, '__proto__')).toEqual(['exact __proto__']);
    expect(matches(index, 'toString')).toEqual([]);
  });
});

describe('which registration a call goes to', () => {
  const index = indexOf(
    ['a1.b2.c3.d4.e55', 'exact'],
    ['a1.b2.c3', 'prefix'],
    ['a1.b2.c3.d4', 'prefix'],
    ['a1.b2..d4.e5', 'wildcard'],
    ['a1.b2.c33..e5', 'wildcard'],
    ['a1.b2..d4.e5..g7', 'wildcard'],
    ['a1.b2..d4..f6.g7', 'wildcard'],
  );

  it.each([
    ['a1.b2.c3.d4.e55', 'exact a1.b2.c3.d4.e55'],
    ['a1.b2.c3.d98.e74', 'prefix a1.b2.c3'],
    ['a1.b2.c3.d4.e325', 'prefix a1.b2.c3.d4'],
    ['a1.b2.c55.d4.e5', 'wildcard a1.b2..d4.e5'],
    ['a1.b2.c33.d4.e5', 'wildcard a1.b2.c33..e5'],
    ['a1.b2.c88.d4.e5.f6.g7', 'wildcard a1.b2..d4.e5..g7'],
    ['a2.b2.c2.d2.e2', undefined],
  ])('follows the table of the specification: %s → %s (PBR-4)', (uri, chosen) => {
    expect(best(index, uri)).toBe(chosen);
  });

  it('takes the longer string among prefixes with as many full components (PBR-5)', () => {
    expect(best(indexOf(['a.b', 'prefix'], ['a.bc', 'prefix']), 'a.bcd')).toBe('prefix a.bc');
  });

  it.each(['', 'a', 'a.', 'a.b.c'])(
    'prefers the prefix %j, which ends with a component, to any wildcard (PBR-4)',
    (prefix) => {
      expect(best(indexOf([prefix, 'prefix'], ['a.b.', 'wildcard']), 'a.b.c')).toBe(`prefix ${prefix}`);
    },
  );

  it('prefers a wildcard to a prefix that ends inside a component, as the table does (PBR-2, PBR-4)', () => {
    const index = indexOf(['a.b', 'prefix'], ['a.', 'wildcard']);
    expect(best(index, 'a.bc')).toBe('wildcard a.');
    expect(best(index, 'a.bc.d')).toBe('prefix a.b');
    index.add('a', 'prefix', { uri: 'a', match: 'prefix' });
    expect(best(index, 'a.bc')).toBe('prefix a.b');
  });

  it('goes back to a worse literal run when the better one leads nowhere (PBR-4)', () => {
    expect(best(indexOf(['a.b..x', 'wildcard'], ['a...d', 'wildcard']), 'a.b.c.d')).toBe('wildcard a...d');
  });
});

describe('any patterns', () => {
  const component = fc.constantFrom('', 'a', 'b', 'ab', 'aba', 'c');
  const pattern = fc.array(component, { minLength: 1, maxLength: 5 }).map((components) => components.join('.'));
  const match = fc.constantFrom<MatchPolicy>('exact', 'prefix', 'wildcard');
  const operation = fc.record({ removes: fc.option(fc.nat(), { freq: 2 }), uri: pattern, match });

  it('match as one naive look at each pattern finds, whatever was added and removed before (PBS-2, PBR-2..PBR-5)', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), fc.array(pattern, { maxLength: 12 }), (operations, uris) => {
        const index = new PatternIndex<Entry>();
        const model = new Map<string, Entry>();
        for (const { removes, uri, match: policy } of operations) {
          const removed = removes === null ? undefined : [...model.values()][removes % model.size];
          if (removed === undefined) {
            index.add(uri, policy, { uri, match: policy });
            model.set(`${policy} ${uri}`, { uri, match: policy });
          } else {
            model.delete(`${removed.match} ${removed.uri}`);
            expect(index.remove(removed.uri, removed.match)).toBe(true);
            expect(index.remove(removed.uri, removed.match)).toBe(false);
          }
          expect(index.size).toBe(model.size);
        }
        for (const uri of uris) {
          const matching = [...model.values()].filter((entry) => naivelyMatches(entry, uri));
          expect(matches(index, uri)).toEqual(matching.map((entry) => `${entry.match} ${entry.uri}`).sort());
          expect(index.best(uri)).toEqual(naiveBest(matching, uri));
        }
        for (const entry of model.values()) expect(index.get(entry.uri, entry.match)).toEqual(entry);
      }),
      { numRuns: 400 },
    );
  });

  it('cost a lookup no more than one visit each, however their wildcards are woven', () => {
    const index = new PatternIndex<Entry>();
    for (let mask = 0; mask < 4096; mask++) {
      const components = Array.from({ length: 12 }, (_, bit) => ((mask >> bit) & 1 ? 'a' : ''));
      const uri = [...components, ...Array<string>(19).fill(''), 'never'].join('.');
      index.add(uri, 'wildcard', { uri, match: 'wildcard' });
    }
    const uri = Array<string>(32).fill('a').join('.');
    expect(matches(index, uri)).toEqual([]);
    expect(index.best(uri)).toBeUndefined();
    expect(matches(index, uri.replace(/a$/, 'never'))).toHaveLength(4096);
  });
});

function naivelyMatches({ uri: pattern, match }: Entry, uri: string): boolean {
  if (match === 'exact') return pattern === uri;
  if (match === 'prefix') return uri.startsWith(pattern);
  const wanted = pattern.split('.');
  const given = uri.split('.');
  return (
    wanted.length === given.length && wanted.every((one, at) => (one === '' ? given[at] !== '' : one === given[at]))
  );
}

function naiveBest(matching: Entry[], uri: string): Entry | undefined {
  const exact = matching.find((entry) => entry.match === 'exact');
  if (exact !== undefined) return exact;
  const prefixes = matching
    .filter((entry) => entry.match === 'prefix')
    .sort((one, other) => other.uri.length - one.uri.length);
  const wildcards = matching
    .filter((entry) => entry.match === 'wildcard')
    .sort((one, other) => compareRuns(runsOf(other.uri), runsOf(one.uri)));
  const isWhole = prefixes.some(
    (entry) => ['', '.'].includes(entry.uri.slice(-1)) || ['', '.'].includes(uri.charAt(entry.uri.length)),
  );
  return isWhole ? prefixes[0] : (wildcards[0] ?? prefixes[0]);
}

/** Lengths of the literal runs before the first wildcard, before the second, and so on. */
function runsOf(pattern: string): number[] {
  const runs = [0];
  for (const component of pattern.split('.')) {
    if (component === '') runs.push(0);
    else runs[runs.length - 1]!++;
  }
  return runs;
}

function compareRuns(one: number[], other: number[]): number {
  for (let at = 0; at < Math.max(one.length, other.length); at++) {
    const difference = (one[at] ?? 0) - (other[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
