import { describe, expect, it } from 'vitest';
import { NO_PAYLOAD, payloadOf, rawPayload } from '../../../src/codec/payload.js';
import { serializers } from '../../support/serializers.js';
import { accepted, publish, serializerIds } from './reading.js';

const text = (bytes: unknown): string => Buffer.from(bytes as Uint8Array).toString();

describe('payloads', () => {
  it.each(serializerIds)('writes what the router made in %s when first asked, and once', (serializer) => {
    const payload = payloadOf(['é', 1, new Uint8Array([1])], { a: null });
    expect(payload.elementCount).toBe(2);
    const bytes = payload.in(serializer) as Uint8Array;
    expect(payload.in(serializer)).toBe(bytes);
    if (serializer === 'json') expect(text(bytes)).toBe('["é",1,"\\u0000AQ=="],{"a":null}');
    else {
      const length = serializer === 'msgpack' ? 0x92 : 0x82;
      expect(serializers[serializer].decode(new Uint8Array([length, ...bytes]))).toStrictEqual([
        ['é', 1, new Uint8Array([1])],
        { a: null },
      ]);
    }
  });

  it('agrees with its own serializer (SER-5)', () => {
    const payload = payloadOf(['a']);
    expect(payload.in(payload.serializer)).toBe(payload.bytes);
  });

  it.each(serializerIds)('transcodes what came in %s once for each other serializer', (serializer) => {
    const payload = rawPayload(serializer, 1, payloadOf([['x'], 2]).in(serializer) as Uint8Array);
    for (const other of serializerIds) {
      const bytes = payload.in(other);
      expect(bytes).toStrictEqual(payloadOf([['x'], 2]).in(other));
      expect(payload.in(other)).toBe(bytes);
    }
    expect(payload.in(serializer)).toBe(payload.bytes);
  });

  it('remembers that it cannot be encoded, too', () => {
    const { payload } = accepted('msgpack', publish('msgpack', '91 cb 7f f8 00 00 00 00 00 00'));
    expect(payload.in('json')).toStrictEqual({
      kind: 'untranscodable',
      message: 'cannot be represented in json: the number NaN',
    });
    expect(payload.in('json')).toBe(payload.in('json'));
    expect(payload.in('cbor')).toBeInstanceOf(Uint8Array);
  });

  it('is nothing in every serialization when there are no arguments (MSG-8)', () => {
    expect(payloadOf()).toBe(NO_PAYLOAD);
    expect(payloadOf([], {})).toBe(NO_PAYLOAD);
    expect(rawPayload('cbor', 0, new Uint8Array(9))).toBe(NO_PAYLOAD);
    for (const serializer of serializerIds) expect(NO_PAYLOAD.in(serializer)).toHaveLength(0);
  });

  it('puts an empty list before keyword arguments that stand alone (MSG-8)', () => {
    expect(text(payloadOf(undefined, { a: 1 }).bytes)).toBe('[],{"a":1}');
    expect(text(payloadOf([1], {}).bytes)).toBe('[1]');
  });
});
