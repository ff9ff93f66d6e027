import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OpaqueKind, SerializerId } from '../../../src/wamp/payload.js';
import { chooser, dict, spell, SpelledDict, type Spelled } from '../../support/spellings.js';
import { serializers } from '../../support/serializers.js';
import { REFUSED, REWRITTEN } from '../../support/unportable.js';
import { accepted, frame, publish, refused, transcoded } from './reading.js';

const hex = (source: string): string => source.replaceAll(' ', '');
const date = (text: string): string => `c0 78 ${text.length.toString(16)} ${Buffer.from(text).toString('hex')}`;

/** The payload's bytes as another session with the same serializer receives them. */
function forwarded(serializer: SerializerId, source: string): string {
  return transcoded(serializer, source, serializer);
}

describe('payloads that end sessions of some client library are refused (B6, SER-6)', () => {
  it.each(REFUSED)('%s: %s', (serializer, _what, source, message) => {
    expect(refused(serializer, publish(serializer, source))).toContain(message);
  });

  it('reads them in options nobody is sent, which it must ignore (MSG-5)', () => {
    accepted('json', frame('json', '[32,1,{"x_any":1e400},"t"]'));
    accepted('msgpack', frame('msgpack', '94 20 01 81 a5 78 5f 61 6e 79 d4 05 01 a1 74'));
    accepted('cbor', frame('cbor', '84 18 20 01 a1 65 78 5f 61 6e 79 e0 61 74'));
  });
});

describe('payloads that some client library fails at are rewritten (B6, SER-6)', () => {
  it.each(REWRITTEN)('%s: %s', (serializer, _what, source, result) => {
    expect(forwarded(serializer, source)).toBe(serializer === 'json' ? result : hex(result));
  });

  it.each([
    '2013-02-30T00:00:00Z',
    '2013-13-01T00:00:00Z',
    '0000-01-01T00:00:00Z',
    '2013-01-01T24:00:00Z',
    '2013-01-01T00:00:00+24:00',
  ])('cbor: a date that no calendar has: %s', (text) =>
    expect(forwarded('cbor', `81 ${date(text)}`)).toBe(hex(`81 ${date(text).slice(3)}`)),
  );

  it('leaves an empty Base64 and escapes in it as they are', () => {
    for (const text of [String.raw`["\u0000"]`, String.raw`["\u0000\/\/8="]`, String.raw`["\u0000YQ\u003d\u003d"]`])
      expect(forwarded('json', text)).toBe(text);
  });

  it('keeps the date under another tag', () => {
    expect(forwarded('cbor', '81 d9 d9 f7 c1 01')).toBe('81c101');
  });

  it.each<[SerializerId, string]>([
    ['json', '[1e308,-1e-400,0.1e+5,18446744073709551616]'],
    ['json', `[${'9'.repeat(309)},1.${'0'.repeat(400)}]`],
    ['msgpack', '91 d6 ff 00 00 00 01'],
    ['msgpack', '91 d7 ff 00 00 00 04 00 00 00 01'],
    ['msgpack', '91 c7 0c ff 00 00 00 01 ff ff ff ff ff ff ff ff'],
    ['msgpack', '91 cb 7f f8 00 00 00 00 00 00'],
    ['cbor', '82 c2 49 01 00 00 00 00 00 00 00 00 c3 41 01'],
    ['cbor', '83 c1 1a 51 4b 67 b0 c1 fb 3f f8 00 00 00 00 00 00 f7'],
    ['cbor', `82 ${date('2013-03-21T20:04:00Z')} ${date('2024-02-29T20:04:00.123456+05:30')}`],
    ['cbor', '81 9f bf 61 61 01 ff ff'],
  ])('leaves what all can read untouched, %s: %s', (serializer, source) => {
    expect(forwarded(serializer, source)).toBe(serializer === 'json' ? source : hex(source));
  });

  it('changes no value that is WAMP, in whatever form it came', () => {
    const value = fc.letrec<{ any: Spelled }>((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom<Spelled>(null, true, 0, -1, 70_000, 1.5, '', 'a', 'é', 'x'.repeat(40)),
        fc.uint8Array({ maxLength: 30 }),
        fc.array(tie('any'), { maxLength: 4 }),
        fc.dictionary(fc.constantFrom('a', 'b', 'é'), tie('any'), { maxKeys: 3 }).map((entries) => dict(entries)),
      ),
    })).any;
    const choices = fc.array(fc.nat(8), { maxLength: 60 });
    for (const serializer of ['msgpack', 'cbor', 'json'] as const) {
      fc.assert(
        fc.property(fc.array(value, { maxLength: 3 }), choices, (args, how) => {
          const spelled = spell(serializer, args, chooser(how)).toString(serializer === 'json' ? 'utf8' : 'hex');
          // A tag on Arguments itself makes no list of WAMP of them (MSG-3).
          fc.pre(!/^(d9d9f7)/.test(spelled));
          const { payload } = accepted(serializer, publish(serializer, spelled));
          const decoded = serializers[serializer].decode(payload.bytes);
          expect(JSON.stringify(decoded, undefinedAsNull)).toBe(JSON.stringify(plain(args), undefinedAsNull));
        }),
        { numRuns: 300 },
      );
    }
  });
});

/** CBOR has both, and every library reads both. */
function undefinedAsNull(_key: string, value: unknown): unknown {
  return value === undefined ? null : value instanceof Uint8Array ? [...value] : value;
}

function plain(value: Spelled): unknown {
  if (value instanceof SpelledDict) return Object.fromEntries(value.entries.map(([key, entry]) => [key, plain(entry)]));
  return Array.isArray(value) ? value.map((item: Spelled) => plain(item)) : value;
}

describe('null in place of what is not there (MSG-7)', () => {
  it.each<[SerializerId, string, string]>([
    ['json', '[16,1,{},"t", null ,{"a":1}]', '[],{"a":1}'],
    ['json', '[16,1,{},"t",[1] , null]', '[1]'],
    ['msgpack', '96 10 01 80 a1 74 c0 81 a1 61 01', '90 81 a1 61 01'],
    ['msgpack', '96 10 01 80 a1 74 d4 00 00 81 a1 61 01', '90 81 a1 61 01'],
    ['msgpack', '96 10 01 80 a1 74 91 01 c0', '91 01'],
    ['cbor', '86 10 01 a0 61 74 f6 a1 61 61 01', '80 a1 61 61 01'],
    ['cbor', '86 10 01 a0 61 74 f7 a1 61 61 d9 ff fe 01', '80 a1 61 61 01'],
    ['cbor', '86 10 01 a0 61 74 81 01 f6', '81 01'],
  ])('%s: %s', (serializer, message, result) => {
    const { bytes } = accepted(serializer, frame(serializer, message)).payload;
    expect(Buffer.from(bytes).toString(serializer === 'json' ? 'utf8' : 'hex')).toBe(
      serializer === 'json' ? result : hex(result),
    );
  });
});

describe('a payload that must be opaque (PPT-2)', () => {
  const opaque = (serializer: SerializerId, message: string, kinds: readonly OpaqueKind[]): string | undefined => {
    const payload = accepted(serializer, frame(serializer, message)).payload.opaque?.(kinds);
    if (payload === undefined) return undefined;
    expect(payload.elementCount).toBe(1);
    return Buffer.from(payload.bytes).toString(serializer === 'json' ? 'utf8' : 'hex');
  };
  const bytes = String.raw`["\u0000AQ=="]`;

  it.each([
    [bytes, bytes],
    [String.raw`[ "\u0000AQ==" ] `, String.raw`[ "\u0000AQ==" ]`],
    [`${bytes},{}`, bytes],
    [`${bytes}, null`, bytes],
    [`${bytes},{"a":1}`, undefined],
    [String.raw`["\u0000AQ==",1]`, undefined],
    ['[]', undefined],
    ['[1]', undefined],
    ['["text"]', undefined],
    ['[{"args":[]}]', undefined],
    ['null', undefined],
  ])('%s', (args, result) => expect(opaque('json', `[16,1,{},"t",${args}]`, ['bytes'])).toBe(result));

  it('may be a dict where that is asked for', () => {
    expect(opaque('json', '[16,1,{},"t",[{"args":[1]}]]', ['bytes', 'dict'])).toBe('[{"args":[1]}]');
    expect(opaque('json', '[16,1,{},"t",[[1]]]', ['bytes', 'dict'])).toBeUndefined();
  });

  it.each<[SerializerId, string, string]>([
    ['msgpack', '96 10 01 80 a1 74 91 c4 01 07 80', '91 c4 01 07'],
    ['cbor', '86 10 01 a0 61 74 81 41 07 a0', '81 41 07'],
    ['cbor', '86 10 01 a0 61 74 9f 5f 41 07 ff ff bf ff', '9f 41 07 ff'],
  ])('loses empty ArgumentsKw, %s: %s', (serializer, message, result) => {
    expect(opaque(serializer, message, ['bytes'])).toBe(hex(result));
  });
});
