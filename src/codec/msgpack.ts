import { type Fault, violation } from '../wamp/faults.js';
import type { RouterMessage } from '../wamp/messages.js';
import type { Payload, TranscodingFault } from '../wamp/payload.js';
import { putHead, widthOf } from './binary.js';
import { ByteSink } from './byte-sink.js';
import type { Codec, CodecLimits, DecodedMessage } from './codec.js';
import type { HeadMemory } from './head-memory.js';
import { decodeMessage, payloadOfMessage } from './message.js';
import { MsgpackReader } from './msgpack-reader.js';
import { writeListHead, writeMsgpack } from './msgpack-writer.js';
import { appendPayload, lendMemory } from './payload.js';
import { NO_ID, place } from './placed.js';
import { untranscodable } from './transcode.js';

/** MessagePack, version 5 of its specification: text and bytes are different types. */
export class MsgpackCodec implements Codec {
  readonly serializer = 'msgpack';
  readonly #reader: MsgpackReader;
  readonly #sink = new ByteSink();

  constructor(limits: CodecLimits) {
    this.#reader = new MsgpackReader(limits);
  }

  decode(bytes: Uint8Array, headroomBytes = 0, memory?: HeadMemory): DecodedMessage | Fault {
    const decoded = decodeMessage(this.#reader, 'msgpack', bytes, headroomBytes, memory);
    return decoded ?? violation(this.#reader.trouble() ?? 'MessagePack');
  }

  encode(message: RouterMessage): Uint8Array | TranscodingFault {
    return place(message, placeHead) ?? this.#write(message);
  }

  #write(message: RouterMessage): Uint8Array | TranscodingFault {
    const sink = this.#sink;
    const payload = payloadOfMessage(message);
    const length = payload === undefined ? message.length : message.length - 1;
    writeListHead(sink, length + (payload?.elementCount ?? 0));
    for (let i = 0; i < length; i++) writeMsgpack(sink, message[i], 0);
    if (payload !== undefined && payload.elementCount > 0) appendPayload(sink, payload, 'msgpack');
    return sink.trouble === undefined ? sink.finish() : untranscodable('msgpack', sink.drop());
  }
}

const LIST = 0x90;
const EMPTY_DICT = 0x80;

/** Codes fit into one byte. */
function placeHead(payload: Payload, code: number, first: number, second: number): Uint8Array | undefined {
  const secondBytes = second === NO_ID ? 0 : integerLength(second);
  const bytes = lendMemory(payload, 'msgpack', 1 + 1 + integerLength(first) + secondBytes + 1, 0);
  if (bytes === undefined) return undefined;
  bytes[0] = LIST | ((second === NO_ID ? 3 : 4) + payload.elementCount);
  bytes[1] = code;
  let pos = putInteger(bytes, 2, first);
  if (second !== NO_ID) pos = putInteger(bytes, pos, second);
  bytes[pos] = EMPTY_DICT;
  return bytes;
}

/** Of an unsigned integer. */
function integerLength(value: number): number {
  return value < 0x80 ? 1 : 1 + widthOf(value);
}

function putInteger(bytes: Uint8Array, pos: number, value: number): number {
  if (value < 0x80) {
    bytes[pos] = value;
    return pos + 1;
  }
  const width = widthOf(value);
  return putHead(bytes, pos, UNSIGNED_HEADS[width], value, width);
}

const UNSIGNED_HEADS = { 1: 0xcc, 2: 0xcd, 4: 0xce, 8: 0xcf } as const;
