import { type Fault, violation } from '../wamp/faults.js';
import type { RouterMessage } from '../wamp/messages.js';
import type { TranscodingFault } from '../wamp/payload.js';
import { ByteSink } from './byte-sink.js';
import { CborReader } from './cbor-reader.js';
import { writeCbor, writeCborListHead } from './cbor-writer.js';
import type { Codec, CodecLimits, DecodedMessage } from './codec.js';
import { decodeMessage, payloadOfMessage } from './message.js';
import { appendPayload } from './payload.js';
import { untranscodable } from './transcode.js';

/** CBOR by RFC 8949. */
export class CborCodec implements Codec {
  readonly serializer = 'cbor';
  readonly #reader: CborReader;
  readonly #sink = new ByteSink();

  constructor(limits: CodecLimits) {
    this.#reader = new CborReader(limits);
  }

  decode(bytes: Uint8Array): DecodedMessage | Fault {
    return decodeMessage(this.#reader, 'cbor', bytes) ?? violation(this.#reader.trouble() ?? 'CBOR');
  }

  encode(message: RouterMessage): Uint8Array | TranscodingFault {
    const sink = this.#sink;
    const payload = payloadOfMessage(message);
    const length = payload === undefined ? message.length : message.length - 1;
    writeCborListHead(sink, length + (payload?.elementCount ?? 0));
    for (let i = 0; i < length; i++) writeCbor(sink, message[i], 0);
    if (payload !== undefined && payload.elementCount > 0) appendPayload(sink, payload, 'cbor');
    return sink.trouble === undefined ? sink.finish() : untranscodable('cbor', sink.drop());
  }
}
