import { describe, expect, it } from 'vitest';
import type { Decision } from '../../../src/session/authorization/permission.js';
import type { Authorizer } from '../../../src/session/ports.js';
import { createHarness, deferred, isAbort, settle, type HarnessOptions } from '../../support/session-harness.js';

const VIOLATION = 'wamp.error.protocol_violation';
const ALLOWED: Decision = { allowed: true, disclose: false };
const DENIED: Decision = { allowed: false, disclose: false };
const denyAll: Authorizer = { authorize: () => DENIED };

/** Requests that name a URI; `silent`: fails without an answer. */
const NAMING: [name: string, make: (uri: string, options?: object) => unknown[], silent: boolean][] = [
  ['SUBSCRIBE', (uri, options = {}) => [32, 1, options, uri], false],
  ['REGISTER', (uri, options = {}) => [64, 1, options, uri], false],
  ['CALL', (uri, options = {}) => [48, 1, options, uri, [1]], false],
  ['acknowledged PUBLISH', (uri, options = {}) => [16, 1, { acknowledge: true, ...options }, uri, [1]], false],
  ['PUBLISH', (uri, options = {}) => [16, 1, options, uri, [1]], true],
];

function start(options: HarnessOptions = {}) {
  const harness = createHarness(options);
  const session = harness.join();
  return { ...harness, session };
}

/** The one answer to request 1, or silence, proved by a later request that is answered. */
function expectReaction(harness: ReturnType<typeof start>, code: unknown, error: string, silent: boolean): void {
  const { connection, realm, counters } = harness;
  expect(realm.routed).toEqual([]);
  expect(connection.closeCause).toBeUndefined();
  if (silent) {
    expect(connection.messages).toHaveLength(1);
    expect(counters.routing.publish_refused).toBe(1);
    harness.send([32, 2, {}, 'not valid']);
    expect(connection.messages[1]?.slice(0, 3)).toEqual([8, 32, 2]);
  } else {
    expect(connection.messages.slice(1)).toEqual([[8, code, 1, {}, error, [expect.any(String)]]]);
  }
}

describe('ERROR, ABORT or silence (2.5)', () => {
  it.each(NAMING)('answers %s with a bad URI as in the table: invalid_uri', (_name, make, silent) => {
    for (const uri of ['', 'a b', 'a..b', '#', 'x'.repeat(300), Array(20).fill('a').join('.')]) {
      const harness = start();
      const message = make(uri);
      harness.send(message);
      expectReaction(harness, message[0], 'wamp.error.invalid_uri', silent);
    }
  });

  it('checks every URI, also one it has just refused or accepted otherwise', () => {
    const { connection, realm, send } = start();
    send(
      [48, 1, {}, 'a b'],
      [48, 2, {}, 'a b'],
      [48, 3, {}, 'a'],
      [48, 4, {}, 'a'],
      [32, 5, { match: 'prefix' }, 'a.'],
    );
    send([48, 6, {}, 'a.']);
    expect(realm.routed.map(({ message }) => message[1])).toEqual([3, 4, 5]);
    expect(connection.messages.slice(1).map((message) => message[2])).toEqual([1, 2, 6]);
  });

  it('checks a pattern as a pattern (URI-3)', () => {
    const { realm, send, connection } = start();
    send(
      [32, 1, { match: 'prefix' }, 'com.'],
      [32, 2, { match: 'prefix' }, ''],
      [64, 3, { match: 'wildcard' }, 'a..b'],
      [64, 4, { match: 'prefix' }, 'a..b'],
    );
    expect(realm.routed.map(({ message }) => message[1])).toEqual([1, 2, 3]);
    expect(connection.last?.slice(0, 5)).toEqual([8, 64, 4, {}, 'wamp.error.invalid_uri']);
  });

  it('follows the strict rule where the realm wants it (URI-1)', () => {
    const { realm, send, connection } = start({ rules: { uriCheck: 'strict' } });
    send([48, 1, {}, 'com.My-App'], [48, 2, {}, 'com.my_app']);
    expect(connection.last?.slice(0, 5)).toEqual([8, 48, 1, {}, 'wamp.error.invalid_uri']);
    expect(realm.routed.map(({ message }) => message[1])).toEqual([2]);
  });

  it.each(NAMING)('answers %s without leave as in the table: not_authorized', (_name, make, silent) => {
    const harness = start({ authorizer: denyAll });
    const message = make('a.b');
    harness.send(message);
    expectReaction(harness, message[0], 'wamp.error.not_authorized', silent);
  });

  it.each(NAMING)('answers %s whose authorization failed as in the table', async (_name, make, silent) => {
    const harness = start({ authorizer: { authorize: () => Promise.reject(new Error('secret detail')) } });
    const message = make('a.b');
    harness.send(message);
    await settle();
    expectReaction(harness, message[0], 'wamp.error.authorization_failed', silent);
    expect(JSON.stringify(harness.connection.messages)).not.toContain('secret');
  });

  it('asks for permission with the action, the URI, the match, the session and the message (AZ-1, AZ-4)', () => {
    const asked: unknown[] = [];
    const authorizer: Authorizer = {
      authorize: (action, uri, match, asker, [code]) => (
        asked.push([action, uri, match, asker.authrole, code]),
        ALLOWED
      ),
    };
    const { send } = start({ authorizer });
    send(
      [16, 1, {}, 'a'],
      [48, 2, {}, 'b'],
      [32, 3, { match: 'prefix' }, 'c.'],
      [64, 4, { match: 'wildcard' }, 'd..'],
      [34, 5, 1],
      [66, 6, 1],
      [49, 2, {}],
      [70, 1, {}],
    );
    expect(asked).toEqual([
      ['publish', 'a', 'exact', 'anonymous', 16],
      ['call', 'b', 'exact', 'anonymous', 48],
      ['subscribe', 'c.', 'prefix', 'anonymous', 32],
      ['register', 'd..', 'wildcard', 'anonymous', 64],
    ]);
  });

  it('takes a wrong shape anywhere for a violation that names which (PV-6)', () => {
    const { connection, send, counters } = start();
    send([16, 1, { acknowledge: 1 }, 'a.b']);
    expect(connection.last).toEqual([3, { message: 'PUBLISH.Options.acknowledge must be a boolean' }, VIOLATION]);
    expect(counters.messagesIn[0]).toBe(1);
    expect(counters.messagesIn[16]).toBe(0);
  });

  it.each(['', '[', 'nonsense', '{}', '[]', '[16,1,{},"a.b",[}'])(
    'takes unreadable %j for a violation (PV-6, PV-7)',
    (bytes) => {
      const { connection, receive, counters } = start();
      receive(bytes);
      expect(isAbort(connection.last, VIOLATION)).toBe(true);
      expect(connection.closeCause).toBe('protocol_violation');
      expect(counters.messagesIn[0]).toBe(1);
    },
  );

  it('fails a call whose callee answers by an error that is no URI, instead of passing it on', () => {
    const { realm, send } = start();
    send([8, 68, 1, {}, 'it broke!', ['why']], [8, 68, 1, {}, 'app.Error-7', ['why']]);
    expect(realm.routed.map(({ message }) => message[4])).toEqual(['wamp.error.invalid_uri', 'app.Error-7']);
    expect(realm.routed[0]?.message[5]).toMatchObject({ elementCount: 1 });
  });
});

describe('disclosure (CID-1, CID-2, CID-3)', () => {
  const disclosing: Authorizer = { authorize: () => ({ allowed: true, disclose: true }) };
  const routed = (options: HarnessOptions, ...messages: unknown[][]) => {
    const harness = start(options);
    harness.send(...messages);
    return { ...harness, disclosed: harness.realm.routed.map(({ disclose }) => disclose) };
  };

  it('is given when asked for and allowed', () => {
    const { disclosed } = routed(
      {},
      [16, 1, { disclose_me: true }, 'a'],
      [16, 2, {}, 'a'],
      [48, 3, { disclose_me: true }, 'a'],
      [48, 4, {}, 'a'],
    );
    expect(disclosed).toEqual([true, false, true, false]);
  });

  it('is given unasked where a permission demands it', () => {
    const { disclosed } = routed({ authorizer: disclosing }, [16, 1, {}, 'a'], [48, 2, { disclose_me: false }, 'a']);
    expect(disclosed).toEqual([true, true]);
  });

  it('is refused by name where the realm forbids it, silently for an unacknowledged PUBLISH, and routes nothing (CID-2, X-3)', () => {
    const { connection, realm } = routed(
      { rules: { allowDisclose: false } },
      [16, 1, { disclose_me: true }, 'a'],
      [16, 2, { disclose_me: true, acknowledge: true }, 'a'],
      [48, 3, { disclose_me: true }, 'a'],
    );
    const error = 'wamp.error.option_disallowed.disclose_me';
    expect(connection.messages.slice(1).map((message) => message.slice(0, 5))).toEqual([
      [8, 16, 2, {}, error],
      [8, 48, 3, {}, error],
    ]);
    expect(realm.routed).toEqual([]);
  });

  it('is not refused to anybody who is disclosed anyway', () => {
    const { disclosed } = routed({ rules: { allowDisclose: false }, authorizer: disclosing }, [
      48,
      1,
      { disclose_me: true },
      'a',
    ]);
    expect(disclosed).toEqual([true]);
  });

  it('informs the dealer whether callers may be disclosed to a callee', () => {
    expect(routed({}, [64, 1, { disclose_caller: true }, 'a']).disclosed).toEqual([true]);
    expect(routed({ rules: { allowDisclose: false } }, [64, 1, {}, 'a']).disclosed).toEqual([false]);
  });
});

describe('force_reregister', () => {
  const FORCED = [64, 1, { force_reregister: true }, 'a'];

  it('is for the realm to decide, which knows whether somebody holds the procedure', () => {
    const { send, realm } = start();
    send(FORCED);
    expect(realm.routed).toMatchObject([{ message: [64, 1, { forceReregister: true }, 'a'] }]);
  });

  it('is refused to anybody who may not register', () => {
    const harness = start({ authorizer: denyAll });
    harness.send(FORCED);
    expectReaction(harness, 64, 'wamp.error.not_authorized', false);
  });
});

describe('an authorizer that takes its time (5.9 item 2, AZ-5)', () => {
  /** Decides about `slow` when the test calls it. */
  function slowly() {
    const decisions: ReturnType<typeof deferred<Decision>>[] = [];
    const authorizer: Authorizer = {
      authorize: (_action, uri) => {
        if (uri !== 'slow') return ALLOWED;
        const decision = deferred<Decision>();
        decisions.push(decision);
        return decision.promise;
      },
    };
    return { decisions, ...start({ authorizer }) };
  }

  it('lets no message overtake the one that waits', async () => {
    const { decisions, realm, send } = slowly();
    send([16, 1, {}, 'slow'], [16, 2, {}, 'fast'], [48, 3, {}, 'slow'], [16, 4, {}, 'fast']);
    expect(realm.routed).toEqual([]);
    decisions[0]!.resolve(ALLOWED);
    await settle();
    expect(realm.routed.map(({ message }) => message[1])).toEqual([1, 2]);
    decisions[1]!.resolve(DENIED);
    await settle();
    expect(realm.routed.map(({ message }) => message[1])).toEqual([1, 2, 4]);
  });

  it('goes on in one go when nothing waits any more', async () => {
    const { decisions, realm, send } = slowly();
    send([16, 1, {}, 'slow']);
    decisions[0]!.resolve(ALLOWED);
    await settle();
    send([16, 2, {}, 'fast']);
    expect(realm.routed).toHaveLength(2);
  });

  it('bounds what waits, by number, and aborts beyond', async () => {
    const { decisions, connection, realm, send, counters } = slowly();
    send([16, 1, {}, 'slow'], ...[2, 3, 4, 5].map((id) => [16, id, {}, 'fast']));
    expect(connection.closeCause).toBeUndefined();
    send([16, 6, {}, 'fast']);
    expect(isAbort(connection.last, 'wamp.error.limit_exceeded')).toBe(true);
    expect(connection.closeCause).toBe('limit');
    expect(counters.limitsReached.inbox).toBe(1);
    decisions[0]!.resolve(ALLOWED);
    await settle();
    expect(realm.routed).toEqual([]);
  });

  it('bounds what waits, by size', () => {
    const { connection, send } = slowly();
    send([16, 1, {}, 'slow'], [16, 2, {}, 'fast', ['x'.repeat(600)]]);
    expect(connection.closeCause).toBeUndefined();
    send([16, 3, {}, 'fast', ['x'.repeat(600)]]);
    expect(connection.closeCause).toBe('limit');
  });

  it('routes nothing of a session that ended meanwhile (AZ-5)', async () => {
    const { decisions, connection, realm, send, hangUp } = slowly();
    send([16, 1, {}, 'slow'], [16, 2, {}, 'fast']);
    hangUp();
    decisions[0]!.resolve(ALLOWED);
    await settle();
    expect(realm.routed).toEqual([]);
    expect(connection.messages).toHaveLength(1);
  });

  it('finds the violation among what waits, after what was sent before it', async () => {
    const { decisions, connection, realm, send, receive } = slowly();
    send([16, 1, {}, 'slow'], [16, 2, {}, 'fast']);
    receive('rubbish');
    expect(connection.closeCause).toBeUndefined();
    decisions[0]!.resolve(ALLOWED);
    await settle();
    expect(realm.routed).toHaveLength(2);
    expect(connection.closeCause).toBe('protocol_violation');
  });

  it('takes a GOODBYE that waits for the reply to ours (SES-10)', async () => {
    const { decisions, connection, realm, session, send } = slowly();
    send([16, 1, {}, 'slow'], [6, {}, 'wamp.close.normal'], [1, 'realm1', { roles: { caller: {} } }]);
    session.close('wamp.close.killed');
    decisions[0]!.resolve(DENIED);
    await settle();
    expect(realm.routed).toEqual([]);
    expect(connection.messages.map(([code]) => code)).toEqual([2, 6, 2]);
    expect(realm.admitted).toHaveLength(2);
  });
});
