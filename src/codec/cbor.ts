import { type Fault, violation } from '../wamp/faults.js';
import type { RouterMessage } from '../wamp/messages.js';
import type { Payload, TranscodingFault } from '../wamp/payload.js';
import { putHead, widthOf } from './binary.js';
import { ByteSink } from './byte-sink.js';
import { CborReader } from './cbor-reader.js';
import { writeCbor, writeCborListHead } from './cbor-writer.js';
import type { Codec, CodecLimits, DecodedMessage } from './codec.js';
import type { HeadMemory } from './head-memory.js';
import { decodeMessage, payloadOfMessage } from './message.js';
import { appendPayload, lendMemory } from './payload.js';
import { NO_ID, place } from './placed.js';
import { untranscodable } from './transcode.js';

/** CBOR by RFC 8949. */
export class CborCodec implements Codec {
  readonly serializer = 'cbor';
  readonly #reader: CborReader;
  readonly #sink = new ByteSink();

  constructor(limits: CodecLimits) {
    this.#reader = new CborReader(limits);
  }

  decode(bytes: Uint8Array, headroomBytes = 0, memory?: HeadMemory): DecodedMessage | Fault {
    const decoded = decodeMessage(this.#reader, 'cbor', bytes, headroomBytes, memory);
    return decoded ?? violation(this.#reader.trouble() ?? 'CBOR');
  }

  encode(message: RouterMessage): Uint8Array | TranscodingFault {
    return place(message, placeHead) ?? this.#write(message);
  }

  #write(message: RouterMessage): Uint8Array | TranscodingFault {
    const sink = this.#sink;
    const payload = payloadOfMessage(message);
    const length = payload === undefined ? message.length : message.length - 1;
    writeCborListHead(sink, length + (payload?.elementCount ?? 0));
    for (let i = 0; i < length; i++) writeCbor(sink, message[i], 0);
    if (payload !== undefined && payload.elementCount > 0) appendPayload(sink, payload, 'cbor');
    return sink.trouble === undefined ? sink.finish() : untranscodable('cbor', sink.drop());
  }
}

const LIST = 0x80;
const EMPTY_DICT = 0xa0;
const ONE_BYTE = 0x18;

/** Codes fit into the byte behind their head. */
function placeHead(payload: Payload, code: number, first: number, second: number): Uint8Array | undefined {
  const secondBytes = second === NO_ID ? 0 : integerLength(second);
  const bytes = lendMemory(payload, 'cbor', 1 + 2 + integerLength(first) + secondBytes + 1, 0);
  if (bytes === undefined) return undefined;
  bytes[0] = LIST | ((second === NO_ID ? 3 : 4) + payload.elementCount);
  bytes[1] = ONE_BYTE;
  bytes[2] = code;
  let pos = putInteger(bytes, 3, first);
  if (second !== NO_ID) pos = putInteger(bytes, pos, second);
  bytes[pos] = EMPTY_DICT;
  return bytes;
}

/** Of an unsigned integer. */
function integerLength(value: number): number {
  return value < 24 ? 1 : 1 + widthOf(value);
}

function putInteger(bytes: Uint8Array, pos: number, value: number): number {
  if (value < 24) {
    bytes[pos] = value;
    return pos + 1;
  }
  const width = widthOf(value);
  return putHead(bytes, pos, UNSIGNED_HEADS[width], value, width);
}

const UNSIGNED_HEADS = { 1: ONE_BYTE, 2: 0x19, 4: 0x1a, 8: 0x1b } as const;
