import { type Fault, violation } from '../wamp/faults.js';
import type { SerializerId } from '../wamp/payload.js';
import { putUint32 } from './binary.js';

const RECORD_SEPARATOR = 0x1e;
const LENGTH_BYTES = 4;

/**
 * The messages of one batched WebSocket message, in order, at least one (BAT-1 to BAT-3). They share the memory of
 * `bytes`. JSON: each is followed by 0x1E. MessagePack and CBOR: each is preceded by its length, 32 bits big-endian.
 * The framing is checked to its end first; views are made one by one, because there may be half as many as bytes.
 */
export function splitBatch(serializer: SerializerId, bytes: Uint8Array): Iterable<Uint8Array> | Fault {
  if (bytes.length === 0) return violation('an empty batch');
  if (serializer === 'json') return flawInText(bytes) ?? textMessages(bytes);
  return flawInBinary(bytes) ?? binaryMessages(bytes);
}

/** The messages as one batched WebSocket message (BAT-4). */
export function joinBatch(serializer: SerializerId, messages: readonly Uint8Array[]): Uint8Array {
  const perMessage = serializer === 'json' ? 1 : LENGTH_BYTES;
  let length = 0;
  for (const message of messages) length += message.length + perMessage;
  const batch = new Uint8Array(length);
  let pos = 0;
  for (const message of messages) {
    if (serializer !== 'json') {
      putUint32(batch, pos, message.length);
      pos += LENGTH_BYTES;
    }
    batch.set(message, pos);
    pos += message.length;
    if (serializer === 'json') batch[pos++] = RECORD_SEPARATOR;
  }
  return batch;
}

function flawInText(bytes: Uint8Array): Fault | undefined {
  for (let start = 0; start < bytes.length;) {
    // A control character cannot stand inside JSON text, so the first one found ends the message.
    const end = bytes.indexOf(RECORD_SEPARATOR, start);
    if (end < 0) return violation(`batch, byte ${start}: a message without 0x1E behind it`);
    if (end === start) return violation(`batch, byte ${start}: an empty message`);
    start = end + 1;
  }
  return undefined;
}

function* textMessages(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(RECORD_SEPARATOR, start);
    yield bytes.subarray(start, end);
    start = end + 1;
  }
}

function flawInBinary(bytes: Uint8Array): Fault | undefined {
  for (let pos = 0; pos < bytes.length;) {
    const start = pos + LENGTH_BYTES;
    if (start > bytes.length) return violation(`batch, byte ${pos}: a length cut off`);
    const length = readUint32(bytes, pos);
    if (length === 0) return violation(`batch, byte ${pos}: an empty message`);
    if (length > bytes.length - start)
      return violation(`batch, byte ${pos}: ${length} bytes announced, ${bytes.length - start} there`);
    pos = start + length;
  }
  return undefined;
}

function* binaryMessages(bytes: Uint8Array): Generator<Uint8Array> {
  for (let pos = 0; pos < bytes.length;) {
    const start = pos + LENGTH_BYTES;
    const end = start + readUint32(bytes, pos);
    yield bytes.subarray(start, end);
    pos = end;
  }
}

function readUint32(bytes: Uint8Array, pos: number): number {
  const low = ((bytes[pos + 1] as number) << 16) | ((bytes[pos + 2] as number) << 8) | (bytes[pos + 3] as number);
  return (bytes[pos] as number) * 0x100_0000 + low;
}
