import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createCodecs } from '../../src/codec/codecs.js';
import { payloadOf } from '../../src/codec/payload.js';
import { isFault } from '../../src/wamp/faults.js';
import type { RouterMessage } from '../../src/wamp/messages.js';
import type { Dict, List } from '../../src/wamp/options.js';
import type { SerializerId } from '../../src/wamp/payload.js';

/** `json` is text, the others are hexadecimal. */
type Vector = { readonly name: string; readonly message: List } & Readonly<Record<SerializerId, string>>;

const vectors = (file: string): Vector[] =>
  JSON.parse(readFileSync(new URL(`vectors/${file}`, import.meta.url), 'utf8')) as Vector[];

const codecs = createCodecs({ maxDepth: 16, maxContainerEntries: 100 });
const serializers: readonly SerializerId[] = ['json', 'msgpack', 'cbor'];
const headerLengths: Readonly<Record<number, number>> = { 8: 5, 16: 4, 36: 4, 48: 4, 50: 3, 68: 4, 70: 3 };

function frame(vector: Vector, serializer: SerializerId): Uint8Array {
  return Buffer.from(vector[serializer], serializer === 'json' ? 'utf8' : 'hex');
}

/** The vector as the router sends it: everything behind the header is the payload. */
function routerMessage(message: List): RouterMessage {
  const length = headerLengths[message[0] as number];
  if (length === undefined) return message as unknown as RouterMessage;
  const payload = payloadOf(message[length] as List | undefined, message[length + 1] as Dict | undefined);
  return [...message.slice(0, length), payload] as unknown as RouterMessage;
}

describe.each(serializers)('golden bytes, %s', (serializer) => {
  it.each(vectors('router-messages.json'))('writes $name byte by byte', (vector) => {
    const bytes = codecs[serializer].encode(routerMessage(vector.message));
    expect(bytes).toBeInstanceOf(Uint8Array);
    expect(Buffer.from(bytes as Uint8Array).toString('hex')).toBe(
      Buffer.from(frame(vector, serializer)).toString('hex'),
    );
  });

  it.each(vectors('client-messages.json'))('reads $name', (vector) => {
    const decoded = codecs[serializer].decode(frame(vector, serializer));
    if (isFault(decoded)) throw new Error(decoded.message);
    const length = headerLengths[vector.message[0] as number] ?? vector.message.length;
    expect(decoded.header).toStrictEqual(vector.message.slice(0, length));
    expect(decoded.payloadShape).toBe((['none', 'args', 'args+kwargs'] as const)[vector.message.length - length]);
    expect(decoded.payload.elementCount).toBe(vector.message.length - length);
    const json = decoded.payload.in('json') as Uint8Array;
    expect(JSON.parse(`[${Buffer.from(json).toString()}]`)).toStrictEqual(vector.message.slice(length));
  });
});
