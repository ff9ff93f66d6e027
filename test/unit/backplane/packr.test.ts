import { isDeepStrictEqual } from 'node:util';
import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { MAX_PACKED_BYTES, MAX_PACKED_DEPTH, pack, unpack } from '../../../src/backplane/packr.js';
import { FloatOnWire } from '../../../src/wamp/float-on-wire.js';
import type { Dict } from '../../../src/wamp/options.js';
import { mutated } from '../../support/mutations.js';

function packed(value: unknown): Uint8Array {
  const bytes = pack(value);
  if (!(bytes instanceof Uint8Array)) throw new Error(bytes.message);
  return bytes;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const nested = (depth: number): unknown =>
  Array.from({ length: depth }).reduce<unknown>((inner) => [inner], 'innermost');

const text = fc.string({ unit: 'grapheme', maxLength: 80 });
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false, 0, -0, 2 ** 32, -(2 ** 31) - 1, 2 ** 53, -(2 ** 53)),
    fc.maxSafeInteger(),
    fc.double(),
    fc.double().map((number) => new FloatOnWire(number)),
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
    text,
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(fc.oneof(text, fc.constantFrom('__proto__', 'constructor')), tie('value'), {
      maxKeys: 20,
      noNullPrototype: true,
    }),
  ),
}));

describe('packed values', () => {
  it('are read as they were', () => {
    fc.assert(
      fc.property(value, (original) => {
        // toStrictEqual takes the key `constructor` for a class.
        expect(isDeepStrictEqual(unpack(packed(original)), original)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each<[string, unknown, string]>([
    ['null and booleans', [null, true, false], '93c0c3c2'],
    ['integers', [1, 127, 128, -1, -33, 65_536, 2 ** 32 - 1], '97017fcc80ffd0dfce00010000ceffffffff'],
    ['an integer above 32 bits', 2 ** 53, 'cb4340000000000000'],
    ['a float', 1.5, 'cb3ff8000000000000'],
    ['a float with an integral value', new FloatOnWire(3), 'd7014008000000000000'],
    ['minus zero', -0, 'd5022d30'],
    ['a big integer of 64 bits', 2n ** 63n, 'cf8000000000000000'],
    ['a negative one', -(2n ** 63n), 'd38000000000000000'],
    ['a bigger one', -(2n ** 64n), 'c712022d3130303030303030303030303030303030'],
    ['a small bigint', 10n, 'd40261'],
    ['text', 'aä', 'a361c3a4'],
    ['bytes', Uint8Array.of(0, 255), 'c40200ff'],
    ['a dict', { a: 1, b: { c: [] } }, '82a16101a16281a16390'],
    ['nothing', {}, '80'],
  ])('%s have these bytes', (_name, original, bytes) => {
    expect(hex(packed(original))).toBe(bytes);
    expect(unpack(Buffer.from(bytes, 'hex'))).toStrictEqual(original);
  });

  it('from cmsgpack keep integers of 64 bits exact, as numbers up to 2^53 and as bigints beyond', () => {
    const integers = [2n ** 53n, -(2n ** 53n), 2n ** 53n + 1n, -(2n ** 53n) - 1n, 5n];
    const bytes = encode(integers, { useBigInt64: true });
    expect(unpack(bytes)).toStrictEqual([2 ** 53, -(2 ** 53), 2n ** 53n + 1n, -(2n ** 53n) - 1n, 5]);
  });

  it('keep no key special', () => {
    const original = JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2}') as Dict;
    const read = unpack(packed(original)) as Dict;
    expect(read).toStrictEqual(original);
    expect(Object.keys(read)).toEqual(['__proto__', 'constructor']);
    expect(({} as Dict)['polluted']).toBeUndefined();
  });

  it('leave undefined out of dicts, and hold null for it in lists', () => {
    expect(unpack(packed({ a: undefined, b: [undefined] }))).toStrictEqual({ b: [null] });
  });

  it('hold U+FFFD for a lone surrogate', () => {
    expect(unpack(packed(['\ud800', `${'x'.repeat(100)}\udc00`]))).toEqual(['\ufffd', `${'x'.repeat(100)}\ufffd`]);
  });

  it('keep nothing of the memory they were read from', () => {
    const bytes = packed({ a: Uint8Array.of(1, 2), b: 'text' }).slice();
    const read = unpack(bytes);
    bytes.fill(0xff);
    expect(read).toStrictEqual({ a: Uint8Array.of(1, 2), b: 'text' });
  });

  it('hold many entries', () => {
    const dict = Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i]));
    expect(unpack(packed(dict))).toEqual(dict);
  });
});

describe('values that cannot be packed', () => {
  it.each<[string, unknown]>([
    ['a Map', new Map()],
    ['a Set', [new Set()]],
    ['a Date', { at: new Date(0) }],
    ['a function', () => undefined],
    ['a symbol', Symbol('x')],
    ['nested too deep', nested(MAX_PACKED_DEPTH + 1)],
    ['too large an integer', 2n ** 2_000n],
    ['too many bytes', 'x'.repeat(MAX_PACKED_BYTES + 1)],
  ])('%s is a fault', (_name, original) => {
    expect(pack(original)).toMatchObject({ kind: 'unpackable', message: expect.any(String) as string });
  });

  it('are distinguished from those at the bound', () => {
    const deep = nested(MAX_PACKED_DEPTH);
    expect(unpack(packed(deep))).toEqual(deep);
  });
});

describe('bytes that nobody packed', () => {
  it.each([
    ['nothing', ''],
    ['more than one value', '0101'],
    ['the byte that MessagePack never uses', 'c1'],
    ['a list of more elements than bytes', 'ddffffffff01'],
    ['a dict of more entries than bytes', 'df7fffffff'],
    ['text of more bytes than there are', 'dbffffffff61'],
    ['text that is no UTF-8', 'a2c328'],
    ['a key that is no UTF-8', '81a2c32801'],
    ['a key that is no text', '810101'],
    ['undefined', 'd40000'],
    ['a record of msgpackr', 'd4724091a16101'],
    ['an error of msgpackr', 'd4650092a16161'],
    ['a regular expression of msgpackr', 'd4780092a16160'],
    ['a pointer of msgpackr', 'd67000000000'],
    ['a timestamp', 'd6ff00000000'],
    ['a float of another length', 'd60100000000'],
    ['digits that are none', 'd5022d78'],
    ['no digits', 'c70002'],
    ['an unknown extension', 'd40301'],
  ])('are refused: %s', (_name, bytes) => {
    expect(unpack(Buffer.from(bytes, 'hex'))).toBeUndefined();
  });

  it('are refused beyond the depth and the size', () => {
    const deep = Buffer.alloc(MAX_PACKED_DEPTH + 2, 0x91);
    deep[deep.length - 1] = 0xc0;
    expect(unpack(deep)).toBeUndefined();
    expect(unpack(deep.subarray(1))).toBeDefined();
    expect(unpack(Buffer.alloc(100_000, 0x91))).toBeUndefined();
    const large = Buffer.alloc(MAX_PACKED_BYTES + 1);
    large.set([0xc6]);
    large.writeUInt32BE(large.length - 5, 1);
    expect(unpack(large)).toBeUndefined();
  });

  it('are refused, or are what can be packed again', () => {
    const sample = { a: [1, 'text', null, new FloatOnWire(2), 2n ** 90n], b: { c: Uint8Array.of(1, 2, 3), d: -1.5 } };
    let readCount = 0;
    fc.assert(
      fc.property(fc.oneof(mutated([packed(sample)]), fc.uint8Array({ maxLength: 40 })), (bytes) => {
        const read = unpack(bytes);
        if (read === undefined) return;
        readCount++;
        expect(unpack(packed(read))).toStrictEqual(read);
      }),
      { numRuns: 5_000 },
    );
    expect(readCount).toBeGreaterThan(0);
  });
});

it('msgpackr elsewhere in the process is not disturbed by values of ours', () => {
  expect(new Packr({ useRecords: false }).pack({ a: 1 })).toEqual(Buffer.from('de0001a16101', 'hex'));
});
