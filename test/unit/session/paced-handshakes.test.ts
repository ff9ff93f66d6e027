import { describe, expect, it } from 'vitest';
import { createHarness, isAbort, type HarnessOptions } from '../../support/session-harness.js';
import { ABORT, AUTHENTICATE, GOODBYE, HELLO, password, PASSWORD_HELLO, VIOLATION } from './session-messages.js';

const SUBSCRIBE = [32, 1, {}, 'com.example.topic'];

/** A client whose first session has used up the rate, so that its second HELLO has to wait. */
function scene(hello: unknown[], options: HarnessOptions = {}, maxWaitingHandshakes = 1) {
  const time = { nowMs: 0 };
  const steps: (() => void)[] = [];
  const pacing = {
    limits: { maxHandshakesPerSecond: 1, maxWaitingHandshakes },
    nowMs: () => time.nowMs,
    later: (action: () => void) => void steps.push(action),
  };
  const harness = createHarness({ ...options, pacing });
  harness.send(hello);
  if (hello === PASSWORD_HELLO) harness.send(AUTHENTICATE);
  expect(harness.connection.last?.[0]).toBe(2);
  harness.send(GOODBYE);
  harness.connection.written.length = 0;
  const turnComes = (): void => {
    time.nowMs += 1_000;
    for (const step of steps.splice(0)) step();
  };
  return { ...harness, turnComes };
}

describe('a HELLO that waits for its turn', () => {
  it('gets its WELCOME when the turn comes, and what the client sent behind it is handled then', () => {
    const { send, connection, realm, timers, turnComes, counters } = scene(HELLO);
    send(HELLO, SUBSCRIBE);
    expect(connection.messages).toEqual([]);
    turnComes();
    expect(connection.last?.[0]).toBe(2);
    expect(realm.routed.map(({ message }) => message[0])).toEqual([32]);
    expect(timers.pending).toEqual([]);
    expect(counters.handshakes).toMatchObject({ at_once: 1, waited: 1 });
  });

  it('leaves the client all of the time for a challenge', () => {
    const { send, connection, timers, turnComes } = scene(PASSWORD_HELLO, { authMethods: [password()] });
    send(PASSWORD_HELLO);
    const [before] = timers.pending;
    turnComes();
    expect(connection.last?.[0]).toBe(4);
    expect(timers.pending).toHaveLength(1);
    expect(timers.pending[0]).not.toBe(before);
    send(AUTHENTICATE);
    expect(connection.last?.[0]).toBe(2);
  });

  it('ends with a close and without ABORT when its time is up, and never begins', () => {
    const { send, connection, realm, timers, turnComes, counters } = scene(HELLO);
    send(HELLO);
    timers.fire();
    expect([connection.closeCause, connection.messages]).toEqual(['undecided', []]);
    turnComes();
    expect(realm.admitted).toHaveLength(1);
    expect(counters.handshakes).toMatchObject({ timeout: 1, gone: 0, waited: 0 });
  });

  it('ends with a close and without ABORT when too many wait', () => {
    const { send, connection, counters } = scene(HELLO, {}, 0);
    send(HELLO);
    expect([connection.closeCause, connection.messages]).toEqual(['full', []]);
    expect(counters.handshakes).toMatchObject({ refused: 1 });
  });

  it.each([
    ['hangs up', ({ hangUp }: ReturnType<typeof scene>) => hangUp()],
    ['sends ABORT', ({ send }: ReturnType<typeof scene>) => send(ABORT)],
  ])('gives up its place when the client %s', (_how, leave) => {
    const waiting = scene(HELLO);
    waiting.send(HELLO);
    leave(waiting);
    waiting.turnComes();
    expect(waiting.realm.admitted).toHaveLength(1);
    expect(waiting.counters.handshakes).toMatchObject({ gone: 1, waited: 0 });
  });

  it('does not let a violation behind it wait (2.1)', () => {
    const { send, connection, counters } = scene(HELLO);
    send(HELLO, HELLO);
    expect(isAbort(connection.last, VIOLATION)).toBe(true);
    expect(counters.handshakes).toMatchObject({ gone: 1 });
  });
});
