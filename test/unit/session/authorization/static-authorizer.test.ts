import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Action, Decision, Permission } from '../../../../src/session/authorization/permission.js';
import { createStaticAuthorizer } from '../../../../src/session/authorization/static-authorizer.js';
import type { MatchPolicy } from '../../../../src/wamp/options.js';

const NOTHING = { call: false, register: false, publish: false, subscribe: false };
const EVERYTHING = { call: true, register: true, publish: true, subscribe: true };
const NOBODY = { caller: false, publisher: false };

function permission(uri: string, match: MatchPolicy, isAllowed = true, disclose = NOBODY): Permission {
  return { uri, match, allow: isAllowed ? EVERYTHING : NOTHING, disclose };
}

function authorize(rules: readonly Permission[], action: Action, uri: string, match: MatchPolicy = 'exact'): Decision {
  return createStaticAuthorizer(rules).authorize(action, uri, match);
}

const mayCall = (rules: readonly Permission[], uri: string) => authorize(rules, 'call', uri).allowed;
const maySubscribe = (rules: readonly Permission[], uri: string, match: MatchPolicy) =>
  authorize(rules, 'subscribe', uri, match).allowed;

/** Written apart from the router's own matching. */
function isMatch(uri: string, pattern: string, match: MatchPolicy): boolean {
  if (match === 'exact') return uri === pattern;
  if (match === 'prefix') return uri.startsWith(pattern);
  const wanted = pattern.split('.');
  const given = uri.split('.');
  return wanted.length === given.length && wanted.every((part, index) => part === '' || part === given[index]);
}

describe('static permissions', () => {
  it('allow nothing that no permission names', () => {
    expect(mayCall([], 'a.b')).toBe(false);
    expect(mayCall([permission('a.c', 'exact')], 'a.b')).toBe(false);
  });

  it('keep the four actions apart (AZ-1)', () => {
    const actions: Action[] = ['call', 'register', 'publish', 'subscribe'];
    for (const action of actions) {
      for (const match of ['exact', 'prefix'] as const) {
        const rules: Permission[] = [{ uri: 'a', match, allow: { ...NOTHING, [action]: true }, disclose: NOBODY }];
        expect(actions.filter((other) => authorize(rules, other, 'a').allowed)).toEqual([action]);
      }
    }
  });

  it('let the most specific decide: exact, longest prefix, best wildcard (PBR-4)', () => {
    const rules = [
      permission('a1.b2.c3.d4.e55', 'exact'),
      permission('a1.b2.c3.', 'prefix', false),
      permission('a1.b2.c3.d4', 'prefix'),
      permission('a1.b2..d4.e5', 'wildcard', false),
      permission('a1.b2.c33..e5', 'wildcard'),
      permission('a1.b2..d4.e5..g7', 'wildcard'),
      permission('a1.b2..d4..f6.g7', 'wildcard', false),
    ];
    for (const order of [rules, [...rules].reverse()]) {
      expect(mayCall(order, 'a1.b2.c3.d4.e55')).toBe(true);
      expect(mayCall(order, 'a1.b2.c3.d98.e74')).toBe(false);
      expect(mayCall(order, 'a1.b2.c3.d4.e325')).toBe(true);
      expect(mayCall(order, 'a1.b2.c55.d4.e5')).toBe(false);
      expect(mayCall(order, 'a1.b2.c33.d4.e5')).toBe(true);
      expect(mayCall(order, 'a1.b2.c88.d4.e5.f6.g7')).toBe(true);
      expect(mayCall(order, 'a2.b2.c2.d2.e2')).toBe(false);
    }
  });

  it('let the first of two for the same URIs count', () => {
    expect(mayCall([permission('a', 'exact'), permission('a', 'exact', false)], 'a')).toBe(true);
    expect(mayCall([permission('a', 'exact', false), permission('a', 'exact')], 'a')).toBe(false);
  });

  it('disclose callers and publishers as the deciding permission demands', () => {
    const rules = [
      permission('a.', 'prefix', true, { caller: true, publisher: false }),
      permission('a.b', 'exact', true, { caller: false, publisher: true }),
    ];
    expect(authorize(rules, 'call', 'a.x')).toEqual({ allowed: true, disclose: true });
    expect(authorize(rules, 'publish', 'a.x')).toEqual({ allowed: true, disclose: false });
    expect(authorize(rules, 'call', 'a.b')).toEqual({ allowed: true, disclose: false });
    expect(authorize(rules, 'publish', 'a.b')).toEqual({ allowed: true, disclose: true });
    expect(authorize(rules, 'register', 'a.b')).toEqual({ allowed: true, disclose: false });
  });

  it('decide the same again and allocate no decision', () => {
    const authorizer = createStaticAuthorizer([permission('a.', 'prefix'), permission('a.b', 'exact', false)]);
    for (let round = 0; round < 2; round++) {
      for (let index = 0; index < 5_000; index++) void authorizer.authorize('publish', `a.x${index}`, 'exact');
      expect(authorizer.authorize('publish', 'a.b', 'exact')).toEqual({ allowed: false, disclose: false });
      expect(authorizer.authorize('publish', 'a.c', 'exact')).toBe(authorizer.authorize('publish', 'a.d', 'exact'));
      expect(authorizer.authorize('call', 'a.b', 'exact')).toEqual({ allowed: false, disclose: false });
    }
  });

  it('are one answer for everything when one permission names everything', () => {
    const rules = [
      {
        ...permission('', 'prefix', true, { caller: true, publisher: false }),
        allow: { ...EVERYTHING, register: false },
      },
    ];
    expect(authorize(rules, 'call', 'any.thing')).toEqual({ allowed: true, disclose: true });
    expect(authorize(rules, 'subscribe', '', 'prefix')).toEqual({ allowed: true, disclose: false });
    expect(authorize(rules, 'register', 'a', 'wildcard')).toEqual({ allowed: false, disclose: false });
  });
});

describe('patterns are allowed as patterns (AZ-4)', () => {
  const within = [permission('com.a.', 'prefix')];

  it.each([
    ['com.a.', 'prefix', true],
    ['com.a.b', 'prefix', true],
    ['com.', 'prefix', false],
    ['com.a', 'prefix', false],
    ['', 'prefix', false],
    ['com.a..c', 'wildcard', true],
    ['com.a.', 'wildcard', true],
    ['com.a.b', 'wildcard', true],
    ['com..c', 'wildcard', false],
    ['.a.c', 'wildcard', false],
    ['com.a', 'wildcard', false],
  ] as const)('a prefix permission "com.a." and %j by %s: %s', (uri, match, isAllowed) => {
    expect(maySubscribe(within, uri, match)).toBe(isAllowed);
  });

  it.each([
    ['com..c', 'wildcard', true],
    ['com.b.c', 'wildcard', true],
    ['.b.c', 'wildcard', false],
    ['com..', 'wildcard', false],
    ['com..c.', 'wildcard', false],
    ['com.', 'prefix', false],
    ['com.b.c', 'prefix', false],
  ] as const)('a wildcard permission "com..c" and %j by %s: %s', (uri, match, isAllowed) => {
    expect(maySubscribe([permission('com..c', 'wildcard')], uri, match)).toBe(isAllowed);
  });

  it('an exact permission covers no pattern but itself', () => {
    const rules = [permission('com.a', 'exact')];
    expect(maySubscribe(rules, 'com.a', 'prefix')).toBe(false);
    expect(maySubscribe(rules, 'com.a', 'wildcard')).toBe(true);
    expect(maySubscribe([permission('com..a', 'exact')], 'com..a', 'wildcard')).toBe(false);
  });

  it.each([
    [permission('com.a.secret', 'exact', false)],
    [permission('com.a.secret.', 'prefix', false)],
    [permission('com.a.b', 'prefix', false)],
  ])('a denial inside takes the whole pattern: %j', (denial) => {
    const rules = [...within, denial];
    expect(maySubscribe(rules, 'com.a.', 'prefix')).toBe(false);
    expect(maySubscribe(rules, 'com.a.x', 'prefix')).toBe(true);
    expect(mayCall(rules, 'com.a.x')).toBe(true);
  });

  it('a denial by wildcard is less specific than a prefix, and takes nothing from it', () => {
    const rules = [...within, permission('com..secret', 'wildcard', false)];
    expect(mayCall(rules, 'com.a.secret')).toBe(true);
    expect(maySubscribe(rules, 'com.a.', 'prefix')).toBe(true);
  });

  it('a denial beside the pattern takes nothing', () => {
    const rules = [...within, permission('com.b.', 'prefix', false), permission('com.a.x', 'exact', false)];
    expect(maySubscribe(rules, 'com.a.y', 'prefix')).toBe(true);
    expect(maySubscribe(rules, 'com.a..z', 'wildcard')).toBe(true);
    expect(maySubscribe(rules, 'com.a.', 'wildcard')).toBe(false);
  });

  it('a permission inside a denied prefix is allowed', () => {
    const rules = [permission('', 'prefix', false), permission('com.open.', 'prefix')];
    expect(maySubscribe(rules, 'com.open.', 'prefix')).toBe(true);
    expect(maySubscribe(rules, 'com.', 'prefix')).toBe(false);
  });

  const part = fc.constantFrom('a', 'b', 'ab');
  const uris = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('.'));
  const wildcards = fc
    .array(fc.constantFrom('', 'a', 'b', 'ab'), { minLength: 1, maxLength: 4 })
    .map((parts) => parts.join('.'));
  const prefixes = fc.tuple(fc.array(part, { maxLength: 3 }), fc.constantFrom('', 'a', 'b')).map(([parts, rest]) => {
    return parts.map((each) => `${each}.`).join('') + rest;
  });
  const pattern = fc.oneof(
    fc.tuple(uris, fc.constant<MatchPolicy>('exact')),
    fc.tuple(prefixes, fc.constant<MatchPolicy>('prefix')),
    fc.tuple(wildcards, fc.constant<MatchPolicy>('wildcard')),
  );
  const rules = fc.array(
    fc.tuple(pattern, fc.boolean()).map(([[uri, match], isAllowed]) => permission(uri, match, isAllowed)),
    { maxLength: 6 },
  );
  /** All URIs of up to four components over the alphabet: 3 + 9 + 27 + 81. */
  const universe = (['a', 'b', 'ab'] as const).flatMap((first) => {
    const deeper = (uri: string, depth: number): string[] =>
      depth === 0 ? [uri] : [uri, ...['a', 'b', 'ab'].flatMap((next) => deeper(`${uri}.${next}`, depth - 1))];
    return deeper(first, 3);
  });

  it('never allows a pattern that matches a URI which is not allowed by itself', () => {
    let allowedCount = 0;
    fc.assert(
      fc.property(rules, pattern, (permissions, [uri, match]) => {
        if (!maySubscribe(permissions, uri, match)) return;
        allowedCount++;
        const authorizer = createStaticAuthorizer(permissions);
        for (const each of universe) {
          if (!isMatch(each, uri, match)) continue;
          const decision = authorizer.authorize('subscribe', each, 'exact');
          if (!decision.allowed) expect.fail(`"${uri}" by ${match} was allowed and matches "${each}"`);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(allowedCount).toBeGreaterThan(100);
  });

  it('allows a pattern that lies within an allowing permission when nothing is denied', () => {
    fc.assert(
      fc.property(rules, pattern, pattern, (permissions, [outer, outerMatch], [uri, match]) => {
        const allowing = permissions.map((each) => ({ ...each, allow: EVERYTHING }));
        const covering = permission(outer, outerMatch);
        fc.pre(maySubscribe([covering], uri, match));
        expect(maySubscribe([...allowing, covering], uri, match)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it('decides about single URIs as the most specific matching permission demands', () => {
    const rank = { exact: 0, prefix: 1, wildcard: 2 };
    const literalRuns = (wildcard: string) =>
      wildcard
        .split('.')
        .map((each) => (each === '' ? '1' : '0'))
        .join('');
    fc.assert(
      fc.property(rules, uris, (permissions, uri) => {
        const [best] = permissions
          .filter((each) => isMatch(uri, each.uri, each.match))
          .sort((one, other) => {
            if (one.match !== other.match) return rank[one.match] - rank[other.match];
            if (one.match === 'prefix') return other.uri.length - one.uri.length;
            return literalRuns(one.uri).localeCompare(literalRuns(other.uri));
          });
        expect(mayCall(permissions, uri)).toBe(best?.allow.call ?? false);
      }),
      { numRuns: 2_000 },
    );
  });
});
