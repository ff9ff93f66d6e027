/** Pieces shorter than this are copied into blocks of this size: a piece of its own costs more than its bytes. */
const BLOCK_BYTES = 4_096;

/**
 * The payload of one frame, as far as it has arrived. Keeps large pieces as they are, and copies small ones into blocks,
 * so that the memory is at most about twice the bytes, however small the pieces are.
 */
export class Pieces {
  readonly #pieces: Uint8Array[] = [];
  /** The last of the pieces, where it is a block with free space. */
  #block: Uint8Array | undefined;
  #usedInBlock = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(piece: Uint8Array): void {
    this.#length += piece.length;
    let rest = piece;
    while (rest.length > 0 && (this.#block !== undefined || rest.length < BLOCK_BYTES)) rest = this.#intoBlock(rest);
    if (rest.length > 0) this.#pieces.push(rest);
  }

  /** Copies all pieces behind each other, to `at`, and forgets them. */
  moveTo(target: Uint8Array, at: number): void {
    this.#closeBlock();
    let end = at;
    for (const piece of this.#pieces) {
      target.set(piece, end);
      end += piece.length;
    }
    this.clear();
  }

  clear(): void {
    this.#pieces.length = 0;
    this.#block = undefined;
    this.#length = 0;
  }

  /** Returns the part that did not fit. */
  #intoBlock(piece: Uint8Array): Uint8Array {
    if (this.#block === undefined) {
      this.#block = new Uint8Array(BLOCK_BYTES);
      this.#usedInBlock = 0;
    }
    const part = piece.subarray(0, BLOCK_BYTES - this.#usedInBlock);
    this.#block.set(part, this.#usedInBlock);
    this.#usedInBlock += part.length;
    if (this.#usedInBlock === BLOCK_BYTES) this.#closeBlock();
    return piece.subarray(part.length);
  }

  #closeBlock(): void {
    if (this.#block !== undefined) this.#pieces.push(this.#block.subarray(0, this.#usedInBlock));
    this.#block = undefined;
  }
}
