import { describe, expect, it } from 'vitest';
import { FloatOnWire } from '../../../src/wamp/float-on-wire.js';
import { accepted, frame, headerValue, mixed, publish, refused } from './reading.js';

const value = (source: string): unknown => headerValue('cbor', source);
const refusal = (source: string): string => refused('cbor', frame('cbor', source));

describe('CBOR values', () => {
  it.each([
    ['00', 0],
    ['17', 23],
    ['18 18', 24],
    ['19 ff ff', 65_535],
    ['1a ff ff ff ff', 4_294_967_295],
    ['1b 00 00 00 00 00 00 00 05', 5],
    ['1b 00 1f ff ff ff ff ff ff', 2 ** 53 - 1],
    ['1b 00 20 00 00 00 00 00 00', 2 ** 53],
    ['1b 00 20 00 00 00 00 00 01', 2n ** 53n + 1n],
    ['1b ff ff ff ff ff ff ff ff', 2n ** 64n - 1n],
    ['20', -1],
    ['38 ff', -256],
    ['3b 00 1f ff ff ff ff ff ff', -(2 ** 53)],
    ['3b 00 20 00 00 00 00 00 00', -(2n ** 53n) - 1n],
    ['3b ff ff ff ff ff ff ff ff', -(2n ** 64n)],
    ['c2 49 01 00 00 00 00 00 00 00 00', 2n ** 64n],
    ['c3 41 00', -1n],
    ['c2 40', 0n],
    ['f4', false],
    ['f5', true],
    ['f6', null],
    ['f7', null],
    ['f9 3e 00', 1.5],
    ['f9 00 01', 2 ** -24],
    ['f9 7c 00', Infinity],
    ['f9 7e 00', NaN],
    ['fa 3f c0 00 00', 1.5],
    ['fb 3f f1 99 99 99 99 99 9a', 1.1],
    ['60', ''],
    ['62 c3 a9', 'é'],
    ['7f 61 61 62 c3 a9 60 ff', 'aé'],
    ['7f ff', ''],
    ['42 00 ff', Uint8Array.from([0, 255])],
    ['5f 41 00 41 ff ff', Buffer.from([0, 255])],
    ['80', []],
    ['9f ff', []],
    ['9f 01 9f 02 ff ff', [1, [2]]],
    ['a1 61 61 05', { a: 5 }],
    ['bf 61 61 05 ff', { a: 5 }],
    ['c0 60', ''],
    ['d9 d9 f7 05', 5],
    ['c6 c1 d8 20 61 61', 'a'],
  ])('reads %s', (source, expected) => {
    expect(value(source)).toStrictEqual(expected);
    expect(accepted('cbor', publish('cbor', `81 ${source}`)).payloadShape).toBe('args');
  });

  it.each(['f9 3c 00', 'fa 3f 80 00 00', 'fb 3f f0 00 00 00 00 00 00', 'fb 43 40 00 00 00 00 00 00', 'c1 f9 3c 00'])(
    'lets no float pass for an id: %s (MSG-10)',
    (source) => expect(value(source)).toBeInstanceOf(FloatOnWire),
  );

  it('takes the last of equal keys (SER-4)', () => {
    expect(value('a2 61 61 01 61 61 02')).toStrictEqual({ a: 2 });
  });

  it('makes no dict of a map with keys that are not text (MSG-4)', () => {
    expect(value('a2 61 61 01 05 02')).toStrictEqual(mixed(['a', 1], [5, 2]));
    expect(value('bf 05 02 ff')).toStrictEqual(mixed([5, 2]));
  });

  it('reads a message of indefinite length, also with a tag before it', () => {
    for (const start of ['9f', 'd9 d9 f7 9f']) {
      const { header, payload, payloadShape } = accepted(
        'cbor',
        frame('cbor', `${start} 10 01 bf ff 61 74 9f 01 ff bf 61 61 02 ff ff`),
      );
      expect(header).toStrictEqual([16, 1, {}, 't']);
      expect(payloadShape).toBe('args+kwargs');
      expect(Buffer.from(payload.bytes).toString('hex')).toBe('9f01ff' + 'bf616102ff');
      expect(Buffer.from(payload.in('json') as Uint8Array).toString()).toBe('[1],{"a":2}');
    }
  });

  it('joins chunks of every size', () => {
    const chunks = Array.from({ length: 150 }, (_, i) => Buffer.alloc(i * 3, i));
    const source = chunks.map((chunk) => `59${chunk.length.toString(16).padStart(4, '0')}${chunk.toString('hex')}`);
    expect(value(`5f${source.join('')}ff`)).toStrictEqual(Buffer.concat(chunks));
    expect(value(`7f${'6161'.repeat(100_000)}ff`)).toBe('a'.repeat(100_000));
    const empty = accepted('cbor', publish('cbor', `81 7f${'60'.repeat(2_000_000)}ff`)).payload;
    expect(Buffer.from(empty.in('json') as Uint8Array).toString()).toBe('[""]');
  });

  it('does not recurse on tags', () => {
    const tags = 'c6'.repeat(200_000);
    expect(value(`${tags}05`)).toBe(5);
    expect(accepted('cbor', publish('cbor', `81 ${tags}05`)).payloadShape).toBe('args');
    expect(() => value(tags)).toThrow(/the bytes end/);
  });
});

describe('CBOR that is none', () => {
  it.each([
    ['', 'CBOR, byte 0: the bytes end before the value that begins here'],
    ['a0', 'CBOR, byte 0: the message is not a list'],
    ['82 01', 'CBOR, byte 0: the bytes end before the value that begins here'],
    ['81 01 02', 'CBOR, byte 2: bytes follow the message'],
    ['9f 01', 'CBOR, byte 2: the bytes end before the value that begins here'],
    ['9f 01 ff 00', 'CBOR, byte 3: bytes follow the message'],
    ['81 ff', 'CBOR, byte 1: a break where a value belongs'],
    ['81 c0 ff', 'CBOR, byte 1: a break where a value belongs'],
    ['9f c0 ff ff', 'CBOR, byte 1: a break where a value belongs'],
    ['81 1c', 'CBOR, byte 1: a reserved length'],
    ['81 1f', 'CBOR, byte 1: a reserved length'],
    ['81 df 00', 'CBOR, byte 1: a reserved length'],
    ['81 fc', 'CBOR, byte 1: a reserved length'],
    ['81 f8 1f', 'CBOR, byte 1: a simple value in two bytes that has one'],
    ['81 61 ff', 'CBOR, byte 2: invalid UTF-8'],
    ['81 7f 61 c3 61 a9 ff', 'CBOR, byte 3: invalid UTF-8'],
    ['81 7f 41 61 ff', 'CBOR, byte 2: a chunk of another kind'],
    ['81 5f 5f 41 61 ff ff', 'CBOR, byte 2: a chunk of another kind'],
    ['81 7b ff ff ff ff ff ff ff ff 61', 'CBOR, byte 1: the bytes end before the value that begins here'],
    ['81 5b 00 00 00 ff ff ff ff ff', 'CBOR, byte 1: the bytes end before the value that begins here'],
    ['81 9b 00 00 00 ff ff ff ff ff', 'CBOR, byte 1: the bytes end before the value that begins here'],
    ['81 bb ff ff ff ff ff ff ff ff', 'CBOR, byte 1: the bytes end before the value that begins here'],
    ['9b ff ff ff ff ff ff ff ff 01', 'CBOR, byte 0: the bytes end before the value that begins here'],
    ['85 10 01 a0 61 74 81 61 ff', 'CBOR, byte 8: invalid UTF-8'],
    ['85 10 01 a0 61 74 81 bf 61 61 ff', 'CBOR, byte 10: a dict ends behind a key'],
    ['83 18 20 01 bf 61 61 ff', 'CBOR, byte 7: a break where a value belongs'],
    ['86 10 01 a0 61 74 80 a1 05 06', 'CBOR, byte 8: a key that is not text'],
    ['86 10 01 a0 61 74 80 bf 61 61 ff', 'CBOR, byte 10: a dict ends behind a key'],
    ['86 10 01 a0 61 74 80 bf 61 61 01', 'CBOR, byte 11: the bytes end before the value that begins here'],
    ['9f 10 01 a0 61 74 80', 'CBOR, byte 7: the bytes end before the value that begins here'],
  ])('refuses %s', (source, what) => expect(refusal(source)).toBe(what));

  it('holds lists and dicts of indefinite length to the limits', () => {
    const list = (count: number): string => `9f${'01'.repeat(count)}ff`;
    const dict = (count: number): string => `bf${'616101'.repeat(count)}ff`;
    for (const make of [list, dict]) {
      expect(accepted('cbor', publish('cbor', `81 ${make(1000)}`)).payloadShape).toBe('args');
      expect(refused('cbor', publish('cbor', `81 ${make(1001)}`))).toMatch(/more than 1000 entries/);
      expect(() => value(make(1001))).toThrow(/more than 1000 entries/);
      expect(value(make(1000))).toBeDefined();
    }
    expect(refused('cbor', frame('cbor', list(1001)))).toMatch(/more than 1000 entries/);
    expect(refused('cbor', frame('cbor', `86 10 01 a0 61 74 80 ${dict(1001)}`))).toMatch(/more than 1000 entries/);
  });
});
