import { Code } from '../wamp/codes.js';

const MAX_BYTES = 128;

/** The bytes between request id and payload in the last message of one kind, and their meaning. */
export class Head {
  readonly #bytes = new Uint8Array(MAX_BYTES);
  #length = 0;
  options: unknown;
  uri: unknown;

  /** How many bytes from `pos` on are this head again; 0: they are not. */
  lengthAt(bytes: Uint8Array, pos: number): number {
    const length = this.#length;
    if (pos + length >= bytes.length) return 0;
    const known = this.#bytes;
    for (let i = 0; i < length; i++) if (known[i] !== bytes[pos + i]) return 0;
    return length;
  }

  /** Remembers a head, unless it is long. */
  keep(bytes: Uint8Array, start: number, end: number, options: unknown, uri: unknown): void {
    const length = end - start;
    if (length > MAX_BYTES) return;
    for (let i = 0; i < length; i++) this.#bytes[i] = bytes[start + i] as number;
    this.#length = length;
    this.options = options;
    this.uri = uri;
  }
}

/**
 * The heads a client sent last. Clients name the same topic or procedure with the same options again and again, and
 * equal bytes mean equal values, so that those of the last message serve once more. Bounded: a few hundred bytes.
 */
export class HeadCache {
  #publish: Head | undefined;
  #call: Head | undefined;
  #yield: Head | undefined;

  /** The place for messages of this code; undefined: such are not remembered. */
  of(code: unknown): Head | undefined {
    switch (code) {
      case Code.PUBLISH:
        return (this.#publish ??= new Head());
      case Code.CALL:
        return (this.#call ??= new Head());
      case Code.YIELD:
        return (this.#yield ??= new Head());
      default:
        return undefined;
    }
  }
}
