import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinBatch, splitBatch } from '../../../src/codec/batch.js';
import type { Codec, DecodedMessage } from '../../../src/codec/codec.js';
import { HeadCache } from '../../../src/codec/head-cache.js';
import { isFault, type Fault } from '../../../src/wamp/faults.js';
import type { SerializerId } from '../../../src/wamp/payload.js';
import { anyChange, changed, type Change } from '../../support/mutations.js';
import { chooser, dict, spell, type Spelled } from '../../support/spellings.js';
import { codecs, serializerIds } from './reading.js';

const options: readonly Spelled[] = [
  dict({}),
  dict({ acknowledge: true }),
  dict({ acknowledge: true, exclude: [1, 300] }),
  dict({ exclude: [1, 300], acknowledge: true }),
  dict({ enc_algo: 'cryptobox', enc_key: new Uint8Array([1, 2]) }),
  [],
];
const uris = ['a.b', 'a.b.c', 'a.é', ''];
const payloads: readonly (readonly Spelled[])[] = [
  [],
  [[]],
  [[1]],
  [['x'], dict({ k: 1 })],
  [[], dict({})],
  [null],
  [new Uint8Array([7, 8, 9])],
  [[1.5, -1, true], dict({ l: [null] }), 3],
];

/** Messages of which each is like those around it: few values, in many spellings. */
const anyMessage = fc
  .record({
    code: fc.constantFrom(16, 16, 48, 70, 8, 32),
    request: fc.constantFrom(1, 2, 10, 300),
    options: fc.constantFrom(...options),
    uri: fc.constantFrom(...uris),
    payload: fc.constantFrom(...payloads),
  })
  .map(({ code, request, options, uri, payload }): readonly Spelled[] => {
    if (code === 70) return [code, request, options, ...payload];
    if (code === 8) return [code, 68, request, options, uri, ...payload];
    return code === 32 ? [code, request, options, uri] : [code, request, options, uri, ...payload];
  });

const anyChoices = fc.array(fc.nat(8), { maxLength: 60 });

interface Spelling {
  readonly message: readonly Spelled[];
  readonly choices: readonly number[];
  readonly change: Change | null;
}

/** One or two messages, encoded again and again: alike up to some place and different from there on. */
const anySequence = fc
  .record({
    messages: fc.array(anyMessage, { minLength: 1, maxLength: 2 }),
    shared: anyChoices,
    turns: fc.array(
      fc.record({
        which: fc.nat(1),
        alike: fc.nat(60),
        apart: anyChoices,
        request: fc.constantFrom(null, 3, 11),
        change: fc.option(anyChange, { freq: 2 }),
      }),
      { minLength: 2, maxLength: 8 },
    ),
  })
  .map(({ messages, shared, turns }): readonly Spelling[] =>
    turns.map(({ which, alike, apart, request, change }) => {
      const [code, first, ...rest] = messages[which % messages.length]!;
      const choices = [...shared.slice(0, alike), ...apart];
      return { message: [code!, request ?? first!, ...rest], choices, change };
    }),
  );

function written(serializer: SerializerId, { message, choices, change }: Spelling): Buffer {
  const bytes = spell(serializer, message, chooser(choices));
  return change === null ? bytes : changed(bytes, change);
}

/** All that decoding makes of the bytes. */
function read(codec: Codec, bytes: Uint8Array, memory?: HeadCache): unknown {
  const decoded: DecodedMessage | Fault = codec.decode(bytes, 0, memory);
  if (isFault(decoded)) return decoded;
  const { header, payload, payloadShape } = decoded;
  return { header, payloadShape, count: payload.elementCount, bytes: Buffer.from(payload.bytes).toString('latin1') };
}

describe.each(serializerIds)('%s with a memory of former messages', (serializer) => {
  const codec = codecs[serializer];

  it('decodes every sequence of messages as without, whole and broken ones', () => {
    fc.assert(
      fc.property(anySequence, (spellings) => {
        const memory = new HeadCache();
        for (const spelling of spellings) {
          const bytes = written(serializer, spelling);
          expect(read(codec, bytes, memory)).toStrictEqual(read(codec, bytes));
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('decodes every sequence inside batches as without', () => {
    fc.assert(
      fc.property(anySequence, (spellings) => {
        const batch = joinBatch(
          serializer,
          spellings.map((spelling) => written(serializer, spelling)),
        );
        const parts = splitBatch(serializer, batch);
        if (isFault(parts)) return;
        const memory = new HeadCache();
        for (const part of parts) expect(read(codec, part, memory)).toStrictEqual(read(codec, part));
      }),
      { numRuns: 500 },
    );
  });
});

describe('JSON with white space before the payload', () => {
  it.each([
    ['[16,1,{},"a.b", [1]]', '[16,2,{},"a.b",  [1]]'],
    ['[16,1,{},"a.b",[1]]', '[16,2,{},"a.b", [1]]'],
    ['[16,1,{},"a.b",\n[1]]', '[16,2,{},"a.b",\n\n[1]]'],
    ['[70,1,{},[1]]', '[70,1,{}, [1]]'],
  ])('is read behind a head that had less: %j, %j', (first, second) => {
    const memory = new HeadCache();
    codecs.json.decode(Buffer.from(first), 0, memory);
    expect(codecs.json.decode(Buffer.from(second), 0, memory)).toMatchObject({ payloadShape: 'args' });
  });
});
