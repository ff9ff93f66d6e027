import { describe, expect, it } from 'vitest';
import { createGuardedAuthorizer } from '../../../../src/session/authorization/guarded-authorizer.js';
import type { Action, Permission } from '../../../../src/session/authorization/permission.js';
import { createStaticAuthorizer } from '../../../../src/session/authorization/static-authorizer.js';
import { decisionOf } from '../../../support/asker.js';
import type { MatchPolicy } from '../../../../src/wamp/options.js';

const ALL = { call: true, register: true, publish: true, subscribe: true };
const GUARDED = {
  routerProcedures: new Set(['gantry.session.info']),
  authenticators: new Set(['com.example.authenticate']),
};

function permission(uri: string, match: MatchPolicy): Permission {
  return { uri, match, allow: ALL, disclose: { caller: false, publisher: false } };
}

function decide(permissions: readonly Permission[], action: Action, uri: string, match: MatchPolicy = 'exact') {
  const authorizer = createGuardedAuthorizer(createStaticAuthorizer(permissions), permissions, GUARDED);
  return decisionOf(authorizer, action, uri, match);
}

const ALLOWED = { allowed: true, disclose: false };
const DENIED = { allowed: false, disclose: false };

describe('a permission of a pattern', () => {
  const everything = [permission('', 'prefix'), permission('gantry..info', 'wildcard')];

  it.each([
    ['call', 'gantry.session.info', 'exact'],
    ['register', 'gantry.session.info', 'exact'],
    ['call', 'com.example.authenticate', 'exact'],
    ['register', 'com.example.authenticate', 'exact'],
    ['register', 'com.example.', 'prefix'],
    ['register', 'com..authenticate', 'wildcard'],
    ['register', '', 'prefix'],
  ] as const)('does not allow to %s %s (%s)', (action, uri, match) => {
    expect(decide(everything, action, uri, match)).toEqual(DENIED);
  });

  it.each([
    ['call', 'com.example.other', 'exact'],
    ['register', 'com.example.authenticate.more', 'exact'],
    ['register', 'gantry.', 'prefix'],
    ['register', 'com.other.', 'prefix'],
    ['publish', 'com.example.authenticate', 'exact'],
    ['subscribe', '', 'prefix'],
  ] as const)('allows to %s %s (%s)', (action, uri, match) => {
    expect(decide(everything, action, uri, match)).toEqual(ALLOWED);
  });
});

describe('a permission that names the URI itself', () => {
  const named = [
    permission('', 'prefix'),
    permission('gantry.session.info', 'exact'),
    permission('com.example.authenticate', 'exact'),
  ];

  it.each([
    ['call', 'gantry.session.info', 'exact'],
    ['call', 'com.example.authenticate', 'exact'],
    ['register', 'com.example.authenticate', 'exact'],
    ['register', 'com.example.', 'prefix'],
  ] as const)('allows to %s %s (%s)', (action, uri, match) => {
    expect(decide(named, action, uri, match)).toEqual(ALLOWED);
  });

  it('does not allow to register a procedure of the router', () => {
    expect(decide(named, 'register', 'gantry.session.info')).toEqual(DENIED);
  });

  it('allows only the actions that it lists', () => {
    const only = [{ ...permission('com.example.authenticate', 'exact'), allow: { ...ALL, call: false } }];
    expect(decide(only, 'call', 'com.example.authenticate')).toEqual(DENIED);
    expect(decide(only, 'register', 'com.example.authenticate')).toEqual(ALLOWED);
  });
});
