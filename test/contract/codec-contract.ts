import { describe, expect, it } from 'vitest';
import type { Codec, CodecLimits, DecodedMessage } from '../../src/codec/codec.js';
import { NO_PAYLOAD, payloadOf } from '../../src/codec/payload.js';
import { isFault } from '../../src/wamp/faults.js';
import type { RouterMessage } from '../../src/wamp/messages.js';
import { NO_DETAILS } from '../../src/wamp/options.js';
import type { TestSerializer } from '../support/serializers.js';

const limits: CodecLimits = { maxDepth: 8, maxContainerEntries: 20 };

/** The promises of any codec, tested with a serializer library that is not ours. */
export function describeCodec(name: string, make: (limits: CodecLimits) => Codec, oracle: TestSerializer): void {
  const codec = make(limits);

  function read(message: unknown): DecodedMessage {
    const decoded = codec.decode(oracle.encode(message));
    if (isFault(decoded)) throw new Error(decoded.message);
    return decoded;
  }

  function write(message: unknown): unknown {
    const bytes = codec.encode(message as RouterMessage);
    if (!(bytes instanceof Uint8Array)) throw new Error(bytes.message);
    return oracle.decode(bytes);
  }

  function refusal(message: unknown): string {
    const decoded = codec.decode(oracle.encode(message));
    expect(decoded).toMatchObject({ kind: 'fault', error: 'wamp.error.protocol_violation' });
    return (decoded as { message: string }).message;
  }

  function nested(depth: number): unknown {
    let value: unknown = [];
    for (let level = 1; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
    return value;
  }

  describe(`codec contract: ${name}`, () => {
    it('hands the payload on as the very bytes that came', () => {
      const bytes = oracle.encode([16, 1, {}, 'a.b', ['x', { y: [1] }], { z: null }]);
      const decoded = codec.decode(bytes) as DecodedMessage;
      expect(decoded.header).toStrictEqual([16, 1, {}, 'a.b']);
      expect(decoded.payloadShape).toBe('args+kwargs');
      expect(decoded.payload.serializer).toBe(codec.serializer);
      expect(decoded.payload.bytes.buffer).toBe(bytes.buffer);
      expect(decoded.payload.in(codec.serializer)).toBe(decoded.payload.bytes);
      expect(write([36, 2, 3, {}, decoded.payload])).toStrictEqual([36, 2, 3, {}, ['x', { y: [1] }], { z: null }]);
    });

    it.each([
      ['PUBLISH', [16, 1, {}, 'a.b']],
      ['CALL', [48, 1, {}, 'a.b']],
      ['YIELD', [70, 1, {}]],
      ['ERROR', [8, 68, 1, {}, 'a.b']],
    ])('splits %s where its payload begins', (_name, header) => {
      expect(read(header)).toMatchObject({ header, payloadShape: 'none', payload: NO_PAYLOAD });
      for (const [elements, shape] of [
        [[[1]], 'args'],
        [[[1], { a: 1 }], 'args+kwargs'],
        [['opaque'], 'malformed'],
        [[new Uint8Array([1, 2])], 'bytes'],
        [[{ a: 1 }], 'malformed'],
        [[7], 'malformed'],
        [[null], 'none'],
        [[null, null], 'none'],
        [[null, { a: 1 }], 'args+kwargs'],
        [[[1], null], 'args'],
        [[null, [1]], 'malformed'],
        [[null, { a: 1 }, null], 'malformed'],
        [[[1], [2]], 'malformed'],
        [['opaque', { a: 1 }], 'malformed'],
        [[[1], { a: 1 }, 3], 'malformed'],
      ] as const) {
        const decoded = read([...header, ...elements]);
        expect(decoded.header).toStrictEqual(header);
        expect(decoded.payloadShape).toBe(shape);
        const count = { malformed: 0, none: 0, bytes: 1, args: 1, 'args+kwargs': 2 }[shape];
        expect(decoded.payload.elementCount).toBe(count);
      }
    });

    it('decodes every other message wholly', () => {
      const hello = [
        1,
        'realm1',
        { roles: { caller: {} }, n: -5, f: 1.5, b: new Uint8Array([0, 255]), l: [null, true, 'é'] },
      ];
      const { header, payload, payloadShape } = read(hello);
      expect(payload).toBe(NO_PAYLOAD);
      expect(payloadShape).toBe('none');
      expect(header.slice(0, 2)).toStrictEqual(hello.slice(0, 2));
      const details = header[2] as Record<string, unknown>;
      expect({ ...details, b: Uint8Array.from(details['b'] as Uint8Array) }).toStrictEqual(hello[2]);
    });

    it('lets any first element through to the parser (MSG-1)', () => {
      expect(read([]).header).toStrictEqual([]);
      expect(read(['16', 1]).header).toStrictEqual(['16', 1]);
      expect(read([null, 1]).header).toStrictEqual([null, 1]);
      expect(read([[16], 1]).header).toStrictEqual([[16], 1]);
    });

    it('decodes an empty dict to NO_DETAILS', () => {
      expect(read([32, 1, {}, 'a']).header[2]).toBe(NO_DETAILS);
    });

    it('keeps keys that name something of Object apart from it', () => {
      const keys = '{"__proto__":{"polluted":true},"constructor":1,"toString":null,"hasOwnProperty":2}';
      const details = read([32, 1, JSON.parse(keys), 'a']).header[2] as object;
      expect(Object.getPrototypeOf(details)).toBe(Object.prototype);
      if (codec.serializer !== 'msgpack') expect(Object.hasOwn(details, '__proto__')).toBe(true);
      expect(Object.hasOwn(details, 'constructor')).toBe(true);
      expect((details as { polluted?: unknown }).polluted).toBeUndefined();
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    });

    it('refuses what is not a list', () => {
      for (const value of [{}, 'text', 16, null, true])
        expect(refusal(value)).toMatch(/byte 0: the message is not a list/);
    });

    it('refuses nesting beyond the limit, in header and payload, and takes what is just within', () => {
      for (const message of [
        [32, 1, { a: nested(7) }, 'a'],
        [16, 1, {}, 'a', [nested(7)]],
        [16, 1, {}, 'a', [], { a: nested(7) }],
      ])
        expect(isFault(codec.decode(oracle.encode(message)))).toBe(false);
      for (const message of [
        [32, 1, { a: nested(8) }, 'a'],
        [16, 1, {}, 'a', [nested(8)]],
        [16, 1, {}, 'a', [], { a: nested(8) }],
      ])
        expect(refusal(message)).toMatch(/byte \d+: lists and dicts nested deeper than 8/);
    });

    it('refuses lists and dicts beyond the limit, in header and payload, and takes what is just within', () => {
      const list = (count: number): unknown[] => Array.from({ length: count }, (_, i) => i);
      const dict = (count: number): object => Object.fromEntries(list(count).map((i) => [`k${String(i)}`, i]));
      for (const make of [list, dict]) {
        for (const wrap of [
          (value: unknown): unknown => [32, 1, { a: value }, 'a'],
          (value: unknown): unknown => [16, 1, {}, 'a', [value]],
          (value: unknown): unknown => [16, 1, {}, 'a', [], { a: value }],
        ]) {
          expect(isFault(codec.decode(oracle.encode(wrap(make(20)))))).toBe(false);
          expect(refusal(wrap(make(21)))).toMatch(/byte \d+: a list or dict of more than 20 entries/);
        }
      }
      expect(refusal([16, 1, {}, 'a', [], dict(21)])).toMatch(/more than 20 entries/);
      expect(refusal(list(21))).toMatch(/more than 20/);
    });

    it('writes ids as integers up to 2^53 − 1', () => {
      for (const id of [
        1,
        9,
        10,
        99,
        127,
        128,
        255,
        256,
        65_535,
        65_536,
        99_999_999,
        100_000_000,
        2 ** 32 - 1,
        2 ** 32,
        2 ** 53 - 1,
      ]) {
        const [, request, publication] = read(write([17, id, id])).header;
        expect([request, publication]).toStrictEqual([id, id]);
      }
    });

    it('leaves an empty payload out (MSG-8)', () => {
      expect(write([36, 1, 2, {}, NO_PAYLOAD])).toStrictEqual([36, 1, 2, {}]);
      expect(write([36, 1, 2, {}, payloadOf([], {})])).toStrictEqual([36, 1, 2, {}]);
      expect(write([36, 1, 2, {}, payloadOf([1], {})])).toStrictEqual([36, 1, 2, {}, [1]]);
      expect(write([36, 1, 2, {}, payloadOf(undefined, { a: 1 })])).toStrictEqual([36, 1, 2, {}, [], { a: 1 }]);
    });

    it('writes details of every kind, leaving out keys without a value', () => {
      const details = {
        text: 'Ελλάδα "\n\\ \u{1F98A}',
        long: 'é'.repeat(300),
        n: -70_000,
        f: 0.1,
        l: [[], {}],
        no: undefined,
        nil: null,
        yes: true,
      };
      const { no: _no, ...defined } = details;
      expect(write([2, 1, details])).toStrictEqual([2, 1, defined]);
    });

    it('writes bytes as bytes', () => {
      const bytes = Uint8Array.from({ length: 300 }, (_, i) => i);
      expect(write([4, 'cryptosign', { challenge: bytes }])).toStrictEqual([4, 'cryptosign', { challenge: bytes }]);
    });

    it('answers with a fault, not an exception, for values it cannot write', () => {
      const circular: unknown[] = [];
      circular.push(circular);
      for (const value of [circular, (): void => undefined, Symbol('s')]) {
        expect(codec.encode([2, 1, { value }] as unknown as RouterMessage)).toMatchObject({ kind: 'untranscodable' });
      }
      expect(write([35, 5])).toStrictEqual([35, 5]);
    });

    it('keeps finished messages apart, however many and long', () => {
      const lengths = [10, 70_000, 16_000, 3, 16_384, 16_400, 300_000, 20, 65_536, 40_000, 5];
      const bytes = lengths.flatMap((length) =>
        [1, 2, 3].map((i) => codec.encode([50, i, {}, payloadOf(['x'.repeat(length), i])] as unknown as RouterMessage)),
      );
      bytes.forEach((message, at) => {
        const text = 'x'.repeat(lengths[Math.floor(at / 3)]!);
        expect(oracle.decode(message as Uint8Array)).toStrictEqual([50, (at % 3) + 1, {}, [text, (at % 3) + 1]]);
      });
    });

    it('refuses every truncation and every byte behind the message', () => {
      const bytes = oracle.encode([
        48,
        300,
        { timeout: 1000, a: [1.5, 'é'] },
        'a.b',
        ['x', -1, { y: [true] }],
        { k: 'v' },
      ]);
      for (let length = 0; length < bytes.length; length++) {
        const decoded = codec.decode(bytes.subarray(0, length));
        expect(decoded).toMatchObject({ kind: 'fault', message: expect.stringMatching(/byte \d+: /) as unknown });
      }
      const longer = codec.decode(Buffer.concat([bytes, bytes.subarray(0, 1)]));
      expect(longer).toMatchObject({
        message: expect.stringMatching(new RegExp(`byte ${bytes.length}: bytes follow`)) as unknown,
      });
    });

    it('reads from the middle of a larger buffer', () => {
      const bytes = oracle.encode([16, 1, {}, 'com.example.topic', ['x'.repeat(700)]]);
      for (let shift = 0; shift < 8; shift++) {
        const larger = new Uint8Array(bytes.length + 16).fill(0x22);
        larger.set(bytes, shift);
        const decoded = codec.decode(larger.subarray(shift, shift + bytes.length)) as DecodedMessage;
        expect(decoded.header[3]).toBe('com.example.topic');
        expect(write([50, 1, {}, decoded.payload])).toStrictEqual([50, 1, {}, ['x'.repeat(700)]]);
      }
    });
  });
}
