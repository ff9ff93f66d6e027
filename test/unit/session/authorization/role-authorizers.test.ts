import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Permission } from '../../../../src/session/authorization/permission.js';
import { RoleAuthorizers } from '../../../../src/session/authorization/role-authorizers.js';
import type { MatchPolicy } from '../../../../src/wamp/options.js';
import { decisionOf } from '../../../support/asker.js';
import { asComponent, placeholderFlaw } from '../../../../src/wamp/uri-placeholders.js';

const NOTHING = { call: false, register: false, publish: false, subscribe: false };
const EVERYTHING = { call: true, register: true, publish: true, subscribe: true };
const NOBODY = { caller: false, publisher: false };

function permission(uri: string, match: MatchPolicy, isAllowed = true): Permission {
  return { uri, match, allow: isAllowed ? EVERYTHING : NOTHING, disclose: NOBODY };
}

function authorizersOf(...permissions: readonly Permission[]): RoleAuthorizers {
  return new RoleAuthorizers(new Map([['user', permissions]]));
}

function may(
  authorizers: RoleAuthorizers,
  authid: string,
  uri: string,
  match: MatchPolicy = 'exact',
  permissions: readonly Permission[] = [],
): boolean | undefined {
  const authorizer = authorizers.of({ authid, authrole: 'user', permissions });
  return authorizer === undefined ? undefined : decisionOf(authorizer, 'subscribe', uri, match).allowed;
}

it('sessions of a role without placeholders share one authorizer', () => {
  const authorizers = authorizersOf(permission('a.', 'prefix'));
  const one = authorizers.of({ authid: 'joe', authrole: 'user' });
  expect(one).toBe(authorizers.of({ authid: 'ann', authrole: 'user', permissions: [] }));
  expect(authorizers.of({ authid: 'joe', authrole: 'admin' })).toBeUndefined();
});

it('a placeholder does not name a guarded URI, whatever the authid', () => {
  const authenticators = new Set(['com.example.authenticate']);
  const guarded = { routerProcedures: new Set(['gantry.session.info']), authenticators };
  const permissions = [permission('com.example.{authid}', 'exact'), permission('gantry.session.{authid}', 'exact')];
  const authorizers = new RoleAuthorizers(new Map([['user', permissions]]), guarded);
  const isAllowed = (authid: string, action: 'call' | 'register', uri: string): boolean | undefined => {
    const authorizer = authorizers.of({ authid, authrole: 'user' });
    return authorizer === undefined ? undefined : decisionOf(authorizer, action, uri).allowed;
  };
  expect(isAllowed('joe', 'register', 'com.example.joe')).toBe(true);
  expect(isAllowed('authenticate', 'register', 'com.example.authenticate')).toBe(false);
  expect(isAllowed('authenticate', 'call', 'com.example.authenticate')).toBe(false);
  expect(isAllowed('info', 'call', 'gantry.session.info')).toBe(false);
});

describe('permissions of a principal', () => {
  it('decide besides those of its role: the most specific of both', () => {
    const role = authorizersOf(permission('a.', 'prefix'), permission('a.b.secret', 'exact', false));
    const own = [permission('a.b.', 'prefix', false), permission('c', 'exact'), permission('a.b.mine', 'exact')];
    expect(may(role, 'joe', 'a.x', 'exact', own)).toBe(true);
    expect(may(role, 'joe', 'a.b.x', 'exact', own)).toBe(false);
    expect(may(role, 'joe', 'a.b.mine', 'exact', own)).toBe(true);
    expect(may(role, 'joe', 'a.b.secret', 'exact', own)).toBe(false);
    expect(may(role, 'joe', 'c', 'exact', own)).toBe(true);
    expect(may(role, 'joe', 'a.', 'prefix', own)).toBe(false);
    expect(may(role, 'ann', 'c')).toBe(false);
    expect(may(role, 'ann', 'a.b.x')).toBe(true);
  });

  it('come before those of the role for the same URIs', () => {
    expect(may(authorizersOf(permission('a', 'exact')), 'joe', 'a', 'exact', [permission('a', 'exact', false)])).toBe(
      false,
    );
    expect(may(authorizersOf(permission('a', 'exact', false)), 'joe', 'a', 'exact', [permission('a', 'exact')])).toBe(
      true,
    );
  });

  it('narrow a role that may do everything', () => {
    const role = authorizersOf(permission('', 'prefix'));
    expect(may(role, 'joe', 'a.b', 'exact', [permission('a.', 'prefix', false)])).toBe(false);
    expect(may(role, 'joe', 'b', 'exact', [permission('a.', 'prefix', false)])).toBe(true);
  });

  it('may have placeholders', () => {
    expect(may(authorizersOf(), 'joe', 'com.user.joe', 'exact', [permission('com.{authrole}.{authid}', 'exact')])).toBe(
      true,
    );
  });
});

describe('a placeholder', () => {
  const space = authorizersOf(permission('com.user.{authid}.', 'prefix'), permission('com..{authid}', 'wildcard'));

  it.each([
    ['joe', 'com.user.joe.inbox', 'exact', true],
    ['joe', 'com.user.joe.', 'prefix', true],
    ['joe', 'com.user.joey.inbox', 'exact', false],
    ['joe', 'com.user.joe', 'prefix', false],
    ['joe', 'com.user.', 'prefix', false],
    ['joe', 'com.x.joe', 'exact', true],
    ['joe', 'com..joe', 'wildcard', true],
    ['joe', 'com..', 'wildcard', false],
    ['joe', 'com.x.ann', 'exact', false],
    ['joe.inbox', 'com.user.joe.inbox', 'exact', false],
    ['joe.inbox', 'com.user.joe%2Einbox.x', 'exact', true],
    ['joe%2Einbox', 'com.user.joe%2Einbox.x', 'exact', false],
    ['', 'com.user.x', 'exact', false],
    ['', 'com.user..x', 'wildcard', false],
    ['', 'com.x.y', 'exact', false],
    ['{authid}', 'com.user.{authid}.x', 'exact', false],
    ['#', 'com.user.%23.x', 'exact', true],
  ] as const)('authid %j, %s by %s: %s', (authid, uri, match, isAllowed) => {
    expect(may(space, authid, uri, match)).toBe(isAllowed);
  });

  it('stands for the role as well', () => {
    const own = new RoleAuthorizers(
      new Map(['a', 'a.b'].map((role) => [role, [permission('com.role.{authrole}.', 'prefix')]])),
    );
    const allowed = (authrole: string, uri: string) => {
      const authorizer = own.of({ authid: 'joe', authrole });
      return authorizer === undefined ? undefined : decisionOf(authorizer, 'call', uri).allowed;
    };
    expect(allowed('a', 'com.role.a.b.x')).toBe(true);
    expect(allowed('a.b', 'com.role.a.b.x')).toBe(false);
    expect(allowed('a.b', 'com.role.a%2Eb.x')).toBe(true);
  });
});

describe('two authids', () => {
  const COMPONENT = fc.constantFrom('a', 'b', 'ab', '', '-', 'a-b');
  const WITH_PLACEHOLDER = fc.tuple(COMPONENT, COMPONENT).map(([before, after]) => `${before}{authid}${after}`);
  const PATTERN = fc
    .array(fc.oneof(COMPONENT, WITH_PLACEHOLDER), { minLength: 1, maxLength: 4 })
    .map((components) => components.join('.'));
  const AUTHID = fc.stringMatching(/^[ab.%2E{}\-#]{0,4}$/);

  it('never share a URI of a permission that has the placeholder', () => {
    let covered = 0;
    fc.assert(
      fc.property(
        PATTERN.filter((pattern) => pattern.includes('{authid}')),
        fc.constantFrom<MatchPolicy>('exact', 'prefix', 'wildcard'),
        fc.tuple(AUTHID, AUTHID).filter(([one, other]) => one !== other),
        fc.array(fc.nat(), { minLength: 1, maxLength: 4 }),
        (pattern, match, [one, other], choices) => {
          fc.pre(placeholderFlaw(pattern, match) === undefined);
          const forms = [one, other].map((authid) => asComponent(authid) ?? 'x');
          const parts = ['a', 'b', '-', ...forms, forms.join('-'), forms.join('.'), one, other];
          let choice = 0;
          const some = (): string => parts[(choices[choice++ % choices.length] ?? 0) % parts.length] ?? 'a';
          // A URI of the first space, with anything where the pattern leaves it open.
          const filled = pattern.replaceAll('{authid}', forms[0] ?? '');
          const components = filled.split('.').map((part) => (match === 'wildcard' && part === '' ? some() : part));
          const uri = components.join('.') + (match === 'prefix' ? some() : '');
          const authorizers = authorizersOf(permission(pattern, match));
          if (may(authorizers, one, uri) === true) covered++;
          expect([one, other].filter((authid) => may(authorizers, authid, uri) === true).length).toBeLessThan(2);
        },
      ),
      { numRuns: 2_000 },
    );
    expect(covered).toBeGreaterThan(500);
  });

  it('and a session never covers a pattern that reaches into the space of another', () => {
    fc.assert(
      fc.property(
        fc.tuple(AUTHID, AUTHID).filter(([one, other]) => one !== other),
        fc.constantFrom<MatchPolicy>('prefix', 'wildcard'),
        fc.constantFrom('com.user.', 'com.user', 'com.', '', 'com.user..x', '..', '...'),
        ([one, other], match, pattern) => {
          const authorizers = authorizersOf(permission('com.user.{authid}.', 'prefix'));
          expect(may(authorizers, one, pattern, match)).toBe(false);
          const theirs = asComponent(other);
          if (theirs !== undefined) expect(may(authorizers, one, `com.user.${theirs}.`, match)).toBe(false);
        },
      ),
    );
  });
});
