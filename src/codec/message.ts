import { Code } from '../wamp/codes.js';
import type { RouterMessage } from '../wamp/messages.js';
import type { Payload, SerializerId } from '../wamp/payload.js';
import type { DecodedMessage } from './codec.js';
import { NO_PAYLOAD, rawPayload } from './payload.js';
import { type ElementKind, type Reader, payloadIndex, shapeOf } from './reader.js';

/** Takes one message apart; undefined when the reader is in trouble. */
export function decodeMessage(reader: Reader, serializer: SerializerId, bytes: Uint8Array): DecodedMessage | undefined {
  reader.begin(bytes);
  if (!reader.enterMessage()) return undefined;
  const header: unknown[] = [];
  let payloadFrom = Infinity;
  let index = 0;
  for (; index < payloadFrom && reader.hasElement(index); index++) {
    const value = reader.read();
    if (reader.trouble() !== undefined) return undefined;
    header.push(value);
    if (index === 0) payloadFrom = payloadIndex(value);
  }
  if (reader.trouble() !== undefined) return undefined;
  if (index < payloadFrom || !reader.hasElement(index)) {
    return reader.trouble() === undefined ? { header, payload: NO_PAYLOAD, payloadShape: 'none' } : undefined;
  }
  return decodePayload(reader, serializer, bytes, header, index);
}

function decodePayload(
  reader: Reader,
  serializer: SerializerId,
  bytes: Uint8Array,
  header: readonly unknown[],
  index: number,
): DecodedMessage | undefined {
  const start = reader.pos;
  let end = start;
  let count = 0;
  let first: ElementKind = 'other';
  let second: ElementKind = 'other';
  do {
    const kind = reader.kind();
    if (count === 0) first = kind;
    else if (count === 1) second = kind;
    const isFine = count === 1 && kind === 'dict' ? reader.skipDict() : reader.skip();
    if (!isFine) return undefined;
    count++;
    end = reader.pos;
  } while (reader.hasElement(index + count));
  if (reader.trouble() !== undefined) return undefined;
  const payloadShape = shapeOf(count, first, second);
  if (payloadShape === 'malformed') return { header, payload: NO_PAYLOAD, payloadShape };
  return { header, payload: rawPayload(serializer, count === 1 ? 1 : 2, bytes, start, end), payloadShape };
}

/** How many elements stand before the payload. */
export function bodyLength(message: RouterMessage): number {
  return payloadOfMessage(message) === undefined ? message.length : message.length - 1;
}

export function payloadOfMessage(message: RouterMessage): Payload | undefined {
  switch (message[0]) {
    case Code.EVENT:
      return message[4];
    case Code.INVOCATION:
      return message[4];
    case Code.RESULT:
      return message[3];
    case Code.ERROR:
      return message[5];
    default:
      return undefined;
  }
}
