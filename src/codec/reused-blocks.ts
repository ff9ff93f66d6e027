import { Buffer } from 'node:buffer';

/** A block is given back when what was written into it is of no use any more, or never. */
export interface Blocks {
  /** At least so many bytes, of any content. */
  take(byteCount: number): Buffer;
}

/** The garbage collector takes back every block. */
export const FRESH_BLOCKS: Blocks = { take: (byteCount) => Buffer.allocUnsafeSlow(byteCount) };

/**
 * Blocks of one size that are used again and again. The garbage collector counts memory outside its heap, and collects
 * everything whenever 64 MiB of it were allocated, however soon they are free again.
 */
export class ReusedBlocks implements Blocks {
  readonly #blockBytes: number;
  readonly #maxFree: number;
  readonly #free: Buffer[] = [];
  /** The memory of all blocks that may be given back. */
  readonly #known = new WeakSet<ArrayBufferLike>();

  /** Keeps at most `maxFree` blocks of `blockBytes` that nobody uses. */
  constructor(blockBytes: number, maxFree: number) {
    this.#blockBytes = blockBytes;
    this.#maxFree = maxFree;
  }

  take(byteCount: number): Buffer {
    if (byteCount > this.#blockBytes) return FRESH_BLOCKS.take(byteCount);
    const block = this.#free.pop() ?? FRESH_BLOCKS.take(this.#blockBytes);
    this.#known.add(block.buffer);
    return block;
  }

  /** Nobody reads the bytes any more, nor others of the same block. Other memory than that of a block is ignored. */
  giveBack({ buffer }: Uint8Array): void {
    if (this.#free.length < this.#maxFree && this.#known.delete(buffer)) this.#free.push(Buffer.from(buffer));
  }
}
