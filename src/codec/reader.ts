import { Code } from '../wamp/codes.js';
import type { PayloadShape } from '../wamp/payload.js';

/** `text` and `bytes` are strings of the serialization, `null` includes undefined, `other` is every other scalar. */
export type ElementKind = 'list' | 'dict' | 'text' | 'bytes' | 'null' | 'other';

/**
 * Reads one message front to back. Never throws on foreign bytes: once there is `trouble` the rest is meaningless.
 * Never recurses deeper than CodecLimits.maxDepth, and allocates nothing for a length before it has seen the bytes.
 */
export interface Reader {
  readonly pos: number;
  /** The flaw found, and its place; undefined: none so far. */
  trouble(): string | undefined;
  begin(bytes: Uint8Array): void;
  enterMessage(): boolean;
  /** True with `pos` at the element, which is the `index`th; false behind the last, or in trouble. */
  hasElement(index: number): boolean;
  /** To the `index`th element, which is at `pos` if there is one: the bytes before it have been read before. */
  jump(pos: number, index: number): boolean;
  kind(): ElementKind;
  /**
   * Checks one value of a payload, wholly, without decoding it: that it is well-formed, and that every library can read
   * it. False in trouble. Lone surrogates in JSON become U+FFFD where they stand.
   */
  skip(): boolean;
  /** True when what was skipped since `begin` holds what portable.ts must rewrite before others receive it. */
  needsRewriting(): boolean;
  /** The only value of a checked list, if it has exactly one; then `pos` is behind the list. */
  single(): ElementKind | undefined;
  /** Decodes the `index`th element of a payload, which has no list around it. */
  readElement(index: number): unknown;
  /** Decodes one value. Values are described in values.ts. */
  read(): unknown;
}

/** Where the payload begins in a message of this code, counted in elements; Infinity: it has none to forward. */
export function payloadIndex(code: unknown): number {
  switch (code) {
    case Code.PUBLISH:
    case Code.CALL:
      return 4;
    case Code.YIELD:
      return 3;
    case Code.ERROR:
      return 5;
    default:
      return Infinity;
  }
}

/** null stands for what is not there: Go clients write it in place of Arguments (MSG-7). */
export function shapeOf(count: number, first: ElementKind, second: ElementKind): PayloadShape {
  if (count === 0) return 'none';
  if (count === 1) {
    if (first === 'list') return 'args';
    if (first === 'null') return 'none';
    return first === 'bytes' ? 'bytes' : 'malformed';
  }
  if (count > 2 || (first !== 'list' && first !== 'null')) return 'malformed';
  if (second === 'dict') return 'args+kwargs';
  if (second !== 'null') return 'malformed';
  return first === 'list' ? 'args' : 'none';
}
