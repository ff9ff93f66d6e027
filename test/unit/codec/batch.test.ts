import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { joinBatch, splitBatch } from '../../../src/codec/batch.js';
import { isFault } from '../../../src/wamp/faults.js';
import type { SerializerId } from '../../../src/wamp/payload.js';
import { frame, serializerIds } from './reading.js';

function split(serializer: SerializerId, batch: Uint8Array): Uint8Array[] {
  const messages = splitBatch(serializer, batch);
  if (isFault(messages)) throw new Error(messages.message);
  return [...messages];
}

describe('batches', () => {
  it('puts 0x1E behind each JSON message (BAT-1)', () => {
    const batch = joinBatch('json', [Buffer.from('[1]'), Buffer.from('[2,"a"]')]);
    expect(Buffer.from(batch).toString()).toBe('[1]\u001e[2,"a"]\u001e');
  });

  it.each(['msgpack', 'cbor'] as const)(
    'puts a length of 32 bits before each %s message (BAT-1, BAT-2)',
    (serializer) => {
      const batch = joinBatch(serializer, [Buffer.from([1, 2, 3]), Buffer.alloc(0x0102, 7)]);
      expect(Buffer.from(batch.subarray(0, 11)).toString('hex')).toBe('00000003010203' + '00000102');
      expect(batch.length).toBe(4 + 3 + 4 + 0x0102);
    },
  );

  it.each(serializerIds)('splits what it joins, in order, a single message too: %s (BAT-3, BAT-4)', (serializer) => {
    const message = fc
      .uint8Array({ minLength: 1, maxLength: 300 })
      .map((bytes) => bytes.map((byte) => (byte === 0x1e ? 0x20 : byte)));
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 9 }), (messages) => {
        expect(split(serializer, joinBatch(serializer, messages))).toStrictEqual(messages);
      }),
    );
  });

  it('copies nothing when splitting', () => {
    const batch = joinBatch('cbor', [Buffer.from([1])]);
    const [message] = split('cbor', batch);
    expect(message!.buffer).toBe(batch.buffer);
  });

  it.each([
    ['json', 'x\u001e'],
    ['msgpack', '00 00 00 01 90'],
  ] as const)('holds little for a megabyte of the smallest messages: %s', (serializer, smallest) => {
    const one = frame(serializer, smallest);
    const batch = Buffer.alloc(2 ** 20 - (2 ** 20 % one.length), one);
    const before = process.memoryUsage().heapUsed;
    const messages = splitBatch(serializer, batch);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(2 ** 22);
    expect(isFault(messages)).toBe(false);
  });

  it.each([
    ['json', '', 'an empty batch'],
    ['json', '[1]', 'batch, byte 0: a message without 0x1E behind it'],
    ['json', '[1]\u001e[2]', 'batch, byte 4: a message without 0x1E behind it'],
    ['json', '\u001e', 'batch, byte 0: an empty message'],
    ['json', '[1]\u001e\u001e', 'batch, byte 4: an empty message'],
    ['msgpack', '', 'an empty batch'],
    ['msgpack', '00 00 00', 'batch, byte 0: a length cut off'],
    ['msgpack', '00 00 00 00', 'batch, byte 0: an empty message'],
    ['msgpack', '00 00 00 02 90', 'batch, byte 0: 2 bytes announced, 1 there'],
    ['cbor', '00 00 00 01 80 ff ff ff ff 80', 'batch, byte 5: 4294967295 bytes announced, 1 there'],
    ['cbor', '00 00 00 01 80 00', 'batch, byte 5: a length cut off'],
  ] as const)('refuses %s batch %j (BAT-3, PV-12)', (serializer, source, message) => {
    expect(splitBatch(serializer, frame(serializer, source))).toStrictEqual({
      kind: 'fault',
      error: 'wamp.error.protocol_violation',
      message,
    });
  });
});
