import { describe, expect, it } from 'vitest';
import { payloadOf } from '../../../src/codec/payload.js';
import { EstablishedSession } from '../../../src/session/established-session.js';
import { createCounters } from '../../../src/telemetry/counters.js';
import type { PublicationId, RegistrationId, RequestId, SessionId, SubscriptionId } from '../../../src/wamp/ids.js';
import type { RouterMessage } from '../../../src/wamp/messages.js';
import { NO_DETAILS } from '../../../src/wamp/options.js';
import type { Payload } from '../../../src/wamp/payload.js';
import { codecs, FakeConnection } from '../../support/session-harness.js';

/** A payload that JSON cannot encode. */
const unspeakable: Payload = {
  serializer: 'cbor',
  elementCount: 1,
  byteLength: 0,
  bytes: new Uint8Array([0x81, 0xf9, 0x7e, 0x00]),
  in: () => ({ kind: 'untranscodable', message: 'NaN has no form in JSON' }),
};

function open() {
  const connection = new FakeConnection();
  const counters = createCounters();
  const session = new EstablishedSession(
    {
      session: 7 as SessionId,
      realm: 'realm1',
      authid: 'a',
      authrole: 'b',
      authmethod: 'c',
      authprovider: 'd',
      authextra: undefined,
      transport: { type: 'websocket', protocol: 'wamp.2.json', serializer: 'json', peer: '127.0.0.1' },
      features: {},
      authorizer: { authorize: () => ({ allowed: true, disclose: false }) },
    },
    {
      connection,
      codec: codecs.json,
      counters,
      closer: { goodbye: () => undefined, dismiss: () => undefined, abort: () => undefined, endAfter: () => undefined },
    },
  );
  return { connection, counters, session };
}

const carrying = (payload: Payload): Record<'result' | 'invocation' | 'event' | 'error', RouterMessage> => ({
  result: [50, 1 as RequestId, NO_DETAILS, payload],
  invocation: [68, 1 as RequestId, 2 as RegistrationId, NO_DETAILS, payload],
  event: [36, 1 as SubscriptionId, 2 as PublicationId, NO_DETAILS, payload],
  error: [8, 48, 1 as RequestId, NO_DETAILS, 'app.broken', payload],
});

describe('what a session is sent', () => {
  it('is encoded, counted by type and queued in order', () => {
    const { connection, counters, session } = open();
    const { result, event, error } = carrying(payloadOf(['x'], { y: 1 }));
    for (const message of [result, event, event, error]) expect(session.send(message)).toBeUndefined();
    session.write(new TextEncoder().encode('[17,1,2]'));
    expect(connection.messages).toEqual([
      [50, 1, {}, ['x'], { y: 1 }],
      [36, 1, 2, {}, ['x'], { y: 1 }],
      [36, 1, 2, {}, ['x'], { y: 1 }],
      [8, 48, 1, {}, 'app.broken', ['x'], { y: 1 }],
      [17, 1, 2],
    ]);
    expect([counters.messagesOut[50], counters.messagesOut[36], counters.messagesOut[8]]).toEqual([1, 2, 1]);
    expect(counters.messagesOut[17]).toBe(0);
  });

  it.each(['result', 'invocation'] as const)(
    'is refused when a %s cannot be represented in its serializer, so that the call still ends (G3, SER-6)',
    (kind) => {
      const { connection, counters, session } = open();
      const fault = session.send(carrying(unspeakable)[kind]);
      expect(fault).toMatchObject({ kind: 'fault', error: 'wamp.error.invalid_argument' });
      expect(fault?.message).toContain('NaN has no form in JSON');
      expect(connection.messages).toEqual([]);
      expect(counters.eventsDropped.untranscodable).toBe(0);
    },
  );

  it('counts an EVENT that cannot be represented in its serializer (G4)', () => {
    const { connection, counters, session } = open();
    session.send(carrying(unspeakable).event);
    expect(connection.messages).toEqual([]);
    expect(counters.eventsDropped.untranscodable).toBe(1);
  });

  it('gets an ERROR without the payload that cannot be encoded (G3)', () => {
    const { connection, session } = open();
    expect(session.send(carrying(unspeakable).error)).toBeUndefined();
    expect(connection.messages).toEqual([[8, 48, 1, {}, 'app.broken', [expect.stringContaining('NaN')]]]);
  });

  it.each([
    ['its URI', NO_DETAILS, '\0broken', 'wamp.error.invalid_uri'],
    ['its details', { enc_algo: 'x_a', enc_serializer: '\0' }, 'app.broken', 'app.broken'],
    ['both', { ppt_scheme: '\0' }, '\0broken', 'wamp.error.invalid_uri'],
  ])('gets an ERROR also when %s cannot be encoded (G3)', (_what, details, uri, sent) => {
    const { connection, counters, session } = open();
    expect(session.send([8, 48, 1 as RequestId, details, uri, payloadOf(['x'])])).toBeUndefined();
    expect(connection.messages).toEqual([[8, 48, 1, {}, sent, [expect.stringContaining('U+0000')]]]);
    expect(counters.messagesOut[8]).toBe(1);
  });

  it('is nothing once it has ended (SES-12)', () => {
    const { connection, counters, session } = open();
    session.seal();
    expect(session.send(carrying(unspeakable).result)).toBeUndefined();
    session.send(carrying(payloadOf()).event);
    session.write(new Uint8Array(1));
    expect(connection.written).toEqual([]);
    expect(counters.messagesOut[36]).toBe(0);
    expect(session.isOpen).toBe(false);
  });
});
