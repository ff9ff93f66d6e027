import { Buffer } from 'node:buffer';
import { Code } from '../wamp/codes.js';
import type { RouterMessage } from '../wamp/messages.js';
import type { Payload, SerializerId } from '../wamp/payload.js';
import { portable } from './portable.js';
import type { DecodedMessage } from './codec.js';
import type { HeadCache } from './head-cache.js';
import { NO_PAYLOAD, rawPayload } from './payload.js';
import { type ElementKind, type Reader, payloadIndex, shapeOf } from './reader.js';

const CLOSE_LIST = 0x5d;

/** Takes one message apart; undefined when the reader is in trouble. */
export function decodeMessage(
  reader: Reader,
  serializer: SerializerId,
  bytes: Uint8Array,
  headroomBytes: number,
  memory: HeadCache | undefined,
): DecodedMessage | undefined {
  reader.begin(bytes);
  if (!reader.enterMessage()) return undefined;
  if (!reader.hasElement(0)) return reader.trouble() === undefined ? withoutPayload([]) : undefined;
  const code = reader.read();
  if (reader.trouble() !== undefined) return undefined;
  const payloadFrom = payloadIndex(code);
  // Most messages have this length: a list that grows by pushing gets room for seventeen.
  const header: unknown[] = payloadFrom === 3 ? [code, null, null] : [code, null, null, null];
  let index = 1;
  let headStart = 0;
  const head = memory?.of(code);
  while (index < payloadFrom && reader.hasElement(index)) {
    const value = reader.read();
    if (reader.trouble() !== undefined) return undefined;
    if (index < header.length) header[index] = value;
    else header.push(value);
    index++;
    if (index === 2 && head !== undefined) {
      headStart = reader.pos;
      const length = head.lengthAt(bytes, headStart);
      if (length > 0 && reader.jump(headStart + length, payloadFrom)) {
        header[2] = head.options;
        if (payloadFrom === 4) header[3] = head.uri;
        return decodePayload(reader, serializer, bytes, headroomBytes, header, payloadFrom);
      }
    }
  }
  if (reader.trouble() !== undefined) return undefined;
  if (index < payloadFrom || !reader.hasElement(index)) {
    if (index < header.length) header.length = index;
    return reader.trouble() === undefined ? withoutPayload(header) : undefined;
  }
  head?.keep(bytes, headStart, reader.pos, header[2], header[3]);
  return decodePayload(reader, serializer, bytes, headroomBytes, header, index);
}

function withoutPayload(header: readonly unknown[]): DecodedMessage {
  return { header, payload: NO_PAYLOAD, payloadShape: 'none' };
}

function decodePayload(
  reader: Reader,
  serializer: SerializerId,
  bytes: Uint8Array,
  headroomBytes: number,
  header: readonly unknown[],
  index: number,
): DecodedMessage | undefined {
  const start = reader.pos;
  let end = start;
  let firstEnd = start;
  let secondStart = start;
  let count = 0;
  let first: ElementKind = 'other';
  let second: ElementKind = 'other';
  do {
    const kind = reader.kind();
    if (count === 0) first = kind;
    else if (count === 1) {
      second = kind;
      firstEnd = end;
      secondStart = reader.pos;
    }
    if (!reader.skip()) return undefined;
    count++;
    end = reader.pos;
  } while (reader.hasElement(index + count));
  if (reader.trouble() !== undefined) return undefined;
  const payloadShape = shapeOf(count, first, second);
  if (payloadShape === 'malformed' || payloadShape === 'none') return { header, payload: NO_PAYLOAD, payloadShape };
  let payload: Payload;
  if (reader.needsRewriting() || first === 'null' || second === 'null') {
    const args = first === 'null' ? undefined : bytes.subarray(start, count === 1 ? end : firstEnd);
    const kwargs = second === 'dict' ? bytes.subarray(secondStart, end) : undefined;
    payload = rewritten(serializer, args, kwargs, reader.needsRewriting());
  } else {
    // The head is read by now, so its bytes are free; the end of a JSON list must be as we would write it.
    const freeBytes = serializer !== 'json' || bytes[end] === CLOSE_LIST ? start + headroomBytes : 0;
    payload = rawPayload(serializer, count === 1 ? 1 : 2, bytes, start, end, freeBytes);
  }
  return { header, payload, payloadShape };
}

/** A payload whose elements are not as they came: null is an empty list, and what some library cannot read has gone. */
function rewritten(
  serializer: SerializerId,
  args: Uint8Array | undefined,
  kwargs: Uint8Array | undefined,
  needsRewriting: boolean,
): Payload {
  const parts: Uint8Array[] = [];
  for (const element of kwargs === undefined ? [args] : [args, kwargs]) {
    if (parts.length > 0 && serializer === 'json') parts.push(JSON_COMMA);
    parts.push(
      element === undefined ? EMPTY_LIST[serializer] : needsRewriting ? portable(serializer, element) : element,
    );
  }
  return rawPayload(serializer, kwargs === undefined ? 1 : 2, Buffer.concat(parts));
}

const JSON_COMMA = Buffer.from(',');
const EMPTY_LIST = {
  json: Buffer.from('[]'),
  msgpack: Buffer.of(0x90),
  cbor: Buffer.of(0x80),
} as const;

/** The payload of a message that has a place for one; it is the last element. */
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
