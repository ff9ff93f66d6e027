import { type Fault, violation } from '../wamp/faults.js';
import type { RouterMessage } from '../wamp/messages.js';
import type { TranscodingFault } from '../wamp/payload.js';
import { ByteSink } from './byte-sink.js';
import type { Codec, CodecLimits, DecodedMessage } from './codec.js';
import { decodeMessage, payloadOfMessage } from './message.js';
import { MsgpackReader } from './msgpack-reader.js';
import { writeListHead, writeMsgpack } from './msgpack-writer.js';
import { appendPayload } from './payload.js';
import { untranscodable } from './transcode.js';

/** MessagePack, version 5 of its specification: text and bytes are different types. */
export class MsgpackCodec implements Codec {
  readonly serializer = 'msgpack';
  readonly #reader: MsgpackReader;
  readonly #sink = new ByteSink();

  constructor(limits: CodecLimits) {
    this.#reader = new MsgpackReader(limits);
  }

  decode(bytes: Uint8Array): DecodedMessage | Fault {
    return decodeMessage(this.#reader, 'msgpack', bytes) ?? violation(this.#reader.trouble() ?? 'MessagePack');
  }

  encode(message: RouterMessage): Uint8Array | TranscodingFault {
    const sink = this.#sink;
    const payload = payloadOfMessage(message);
    const length = payload === undefined ? message.length : message.length - 1;
    writeListHead(sink, length + (payload?.elementCount ?? 0));
    for (let i = 0; i < length; i++) writeMsgpack(sink, message[i], 0);
    if (payload !== undefined && payload.elementCount > 0) appendPayload(sink, payload, 'msgpack');
    return sink.trouble === undefined ? sink.finish() : untranscodable('msgpack', sink.drop());
  }
}
