import { describe, expect, it } from 'vitest';
import { createAskingAuthorizer } from '../../../../src/session/authorization/asking-authorizer.js';
import type { Action, Decision, Permission } from '../../../../src/session/authorization/permission.js';
import type { Asker } from '../../../../src/session/authorization/question.js';
import {
  AuthorizationFailedError,
  AuthorizerCallError,
  RemoteAuthorizer,
  type AuthorizerTrouble,
} from '../../../../src/session/authorization/remote-authorizer.js';
import { createStaticAuthorizer } from '../../../../src/session/authorization/static-authorizer.js';
import { createCounters } from '../../../../src/telemetry/counters.js';
import type { SessionId } from '../../../../src/wamp/ids.js';
import type { Publish } from '../../../../src/wamp/messages.js';
import type { List, MatchPolicy } from '../../../../src/wamp/options.js';
import { askerOf, requestOf } from '../../../support/asker.js';

const ALLOWED = { allowed: true, disclose: false };
const DENIED = { allowed: false, disclose: false };

interface Call {
  readonly args: List;
  answer(value: unknown): Promise<void>;
  fail(failure: AuthorizerCallError['failure']): Promise<void>;
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** An authorizer whose calls the test answers. */
function scene({ max = 100, maxEntries = 100, ttlMs = 1_000 } = {}) {
  const calls: Call[] = [];
  const troubles: AuthorizerTrouble[] = [];
  const counters = createCounters();
  const pending = { count: 0, max };
  const clock = { nowMs: 0 };
  const authorizer = new RemoteAuthorizer(
    { procedure: 'com.authorize', timeoutMs: 50, cache: { maxEntries, ttlMs } },
    (procedure, args, timeoutMs) => {
      expect([procedure, timeoutMs]).toEqual(['com.authorize', 50]);
      return new Promise((resolve, reject) =>
        calls.push({
          args,
          answer: (value) => {
            resolve({ args: [value], kwargs: {} });
            return settled();
          },
          fail: (failure) => {
            reject(new AuthorizerCallError(failure, 'com.error'));
            return settled();
          },
        }),
      );
    },
    { nowMs: () => clock.nowMs, counters, pending, onTrouble: (trouble) => troubles.push(trouble) },
  );
  const decide = (asker: Asker, uri = 'a', action: Action = 'call', match: MatchPolicy = 'exact') =>
    authorizer.decide({ action, uri, match, asker, request: requestOf(action, uri, match) });
  return { authorizer, calls, troubles, counters, pending, clock, decide };
}

async function failureOf(decision: Decision | Promise<Decision>): Promise<string> {
  try {
    return JSON.stringify(await decision);
  } catch (error) {
    expect(error).toBeInstanceOf(AuthorizationFailedError);
    return (error as AuthorizationFailedError).failure;
  }
}

describe('a question', () => {
  it('names session, URI, action and options (AZ-3)', async () => {
    const { calls, decide } = scene();
    const asked = decide(askerOf(7, { authextra: { team: 'x' } }), 'com.', 'register', 'prefix');
    expect(calls[0]?.args).toEqual([
      {
        session: 7,
        realm: 'realm1',
        authid: 'joe',
        authrole: 'user',
        authmethod: 'ticket',
        authprovider: 'static',
        authextra: { team: 'x' },
        transport: { type: 'websocket', protocol: 'wamp.2.json', serializer: 'json', peer: '127.0.0.1' },
      },
      'com.',
      'register',
      { match: 'prefix', invoke: 'single' },
    ]);
    await calls[0]?.answer(true);
    expect(await asked).toEqual(ALLOWED);
  });

  it('has the options of a publication, as the client names them', () => {
    const { authorizer, calls } = scene();
    const [code, request, options, uri, payload] = requestOf('publish', 'a') as Publish;
    const audience = { eligible: new Set([3, 4] as SessionId[]), excludeAuthrole: new Set(['guest']) };
    const message = [code, request, { ...options, discloseMe: true, audience }, uri, payload] as const;
    void authorizer.decide({
      action: 'publish',
      uri: 'a',
      match: 'exact',
      asker: askerOf(),
      request: message,
    });
    expect(calls[0]?.args[3]).toEqual({
      acknowledge: true,
      disclose_me: true,
      eligible: [3, 4],
      exclude_authrole: ['guest'],
    });
  });

  it('is asked again for each request, unless its answer is for more', async () => {
    const { calls, decide } = scene();
    for (let round = 0; round < 3; round++) {
      const asked = decide(askerOf());
      await calls[round]?.answer(round !== 1);
      expect(await asked).toEqual(round === 1 ? DENIED : ALLOWED);
    }
    expect(calls).toHaveLength(3);
  });

  it('that fails decides nothing, is counted and reported', async () => {
    const { calls, decide, counters, troubles, pending } = scene();
    const failures = [];
    for (const failure of ['error', 'unavailable', 'timeout'] as const) {
      const asked = failureOf(decide(askerOf()));
      await calls.at(-1)?.fail(failure);
      failures.push(await asked);
    }
    const garbled = failureOf(decide(askerOf()));
    await calls.at(-1)?.answer({ allow: 'yes' });
    failures.push(await garbled);
    expect(failures).toEqual(['error', 'unavailable', 'timeout', 'malformed']);
    expect(troubles.map(({ reason }) => reason)).toEqual(failures);
    expect(failures.map((failure) => counters.authorizerCalls[`call,${failure}` as 'call,error'])).toEqual([
      1, 1, 1, 1,
    ]);
    expect(counters.authorizerLatency.count).toBe(4);
    expect(pending.count).toBe(0);
  });

  it('is refused where too many wait, without a call', async () => {
    const { calls, decide, counters } = scene({ max: 1 });
    const first = decide(askerOf(1), 'a');
    expect(await failureOf(decide(askerOf(2), 'b'))).toBe('limit');
    expect(calls).toHaveLength(1);
    expect([counters.limitsReached.pending_authorizations, counters.authorizerCalls['call,limit']]).toEqual([1, 1]);
    await calls[0]?.answer(true);
    expect(await first).toEqual(ALLOWED);
    void decide(askerOf(2), 'b');
    expect(calls).toHaveLength(2);
  });

  it('counts what was allowed and denied, by action, with its time', async () => {
    const { calls, decide, counters, clock } = scene();
    void decide(askerOf(), 'a', 'publish');
    clock.nowMs = 30;
    await calls[0]?.answer(true);
    void decide(askerOf(), 'a', 'subscribe');
    await calls[1]?.answer(false);
    expect([counters.authorizerCalls['publish,allowed'], counters.authorizerCalls['subscribe,denied']]).toEqual([1, 1]);
    expect([counters.authorizerLatency.count, counters.authorizerLatency.sum]).toEqual([2, 30]);
  });
});

describe('an answer for more than one request', () => {
  it('decides for its session, at once', async () => {
    const { calls, decide } = scene();
    void decide(askerOf(1));
    await calls[0]?.answer({ allow: true, disclose: true, cache: true });
    expect(decide(askerOf(1))).toEqual({ allowed: true, disclose: true });
    expect(decide(askerOf(2))).toBeInstanceOf(Promise);
    expect(decide(askerOf(1), 'b')).toBeInstanceOf(Promise);
    expect(decide(askerOf(1), 'a', 'publish')).toBeInstanceOf(Promise);
    expect(decide(askerOf(1), 'a', 'call', 'prefix')).toBeInstanceOf(Promise);
  });

  it('decides for the role, at once', async () => {
    const { calls, decide } = scene();
    void decide(askerOf(1));
    await calls[0]?.answer({ allow: false, cache: 'role' });
    expect(decide(askerOf(2, { authid: 'ann' }))).toEqual(DENIED);
  });

  it('holds as long as it asks for, and no longer than the configuration has it', async () => {
    const { calls, decide, clock } = scene({ ttlMs: 100 });
    void decide(askerOf(), 'a');
    void decide(askerOf(), 'b');
    await calls[0]?.answer({ allow: true, cache: true, ttlMs: 10 });
    await calls[1]?.answer({ allow: true, cache: true, ttlMs: 1_000 });
    clock.nowMs = 10;
    expect(decide(askerOf(), 'a')).toBeInstanceOf(Promise);
    clock.nowMs = 99;
    expect(decide(askerOf(), 'b')).toEqual(ALLOWED);
    clock.nowMs = 100;
    expect(decide(askerOf(), 'b')).toBeInstanceOf(Promise);
  });

  it('is bounded in number', async () => {
    const { calls, decide } = scene({ maxEntries: 2 });
    for (const uri of ['a', 'b', 'c']) {
      void decide(askerOf(), uri);
      await calls.at(-1)?.answer({ allow: true, cache: true });
    }
    expect(decide(askerOf(), 'c')).toEqual(ALLOWED);
    expect(decide(askerOf(), 'a')).toBeInstanceOf(Promise);
  });

  it('is forgotten by a flush, also while it is on its way', async () => {
    const { calls, decide, authorizer } = scene();
    void decide(askerOf(), 'a');
    await calls[0]?.answer({ allow: true, cache: true });
    const asked = decide(askerOf(), 'b');
    expect(authorizer.flush({})).toBe(1);
    await calls[1]?.answer({ allow: true, cache: true });
    expect(await asked).toEqual(ALLOWED);
    expect(decide(askerOf(), 'a')).toBeInstanceOf(Promise);
    expect(decide(askerOf(), 'b')).toBeInstanceOf(Promise);
  });
});

describe('sessions that ask the same', () => {
  it('wait for one answer, if it is for their role', async () => {
    const { calls, decide } = scene();
    const decisions = [1, 2, 3].map((session) => Promise.resolve(decide(askerOf(session))));
    expect(calls).toHaveLength(1);
    await calls[0]?.answer({ allow: true, cache: 'role' });
    expect(await Promise.all(decisions)).toEqual([ALLOWED, ALLOWED, ALLOWED]);
    expect(calls).toHaveLength(1);
  });

  it('ask each by itself, if it is not', async () => {
    const { calls, decide } = scene();
    const decisions = [1, 2, 3].map((session) => Promise.resolve(decide(askerOf(session))));
    await calls[0]?.answer(true);
    expect(calls).toHaveLength(3);
    await calls[1]?.answer(false);
    await calls[2]?.answer(true);
    expect(await Promise.all(decisions)).toEqual([ALLOWED, DENIED, ALLOWED]);
    // The answers of this action are not for the role: nobody waits for others any more.
    void decide(askerOf(1));
    void decide(askerOf(2));
    expect(calls).toHaveLength(5);
  });

  it('fail together', async () => {
    const { calls, decide } = scene();
    const failures = [1, 2].map((session) => failureOf(decide(askerOf(session))));
    await calls[0]?.fail('timeout');
    expect(await Promise.all(failures)).toEqual(['timeout', 'timeout']);
    expect(calls).toHaveLength(1);
  });

  it('do not ask when they have ended while they waited', async () => {
    const { calls, decide } = scene();
    void decide(askerOf(1));
    const gone = decide(askerOf(2, { isOpen: false }));
    await calls[0]?.answer(true);
    await gone;
    expect(calls).toHaveLength(1);
  });
});

describe('static permissions', () => {
  const permission = (uri: string, match: MatchPolicy, allow: Partial<Permission['allow']>): Permission => ({
    uri,
    match,
    allow: { call: false, register: false, publish: false, subscribe: false, ...allow },
    disclose: { caller: false, publisher: false },
  });

  it('come first: the authorizer decides only what none covers', () => {
    const { authorizer, calls } = scene();
    const asking = createAskingAuthorizer(
      createStaticAuthorizer([
        permission('com.a.', 'prefix', { call: true, subscribe: true }),
        permission('com.a.secret', 'exact', {}),
      ]),
      authorizer,
    );
    const authorize = (action: Action, uri: string, match: MatchPolicy = 'exact') =>
      asking.authorize(action, uri, match, askerOf(), requestOf(action, uri, match));
    expect(authorize('call', 'com.a.b')).toEqual(ALLOWED);
    expect(authorize('publish', 'com.a.b')).toEqual(DENIED);
    expect(authorize('call', 'com.a.secret')).toEqual(DENIED);
    // A part of the pattern is denied.
    expect(authorize('subscribe', 'com.a.', 'prefix')).toEqual(DENIED);
    expect(authorize('subscribe', 'com.', 'prefix')).toEqual(DENIED);
    expect(calls).toHaveLength(0);
    for (let round = 0; round < 2; round++) expect(authorize('call', 'com.b')).toBeInstanceOf(Promise);
    expect(authorize('subscribe', 'com.b.', 'prefix')).toBeInstanceOf(Promise);
  });
});
