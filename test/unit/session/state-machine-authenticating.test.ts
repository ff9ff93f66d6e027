import { describe, expect, it } from 'vitest';
import type { AuthMethod } from '../../../src/session/auth/method.js';
import { unavailable } from '../../../src/session/ports.js';
import type { SessionId } from '../../../src/wamp/ids.js';
import { createHarness, deferred, faultOf, isAbort, settle, type Harness } from '../../support/session-harness.js';
import { AUTHENTICATE, HELLO, OTHERS, password, PASSWORD_HELLO, VIOLATION } from './session-messages.js';

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
  ] as const)('sends the client away when the method %s, and gives no reason', async (_how, begin) => {
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
