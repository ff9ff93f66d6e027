import { isText } from '../codec/text.js';

/** Bytes behind the first one, by that byte, of what is neither text, bytes, list, dict nor extension. */
const SCALAR_BYTES: ReadonlyMap<number, number> = new Map([
  [0xc0, 0],
  [0xc2, 0],
  [0xc3, 0],
  [0xca, 4],
  [0xcb, 8],
  [0xcc, 1],
  [0xcd, 2],
  [0xce, 4],
  [0xcf, 8],
  [0xd0, 1],
  [0xd1, 2],
  [0xd2, 4],
  [0xd3, 8],
]);

/**
 * Checks MessagePack before anything is built from it: exactly one value, nested at most `maxDepth` deep, text that is
 * well-formed, keys that are text, counts that the bytes can hold, no extension but those that `isKnown` accepts.
 */
export class PackedCheck {
  readonly #maxDepth: number;
  readonly #isKnown: (type: number, byteCount: number) => boolean;
  #bytes: Uint8Array = new Uint8Array(0);
  #pos = 0;

  constructor(maxDepth: number, isKnown: (type: number, byteCount: number) => boolean) {
    this.#maxDepth = maxDepth;
    this.#isKnown = isKnown;
  }

  /** True: the bytes may be decoded. */
  accepts(bytes: Uint8Array): boolean {
    this.#bytes = bytes;
    this.#pos = 0;
    const isAccepted = this.#value(0) && this.#pos === bytes.length;
    this.#bytes = NOTHING;
    return isAccepted;
  }

  #value(depth: number): boolean {
    const first = this.#bytes[this.#pos++];
    if (first === undefined) return false;
    if (first < 0x80 || first >= 0xe0) return true;
    if (first < 0x90) return this.#entries(first & 0x0f, depth);
    if (first < 0xa0) return this.#elements(first & 0x0f, depth);
    if (first < 0xc0) return this.#text(first & 0x1f);
    const scalar = SCALAR_BYTES.get(first);
    return scalar === undefined ? this.#sized(first, depth) : this.#skip(scalar);
  }

  /** A value that announces its length or count. */
  #sized(first: number, depth: number): boolean {
    if (first >= 0xc4 && first <= 0xc6) return this.#skip(this.#uint(1 << (first - 0xc4)));
    if (first >= 0xc7 && first <= 0xc9) return this.#extension(this.#uint(1 << (first - 0xc7)));
    if (first >= 0xd4 && first <= 0xd8) return this.#extension(1 << (first - 0xd4));
    if (first >= 0xd9 && first <= 0xdb) return this.#text(this.#uint(1 << (first - 0xd9)));
    if (first === 0xdc || first === 0xdd) return this.#elements(this.#uint(first === 0xdc ? 2 : 4), depth);
    if (first === 0xde || first === 0xdf) return this.#entries(this.#uint(first === 0xde ? 2 : 4), depth);
    return false;
  }

  #elements(count: number, depth: number): boolean {
    if (depth >= this.#maxDepth || count > this.#bytes.length - this.#pos) return false;
    for (let i = 0; i < count; i++) if (!this.#value(depth + 1)) return false;
    return true;
  }

  #entries(count: number, depth: number): boolean {
    if (depth >= this.#maxDepth || count * 2 > this.#bytes.length - this.#pos) return false;
    for (let i = 0; i < count; i++) if (!this.#key() || !this.#value(depth + 1)) return false;
    return true;
  }

  #key(): boolean {
    const first = this.#bytes[this.#pos++];
    if (first === undefined) return false;
    if (first >= 0xa0 && first < 0xc0) return this.#text(first & 0x1f);
    return first >= 0xd9 && first <= 0xdb && this.#text(this.#uint(1 << (first - 0xd9)));
  }

  #text(byteCount: number): boolean {
    const start = this.#pos;
    return this.#skip(byteCount) && isText(this.#bytes, start, this.#pos);
  }

  #extension(byteCount: number): boolean {
    const type = this.#bytes[this.#pos++];
    return type !== undefined && this.#isKnown(type, byteCount) && this.#skip(byteCount);
  }

  #skip(byteCount: number): boolean {
    if (byteCount > this.#bytes.length - this.#pos) return false;
    this.#pos += byteCount;
    return true;
  }

  /** An unsigned integer, big-endian; Infinity when the bytes end before it does. */
  #uint(width: number): number {
    if (width > this.#bytes.length - this.#pos) return Infinity;
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 256 + (this.#bytes[this.#pos++] as number);
    return value;
  }
}

const NOTHING = new Uint8Array(0);
