import { Buffer } from 'node:buffer';
import { type Blocks, FRESH_BLOCKS } from './reused-blocks.js';

const SLAB_BYTES = 65_536;
// A message above this gets memory of its own, so that a slab is not given up half used.
const OWN_FROM_BYTES = 16_384;
const LOOP_BYTES = 48;
const NO_BYTES = Buffer.alloc(0);

/**
 * Grows one message after another out of slabs. A finished message is never touched again: slabs are not recycled, they
 * go when the last message in them goes; of `blocks`, their owner decides when one is used again. The bytes that a growing
 * message leaves behind in a slab are overwritten, unless they are retained. Writers call `reserve`, write into `bytes` at `pos`,
 * and move `pos`.
 */
export class ByteSink {
  bytes: Buffer = NO_BYTES;
  pos = 0;
  /** Why the message cannot be written; undefined: it can. */
  trouble: string | undefined;
  readonly #blocks: Blocks;
  readonly #slabBytes: number;
  #start = 0;
  #slab = this.bytes;
  #slabUsed = 0;
  #isRetained = false;

  /** A message that does not fit into a slab of `slabBytes` gets one of the `blocks` for itself. */
  constructor(slabBytes = SLAB_BYTES, blocks: Blocks = FRESH_BLOCKS) {
    this.#slabBytes = slabBytes;
    this.#blocks = blocks;
  }

  /** Makes room for `count` more bytes. May replace `bytes`. */
  reserve(count: number): void {
    if (this.pos + count > this.bytes.length) this.#grow(count);
  }

  append(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.reserve(length);
    const { bytes, pos } = this;
    if (length <= LOOP_BYTES) {
      for (let i = 0; i < length; i++) bytes[pos + i] = source[start + i] as number;
    } else {
      bytes.set(start === 0 && end === source.length ? source : source.subarray(start, end), pos);
    }
    this.pos = pos + length;
  }

  /** How far the current message has grown. */
  get length(): number {
    return this.pos - this.#start;
  }

  /** Keeps the bytes of the current message where they are, also when the message grows out of its memory. */
  retain(): void {
    this.#isRetained = true;
  }

  /** Takes back what was written beyond `length`. */
  cut(length: number): void {
    this.pos = this.#start + length;
  }

  /** The message written since the last finish or drop. */
  finish(): Uint8Array {
    const message = new Uint8Array(this.bytes.buffer, this.#start, this.pos - this.#start);
    this.#next();
    return message;
  }

  /** Forgets the message written since the last finish or drop, and returns why. */
  drop(): string {
    const trouble = this.trouble ?? 'not writable';
    this.trouble = undefined;
    this.pos = this.#start;
    this.#next();
    return trouble;
  }

  /** Between two messages: keeps no slab until the next one. */
  release(): void {
    this.bytes = NO_BYTES;
    this.#slab = NO_BYTES;
    this.pos = 0;
    this.#start = 0;
    this.#slabUsed = 0;
  }

  #next(): void {
    this.#isRetained = false;
    if (this.bytes !== this.#slab) {
      this.bytes = this.#slab;
      this.pos = this.#slabUsed;
    }
    this.#start = this.pos;
  }

  #grow(count: number): void {
    const length = this.length;
    const needed = length + count;
    const old = this.bytes;
    if (needed <= OWN_FROM_BYTES) {
      this.bytes = Buffer.allocUnsafeSlow(this.#slabBytes);
      this.#slab = this.bytes;
    } else {
      if (old === this.#slab) this.#slabUsed = this.#isRetained ? this.pos : this.#start;
      // Something large is mostly the payload, its size is known, and little follows; else growth is by doubling.
      this.bytes = this.#blocks.take(count > OWN_FROM_BYTES ? needed + 64 : needed * 2);
    }
    old.copy(this.bytes, 0, this.#start, this.pos);
    this.#start = 0;
    this.pos = length;
  }
}
