import { describe, expect, it } from 'vitest';
import { FloatOnWire } from '../../../src/wamp/float-on-wire.js';
import { parseMessage } from '../../../src/wamp/parse.js';
import { accepted, frame, headerValue, mixed, publish, refused } from './reading.js';

const value = (source: string): unknown => headerValue('msgpack', source);
const refusal = (source: string): string => refused('msgpack', frame('msgpack', source));

describe('MessagePack values', () => {
  it.each([
    ['00', 0],
    ['7f', 127],
    ['e0', -32],
    ['ff', -1],
    ['cc ff', 255],
    ['cd ff ff', 65_535],
    ['ce ff ff ff ff', 4_294_967_295],
    ['cf 00 00 00 00 00 00 00 05', 5],
    ['cf 00 1f ff ff ff ff ff ff', 2 ** 53 - 1],
    ['cf 00 20 00 00 00 00 00 00', 2 ** 53],
    ['cf 00 20 00 00 00 00 00 01', 2n ** 53n + 1n],
    ['cf ff ff ff ff ff ff ff ff', 2n ** 64n - 1n],
    ['d0 80', -128],
    ['d1 80 00', -32_768],
    ['d2 80 00 00 00', -(2 ** 31)],
    ['d3 00 00 00 00 00 00 00 05', 5],
    ['d3 00 20 00 00 00 00 00 00', 2 ** 53],
    ['d3 80 00 00 00 00 00 00 00', -(2n ** 63n)],
    ['c0', null],
    ['c2', false],
    ['c3', true],
    ['ca 3f c0 00 00', 1.5],
    ['cb 3f f1 99 99 99 99 99 9a', 1.1],
    ['cb 7f f8 00 00 00 00 00 00', NaN],
    ['a0', ''],
    ['a2 c3 a9', 'é'],
    ['d9 01 61', 'a'],
    ['da 00 01 61', 'a'],
    ['db 00 00 00 01 61', 'a'],
    ['dc 00 01 05', [5]],
    ['dd 00 00 00 01 05', [5]],
    ['de 00 01 a1 61 05', { a: 5 }],
    ['df 00 00 00 01 a1 61 05', { a: 5 }],
    ['c4 02 00 ff', Uint8Array.from([0, 255])],
    ['c5 00 01 07', Uint8Array.from([7])],
    ['c6 00 00 00 01 07', Uint8Array.from([7])],
  ])('reads %s', (source, expected) => {
    expect(value(source)).toStrictEqual(expected);
    expect(accepted('msgpack', publish('msgpack', `91 ${source}`)).payloadShape).toBe('args');
  });

  it.each(['ca 3f 80 00 00', 'cb 3f f0 00 00 00 00 00 00', 'cb 43 40 00 00 00 00 00 00'])(
    'lets no float pass for an id: %s (MSG-10)',
    (source) => expect(value(source)).toBeInstanceOf(FloatOnWire),
  );

  it('takes an option that wampy leaves undefined for one that is absent (MSG-7)', () => {
    const decoded = accepted('msgpack', frame('msgpack', '94 20 01 81 a5 6d 61 74 63 68 d4 00 00 a1 74'));
    expect(parseMessage(decoded.header, decoded.payload, decoded.payloadShape)).toEqual([
      32,
      1,
      { match: 'exact' },
      't',
    ]);
  });

  it('takes the last of equal keys (SER-4)', () => {
    expect(value('82 a1 61 01 a1 61 02')).toStrictEqual({ a: 2 });
  });

  it('makes no dict of a map with keys that are not text (MSG-4)', () => {
    expect(value('82 a1 61 01 05 02')).toStrictEqual(mixed(['a', 1], [5, 2]));
  });
});

describe('MessagePack that is none', () => {
  it.each([
    ['', 'MessagePack, byte 0: the bytes end before the value that begins here'],
    ['80', 'MessagePack, byte 0: the message is not a list'],
    ['92 01', 'MessagePack, byte 0: the bytes end before the value that begins here'],
    ['91 01 02', 'MessagePack, byte 2: bytes follow the message'],
    ['91 c1', 'MessagePack, byte 1: the byte 0xc1, which MessagePack never uses'],
    ['91 a1 ff', 'MessagePack, byte 2: invalid UTF-8'],
    ['91 da ff ff 61', 'MessagePack, byte 1: the bytes end before the value that begins here'],
    ['91 db ff ff ff ff 61', 'MessagePack, byte 1: the bytes end before the value that begins here'],
    ['91 c6 ff ff ff ff', 'MessagePack, byte 1: the bytes end before the value that begins here'],
    ['91 dd ff ff ff ff', 'MessagePack, byte 1: the bytes end before the value that begins here'],
    ['91 df 7f ff ff ff', 'MessagePack, byte 1: the bytes end before the value that begins here'],
    ['91 c9 ff ff ff ff 01', 'MessagePack, byte 1: the bytes end before the value that begins here'],
    ['dd ff ff ff ff 01', 'MessagePack, byte 0: the bytes end before the value that begins here'],
    ['95 10 01 80 a1 74 91 a1 ff', 'MessagePack, byte 8: invalid UTF-8'],
    ['95 10 01 80 a1 74 91 c1', 'MessagePack, byte 7: the byte 0xc1, which MessagePack never uses'],
    ['96 10 01 80 a1 74 90 81 05 06', 'MessagePack, byte 8: a key that is not text'],
    ['96 10 01 80 a1 74 90 df 00 ff ff ff', 'MessagePack, byte 7: the bytes end before the value that begins here'],
  ])('refuses %s', (source, what) => expect(refusal(source)).toBe(what));

  it('refuses invalid UTF-8 in text of every length', () => {
    for (let length = 0; length < 300; length += 13) {
      const head = `da ${length.toString(16).padStart(4, '0')}`;
      const plain = '61'.repeat(length);
      expect(accepted('msgpack', publish('msgpack', `91 ${head}${plain}`)).payloadShape).toBe('args');
      for (let at = 0; at < length; at += 5) {
        const spoilt = `91 ${head}${plain.slice(0, at * 2)}ff${plain.slice(at * 2 + 2)}`;
        expect(refused('msgpack', publish('msgpack', spoilt))).toMatch(/invalid UTF-8/);
        expect(() => value(spoilt)).toThrow(/invalid UTF-8/);
      }
    }
  });
});
