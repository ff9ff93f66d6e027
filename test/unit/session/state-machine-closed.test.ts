import { describe, expect, it } from 'vitest';
import { unavailable } from '../../../src/session/ports.js';
import { ALL_ROLES, createHarness, FakeRealm, faultOf, isAbort } from '../../support/session-harness.js';
import { ABORT, HELLO, OTHERS, password, ROUTER_ONLY, VIOLATION } from './session-messages.js';

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

  it('gives in WELCOME who the client is and what the router can do (AUT-2, SES-3, SES-6, 8.2)', () => {
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

  it('distinguishes a limit of the transport from a violation', () => {
    const { connection, join, malformed, realm, counters } = createHarness();
    join();
    malformed('a message of 2 bytes; at most 1 are accepted', 'limit');
    expect(isAbort(connection.last, 'wamp.error.limit_exceeded')).toBe(true);
    expect(connection.closeCause).toBe('limit');
    expect(realm.removed).toHaveLength(1);
    expect(counters.violations.all).toBe(0);
  });
});
