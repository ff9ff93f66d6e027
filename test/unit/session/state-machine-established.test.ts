import { describe, expect, it } from 'vitest';
import { createHarness, faultOf, isAbort } from '../../support/session-harness.js';
import { ABORT, AUTHENTICATE, GOODBYE, HELLO, OTHERS, ROUTER_ONLY, VIOLATION } from './session-messages.js';

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
      return undefined;
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

  it('leaves alone who has sent GOODBYE, or received it', () => {
    const left = createHarness();
    const session = left.join();
    left.send(GOODBYE);
    session.dismiss();
    expect(left.connection.closeCause).toBeUndefined();
    expect(left.connection.last).toEqual([6, {}, 'wamp.close.goodbye_and_out']);
    const dismissed = createHarness();
    const other = dismissed.join();
    other.close('wamp.close.killed');
    other.dismiss();
    expect(dismissed.connection.closeCause).toBeUndefined();
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

  it('sends ABORT before the realm learns of it, so that nothing comes in between (SES-12)', () => {
    const { connection, realm, join, send } = createHarness();
    const session = join();
    realm.remove = () => {
      session.send([17, 1 as never, 2 as never]);
      return undefined;
    };
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
  ])('distinguishes a violation from %s by the cause of the close', (error, cause) => {
    const { connection, join, counters } = createHarness();
    join().abort(faultOf(error));
    expect(isAbort(connection.last, error)).toBe(true);
    expect(connection.closeCause).toBe(cause);
    expect(counters.violations.all).toBe(0);
  });
});
