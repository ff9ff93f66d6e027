import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCodecs } from '../../../src/codec/codecs.js';
import { transcode } from '../../../src/codec/transcode.js';
import type { SerializerId } from '../../../src/wamp/payload.js';
import { collidingNumbers } from '../../support/colliding-numbers.js';
import { expectQuick } from '../../support/quick.js';
import { serializers } from '../../support/serializers.js';
import { accepted, codecs, frame, headerValue, publish, refused, serializerIds, transcoded } from './reading.js';

const frames: readonly unknown[] = [
  [1, 'realm1', { roles: { publisher: { features: { x: true } }, caller: {} }, authmethods: ['anonymous'], n: 1.5 }],
  [
    16,
    9_007_199_254_740_991,
    { acknowledge: true, exclude: [1, 2] },
    'com.example.topic',
    ['é', -5, 1.1, null, [true]],
    { k: { l: 'x'.repeat(300) } },
  ],
  [48, 3, { timeout: 1000 }, 'com.example.add', [1, 2, new Uint8Array([1, 2, 3])]],
  [70, 4, {}, [{ a: [] }]],
  [8, 68, 5, {}, 'com.example.error', ['why'], { code: 500 }],
  [32, 6, { match: 'prefix' }, 'com.example.'],
];

const starts = (elementCount: number): Readonly<Record<SerializerId, Buffer>> => ({
  json: Buffer.from('[16,1,{},"t",'),
  msgpack: Buffer.from([0x94 + elementCount, 16, 1, 0x80, 0xa1, 0x74]),
  cbor: Buffer.from([0x84 + elementCount, 16, 1, 0xa0, 0x61, 0x74]),
});

/** The codec may not throw: it returns a message or a fault, and encodes the message again or refuses it. */
function survives(serializer: SerializerId, bytes: Uint8Array): void {
  const decoded = codecs[serializer].decode(bytes);
  if ('kind' in decoded) {
    if (!/, byte \d+: ./.test(decoded.message)) throw new Error(`gives no position: ${decoded.message}`);
    return;
  }
  const { payload } = decoded;
  if (payload.elementCount === 0) return;
  for (const other of serializerIds) {
    const encoded = payload.in(other);
    if (!(encoded instanceof Uint8Array)) continue;
    const again = Buffer.concat([
      starts(payload.elementCount)[other],
      encoded,
      Buffer.from(other === 'json' ? ']' : ''),
    ]);
    const repeated = codecs[other].decode(again);
    if ('kind' in repeated) throw new Error(`${repeated.message}: ${again.toString('hex')}`);
    if (other === 'json') JSON.parse(again.toString());
  }
}

describe.each(serializerIds)('hostile %s', (serializer) => {
  it('survives frames changed at random', () => {
    const change = fc.record({
      at: fc.nat(),
      kind: fc.constantFrom('set', 'insert', 'remove', 'double'),
      byte: fc.nat(255),
    });
    fc.assert(
      fc.property(fc.constantFrom(...frames), fc.array(change, { minLength: 1, maxLength: 6 }), (message, changes) => {
        let bytes = Buffer.from(serializers[serializer].encode(message));
        for (const { at, kind, byte } of changes) {
          const pos = at % (bytes.length + 1);
          const middle = kind === 'insert' || kind === 'set' ? [byte] : [];
          const rest = bytes.subarray(kind === 'set' || kind === 'remove' ? pos + 1 : pos);
          bytes = Buffer.concat([bytes.subarray(0, pos), Buffer.from(middle), kind === 'double' ? bytes : rest]);
        }
        survives(serializer, bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it('survives random bytes, also behind an honest beginning', () => {
    const start = publish(serializer, serializer === 'json' ? '' : ' ').subarray(
      0,
      serializer === 'json' ? -1 : undefined,
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        survives(serializer, bytes);
        survives(serializer, Buffer.concat([start, bytes]));
      }),
      { numRuns: 2000 },
    );
  });

  it('survives every single byte changed to every value', () => {
    const bytes = Buffer.from(serializers[serializer].encode([16, 300, { a: [1] }, 't', [-1.5, 'é'], { k: null }]));
    for (let at = 0; at < bytes.length; at++) {
      const before = bytes[at]!;
      for (let byte = 0; byte < 256; byte++) {
        bytes[at] = byte;
        survives(serializer, bytes);
      }
      bytes[at] = before;
    }
  });

  it('refuses nesting of 100,000 levels, in header and payload, closed or not', () => {
    const levels = 100_000;
    const shapes = {
      json: [
        '['.repeat(levels),
        '{"a":'.repeat(levels),
        `${'['.repeat(levels)}${']'.repeat(levels)}`,
        '[{"a":'.repeat(levels),
      ],
      msgpack: ['91'.repeat(levels), '81a161'.repeat(levels), `${'91'.repeat(levels)}c0`],
      cbor: [
        '81'.repeat(levels),
        'a16161'.repeat(levels),
        '9f'.repeat(levels),
        'bf6161'.repeat(levels),
        `${'81'.repeat(levels)}f6`,
      ],
    }[serializer];
    const header = { json: '[32,1,', msgpack: '93 20 01', cbor: '83 18 20 01' }[serializer];
    for (const shape of shapes) {
      expect(refused(serializer, frame(serializer, header + shape))).toMatch(
        /byte \d+: lists and dicts nested deeper than 32/,
      );
      expect(refused(serializer, publish(serializer, shape))).toMatch(
        /byte \d+: lists and dicts nested deeper than 32/,
      );
    }
    expect(refused(serializer, frame(serializer, shapes[0]!))).toMatch(/nested deeper than 32/);
  });
});

describe('hostile values', () => {
  const DEPTH = 30;

  it('reads nested dicts once, whatever their keys are', () => {
    const nest = (open: string, empty: string, end: string): string => open.repeat(DEPTH) + empty + end.repeat(DEPTH);
    const [msgpack, cbor] = [nest('82 a1 61', '80', '01 c0'), nest('a2 61 61', 'a0', '01 f6')];
    const open = nest('bf 61 61', 'a0', '01 f6 ff');
    const other = (from: SerializerId, to: SerializerId, dict: string): unknown => {
      const converted = transcode(from, to, 1, frame(from, dict));
      return converted instanceof Uint8Array ? Buffer.from(converted).toString('hex') : converted;
    };
    expectQuick(1_000, () => {
      accepted('msgpack', frame('msgpack', `94 20 01 ${msgpack} a1 74`));
      for (const dict of [cbor, open]) accepted('cbor', frame('cbor', `84 18 20 01 ${dict} 61 74`));
      expect(other('msgpack', 'cbor', msgpack)).toBe(cbor.replaceAll(' ', ''));
      for (const dict of [cbor, open]) expect(other('cbor', 'msgpack', dict)).toBe(msgpack.replaceAll(' ', ''));
    });
  });

  it('reads numbers as keys in a time that does not depend on what they are', () => {
    const count = 30_000;
    const keys = collidingNumbers(count);
    const wide = createCodecs({ maxDepth: 32, maxContainerEntries: count }).msgpack;
    const message = Buffer.alloc(8 + count * 6);
    message.set([0x94, 32, 1, 0xdf]);
    message.writeUInt32BE(count, 4);
    keys.forEach((key, index) => {
      message[8 + index * 6] = 0xce;
      message.writeUInt32BE(key, 9 + index * 6);
      message[13 + index * 6] = 0xc0;
    });
    expectQuick(250, () => {
      expect(wide.decode(Buffer.concat([message, Buffer.from([0xa1, 0x74])]))).toHaveProperty('header.length', 4);
    });
  });

  it('reads integers larger than any float', () => {
    const digits = '9'.repeat(309);
    expect(headerValue('json', `{"x":${digits}}`)).toStrictEqual({ x: BigInt(digits) });
    expect(transcoded('json', `[-${digits.slice(1)},${digits}]`, 'cbor')).toContain('c258');
    expect(transcoded('json', `[${digits}]`, 'msgpack')).toMatch(/cannot be represented/);
  });
});

describe('byte strings in options', () => {
  it.each([
    ['msgpack', '81 a7 656e635f6b6579 c4 02 07 08'],
    ['cbor', 'a1 67 656e635f6b6579 42 07 08'],
  ] as const)('neither keep nor see the memory of their message: %s', (serializer, options) => {
    const message = Buffer.alloc(100_000);
    const start = { msgpack: '94 10 01', cbor: '84 10 01' }[serializer];
    const end = { msgpack: 'a1 74', cbor: '61 74' }[serializer];
    const length = Buffer.from(frame(serializer, `${start} ${options} ${end}`)).copy(message);
    const { header } = accepted(serializer, message.subarray(0, length));
    message.fill(0);
    const { enc_key: key } = header[2] as { enc_key: Uint8Array };
    expect([...key]).toEqual([7, 8]);
    expect(key.buffer.byteLength).toBeLessThan(100_000);
  });
});

describe('hostile lengths', () => {
  it('allocates nothing for what is only announced', () => {
    const claims = {
      msgpack: ['dd ff ff ff ff', 'df ff ff ff ff', 'db ff ff ff ff', 'c6 ff ff ff ff', 'c9 ff ff ff ff 05'],
      cbor: [
        '9b ff ff ff ff ff ff ff ff',
        'bb 00 1f ff ff ff ff ff ff',
        '7b 7f ff ff ff ff ff ff ff',
        '5b 00 00 00 01 00 00 00 00',
        '9a ff ff ff ff',
        'ba ff ff ff ff',
      ],
    };
    const before = process.memoryUsage();
    for (const serializer of ['msgpack', 'cbor'] as const) {
      for (const claim of claims[serializer]) {
        for (let i = 0; i < 100; i++) {
          expect(
            refused(
              serializer,
              publish(serializer, `81 ${claim}`.replace('81', serializer === 'msgpack' ? '91' : '81')),
            ),
          ).toMatch(/the bytes end/);
          const header = serializer === 'msgpack' ? '93 20 01' : '83 18 20 01';
          expect(refused(serializer, frame(serializer, `${header} ${claim}`))).toMatch(/the bytes end/);
        }
      }
    }
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(64 * 2 ** 20);
    expect(after.heapUsed - before.heapUsed).toBeLessThan(64 * 2 ** 20);
  });
});
