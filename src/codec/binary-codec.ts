import { type Fault, violation } from '../wamp/faults.js';
import type { RouterMessage } from '../wamp/messages.js';
import type { TranscodingFault } from '../wamp/payload.js';
import { putBytes, putHead, type Width, widthOf } from './binary.js';
import { ByteSink } from './byte-sink.js';
import type { Codec, CodecLimits, DecodedMessage } from './codec.js';
import type { HeadCache } from './head-cache.js';
import { decodeMessage, payloadOfMessage } from './message.js';
import { appendPayload, takeMemory } from './payload.js';
import { encodeInPlace, NO_ID, PresetDetails, type WriteHeadInPlace } from './in-place.js';
import type { Reader } from './reader.js';
import { untranscodable } from './transcode.js';

/** The differences between CBOR and MessagePack. */
export interface BinaryFormat {
  readonly serializer: 'msgpack' | 'cbor';
  readonly createReader: (limits: CodecLimits) => Reader;
  readonly writeListHead: (sink: ByteSink, count: number) => void;
  readonly writeValue: (sink: ByteSink, value: unknown, depth: number) => void;
  /** First byte of an empty list; that of a short list is larger by its length. */
  readonly list: number;
  /** An unsigned integer below is one byte, of its own value. */
  readonly oneByteBelow: number;
  /** First bytes of unsigned integers, by the width of what follows. */
  readonly unsignedHeads: Readonly<Record<Width, number>>;
}

/** CBOR or MessagePack. */
export class BinaryCodec implements Codec {
  readonly serializer: 'msgpack' | 'cbor';
  readonly #format: BinaryFormat;
  readonly #reader: Reader;
  readonly #sink = new ByteSink();
  readonly #presets: PresetDetails;

  constructor(format: BinaryFormat, limits: CodecLimits) {
    this.serializer = format.serializer;
    this.#format = format;
    this.#reader = format.createReader(limits);
    this.#presets = new PresetDetails((details) => {
      format.writeValue(this.#sink, details, 0);
      return this.#sink.finish();
    });
  }

  decode(bytes: Uint8Array, headroomBytes = 0, memory?: HeadCache): DecodedMessage | Fault {
    const decoded = decodeMessage(this.#reader, this.serializer, bytes, headroomBytes, memory);
    return decoded ?? violation(this.#reader.trouble() ?? this.serializer);
  }

  encode(message: RouterMessage): Uint8Array | TranscodingFault {
    return encodeInPlace(message, this.#presets, this.#writeHeadInPlace) ?? this.#write(message);
  }

  #write(message: RouterMessage): Uint8Array | TranscodingFault {
    const sink = this.#sink;
    const { serializer, writeListHead, writeValue } = this.#format;
    const payload = payloadOfMessage(message);
    const length = payload === undefined ? message.length : message.length - 1;
    writeListHead(sink, length + (payload?.elementCount ?? 0));
    for (let i = 0; i < length; i++) writeValue(sink, message[i], 0);
    if (payload !== undefined && payload.elementCount > 0) appendPayload(sink, payload, serializer);
    return sink.trouble === undefined ? sink.finish() : untranscodable(serializer, sink.drop());
  }

  readonly #writeHeadInPlace: WriteHeadInPlace = (payload, code, first, second, details) => {
    const format = this.#format;
    const idBytes = integerLength(format, first) + (second === NO_ID ? 0 : integerLength(format, second));
    const headBytes = 1 + integerLength(format, code) + idBytes + details.length;
    const bytes = takeMemory(payload, format.serializer, headBytes, 0);
    if (bytes === undefined) return undefined;
    bytes[0] = format.list | ((second === NO_ID ? 3 : 4) + payload.elementCount);
    let pos = putInteger(format, bytes, putInteger(format, bytes, 1, code), first);
    if (second !== NO_ID) pos = putInteger(format, bytes, pos, second);
    putBytes(bytes, pos, details);
    return bytes;
  };
}

/** Bytes of an unsigned integer. */
function integerLength({ oneByteBelow }: BinaryFormat, value: number): number {
  return value < oneByteBelow ? 1 : 1 + widthOf(value);
}

function putInteger(format: BinaryFormat, bytes: Uint8Array, pos: number, value: number): number {
  if (value < format.oneByteBelow) {
    bytes[pos] = value;
    return pos + 1;
  }
  const width = widthOf(value);
  return putHead(bytes, pos, format.unsignedHeads[width], value, width);
}
