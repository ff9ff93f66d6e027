import { describe, expect, it } from 'vitest';
import type { DecodedMessage } from '../../../src/codec/codec.js';
import { NO_DETAILS } from '../../../src/wamp/options.js';
import { ListedIds } from '../../../src/wamp/session-ids.js';
import { serializers } from '../../support/serializers.js';
import { ALL_ROLES, codecs, createHarness } from '../../support/session-harness.js';

const HELLO = [1, 'realm1', { roles: ALL_ROLES }];

/** [UNSUBSCRIBE, request, subscription] with the numbers written as 64-bit floats. */
function withFloats(serializer: 'msgpack' | 'cbor', request: number | undefined, subscription: number): Uint8Array {
  const bytes = [serializer === 'msgpack' ? 0x93 : 0x83, ...(serializer === 'msgpack' ? [34] : [0x18, 34])];
  const float = (value: number) => [
    serializer === 'msgpack' ? 0xcb : 0xfb,
    ...new Uint8Array(new Float64Array([value]).buffer).reverse(),
  ];
  bytes.push(...(request === undefined ? [1] : float(request)), ...float(subscription));
  return new Uint8Array(bytes);
}

describe.each(['json', 'msgpack', 'cbor'] as const)('a session in %s', (serializer) => {
  const write = (message: unknown) => serializers[serializer].encode(message);
  const start = () => {
    const harness = createHarness({ serializer });
    harness.receive(write(HELLO));
    expect(harness.realm.admitted).toHaveLength(1);
    return harness;
  };

  it('joins, publishes with and without options, and leaves', () => {
    const { connection, realm, receive } = start();
    receive(write([16, 1, {}, 'a.b', ['x'], { y: 1 }]));
    receive(write([16, 2, { acknowledge: true, exclude: [2 ** 53 - 1], x_mine: { deep: [1] }, rkey: null }, 'a.b']));
    receive(write([6, {}, 'wamp.close.normal']));
    expect(realm.routed.map(({ message }) => message.slice(0, 4))).toEqual([
      [16, 1, { acknowledge: false, excludeMe: true, discloseMe: false }, 'a.b'],
      [
        16,
        2,
        { acknowledge: true, excludeMe: true, discloseMe: false, audience: { exclude: new ListedIds([2 ** 53 - 1]) } },
        'a.b',
      ],
    ]);
    expect(realm.removed).toHaveLength(1);
    expect(connection.written).toHaveLength(2);
    expect(codecs[serializer].decode(connection.written[1]!)).toMatchObject({
      header: [6, {}, 'wamp.close.goodbye_and_out'],
    });
  });

  it('takes the empty dict for no options, by identity', () => {
    expect(codecs[serializer].decode(write([16, 1, {}, 'a.b']))).toMatchObject({ header: [16, 1, NO_DETAILS, 'a.b'] });
    const decoded = codecs[serializer].decode(write([16, 1, {}, 'a.b'])) as DecodedMessage;
    expect(decoded.header[2]).toBe(NO_DETAILS);
  });

  it('is not misled by prototype keys in options', () => {
    const { connection, realm, receive } = start();
    const options = Object.defineProperty({ x_a: 1 }, '__proto__', { value: { acknowledge: 1 }, enumerable: true });
    receive(write([16, 1, options, 'a.b']));
    expect(realm.routed).toHaveLength(1);
    expect(connection.closeCause).toBeUndefined();
  });

  it('ends by a violation where a request id is a fraction, negative or too large (MSG-4)', () => {
    for (const id of [1.5, -1, 0, 2 ** 53 + 2]) {
      const { connection, receive } = start();
      receive(write([16, id, {}, 'a.b']));
      expect(connection.closeCause).toBe('protocol_violation');
    }
  });
});

describe.each(['msgpack', 'cbor'] as const)('floats in %s', (serializer) => {
  const after = (bytes: Uint8Array) => {
    const harness = createHarness({ serializer });
    harness.receive(serializers[serializer].encode(HELLO));
    harness.receive(bytes);
    return harness;
  };

  it('are no request ids (MSG-10)', () => {
    const { connection, realm } = after(withFloats(serializer, 1, 2 ** 40));
    expect(connection.closeCause).toBe('protocol_violation');
    expect(realm.routed).toEqual([]);
  });

  it('are subscription ids where a serializer of JavaScript could not help it (3.6)', () => {
    const { connection, realm } = after(withFloats(serializer, undefined, 2 ** 40 + 1));
    expect(connection.closeCause).toBeUndefined();
    expect(realm.routed.map(({ message }) => message)).toEqual([[34, 1, 2 ** 40 + 1]]);
  });

  it('are no subscription ids otherwise', () => {
    expect(after(withFloats(serializer, undefined, 5)).connection.closeCause).toBe('protocol_violation');
    expect(after(withFloats(serializer, undefined, 2 ** 40 + 0.5)).connection.closeCause).toBe('protocol_violation');
  });
});
