import { Buffer } from 'node:buffer';
import { rawPayload } from '../codec/payload.js';
import type { Payload, SerializerId } from '../wamp/payload.js';

const SLAB_BYTES = 65_536;
const OWN_FROM_BYTES = 16_384;
/** What an event, invocation or result needs at most before its payload. */
const HEADROOM_BYTES = 48;
const LOOP_BYTES = 48;
const CLOSE_LIST = 0x5d;

/**
 * Copies payloads out of messages that hold much else, so that one held back by a slow reader holds only its like. Room is
 * left around each, so that what is sent on can be written where it lies. Slabs go when the last payload in them goes.
 */
export class PayloadMemory {
  #slab: Uint8Array = new Uint8Array(0);
  #pos = 0;

  copy(
    serializer: SerializerId,
    elementCount: 1 | 2,
    source: Uint8Array,
    sourceStart: number,
    length: number,
  ): Payload {
    const needed = HEADROOM_BYTES + length + 1;
    let memory = this.#slab;
    let start = this.#pos + HEADROOM_BYTES;
    if (this.#pos + needed > memory.length) {
      start = HEADROOM_BYTES;
      if (needed > OWN_FROM_BYTES) memory = Buffer.allocUnsafeSlow(needed);
      else {
        memory = this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
        this.#pos = needed;
      }
    } else this.#pos += needed;
    if (length <= LOOP_BYTES) {
      for (let i = 0; i < length; i++) memory[start + i] = source[sourceStart + i] as number;
    } else memory.set(source.subarray(sourceStart, sourceStart + length), start);
    memory[start + length] = CLOSE_LIST;
    return rawPayload(serializer, elementCount, memory, start, start + length, HEADROOM_BYTES);
  }
}
