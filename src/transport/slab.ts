const SLAB_BYTES = 16_384;
const LARGE_BYTES = SLAB_BYTES / 4;

/**
 * Copies received bytes out of memory that is valid only now. Small messages share slabs: an allocation of their own
 * costs eight times as much. The price: whoever keeps a slice keeps its slab of 16 KiB.
 */
export class Slab {
  #buffer = new ArrayBuffer(SLAB_BYTES);
  #used = 0;

  copy(source: ArrayBuffer): Uint8Array {
    const length = source.byteLength;
    if (length >= LARGE_BYTES) return new Uint8Array(source.slice(0));
    if (length > SLAB_BYTES - this.#used) {
      this.#buffer = new ArrayBuffer(SLAB_BYTES);
      this.#used = 0;
    }
    const copy = new Uint8Array(this.#buffer, this.#used, length);
    copy.set(new Uint8Array(source));
    this.#used += length;
    return copy;
  }
}
