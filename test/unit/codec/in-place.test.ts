import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCodecs } from '../../../src/codec/codecs.js';
import type { DecodedMessage } from '../../../src/codec/codec.js';
import { HeadCache } from '../../../src/codec/head-cache.js';
import { Code } from '../../../src/wamp/codes.js';
import { isFault } from '../../../src/wamp/faults.js';
import type { PublicationId, RegistrationId, RequestId, SubscriptionId } from '../../../src/wamp/ids.js';
import type { RouterMessage } from '../../../src/wamp/messages.js';
import { NO_DETAILS, PROGRESS, RECEIVE_PROGRESS, type Dict } from '../../../src/wamp/options.js';
import type { Payload, SerializerId } from '../../../src/wamp/payload.js';
import { serializers } from '../../support/serializers.js';

const codecs = createCodecs({ maxDepth: 64, maxContainerEntries: 65_536 });
const ids: readonly SerializerId[] = ['json', 'msgpack', 'cbor'];
const HEADROOM_BYTES = 48;

/** The message in the middle of memory of its own, as a connection hands it up. */
function arrive(bytes: Uint8Array, headroomBytes = HEADROOM_BYTES): Uint8Array {
  const memory = new Uint8Array(headroomBytes + bytes.length + 8).fill(0xee);
  memory.set(bytes, headroomBytes);
  return memory.subarray(headroomBytes, headroomBytes + bytes.length);
}

function decode(serializer: SerializerId, message: unknown[], headroomBytes = 0, memory?: HeadCache): DecodedMessage {
  const bytes = arrive(serializers[serializer].encode(message), headroomBytes);
  const decoded = codecs[serializer].decode(bytes, headroomBytes, memory);
  if (isFault(decoded)) throw new Error(decoded.message);
  return decoded;
}

function encode(serializer: SerializerId, message: RouterMessage): Uint8Array {
  const bytes = codecs[serializer].encode(message);
  if (!(bytes instanceof Uint8Array)) throw new Error(bytes.message);
  return bytes;
}

function messagesWith(first: number, second: number, payload: Payload, details: Dict = NO_DETAILS): RouterMessage[] {
  return [
    [Code.EVENT, first as SubscriptionId, second as PublicationId, details, payload],
    [Code.INVOCATION, first as RequestId, second as RegistrationId, details, payload],
    [Code.RESULT, first as RequestId, details, payload],
  ];
}

const anyId = fc.oneof(
  fc.integer({ min: 1, max: 300 }),
  fc.integer({ min: 1, max: 2 ** 53 - 1 }),
  fc.constant(2 ** 53 - 1),
);
const anyDetails = fc.constantFrom(NO_DETAILS, PROGRESS, RECEIVE_PROGRESS, { other: true });
// The MessagePack library that the tests read with refuses this one.
const anyKey = fc.string().filter((key) => key !== '__proto__');
const anyArguments = fc.oneof(
  fc.tuple(fc.array(fc.string(), { maxLength: 5 })),
  fc.tuple(fc.array(fc.integer(), { maxLength: 5 }), fc.dictionary(anyKey, fc.string(), { minKeys: 1, maxKeys: 3 })),
);

describe.each(ids)('%s in the memory the payload came in', (serializer) => {
  it('writes the same bytes as anywhere else, for every id and payload', () => {
    fc.assert(
      fc.property(anyId, anyId, anyArguments, fc.nat(2), anyDetails, (first, second, args, kind, details) => {
        const publish = [Code.PUBLISH, 1, {}, 'com.example.topic', ...args];
        const roomy = decode(serializer, publish, HEADROOM_BYTES).payload;
        const cramped = decode(serializer, [Code.YIELD, 1, {}, ...args]).payload;
        const placed = encode(serializer, messagesWith(first, second, roomy, details)[kind]!);
        const usual = encode(serializer, messagesWith(first, second, cramped, details)[kind]!);
        expect(Buffer.from(placed).equals(Buffer.from(usual))).toBe(true);
        expect(serializers[serializer].decode(placed)).toEqual(
          serializers[serializer].decode(
            serializers[serializer].encode([
              ...messagesWith(first, second, roomy, details)[kind]!.slice(0, -1),
              ...args,
            ]),
          ),
        );
      }),
    );
  });

  it('leaves the payload as it is, and a second message goes elsewhere', () => {
    const { payload } = decode(serializer, [Code.CALL, 1, {}, 'com.example.procedure', ['text', 1]], HEADROOM_BYTES);
    const before = Buffer.from(payload.bytes).toString('hex');
    const [event, invocation] = messagesWith(7, 8, payload);
    const first = encode(serializer, event!);
    const firstHex = Buffer.from(first).toString('hex');
    const second = encode(serializer, invocation!);
    expect(Buffer.from(payload.bytes).toString('hex')).toBe(before);
    expect(Buffer.from(first).toString('hex')).toBe(firstHex);
    expect(first.buffer).toBe(payload.bytes.buffer);
    expect(second.buffer).not.toBe(payload.bytes.buffer);
  });

  it.each([NO_DETAILS, PROGRESS])('writes results with the details %j where the payload came in', (details) => {
    const { payload } = decode(serializer, [Code.YIELD, 1, { progress: true }, ['text']], HEADROOM_BYTES);
    const result = encode(serializer, [Code.RESULT, (2 ** 53 - 1) as RequestId, details, payload]);
    expect(result.buffer).toBe(payload.bytes.buffer);
    expect(serializers[serializer].decode(result)).toEqual([Code.RESULT, 2 ** 53 - 1, details, ['text']]);
  });

  it('never writes before the headroom or behind the message', () => {
    const bytes = serializers[serializer].encode([Code.PUBLISH, 1, {}, 'a.b', ['x']]);
    for (let headroomBytes = 0; headroomBytes <= HEADROOM_BYTES; headroomBytes++) {
      const memory = new Uint8Array(64 + bytes.length + 8).fill(0xee);
      memory.set(bytes, 64);
      const message = memory.subarray(64, 64 + bytes.length);
      const decoded = codecs[serializer].decode(message, headroomBytes);
      if (isFault(decoded)) throw new Error(decoded.message);
      encode(serializer, messagesWith(2 ** 53 - 1, 2 ** 53 - 1, decoded.payload)[0]!);
      expect(memory.subarray(0, 64 - headroomBytes).every((byte) => byte === 0xee)).toBe(true);
      expect(memory.subarray(64 + bytes.length).every((byte) => byte === 0xee)).toBe(true);
    }
  });
});

describe.each(ids)('%s with the memory of a sender', (serializer) => {
  const anyMessage = fc
    .tuple(
      fc.constantFrom(Code.PUBLISH, Code.CALL, Code.YIELD),
      fc.integer({ min: 1, max: 70_000 }),
      fc.constantFrom({}, { acknowledge: true }, { progress: true, timeout: 5 }),
      fc.constantFrom('com.a', 'com.b', 'com.a.c', 'x'.repeat(200)),
      fc.oneof(fc.constant([]), anyArguments),
    )
    .map(([code, request, options, uri, args]) =>
      code === Code.YIELD ? [code, request, options, ...args] : [code, request, options, uri, ...args],
    );

  it('reads any sequence of messages as it would each alone', () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 12 }), (messages) => {
        const memory = new HeadCache();
        for (const message of messages) {
          const alone = decode(serializer, message);
          const remembered = decode(serializer, message, HEADROOM_BYTES, memory);
          expect(remembered.header).toEqual(alone.header);
          expect(remembered.payloadShape).toBe(alone.payloadShape);
          expect(Buffer.from(remembered.payload.bytes)).toEqual(Buffer.from(alone.payload.bytes));
        }
      }),
    );
  });

  it('takes options from the last message only when their bytes are the same', () => {
    const memory = new HeadCache();
    const read = (message: unknown[]): readonly unknown[] => decode(serializer, message, 0, memory).header;
    const first = read([Code.PUBLISH, 1, { acknowledge: true }, 'com.a', ['x']]);
    const again = read([Code.PUBLISH, 2, { acknowledge: true }, 'com.a', ['y']]);
    expect(again).toEqual([Code.PUBLISH, 2, { acknowledge: true }, 'com.a']);
    expect(again[2]).toBe(first[2]);
    expect(read([Code.PUBLISH, 3, { acknowledge: false }, 'com.a', ['y']])[2]).toEqual({ acknowledge: false });
    expect(read([Code.CALL, 4, { acknowledge: true }, 'com.a', ['y']])[0]).toBe(Code.CALL);
  });

  it('finds what is wrong behind a head it knows', () => {
    const memory = new HeadCache();
    const good = serializers[serializer].encode([Code.PUBLISH, 1, {}, 'com.a', ['text']]);
    for (let cut = 1; cut < good.length; cut++) {
      decode(serializer, [Code.PUBLISH, 1, {}, 'com.a', ['text']], 0, memory);
      const short = arrive(good.subarray(0, cut));
      const alone = codecs[serializer].decode(arrive(short));
      const remembered = codecs[serializer].decode(short, 0, memory);
      expect(isFault(remembered)).toBe(isFault(alone));
      expect(isFault(remembered)).toBe(true);
    }
  });
});
