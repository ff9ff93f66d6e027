import { Buffer } from 'node:buffer';
import { rawPayload } from '../../codec/payload.js';
import type { Payload, SerializerId } from '../../wamp/payload.js';

const SLAB_BYTES = 65_536;
const OWN_FROM_BYTES = 16_384;
/** The most bytes that an event, invocation or result needs before its payload. */
const HEADROOM_BYTES = 48;
// Beyond this a native call costs less than a loop.
const LOOP_BYTES = 128;
const CLOSE_LIST = 0x5d;

/**
 * Copies payloads out of messages that hold much else, so that one held back by a slow reader holds only its like. Room is
 * left around each, so that what is sent on can be written where it lies. Slabs go when the last payload in them goes.
 */
export class PayloadSlab {
  #slab: Uint8Array = new Uint8Array(0);
  #view = new DataView(this.#slab.buffer);
  #pos = 0;

  copy(serializer: SerializerId, elementCount: 1 | 2, source: DataView, from: number, length: number): Payload {
    const needed = HEADROOM_BYTES + length + 1;
    if (needed > OWN_FROM_BYTES) {
      const memory = Buffer.allocUnsafeSlow(needed);
      memory.set(bytesOf(source, from, length), HEADROOM_BYTES);
      memory[needed - 1] = CLOSE_LIST;
      return rawPayload(serializer, elementCount, memory, HEADROOM_BYTES, needed - 1, HEADROOM_BYTES);
    }
    const start = this.#take(needed) + HEADROOM_BYTES;
    if (length > LOOP_BYTES) this.#slab.set(bytesOf(source, from, length), start);
    else {
      const view = this.#view;
      let i = 0;
      for (; i + 4 <= length; i += 4) view.setInt32(start + i, source.getInt32(from + i));
      for (; i < length; i++) view.setUint8(start + i, source.getUint8(from + i));
    }
    this.#slab[start + length] = CLOSE_LIST;
    return rawPayload(serializer, elementCount, this.#slab, start, start + length, HEADROOM_BYTES);
  }

  /** Where so much of the slab begins. */
  #take(byteCount: number): number {
    if (this.#pos + byteCount > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#view = new DataView(this.#slab.buffer);
      this.#pos = 0;
    }
    const start = this.#pos;
    this.#pos = start + byteCount;
    return start;
  }
}

function bytesOf({ buffer, byteOffset }: DataView, from: number, length: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset + from, length);
}
