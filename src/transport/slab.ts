const SLAB_BYTES = 16_384;
const LARGE_BYTES = SLAB_BYTES / 4;

/** Free space before each copy, for the longest head that an event, invocation or result has without details. */
export const HEADROOM_BYTES = 48;

/**
 * Copies received bytes out of memory that is valid only during the callback. Small messages share slabs: an allocation
 * of their own costs eight times as much. The price: a slice that is kept keeps its slab of 16 KiB.
 */
export class Slab {
  #buffer = new ArrayBuffer(SLAB_BYTES);
  #used = 0;

  /** HEADROOM_BYTES before the copy belong to it. */
  copy(source: Uint8Array): Uint8Array {
    const { length } = source;
    const needed = HEADROOM_BYTES + length;
    if (length >= LARGE_BYTES) return copyInto(new ArrayBuffer(needed), 0, source, length);
    if (needed > SLAB_BYTES - this.#used) {
      this.#buffer = new ArrayBuffer(SLAB_BYTES);
      this.#used = 0;
    }
    const copy = copyInto(this.#buffer, this.#used, source, length);
    this.#used += needed;
    return copy;
  }
}

function copyInto(buffer: ArrayBuffer, at: number, source: Uint8Array, length: number): Uint8Array {
  const copy = new Uint8Array(buffer, at + HEADROOM_BYTES, length);
  copy.set(source);
  return copy;
}
