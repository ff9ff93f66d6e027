import { Buffer } from 'node:buffer';
import { type Fault, violation } from '../wamp/faults.js';
import type { RouterMessage } from '../wamp/messages.js';
import { NO_DETAILS } from '../wamp/options.js';
import type { Payload, TranscodingFault } from '../wamp/payload.js';
import { putBytes, writeByte } from './binary.js';
import { ByteSink } from './byte-sink.js';
import type { Codec, CodecLimits, DecodedMessage } from './codec.js';
import { JsonReader } from './json-reader.js';
import { integerLength, MAX_DIGITS, putInteger, writeJson } from './json-writer.js';
import type { HeadCache } from './head-cache.js';
import { decodeMessage, payloadOfMessage } from './message.js';
import { appendPayload, takeMemory } from './payload.js';
import { encodeInPlace, NO_ID, PresetDetails } from './in-place.js';
import { untranscodable } from './transcode.js';

const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_DICT = 0x7b;
const CLOSE_DICT = 0x7d;
const MAX_NUMBERS = 3;
/** With the commas around them. */
const PRESETS = new PresetDetails((details) => Buffer.from(`,${JSON.stringify(details)},`));

/** JSON by RFC 8259, UTF-8 only; bytes as SER-3 defines them. */
export class JsonCodec implements Codec {
  readonly serializer = 'json';
  readonly #reader: JsonReader;
  readonly #sink = new ByteSink();

  constructor(limits: CodecLimits) {
    this.#reader = new JsonReader(limits);
  }

  decode(bytes: Uint8Array, headroomBytes = 0, memory?: HeadCache): DecodedMessage | Fault {
    return (
      decodeMessage(this.#reader, 'json', bytes, headroomBytes, memory) ?? violation(this.#reader.trouble() ?? 'JSON')
    );
  }

  encode(message: RouterMessage): Uint8Array | TranscodingFault {
    return encodeInPlace(message, PRESETS, writeHeadInPlace) ?? this.#write(message);
  }

  #write(message: RouterMessage): Uint8Array | TranscodingFault {
    const sink = this.#sink;
    const payload = payloadOfMessage(message);
    const length = payload === undefined ? message.length : message.length - 1;
    for (let i = this.#writeNumbers(message, length); i < length; i++) {
      const element = message[i];
      if (element === NO_DETAILS) writeEmptyDetails(sink);
      else {
        writeByte(sink, COMMA);
        writeJson(sink, element, 0);
      }
    }
    if (payload !== undefined && payload.elementCount > 0) {
      writeByte(sink, COMMA);
      appendPayload(sink, payload, 'json');
    }
    writeByte(sink, CLOSE_LIST);
    return sink.trouble === undefined ? sink.finish() : untranscodable('json', sink.drop());
  }

  /** Writes what every message begins with, its code and ids, in one go; how many elements that were. */
  #writeNumbers(message: RouterMessage, length: number): number {
    const sink = this.#sink;
    sink.reserve(MAX_NUMBERS * (MAX_DIGITS + 1));
    const { bytes } = sink;
    let pos = sink.pos;
    let i = 0;
    for (; i < length && i < MAX_NUMBERS; i++) {
      const element = message[i];
      if (typeof element !== 'number') break;
      bytes[pos] = i === 0 ? OPEN_LIST : COMMA;
      pos = putInteger(bytes, pos + 1, element);
    }
    sink.pos = pos;
    return i;
  }
}

/** Writes `[code,first,second,details,` in front of the payload, which the `]` of the message it came in follows. */
function writeHeadInPlace(
  payload: Payload,
  code: number,
  first: number,
  second: number,
  details: Uint8Array,
): Uint8Array | undefined {
  const secondBytes = second === NO_ID ? 0 : 1 + integerLength(second);
  const bytes = takeMemory(payload, 'json', 1 + 2 + 1 + integerLength(first) + secondBytes + details.length, 1);
  if (bytes === undefined) return undefined;
  bytes[0] = OPEN_LIST;
  let pos = putInteger(bytes, 1, code);
  bytes[pos] = COMMA;
  pos = putInteger(bytes, pos + 1, first);
  if (second !== NO_ID) {
    bytes[pos] = COMMA;
    pos = putInteger(bytes, pos + 1, second);
  }
  putBytes(bytes, pos, details);
  return bytes;
}

function writeEmptyDetails(sink: ByteSink): void {
  sink.reserve(3);
  const { bytes, pos } = sink;
  bytes[pos] = COMMA;
  bytes[pos + 1] = OPEN_DICT;
  bytes[pos + 2] = CLOSE_DICT;
  sink.pos = pos + 3;
}
