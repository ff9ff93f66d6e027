import { describe, expect, it } from 'vitest';
import { UnencodableError } from '../../../src/client/errors.js';
import { decodeElements, encodeMessage, readJson, toJsonText } from '../../../src/client/wire.js';

describe('messages of a client', () => {
  it.each(['json', 'msgpack', 'cbor'] as const)('come back as they were written in %s', (serializer) => {
    const message = [48, 1, {}, 'com.example.a', [1, 'two', null, [true]], { key: { deep: -5 } }];
    expect(decodeElements(serializer, encodeMessage(serializer, message))).toEqual(message);
  });
  it.each(['json', 'msgpack', 'cbor'] as const)('are refused as a text when they are no %s', (serializer) => {
    for (const bytes of [[], [0x5b], [0xff, 0xff], [0x31]])
      expect(decodeElements(serializer, Uint8Array.from(bytes))).toBeTypeOf('string');
  });
  it('end with the first flaw, however many elements they claim', () => {
    // A list of 999,999 elements, of which the first is no value.
    expect(decodeElements('msgpack', Uint8Array.of(0xdd, 0x00, 0x0f, 0x42, 0x3f, 0xc1))).toBeTypeOf('string');
    expect(decodeElements('cbor', Uint8Array.of(0x9a, 0x00, 0x0f, 0x42, 0x3f, 0xff))).toBeTypeOf('string');
  });
  it('that JSON cannot represent are an error', () => {
    expect(() => encodeMessage('json', [NaN])).toThrow(UnencodableError);
    expect(() => encodeMessage('json', ['\0no bytes'])).toThrow(UnencodableError);
  });
});

describe('JSON of the command line', () => {
  it('keeps every number exactly, and whether it is a float', () => {
    for (const text of ['9007199254740993', '-18446744073709551615', '2.0', '-0.0', '1.5', '[{"a":[1,2.0]}]']) {
      const read = readJson(text);
      if (typeof read === 'string') throw new Error(read);
      expect(toJsonText(read.value)).toBe(text);
    }
  });
  it('is one value', () => {
    for (const text of ['', '1,2', '[1', '{]', '"a', '1]', '1] [2']) expect(readJson(text), text).toBeTypeOf('string');
    expect(readJson(' {"a": "b"}\n')).toEqual({ value: { a: 'b' } });
  });
  it('has bytes as text of U+0000 and Base64', () => {
    expect(toJsonText(Uint8Array.of(1, 2))).toBe('"\\u0000AQI="');
  });
});
