const SLOTS = 256;
const SLOT_BYTES = 128;

/**
 * What a run of bytes meant when it was last read: the same bytes mean the same again, and the object is had for a
 * comparison. Fixed memory: a newcomer takes the place of whoever has its slot.
 */
export class BlockMemory<Meaning> {
  readonly #contents = new Uint8Array(SLOTS * SLOT_BYTES);
  readonly #lengths = new Uint8Array(SLOTS);
  readonly #meanings = new Array<Meaning | undefined>(SLOTS).fill(undefined);

  find(bytes: Uint8Array, start: number, end: number): Meaning | undefined {
    const length = end - start;
    const slot = slotOf(bytes, start, end);
    if (this.#lengths[slot] !== length) return undefined;
    const contents = this.#contents;
    const base = slot * SLOT_BYTES;
    for (let i = 0; i < length; i++) if (contents[base + i] !== bytes[start + i]) return undefined;
    return this.#meanings[slot];
  }

  /** Long ones are not kept. The meaning must not change. */
  keep(bytes: Uint8Array, start: number, end: number, meaning: Meaning): void {
    const length = end - start;
    if (length > SLOT_BYTES) return;
    const slot = slotOf(bytes, start, end);
    const base = slot * SLOT_BYTES;
    for (let i = 0; i < length; i++) this.#contents[base + i] = bytes[start + i] as number;
    this.#lengths[slot] = length;
    this.#meanings[slot] = meaning;
  }
}

/** From where blocks differ most: the front of an id, the middle and the end of a name. */
function slotOf(bytes: Uint8Array, start: number, end: number): number {
  const middle = (start + end) >>> 1;
  let hash = end - start;
  hash = Math.imul(hash ^ (bytes[start] as number), 0x01000193);
  hash = Math.imul(hash ^ (bytes[start + 1] as number), 0x01000193);
  hash = Math.imul(hash ^ (bytes[middle] as number), 0x01000193);
  hash = Math.imul(hash ^ (bytes[end - 2] as number), 0x01000193);
  hash = Math.imul(hash ^ (bytes[end - 1] as number), 0x01000193);
  return (hash ^ (hash >>> 15)) & (SLOTS - 1);
}
