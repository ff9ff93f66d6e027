const SLOTS = 256;
const SLOT_BYTES = 128;

/**
 * Remembers what a run of bytes decoded to, so that the same bytes cost a comparison and no decoding. Fixed memory: a new
 * entry replaces the one in its slot.
 */
export class DecodeCache<Meaning> {
  readonly #contents = new DataView(new ArrayBuffer(SLOTS * SLOT_BYTES));
  readonly #lengths = new Uint8Array(SLOTS);
  readonly #meanings = new Array<Meaning | undefined>(SLOTS).fill(undefined);

  find(bytes: DataView, start: number, end: number): Meaning | undefined {
    const length = end - start;
    const slot = slotOf(bytes, start, end);
    if (this.#lengths[slot] !== length) return undefined;
    const contents = this.#contents;
    const base = slot * SLOT_BYTES;
    let i = 0;
    for (; i + 4 <= length; i += 4) if (contents.getInt32(base + i) !== bytes.getInt32(start + i)) return undefined;
    for (; i < length; i++) if (contents.getUint8(base + i) !== bytes.getUint8(start + i)) return undefined;
    return this.#meanings[slot];
  }

  /** Long ones are not kept. The meaning must not change. */
  keep(bytes: DataView, start: number, end: number, meaning: Meaning): void {
    const length = end - start;
    if (length > SLOT_BYTES) return;
    const slot = slotOf(bytes, start, end);
    const base = slot * SLOT_BYTES;
    for (let i = 0; i < length; i++) this.#contents.setUint8(base + i, bytes.getUint8(start + i));
    this.#lengths[slot] = length;
    this.#meanings[slot] = meaning;
  }
}

/** From where blocks, which have at least two bytes, differ most: the front of an id, the middle and end of a name. */
function slotOf(bytes: DataView, start: number, end: number): number {
  let hash = end - start;
  hash = Math.imul(hash ^ bytes.getUint16(start), 0x01000193);
  hash = Math.imul(hash ^ bytes.getUint8((start + end) >>> 1), 0x01000193);
  hash = Math.imul(hash ^ bytes.getUint16(end - 2), 0x01000193);
  return (hash ^ (hash >>> 15)) & (SLOTS - 1);
}
