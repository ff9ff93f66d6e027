import { describe, expect, it } from 'vitest';
import { FloatOnWire } from '../../../src/wamp/float-on-wire.js';
import { isId } from '../../../src/wamp/ids.js';
import fc from 'fast-check';
import { accepted, codecs, frame, headerValue, publish, refused } from './reading.js';

const value = (source: string): unknown => headerValue('json', source);
const isPayload = (source: string | Uint8Array): boolean => {
  const bytes = Buffer.concat([Buffer.from('[16,1,{},"t",['), Buffer.from(source), Buffer.from(']]')]);
  return !('error' in codecs.json.decode(bytes));
};

/** Values that JSON has and libraries fail at: numbers beyond floats, and no Base64 where it must be (SER-3). */
function portable(_key: string, read: unknown): unknown {
  if (typeof read === 'number' && !Number.isFinite(read)) throw new RangeError();
  if (typeof read === 'string' && read.startsWith('\u0000')) {
    if (Buffer.from(read.slice(1), 'base64').toString('base64') !== read.slice(1)) throw new RangeError();
  }
  return read;
}

function isJson(source: Uint8Array): boolean {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(source);
    // In the same place: "],[" makes two lists of one.
    JSON.parse(`[16,1,{},"t",[${text}]]`, portable);
    return true;
  } catch {
    return false;
  }
}

describe('JSON numbers', () => {
  it('reads integers up to 2^53 as numbers and larger ones exactly, as bigints', () => {
    expect(value('0')).toBe(0);
    expect(value('-1')).toBe(-1);
    expect(value('999999999999999')).toBe(999_999_999_999_999);
    expect(value('9007199254740991')).toBe(2 ** 53 - 1);
    expect(value('9007199254740992')).toBe(2 ** 53);
    expect(value('9007199254740993')).toBe(9_007_199_254_740_993n);
    expect(value('-9007199254740993')).toBe(-9_007_199_254_740_993n);
    expect(value('18446744073709551616')).toBe(18_446_744_073_709_551_616n);
  });

  it('lets no float pass for an id, however it is written (MSG-10)', () => {
    for (const source of ['1.0', '1e0', '10E-1', '100.00e-2', '9007199254740992.0', '1e300']) {
      expect(value(source)).toBeInstanceOf(FloatOnWire);
      expect(isId(value(source))).toBe(false);
      expect(value(source)).toStrictEqual(new FloatOnWire(Number(source)));
    }
    expect(value('1.5')).toBe(1.5);
    expect(value('-0')).toStrictEqual(new FloatOnWire(-0));
  });

  it('refuses what JSON does not call a number', () => {
    for (const source of [
      '01',
      '00',
      '-',
      '+1',
      '.5',
      '1.',
      '1.e3',
      '1e',
      '1e+',
      '0x10',
      'NaN',
      'Infinity',
      '1_000',
      '--1',
      '-01',
      '- 1',
    ]) {
      expect(() => value(source), source).toThrow(/JSON, byte \d+/);
      expect(isPayload(source), source).toBe(false);
    }
    expect(() => value('01')).toThrow(
      'JSON, byte 6: unexpected 0, or a number that is invalid or larger than any float',
    );
  });

  it('takes many digits as they are', () => {
    expect(isPayload('9'.repeat(309))).toBe(true);
    expect(isPayload(`0.${'1'.repeat(100_000)}`)).toBe(true);
    expect(value('9'.repeat(100_000))).toMatchObject({ what: 'an integer of 100000 digits' });
    expect(value('1e999')).toMatchObject({ what: 'the number 1e999' });
  });
});

describe('JSON strings', () => {
  it('reads every escape', () => {
    expect(value(String.raw`"\"\\\/\b\f\n\r\t\u00e9\ud83e\udd8a"`)).toBe('"\\/\b\f\n\r\té\u{1F98A}');
  });

  it('refuses control characters, unknown escapes and ends without a quote, wherever they stand', () => {
    for (let length = 0; length < 600; length += 7) {
      const plain = 'x'.repeat(length);
      for (const bad of ['\n', '\u0000', '\u001f', '\\x', '\\u12g4', '\\u12', '\\']) {
        expect(isPayload(`"${plain}${bad}"`), `${length} ${JSON.stringify(bad)}`).toBe(false);
        expect(() => value(`"${plain}${bad}"`)).toThrow(/JSON, byte/);
      }
      expect(isPayload(`"${plain}`)).toBe(false);
      expect(isPayload(`"${plain}\u007f\\n${plain}é${plain}"`)).toBe(true);
    }
    expect(refused('json', publish('json', '["ab\u0001"]'))).toBe('JSON, byte 17: unexpected control character 0x01');
    expect(refused('json', publish('json', String.raw`["ab\q"]`))).toBe('JSON, byte 17: invalid escape in a string');
  });

  it('refuses invalid UTF-8: overlong, surrogates, too high, cut off, stray', () => {
    for (const hex of [
      'c0 80',
      'c1 bf',
      'e0 80 80',
      'e0 9f bf',
      'ed a0 80',
      'ed bf bf',
      'f0 80 80 80',
      'f4 90 80 80',
      'f5 80 80 80',
      'c3',
      'e2 82',
      'f0 9f a6',
      '80',
      'bf',
      'ff',
      'fe',
      'c3 28',
    ]) {
      const bad = Buffer.from(hex.replaceAll(' ', ''), 'hex');
      const text = Buffer.concat([Buffer.from('"'), bad, Buffer.from('"')]);
      expect(isPayload(text), hex).toBe(false);
      expect(() => accepted('json', Buffer.concat([Buffer.from('[32,1,{},'), text, Buffer.from(']')]))).toThrow(
        /JSON, byte \d+: invalid UTF-8/,
      );
    }
    expect(isPayload('"\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}"')).toBe(true);
  });

  it('reads a string that begins with U+0000 as bytes (SER-3)', () => {
    expect(value(String.raw`"\u0000AAEC/w=="`)).toStrictEqual(Buffer.from([0, 1, 2, 255]));
    expect(value(String.raw`"\u0000AAEC\/w=="`)).toStrictEqual(Buffer.from([0, 1, 2, 255]));
    expect(value(String.raw`"\u0000"`)).toStrictEqual(Buffer.alloc(0));
    expect(value(String.raw`"\u0000A"`)).toMatchObject({ what: expect.stringContaining('not Base64') as unknown });
    expect(value(String.raw`{"\u0000AA==":1}`)).toStrictEqual({ '\u0000AA==': 1 });
  });

  it('keeps equal-looking short strings apart, whatever shares their place in the cache', () => {
    const texts = Array.from({ length: 20_000 }, (_, i) => `com.example.${(i * 7919) % 20_011}`);
    for (const text of [...texts, ...texts.reverse()]) expect(value(`"${text}"`)).toBe(text);
    for (let length = 0; length < 80; length++) expect(value(`"${'a'.repeat(length)}"`)).toBe('a'.repeat(length));
  });
});

describe('JSON structure', () => {
  it('takes white space wherever JSON allows it', () => {
    const spaced =
      ' \n[\t16 ,\r1 , { "acknowledge" : true , "x" : [ 1 , 2 ] } , "t" , [ 1 , { "a" : [ ] } ] , { "k" : { } } ] \n';
    const { header, payload } = accepted('json', frame('json', spaced));
    expect(header).toStrictEqual([16, 1, { acknowledge: true, x: [1, 2] }, 't']);
    expect(JSON.parse(`[${Buffer.from(payload.bytes).toString()}]`)).toStrictEqual([[1, { a: [] }], { k: {} }]);
    expect(Buffer.from(payload.in('msgpack') as Uint8Array).toString('hex')).toBe('920181a16190' + '81a16b80');
  });

  it('reports what is wrong and where', () => {
    for (const [source, what] of [
      ['', 'JSON, byte 0: the message is not a list'],
      ['\ufeff[1]', 'JSON, byte 0: the message is not a list'],
      ['[1', 'JSON, byte 2: expected a comma or the end of the message'],
      ['[1,]', 'JSON, byte 3: unexpected ]'],
      ['[,1]', 'JSON, byte 1: unexpected ,'],
      ['[1]]', 'JSON, byte 3: bytes follow the message'],
      ['[1][1]', 'JSON, byte 3: bytes follow the message'],
      ['[1 2]', 'JSON, byte 3: expected a comma or the end of the message'],
      ['[nul]', 'JSON, byte 1: unexpected n'],
      ['[falsy]', 'JSON, byte 1: unexpected f'],
      ["['a']", "JSON, byte 1: unexpected '"],
      ['[1,{a:1}]', 'JSON, byte 4: unexpected a'],
      ['[1,{"a" 1}]', 'JSON, byte 8: unexpected 1, or a number that is invalid or larger than any float'],
      ['[1,{"a":1,}]', 'JSON, byte 10: unexpected }'],
      ['[1,{"a":1]', 'JSON, byte 9: unexpected ]'],
      ['[16,1,{},"t",[1,{"a":[1}]]]', 'JSON, byte 23: unexpected }'],
      ['[16,1,{},"t",[1,{1:2}]]', 'JSON, byte 17: unexpected 1, or a number that is invalid or larger than any float'],
      ['[16,1,{},"t",[1', 'JSON, byte 15: the text ends too early'],
    ] as const)
      expect(refused('json', frame('json', source))).toBe(what);
  });

  it('takes the last of equal keys (SER-4)', () => {
    expect(value('{"match":"exact","match":"prefix","__proto__":1,"__proto__":2}')).toStrictEqual(
      JSON.parse('{"match":"prefix","__proto__":2}'),
    );
  });

  it('accepts as payload exactly what is JSON', () => {
    const pieces = fc.constantFrom(
      '[',
      ']',
      '{',
      '}',
      ',',
      ':',
      '"',
      '\\',
      'u00e9',
      '0',
      '1',
      '-',
      '.',
      'e',
      '+',
      'true',
      'false',
      'null',
      ' ',
      '\n',
      '"a"',
      '"a":',
      '[]',
      '{}',
      'é',
      '\u0001',
      '1.5e3',
      '""',
    );
    const source = fc.oneof(
      fc.array(pieces, { maxLength: 12 }).map((parts) => Buffer.from(parts.join(''))),
      fc.json().map((text) => Buffer.from(text)),
      fc.tuple(fc.json(), fc.nat(), fc.nat(255)).map(([text, at, byte]) => {
        const bytes = Buffer.from(text);
        bytes[at % bytes.length] = byte;
        return bytes;
      }),
    );
    fc.assert(
      fc.property(source, (bytes) => {
        expect(isPayload(bytes)).toBe(isJson(bytes));
      }),
      { numRuns: 3000 },
    );
  });

  it('reads headers exactly as JSON.parse does', () => {
    // Without values that the reader distinguishes and JSON.parse does not: floats, large integers, negative zero, bytes.
    const text = fc.json().filter((json) => !/\\u0000|\d\.\d|\de|\d{16}|-0/i.test(json));
    fc.assert(
      fc.property(text, (json) => {
        expect(value(json)).toEqual(JSON.parse(json));
      }),
      { numRuns: 1000 },
    );
  });
});
