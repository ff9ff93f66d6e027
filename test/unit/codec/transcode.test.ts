import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_PAYLOAD, payloadOf } from '../../../src/codec/payload.js';
import { transcode } from '../../../src/codec/transcode.js';
import type { PublicationId, SubscriptionId } from '../../../src/wamp/ids.js';
import type { SerializerId } from '../../../src/wamp/payload.js';
import { serializers } from '../../support/serializers.js';
import { accepted, codecs, frame, serializerIds, transcoded } from './reading.js';

const anything = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc.integer(),
    fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .filter((n) => !Object.is(n, -0) && (!Number.isInteger(n) || Number.isSafeInteger(n))),
    fc.string({ unit: 'binary', maxLength: 200 }).filter((text) => !text.startsWith('\u0000')),
    fc.string({ maxLength: 200 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(
      fc.string({ unit: 'grapheme' }).filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 20, noNullPrototype: true },
    ),
  ),
})).value;

const pairs = serializerIds.flatMap((from) => serializerIds.map((to) => [from, to] as const));

describe('transcoding', () => {
  it.each(pairs)('writes the same in %s → %s as public libraries understand it (SER-1, SER-3)', (from, to) => {
    fc.assert(
      fc.property(
        fc.array(anything),
        fc.dictionary(fc.string(), anything, { noNullPrototype: true }),
        (args, kwargs) => {
          fc.pre(!Object.hasOwn(kwargs, '__proto__'));
          const { payload } = accepted(from, serializers[from].encode([16, 1, {}, 't', args, kwargs]));
          const event = codecs[to].encode([36, 1 as SubscriptionId, 2 as PublicationId, {}, payload]);
          expect(serializers[to].decode(event as Uint8Array)).toStrictEqual([36, 1, 2, {}, args, kwargs]);
        },
      ),
      { numRuns: 100 },
    );
  });

  it.each(serializerIds)('writes router-made values in %s as public libraries understand them', (to) => {
    fc.assert(
      fc.property(fc.array(anything, { minLength: 1 }), (args) => {
        const event = codecs[to].encode([36, 1 as SubscriptionId, 2 as PublicationId, {}, payloadOf(args)]);
        expect(serializers[to].decode(event as Uint8Array)).toStrictEqual([36, 1, 2, {}, args]);
      }),
      { numRuns: 100 },
    );
  });

  it('keeps integers exact beyond 2^53', () => {
    expect(transcoded('json', '[9007199254740993]', 'msgpack')).toBe('91cf0020000000000001');
    expect(transcoded('json', '[9007199254740993]', 'cbor')).toBe('811b0020000000000001');
    expect(transcoded('json', '[-9007199254740993]', 'msgpack')).toBe('91d3ffdfffffffffffff');
    expect(transcoded('json', '[-9007199254740993]', 'cbor')).toBe('813b0020000000000000');
    expect(transcoded('json', '[18446744073709551615]', 'msgpack')).toBe('91cfffffffffffffffff');
    expect(transcoded('msgpack', '91 cf ff ff ff ff ff ff ff ff', 'json')).toBe('[18446744073709551615]');
    expect(transcoded('msgpack', '91 d3 80 00 00 00 00 00 00 00', 'json')).toBe('[-9223372036854775808]');
    expect(transcoded('msgpack', '91 d3 80 00 00 00 00 00 00 00', 'cbor')).toBe('813b7fffffffffffffff');
    expect(transcoded('cbor', '81 3b ff ff ff ff ff ff ff fe', 'json')).toBe('[-18446744073709551615]');
    expect(transcoded('json', '[9007199254740992,-9007199254740992]', 'msgpack')).toBe(
      '92cf0020000000000000d3ffe0000000000000',
    );
  });

  it('writes integers beyond 64 bits as the equal float, as a bignum, or not at all', () => {
    expect(transcoded('json', '[100000000000000000000]', 'msgpack')).toBe('91cb4415af1d78b58c40');
    expect(transcoded('json', '[100000000000000000000]', 'cbor')).toBe('81fb4415af1d78b58c40');
    expect(transcoded('json', '[100000000000000000001]', 'cbor')).toBe('81c249056bc75e2d63100001');
    expect(transcoded('json', '[-100000000000000000001]', 'cbor')).toBe('81c349056bc75e2d63100000');
    expect(transcoded('json', '[100000000000000000001]', 'msgpack')).toBe(
      'cannot be represented in msgpack: an integer beyond 64 bits',
    );
    expect(transcoded('cbor', '81 c2 49 01 00 00 00 00 00 00 00 00', 'json')).toBe('[18446744073709551616]');
    expect(transcoded('cbor', '81 c2 41 05', 'msgpack')).toBe('9105');
    expect(transcoded('cbor', `81 c2 58 81 ${'ff'.repeat(129)}`, 'json')).toMatch(/an integer of 129 bytes/);
  });

  it('keeps floats floats, integral ones too', () => {
    expect(transcoded('msgpack', '92 cb 3f f0 00 00 00 00 00 00 ca 3f 80 00 00', 'cbor')).toBe(
      '82fb3ff0000000000000fb3ff0000000000000',
    );
    expect(transcoded('cbor', '82 f9 3c 00 fb 80 00 00 00 00 00 00 00', 'msgpack')).toBe(
      '92cb3ff0000000000000cb8000000000000000',
    );
    expect(transcoded('cbor', '83 f9 3c 00 f9 80 00 fb 44 b5 2d 02 c7 e1 4a f6', 'json')).toBe('[1.0,-0.0,1e+23]');
    expect(transcoded('json', '[1.0,-0,1e2]', 'cbor')).toBe('83fb3ff0000000000000fb8000000000000000fb4059000000000000');
  });

  it('refuses NaN and infinities for JSON alone (SER-6)', () => {
    for (const [bits, number] of [
      ['7f f8 00 00 00 00 00 00', 'NaN'],
      ['7f f0 00 00 00 00 00 00', 'Infinity'],
      ['ff f0 00 00 00 00 00 00', '-Infinity'],
    ] as const) {
      expect(transcoded('msgpack', `91 cb ${bits}`, 'json')).toBe(
        `cannot be represented in json: the number ${number}`,
      );
      expect(transcoded('msgpack', `91 cb ${bits}`, 'cbor')).toBe(`81fb${bits.replaceAll(' ', '')}`);
      expect(transcoded('cbor', `81 fb ${bits}`, 'msgpack')).toBe(`91cb${bits.replaceAll(' ', '')}`);
    }
  });

  it('turns bytes into text and back at every level (SER-3)', () => {
    expect(transcoded('json', String.raw`["\u0000AQI=",{"k":["\u0000"]}]`, 'msgpack')).toBe(
      '92c4020102' + '81a16b91c400',
    );
    expect(transcoded('cbor', '82 42 01 02 a1 61 6b 81 5f 41 03 41 04 ff', 'json')).toBe(
      String.raw`["\u0000AQI=",{"k":["\u0000AwQ="]}]`,
    );
    expect(transcoded('json', String.raw`["\u0000\u0041QI="]`, 'cbor')).toBe('81420102');
  });

  it('refuses text that could be taken for bytes', () => {
    expect(transcoded('msgpack', '91 a2 00 61', 'json')).toMatch(/U\+0000 means bytes/);
    expect(transcoded('msgpack', '91 a2 00 61', 'cbor')).toBe('81620061');
    expect(transcoded('msgpack', '91 81 a2 00 61 01', 'json')).toBe('[{"\\u0000a":1}]');
  });

  it('replaces a lone surrogate, also between JSON sessions', () => {
    const lone = String.raw`["\ud83e"]`;
    expect(transcoded('json', lone, 'json')).toBe(String.raw`["\ufffd"]`);
    expect(transcoded('json', lone, 'msgpack')).toBe('91a3efbfbd');
    expect(transcoded('json', lone, 'cbor')).toBe('8163efbfbd');
  });

  it('drops tags, and writes undefined as null (SER-6)', () => {
    expect(transcoded('cbor', '83 c1 1a 5f 5e 10 00 d8 20 61 61 f7', 'json')).toBe('[1600000000,"a",null]');
    expect(transcoded('cbor', '81 a1 61 61 f7', 'msgpack')).toBe('9181a161c0');
    expect(transcoded('msgpack', '91 d4 00 00', 'json')).toBe('[null]');
  });

  it('writes timestamps as RFC 3339 (SER-6)', () => {
    const time = Buffer.from('2020-09-13T12:26:40Z').toString('hex');
    expect(transcoded('msgpack', '91 d6 ff 5f 5e 10 00', 'json')).toBe('["2020-09-13T12:26:40Z"]');
    expect(transcoded('msgpack', '91 d6 ff 5f 5e 10 00', 'cbor')).toBe(`81c074${time}`);
    expect(transcoded('msgpack', '91 d7 ff 77 35 94 00 5f 5e 10 00', 'json')).toBe('["2020-09-13T12:26:40.5Z"]');
    expect(transcoded('msgpack', '91 c7 0c ff 00 00 00 01 ff ff ff ff ff ff ff ff', 'json')).toBe(
      '["1969-12-31T23:59:59.000000001Z"]',
    );
    expect(transcoded('msgpack', '91 c7 0c ff 00 00 00 00 7f ff ff ff ff ff ff ff', 'json')).toMatch(
      /a timestamp outside/,
    );
  });

  it('transcodes what nodes of an earlier version let through as far as it can (SER-6)', () => {
    const converted = (from: SerializerId, hex: string, to: SerializerId): string => {
      const bytes = transcode(from, to, 1, frame(from, hex));
      return bytes instanceof Uint8Array ? Buffer.from(bytes).toString('hex') : bytes.message;
    };
    expect(converted('msgpack', '91 82 05 01 a1 61 02', 'json')).toMatch(/a dict with keys that are not text/);
    expect(converted('msgpack', '91 82 05 01 a1 61 02', 'cbor')).toBe('81a20501616102');
    expect(converted('cbor', '81 bf 41 01 02 61 61 03 ff', 'msgpack')).toBe('9182c4010102a16103');
    expect(converted('msgpack', '91 d4 05 00', 'cbor')).toMatch(/the MessagePack extension type 5/);
    expect(converted('msgpack', '91 c7 03 fe 01 02 03', 'json')).toMatch(/the MessagePack extension type -2/);
    expect(converted('cbor', '81 e0', 'json')).toMatch(/the CBOR simple value 0/);
    expect(converted('cbor', '81 f8 ff', 'msgpack')).toMatch(/the CBOR simple value 255/);
    expect(converted('json', '[1e999]', 'msgpack')).toMatch(/the number 1e999/);
    expect(converted('json', `[${'9'.repeat(400)}]`, 'cbor')).toMatch(/an integer of 400 digits/);
    expect(converted('json', String.raw`["\u0000no base64"]`, 'cbor')).toMatch(/begins with U\+0000 and is not Base64/);
    expect(converted('msgpack', '91 81 a9 5f 5f 70 72 6f 74 6f 5f 5f 01', 'json')).toBe(
      Buffer.from('[{"__proto__":1}]').toString('hex'),
    );
  });

  it('takes a __proto__ key for a key', () => {
    expect(transcoded('json', '[{"__proto__":{"a":1}}]', 'cbor')).toBe('81a1695f5f70726f746f5f5fa1616101');
    expect(transcoded('json', '[{"__proto__":{"a":1}}]', 'msgpack')).toMatch(
      /cannot be represented in msgpack: the key "__proto__"/,
    );
  });

  it('transcodes a bare payload (PPT-5)', () => {
    const { payload, payloadShape } = accepted('msgpack', Buffer.from('95100180a174c4020102', 'hex'));
    expect(payloadShape).toBe('bytes');
    expect(Buffer.from(payload.in('json') as Uint8Array).toString()).toBe(String.raw`"\u0000AQI="`);
    expect(Buffer.from(payload.in('cbor') as Uint8Array).toString('hex')).toBe('420102');
  });

  it('leaves the next message whole after one that could not be encoded', () => {
    const { payload } = accepted('cbor', Buffer.from('851001a0617481f97e00', 'hex'));
    const event = [36, 1 as SubscriptionId, 2 as PublicationId, {}] as const;
    expect(codecs.json.encode([...event, payload])).toMatchObject({ kind: 'untranscodable' });
    expect(Buffer.from(codecs.json.encode([...event, NO_PAYLOAD]) as Uint8Array).toString()).toBe('[36,1,2,{}]');
    expect(Buffer.from(payloadOf([1]).in('json') as Uint8Array).toString()).toBe('[1]');
  });
});
