import { type Fault, violation } from '../wamp/faults.js';
import type { RouterMessage } from '../wamp/messages.js';
import type { TranscodingFault } from '../wamp/payload.js';
import { ByteSink } from './byte-sink.js';
import type { Codec, CodecLimits, DecodedMessage } from './codec.js';
import { JsonReader } from './json-reader.js';
import { writeByte, writeJson } from './json-writer.js';
import { appendPayload } from './payload.js';
import { bodyLength, decodeMessage, payloadOfMessage } from './message.js';
import { untranscodable } from './transcode.js';

const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;

/** JSON by RFC 8259, UTF-8 only; bytes as SER-3 says. */
export class JsonCodec implements Codec {
  readonly serializer = 'json';
  readonly #reader: JsonReader;
  readonly #sink = new ByteSink();

  constructor(limits: CodecLimits) {
    this.#reader = new JsonReader(limits);
  }

  decode(bytes: Uint8Array): DecodedMessage | Fault {
    return decodeMessage(this.#reader, 'json', bytes) ?? violation(this.#reader.trouble() ?? 'JSON');
  }

  encode(message: RouterMessage): Uint8Array | TranscodingFault {
    const sink = this.#sink;
    const length = bodyLength(message);
    writeByte(sink, OPEN_LIST);
    for (let i = 0; i < length; i++) {
      if (i > 0) writeByte(sink, COMMA);
      writeJson(sink, message[i], 0);
    }
    const payload = payloadOfMessage(message);
    if (payload !== undefined && payload.elementCount > 0) {
      writeByte(sink, COMMA);
      appendPayload(sink, payload, 'json');
    }
    writeByte(sink, CLOSE_LIST);
    return sink.trouble === undefined ? sink.finish() : untranscodable('json', sink.drop());
  }
}
