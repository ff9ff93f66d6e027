import { describe, expect, it } from 'vitest';
import type { AuthMethod } from '../../../src/session/auth/method.js';
import { unavailable, type SessionRealm, type Unavailable } from '../../../src/session/ports.js';
import type { Fault } from '../../../src/wamp/faults.js';
import type { SessionId } from '../../../src/wamp/ids.js';
import {
  type Harness,
  ALL_ROLES,
  createHarness,
  deferred,
  FakeRealm,
  faultOf,
  isAbort,
  settle,
  type HarnessOptions,
} from '../../support/session-harness.js';

const VIOLATION = 'wamp.error.protocol_violation';
const HELLO = [1, 'realm1', { roles: ALL_ROLES }];
const AUTHENTICATE = [5, 'open sesame', {}];
const GOODBYE = [6, {}, 'wamp.close.normal'];
const ABORT = [3, {}, 'wamp.error.whatever'];
/** Every message a client may send, but HELLO and ABORT. */
const OTHERS = [
  AUTHENTICATE,
  GOODBYE,
  [8, 68, 1, {}, 'a.b'],
  [16, 1, {}, 'a.b'],
  [32, 1, {}, 'a.b'],
  [34, 1, 7],
  [48, 1, {}, 'a.b'],
  [49, 1, {}],
  [64, 1, {}, 'a.b'],
  [66, 1, 7],
  [70, 1, {}],
];
const ROUTER_ONLY = [2, 4, 17, 33, 35, 36, 50, 65, 67, 68, 69].map((code) => [code, 1, {}]);

/** Asks for one password, `rounds` times. */
function password(rounds = 1): AuthMethod {
  const challenge = (left: number) => ({
    kind: 'challenge' as const,
    extra: { left },
    answer: (signature: string) => {
      if (signature !== 'open sesame') {
        return { kind: 'refused' as const, fault: faultOf('wamp.error.authentication_denied') };
      }
      if (left > 1) return challenge(left - 1);
      const principal = { authid: 'ali', authrole: 'anonymous', authprovider: 'cave', authextra: { gold: true } };
      return { kind: 'granted' as const, principal };
    },
  });
  return { name: 'password', begin: () => challenge(rounds) };
}

const PASSWORD_HELLO = [1, 'realm1', { roles: ALL_ROLES, authmethods: ['unheard_of', 'password'] }];

describe('CLOSED: a transport without a session', () => {
  it('answers HELLO by WELCOME and lets the realm route only afterwards (SES-1, SES-7)', () => {
    const { connection, realm, send, counters } = createHarness();
    realm.onAdmit = (session) => {
      expect(connection.last?.[0]).toBe(2);
      session.send([17, 1 as never, 2 as never]);
    };
    send(HELLO);
    expect(connection.messages.map(([code]) => code)).toEqual([2, 17]);
    expect(counters.messagesIn[1]).toBe(1);
    expect(counters.messagesOut[2]).toBe(1);
    expect(counters.messagesOut[17]).toBe(1);
  });

  it('says in WELCOME who the client is and what the router can do (AUT-2, SES-3, SES-6, 8.2)', () => {
    const { connection, send, realm } = createHarness();
    send([1, 'realm1', { roles: ALL_ROLES, authid: 'boss', authrole: 'admin', authmethods: ['anonymous'] }]);
    const [code, session, details] = connection.last as [number, number, Record<string, unknown>];
    expect([code, session]).toEqual([2, 1001]);
    expect(details).toMatchObject({
      realm: 'realm1',
      authid: 'A-random-authid',
      authrole: 'anonymous',
      authmethod: 'anonymous',
      authprovider: 'static',
      agent: 'Gantry-test',
      roles: { broker: { features: { publisher_exclusion: true } }, dealer: { features: { call_canceling: true } } },
    });
    expect(realm.admitted[0]).toMatchObject({
      session: 1001,
      realm: 'realm1',
      authid: 'A-random-authid',
      authrole: 'anonymous',
      authmethod: 'anonymous',
      authprovider: 'static',
      serializer: 'json',
      isOpen: true,
    });
  });

  it.each([...OTHERS, ...ROUTER_ONLY])('takes anything else first for a violation: %j (PV-1)', (...message) => {
    const { connection, realm, send, counters } = createHarness();
    send(message);
    expect(isAbort(connection.last, VIOLATION)).toBe(true);
    expect(connection.closeCause).toBe('protocol_violation');
    expect(counters.violations.all).toBe(1);
    send(HELLO);
    expect(realm.admitted).toEqual([]);
    expect(connection.messages).toHaveLength(1);
  });

  it('does not answer ABORT (SES-10)', () => {
    const { connection, send } = createHarness();
    send(ABORT);
    expect(connection.messages).toEqual([]);
    expect(connection.closeCause).toBe('abort');
  });

  it('refuses HELLO without roles as a violation (SES-3)', () => {
    const { connection, send } = createHarness();
    send([1, 'realm1', {}]);
    expect(isAbort(connection.last, VIOLATION)).toBe(true);
    expect(connection.closeCause).toBe('protocol_violation');
  });

  it('passes on why the realm refuses, and takes another HELLO on the same transport (2.1, SES-5, SES-9)', () => {
    const realm = new FakeRealm();
    const harness = createHarness({
      realms: { open: (uri) => (uri === 'realm1' ? realm : faultOf('wamp.error.no_such_realm', 'no such thing')) },
    });
    harness.send([1, '', { roles: ALL_ROLES }]);
    expect(harness.connection.last).toEqual([3, { message: 'no such thing' }, 'wamp.error.no_such_realm']);
    expect(harness.connection.closeCause).toBeUndefined();
    expect(harness.counters.sessionsRefused.all).toBe(1);
    expect(harness.counters.violations.all).toBe(0);
    harness.send(HELLO);
    expect(harness.connection.last?.[0]).toBe(2);
    expect(realm.admitted).toHaveLength(1);
  });

  it('refuses by name what authentication lacks (AUT-1, AUT-4)', () => {
    const { connection, send } = createHarness({ authMethods: [password()] });
    send(HELLO);
    expect(isAbort(connection.last, 'wamp.error.authentication_required')).toBe(true);
    send([1, 'realm1', { roles: ALL_ROLES, authmethods: ['ticket', 'anonymous'] }]);
    expect(isAbort(connection.last, 'wamp.error.no_matching_auth_method')).toBe(true);
    expect(connection.last?.[1]).toMatchObject({ message: expect.stringContaining('password') as string });
  });

  it('refuses a role that the realm does not have (AUT-4)', () => {
    const { connection, realm, send } = createHarness();
    realm.authorizers.clear();
    send(HELLO);
    expect(isAbort(connection.last, 'wamp.error.no_such_role')).toBe(true);
    expect(realm.nextSession).toBe(1001);
  });

  it('sends a client away when no session id is to be had now: no ABORT, come again (SES-2)', () => {
    const { connection, realm, send, counters } = createHarness();
    realm.reserve = () => unavailable('full', 'no room');
    send(HELLO);
    expect(connection.messages).toEqual([]);
    expect(connection.closeCause).toBe('full');
    expect(counters.sessionsRefused.all).toBe(1);
    expect(realm.forgotten).toEqual([]);
  });

  it('closes a transport on which no HELLO comes (SES-8)', () => {
    const { connection, timers } = createHarness();
    expect(timers.pending).toMatchObject([{ delayMs: 5_000 }]);
    timers.fire();
    expect(connection.messages).toEqual([]);
    expect(connection.closeCause).toBe('handshake_timeout');
  });

  it('does not prolong the handshake for refused attempts (SES-8)', () => {
    const { connection, timers, send } = createHarness({ authMethods: [password()] });
    send(HELLO, HELLO);
    timers.fire();
    expect(connection.closeCause).toBe('handshake_timeout');
  });

  it('reports broken framing as a violation (PV-7, PV-12)', () => {
    const { connection, malformed, counters } = createHarness();
    malformed('empty batch');
    expect(connection.last).toEqual([3, { message: 'empty batch' }, VIOLATION]);
    expect(connection.closeCause).toBe('protocol_violation');
    expect(counters.messagesIn[0]).toBe(1);
  });

  it('tells a limit of the transport from a violation', () => {
    const { connection, join, malformed, realm, counters } = createHarness();
    join();
    malformed('a message of 2 bytes; at most 1 are accepted', 'limit');
    expect(isAbort(connection.last, 'wamp.error.limit_exceeded')).toBe(true);
    expect(connection.closeCause).toBe('limit');
    expect(realm.removed).toHaveLength(1);
    expect(counters.violations.all).toBe(0);
  });
});

describe('ESTABLISHING: HELLO waits for an answer', () => {
  const opening = () => {
    const door = deferred<SessionRealm | Fault>();
    const realm = new FakeRealm();
    return { realm, door, harness: createHarness({ realms: { open: () => door.promise } }) };
  };

  it('answers when the realm is there', async () => {
    const { harness, door, realm } = opening();
    harness.send(HELLO);
    expect(harness.connection.messages).toEqual([]);
    door.resolve(realm);
    await settle();
    expect(harness.connection.last?.[0]).toBe(2);
    expect(harness.timers.pending).toEqual([]);
  });

  it.each([HELLO, AUTHENTICATE, [2, 1, {}], [99]])(
    'takes what no session may send for a violation: %j (2.1, PV-2)',
    async (...message) => {
      const { harness, door, realm } = opening();
      harness.send(HELLO, message);
      expect(isAbort(harness.connection.last, VIOLATION)).toBe(true);
      door.resolve(realm);
      await settle();
      expect(realm.nextSession).toBe(1001);
      expect(realm.admitted).toEqual([]);
    },
  );

  it('forgets the session of a client that has gone meanwhile', async () => {
    const { connection, realm, send, hangUp } = createHarness();
    const id = deferred<SessionId>();
    realm.reserve = () => id.promise;
    send(HELLO);
    hangUp();
    id.resolve(77 as SessionId);
    await settle();
    expect(realm.forgotten).toEqual([77]);
    expect(realm.admitted).toEqual([]);
    expect(connection.messages).toEqual([]);
  });

  it('gives nothing back of a reservation that failed after the client had gone', async () => {
    const { realm, send, hangUp } = createHarness();
    const id = deferred<SessionId | Unavailable>();
    realm.reserve = () => id.promise;
    send(HELLO);
    hangUp();
    id.resolve(unavailable('unreachable', 'no way'));
    await settle();
    expect(realm.forgotten).toEqual([]);
  });

  it('ends by ABORT from the client without an answer (SES-10)', async () => {
    const { harness, door, realm } = opening();
    harness.send(HELLO, ABORT);
    door.resolve(realm);
    await settle();
    expect(harness.connection.messages).toEqual([]);
    expect(harness.connection.closeCause).toBe('abort');
  });

  it('does not wait for ever (SES-8)', async () => {
    const { harness, door, realm } = opening();
    harness.send(HELLO);
    harness.timers.fire();
    expect(harness.connection.messages).toEqual([]);
    expect(harness.connection.closeCause).toBe('undecided');
    door.resolve(realm);
    await settle();
    expect(realm.admitted).toEqual([]);
  });

  it('sends the client away when opening the realm fails technically', async () => {
    const { harness, door } = opening();
    harness.send(HELLO);
    door.reject(new Error('backplane down'));
    await settle();
    expect(harness.connection.messages).toEqual([]);
    expect(harness.connection.closeCause).toBe('undecided');
  });
});

describe('what a client sends directly behind HELLO', () => {
  const SUBSCRIBE = [32, 1, {}, 'com.example.topic'];
  const PUBLISH = [16, 2, {}, 'com.example.topic'];

  function scene(options: HarnessOptions = {}) {
    const door = deferred<SessionRealm | Fault>();
    const harness = createHarness({ realms: { open: () => door.promise }, ...options });
    return { ...harness, door, realm: new FakeRealm() };
  }

  it('waits for WELCOME and is then handled, in order (G10)', async () => {
    const { send, door, realm, connection } = scene();
    send(HELLO, SUBSCRIBE, PUBLISH);
    expect(realm.routed).toEqual([]);
    door.resolve(realm);
    await settle();
    expect(connection.messages.map(([code]) => code)).toEqual([2]);
    expect(realm.routed.map(({ message }) => message[0])).toEqual([32, 16]);
  });

  it('is dropped when HELLO is refused, also what comes later; another HELLO is not (SES-5)', async () => {
    const { send, door, realm, connection } = scene();
    send(HELLO, SUBSCRIBE);
    door.resolve(faultOf('wamp.error.no_such_realm'));
    await settle();
    send(PUBLISH);
    expect(connection.messages.map(([code]) => code)).toEqual([3]);
    expect(connection.closeCause).toBeUndefined();
    send(HELLO);
    await settle();
    expect(connection.messages.map(([code]) => code)).toEqual([3, 3]);
    expect(realm.routed).toEqual([]);
  });

  it('is a violation once CHALLENGE was sent: only AUTHENTICATE may come then (2.1)', async () => {
    const { send, door, realm, connection } = scene({ authMethods: [password()] });
    send(PASSWORD_HELLO, SUBSCRIBE);
    door.resolve(realm);
    await settle();
    expect(connection.messages.map(([code]) => code)).toEqual([4, 3]);
    expect(isAbort(connection.last, VIOLATION)).toBe(true);
  });

  it('is bounded as an inbox is (limits.maxInboxMessages)', () => {
    const { send, connection } = scene();
    send(HELLO, SUBSCRIBE, SUBSCRIBE, SUBSCRIBE, SUBSCRIBE, SUBSCRIBE);
    expect(isAbort(connection.last, 'wamp.error.limit_exceeded')).toBe(true);
  });
});

describe('AUTHENTICATING: CHALLENGE was sent', () => {
  it('challenges by the first method that both have, and welcomes after a good answer (AUT-1, AUT-2)', () => {
    const { connection, realm, send } = createHarness({ authMethods: [password()] });
    send(PASSWORD_HELLO);
    expect(connection.messages).toEqual([[4, 'password', { left: 1 }]]);
    expect(realm.admitted).toEqual([]);
    send(AUTHENTICATE);
    expect(connection.last).toMatchObject([
      2,
      1001,
      { authid: 'ali', authmethod: 'password', authprovider: 'cave', authextra: { gold: true } },
    ]);
    expect(realm.admitted).toHaveLength(1);
  });

  it('may ask for more than one round (AUT-1)', () => {
    const { connection, send } = createHarness({ authMethods: [password(2)] });
    send(PASSWORD_HELLO, AUTHENTICATE, AUTHENTICATE);
    expect(connection.messages.map(([code]) => code)).toEqual([4, 4, 2]);
  });

  it('refuses a bad answer and is CLOSED again (2.1)', () => {
    const { connection, realm, send } = createHarness({ authMethods: [password()] });
    send(PASSWORD_HELLO, [5, 'open barley', {}]);
    expect(isAbort(connection.last, 'wamp.error.authentication_denied')).toBe(true);
    expect(connection.closeCause).toBeUndefined();
    send(PASSWORD_HELLO, AUTHENTICATE);
    expect(connection.last?.[0]).toBe(2);
    expect(realm.admitted).toHaveLength(1);
  });

  it.each([HELLO, ...OTHERS.slice(1)])('takes anything but AUTHENTICATE for a violation: %j (2.1)', (...message) => {
    const { connection, send } = createHarness({ authMethods: [password()] });
    send(PASSWORD_HELLO, message);
    expect(isAbort(connection.last, VIOLATION)).toBe(true);
    expect(connection.closeCause).toBe('protocol_violation');
  });

  it('takes a second AUTHENTICATE for a violation, before and after the decision (PV-11, AUT-5)', async () => {
    const decision = deferred<never>();
    const slow: AuthMethod = {
      name: 'password',
      begin: () => ({ kind: 'challenge', extra: {}, answer: () => decision.promise }),
    };
    const waiting = createHarness({ authMethods: [slow] });
    waiting.send(PASSWORD_HELLO, AUTHENTICATE, AUTHENTICATE);
    expect(isAbort(waiting.connection.last, VIOLATION)).toBe(true);
    decision.reject(new Error('too late to matter'));
    await settle();
    expect(waiting.connection.messages).toHaveLength(2);

    const decided = createHarness({ authMethods: [password()] });
    decided.send(PASSWORD_HELLO, AUTHENTICATE, AUTHENTICATE);
    expect(isAbort(decided.connection.last, VIOLATION)).toBe(true);
    expect(decided.realm.removed).toEqual(decided.realm.admitted);
  });

  it('ends when no answer comes in time (SES-8)', () => {
    const { connection, send, timers } = createHarness({ authMethods: [password()] });
    send(PASSWORD_HELLO);
    timers.fire();
    expect(isAbort(connection.last, 'wamp.error.authentication_failed')).toBe(true);
    expect(connection.closeCause).toBe('handshake_timeout');
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('secret detail');
      },
    ],
    ['rejects', () => Promise.reject(new Error('secret detail'))],
  ] as const)('sends the client away when the method %s, and says nothing of why', async (_how, begin) => {
    const { connection, send } = createHarness({ authMethods: [{ name: 'password', begin }] });
    send(PASSWORD_HELLO);
    await settle();
    expect(connection.messages).toEqual([]);
    expect(connection.closeCause).toBe('undecided');
  });

  it('names the session id in the challenge, and enters the session only once it has authenticated (AUT-3)', async () => {
    const bound: AuthMethod = {
      name: 'password',
      begin: (request) => {
        const session = request.session();
        expect(request.session()).toBe(session);
        return {
          kind: 'challenge',
          extra: { session },
          answer: (signature) =>
            signature === 'open sesame'
              ? { kind: 'granted', principal: { authid: 'ali', authrole: 'anonymous', authprovider: 'cave' } }
              : { kind: 'refused', fault: faultOf('wamp.error.authentication_denied') },
        };
      },
    };
    const opened = (): { harness: Harness; reserved: unknown[] } => {
      const harness = createHarness({ authMethods: [bound] });
      const reserved: unknown[] = [];
      harness.realm.reserve = ({ authid }, drawn) => {
        reserved.push([authid, drawn]);
        return drawn ?? (0 as SessionId);
      };
      return { harness, reserved };
    };
    const good = opened();
    good.harness.send(PASSWORD_HELLO);
    await settle();
    expect(good.harness.connection.last).toEqual([4, 'password', { session: 1001 }]);
    expect(good.reserved).toEqual([]);
    good.harness.send(AUTHENTICATE);
    expect(good.harness.connection.last?.slice(0, 2)).toEqual([2, 1001]);
    expect(good.reserved).toEqual([['ali', 1001]]);
    expect(good.harness.realm.forgotten).toEqual([]);

    const bad = opened();
    bad.harness.send(PASSWORD_HELLO);
    await settle();
    bad.harness.send([5, 'open barley', {}]);
    expect(bad.harness.connection.last?.[0]).toBe(3);
    expect([bad.reserved, bad.harness.realm.forgotten]).toEqual([[], []]);

    const gone = opened();
    gone.harness.send(PASSWORD_HELLO);
    await settle();
    gone.harness.hangUp();
    expect([gone.reserved, gone.harness.realm.forgotten]).toEqual([[], []]);
  });

  it('sends an authenticated client away without ABORT when its session cannot be entered', async () => {
    const { connection, realm, send } = createHarness({ authMethods: [password()] });
    realm.reserve = () => Promise.resolve(unavailable('unreachable', 'later'));
    send(PASSWORD_HELLO, AUTHENTICATE);
    await settle();
    expect(connection.messages.map(([code]) => code)).toEqual([4]);
    expect(connection.closeCause).toBe('unreachable');
  });

  it('asks for a second challenge, and gives its answer to the step that asked (AUT-1)', async () => {
    const answers: string[] = [];
    const twice: AuthMethod = {
      name: 'password',
      begin: () => ({
        kind: 'challenge',
        extra: { round: 1 },
        answer: (first) => {
          answers.push(first);
          const next = {
            kind: 'challenge' as const,
            extra: { round: 2 },
            answer: (second: string) => {
              answers.push(second);
              const principal = { authid: 'ali', authrole: 'anonymous', authprovider: 'cave' };
              return { kind: 'granted' as const, principal };
            },
          };
          return Promise.resolve(next);
        },
      }),
    };
    const { connection, send } = createHarness({ authMethods: [twice] });
    send(PASSWORD_HELLO, [5, 'password', {}]);
    await settle();
    expect(connection.last).toEqual([4, 'password', { round: 2 }]);
    send([5, 'code', {}]);
    expect(connection.last?.[0]).toBe(2);
    expect(answers).toEqual(['password', 'code']);
    expect(connection.messages.map(([code]) => code)).toEqual([4, 4, 2]);
  });
});

describe('ESTABLISHED', () => {
  it.each([HELLO, AUTHENTICATE, ...ROUTER_ONLY])('takes %j for a violation (PV-2, PV-11)', (...message) => {
    const { connection, realm, join, send } = createHarness();
    const session = join();
    send(message);
    expect(isAbort(connection.last, VIOLATION)).toBe(true);
    expect(connection.closeCause).toBe('protocol_violation');
    expect(realm.removed).toEqual([session]);
    expect(session.isOpen).toBe(false);
  });

  it('answers GOODBYE by goodbye_and_out, whatever reason the client gives (SES-10, SES-11, X-31)', () => {
    const { connection, realm, join, send } = createHarness();
    const session = join();
    send([6, { message: 'bye' }, 'any reason at all']);
    expect(connection.last).toEqual([6, {}, 'wamp.close.goodbye_and_out']);
    expect(realm.removed).toEqual([session]);
    expect(session.isOpen).toBe(false);
    expect(connection.closeCause).toBeUndefined();
  });

  it('accepts another HELLO after a completed GOODBYE, as a new session with new request ids (SES-14)', () => {
    const { connection, realm, join, send } = createHarness();
    const first = join();
    send([16, 1, {}, 'a.b'], GOODBYE);
    const second = join();
    expect(second).not.toBe(first);
    expect(second.session).toBe(1002);
    send([16, 1, {}, 'a.b']);
    expect(realm.routed.map(({ session }) => session)).toEqual([first, second]);
    first.send([17, 1 as never, 2 as never]);
    expect(connection.messages.map(([code]) => code)).toEqual([2, 6, 2]);
  });

  it('does not keep a transport without session for ever (SES-14)', () => {
    const { connection, join, send, timers } = createHarness();
    join();
    expect(timers.pending).toEqual([]);
    send(GOODBYE);
    timers.fire();
    expect(connection.closeCause).toBe('goodbye');
  });

  it('drops the session on ABORT without a word (SES-10)', () => {
    const { connection, realm, join, send } = createHarness();
    const session = join();
    send(ABORT);
    expect(connection.messages).toHaveLength(1);
    expect(connection.closeCause).toBe('abort');
    expect(realm.removed).toEqual([session]);
  });

  it('drops the session when the transport is lost, once (SES-13)', () => {
    const { realm, join, hangUp } = createHarness();
    const session = join();
    hangUp();
    hangUp();
    expect(realm.removed).toEqual([session]);
    expect(session.isOpen).toBe(false);
  });

  it('sends nothing after the reply to GOODBYE, however late it comes (SES-12)', () => {
    const { connection, realm, join, send } = createHarness();
    const session = join();
    realm.remove = () => {
      session.send([17, 1 as never, 2 as never]);
      session.write(new Uint8Array([0x5b, 0x5d]));
      session.close('wamp.close.killed');
      session.abort(faultOf(VIOLATION));
    };
    send(GOODBYE);
    expect(connection.messages.map(([code]) => code)).toEqual([2, 6]);
    expect(connection.closeCause).toBeUndefined();
  });
});

describe('a farewell without GOODBYE', () => {
  it('closes the transport, once, and leaves the realm before that (SES-12, SES-13)', () => {
    const { connection, realm, join, send, timers } = createHarness();
    const session = join();
    session.dismiss();
    expect(session.isOpen).toBe(false);
    expect(realm.removed).toEqual([session]);
    expect(connection.closeCause).toBe('restart');
    session.dismiss();
    session.close('wamp.close.killed');
    session.send([17, 1 as never, 2 as never]);
    send(GOODBYE);
    expect(connection.messages.map(([code]) => code)).toEqual([2]);
    expect(realm.removed).toEqual([session]);
    expect(timers.pending).toEqual([]);
  });

  it('leaves alone who has said GOODBYE, or was told it', () => {
    const left = createHarness();
    const session = left.join();
    left.send(GOODBYE);
    session.dismiss();
    expect(left.connection.closeCause).toBeUndefined();
    expect(left.connection.last).toEqual([6, {}, 'wamp.close.goodbye_and_out']);
    const told = createHarness();
    const other = told.join();
    other.close('wamp.close.killed');
    other.dismiss();
    expect(told.connection.closeCause).toBeUndefined();
  });
});

describe('SHUTTING_DOWN: we sent GOODBYE', () => {
  it('sends the reason, then nothing, and leaves the realm at once (SES-10, SES-12)', () => {
    const { connection, realm, join } = createHarness();
    const session = join();
    session.close('wamp.close.killed', 'out of luck');
    expect(session.isOpen).toBe(false);
    expect(realm.removed).toEqual([session]);
    session.send([17, 1 as never, 2 as never]);
    session.close('wamp.close.killed');
    expect(connection.messages.map(([code]) => code)).toEqual([2, 6]);
    expect(connection.last).toEqual([6, { message: 'out of luck' }, 'wamp.close.killed']);
  });

  it('ignores everything but the reply, malformed or not (2.1)', () => {
    const { connection, realm, join, send, receive, malformed, counters } = createHarness();
    join().close('wamp.close.close_realm');
    send(HELLO, ...OTHERS.filter((message) => message !== GOODBYE), ...ROUTER_ONLY);
    receive('rubbish');
    malformed('rubbish');
    expect(connection.messages).toHaveLength(2);
    expect(connection.closeCause).toBeUndefined();
    expect(realm.routed).toEqual([]);
    expect(counters.violations.all).toBe(0);
    send([6, {}, 'wamp.error.goodbye_and_out']);
    expect(connection.messages).toHaveLength(2);
    join();
    expect(connection.messages.map(([code]) => code)).toEqual([2, 6, 2]);
  });

  it('closes a transport whose client does not reply (SES-15)', () => {
    const { connection, join, timers } = createHarness();
    join().close('wamp.close.killed');
    expect(timers.pending).toMatchObject([{ delayMs: 2_000 }]);
    timers.fire();
    expect(connection.closeCause).toBe('goodbye_timeout');
  });

  it('closes the transport after the reply when the node shuts down', () => {
    const { connection, join, send, timers } = createHarness();
    join().close('wamp.close.system_shutdown');
    send([6, {}, 'wamp.close.goodbye_and_out']);
    expect(connection.closeCause).toBe('shutdown');
    expect(timers.pending).toEqual([]);
  });

  it('ends on ABORT and on loss of the transport', () => {
    const aborted = createHarness();
    aborted.join().close('wamp.close.killed');
    aborted.send(ABORT);
    expect(aborted.connection.closeCause).toBe('abort');
    expect(aborted.realm.removed).toHaveLength(1);

    const lost = createHarness();
    lost.join().close('wamp.close.killed');
    lost.hangUp();
    expect(lost.timers.pending).toEqual([]);
    expect(lost.realm.removed).toHaveLength(1);
  });
});

describe('FAILED', () => {
  it('processes nothing more, not even what was already there (2.4)', () => {
    const { connection, realm, join, send, receive, malformed } = createHarness();
    join();
    send([16, 1, {}, 'a.b']);
    receive('{"not": "a list"}');
    send([16, 2, {}, 'a.b'], HELLO);
    malformed('more');
    expect(realm.routed).toHaveLength(1);
    expect(connection.messages.map(([code]) => code)).toEqual([2, 3]);
    expect(connection.last?.[1]).toHaveProperty('message');
  });

  it('says ABORT before the realm hears of it, so that nothing comes in between (SES-12)', () => {
    const { connection, realm, join, send } = createHarness();
    const session = join();
    realm.remove = () => session.send([17, 1 as never, 2 as never]);
    send(HELLO);
    expect(connection.messages.map(([code]) => code)).toEqual([2, 3]);
  });

  it('lets the realm abort a session in the middle of a message (PV-4)', () => {
    const { connection, realm, join, send, counters } = createHarness();
    const session = join();
    realm.onRoute = (peer) => peer.abort(faultOf(VIOLATION, 'never invoked'));
    send([70, 5, {}], [70, 6, {}]);
    expect(connection.last).toEqual([3, { message: 'never invoked' }, VIOLATION]);
    expect(connection.closeCause).toBe('protocol_violation');
    expect(realm.removed).toEqual([session]);
    expect(realm.routed).toHaveLength(1);
    expect(counters.violations.all).toBe(1);
  });

  it.each([
    ['wamp.error.limit_exceeded', 'limit'],
    ['wamp.error.network_failure', 'abort'],
  ])('tells a violation from %s by the cause of the close', (error, cause) => {
    const { connection, join, counters } = createHarness();
    join().abort(faultOf(error));
    expect(isAbort(connection.last, error)).toBe(true);
    expect(connection.closeCause).toBe(cause);
    expect(counters.violations.all).toBe(0);
  });
});
