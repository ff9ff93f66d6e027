import { describe, expect, it } from 'vitest';
import { negotiate, subprotocolsOf } from '../../../../src/transport/opening/subprotocols.js';

describe('sub-protocols', () => {
  it('are two per serializer, in the order of the serializers', () => {
    expect(subprotocolsOf(['cbor', 'json']).map(({ name }) => name)).toEqual([
      'wamp.2.cbor',
      'wamp.2.cbor.batched',
      'wamp.2.json',
      'wamp.2.json.batched',
    ]);
  });

  const all = subprotocolsOf(['json', 'msgpack', 'cbor']);
  it.each([
    ['wamp.2.json', 'wamp.2.json'],
    ['wamp.2.cbor,wamp.2.json', 'wamp.2.cbor'],
    [' wamp.9.json ,\twamp.2.msgpack.batched , wamp.2.json', 'wamp.2.msgpack.batched'],
    [',,wamp.2.json', 'wamp.2.json'],
    ['wamp.2.json;q=1', undefined],
    ['wamp.2.JSON', undefined],
    ['', undefined],
    [',', undefined],
    ['__proto__', undefined],
  ])('choose from %j the first that is supported: %s (WS-2)', (offer, chosen) => {
    expect(negotiate(offer, all)?.name).toBe(chosen);
  });
});
