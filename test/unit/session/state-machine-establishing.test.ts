import { describe, expect, it } from 'vitest';
import { unavailable, type SessionRealm, type Unavailable } from '../../../src/session/ports.js';
import type { Fault } from '../../../src/wamp/faults.js';
import type { SessionId } from '../../../src/wamp/ids.js';
import {
  createHarness,
  deferred,
  FakeRealm,
  faultOf,
  isAbort,
  settle,
  type HarnessOptions,
} from '../../support/session-harness.js';
import { ABORT, AUTHENTICATE, HELLO, password, PASSWORD_HELLO, VIOLATION } from './session-messages.js';

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
