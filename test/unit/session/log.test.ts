import { describe, expect, it } from 'vitest';
import { createHarness, type Harness } from '../../support/session-harness.js';

const ME = {
  remoteAddress: '192.0.2.1',
  realm: 'realm1',
  session: 1001,
  authid: 'A-random-authid',
  authrole: 'anonymous',
};

describe('what is logged of a session', () => {
  const ENDS: [how: string, end: (harness: Harness) => void, reason: string][] = [
    ['GOODBYE of the client', ({ send }) => send([6, {}, 'wamp.close.close_realm']), 'goodbye'],
    ['ABORT of the client', ({ send }) => send([3, {}, 'wamp.error.canceled']), 'abort'],
    ['a protocol violation', ({ send }) => send([48]), 'protocol_violation'],
    ['the loss of its connection', ({ hangUp }) => hangUp(), 'connection_lost'],
    [
      'GOODBYE of the router',
      ({ realm }) => realm.admitted[0]!.close('wamp.close.system_shutdown'),
      'wamp.close.system_shutdown',
    ],
    ['a farewell without GOODBYE', ({ realm }) => realm.admitted[0]!.dismiss(), 'restart'],
  ];
  it.each(ENDS)('reports at debug that it opened, and that it closed by %s', (_how, end, reason) => {
    const harness = createHarness();
    harness.join();
    end(harness);
    harness.hangUp();
    expect(harness.log.of('session.opened')).toEqual([{ level: 'debug', event: 'session.opened', fields: ME }]);
    expect(harness.log.of('session.closed')).toEqual([
      { level: 'debug', event: 'session.closed', fields: { ...ME, reason } },
    ]);
  });

  it('reports who reached a limit, and which', () => {
    const harness = createHarness();
    harness.join();
    harness.malformed('more than 5 messages per second (limits.maxMessagesPerSecond)', 'limit');
    expect(harness.log.of('session.limit_reached')).toEqual([
      {
        level: 'info',
        event: 'session.limit_reached',
        fields: {
          ...ME,
          reason: 'wamp.error.limit_exceeded',
          message: 'more than 5 messages per second (limits.maxMessagesPerSecond)',
        },
      },
    ]);
    expect(harness.log.of('session.violation')).toEqual([]);
  });

  it('reports that a session could not be opened in time', () => {
    const harness = createHarness({ realms: { open: () => new Promise(() => undefined) } });
    harness.send([1, 'realm1', { roles: { caller: {} } }]);
    harness.timers.fire();
    expect(harness.log.of('session.refused')).toMatchObject([
      { level: 'info', fields: { remoteAddress: '192.0.2.1', message: 'the session could not be opened in time' } },
    ]);
    expect(harness.log.of('session.opened')).toEqual([]);
  });
});
