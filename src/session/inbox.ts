import { Slab } from '../transport/slab.js';

export interface InboxLimits {
  readonly maxMessages: number;
  /** Each message counts ENTRY_BYTES in addition to its length. */
  readonly maxBytes: number;
}

/** The bound and the memory that all inboxes share. */
export class InboxPool {
  messages = 0;
  bytes = 0;
  /** Inboxes that are not empty. */
  inboxes = 0;
  readonly slab = new Slab();
  readonly #free: SmallMessages[] = [];
  readonly maxBytes: number;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Past the bound no inbox may hold more than an equal part of it: the largest inboxes are refused first. */
  admits(inboxBytes: number): boolean {
    return this.bytes < this.maxBytes || inboxBytes * this.inboxes < this.maxBytes;
  }

  takeBlock(): SmallMessages {
    return this.#free.pop() ?? new SmallMessages();
  }

  giveBlock(block: SmallMessages): void {
    if (this.#free.length >= MAX_FREE_BLOCKS) return;
    block.reset();
    this.#free.push(block);
  }
}

const BLOCK_BYTES = 65_536;
/** Bytes of the length that stands before each message. */
export const ENTRY_BYTES = 4;
/** A longer message gets memory of its own. */
const LARGE_BYTES = BLOCK_BYTES / 16;
/** Free blocks kept for reuse: 4 MiB. */
const MAX_FREE_BLOCKS = 64;

/**
 * Messages of one session that wait, in order: while an earlier one is being decided (rules 5.9 item 2), or for their
 * turn (G11). Bounded. Small messages are copied into shared blocks: thousands of them need no more objects than a few.
 */
export class Inbox {
  readonly #limits: InboxLimits;
  readonly #pool: InboxPool;
  #blocks: Block[] = [];
  #head = 0;
  #count = 0;
  #bytes = 0;

  constructor(limits: InboxLimits, pool: InboxPool) {
    this.#limits = limits;
    this.#pool = pool;
  }

  get count(): number {
    return this.#count;
  }

  /** Includes ENTRY_BYTES for each message. */
  get bytes(): number {
    return this.#bytes;
  }

  /** More than a quarter of the bound is used: the client should be slowed down before it has to be closed. */
  get isFilling(): boolean {
    return this.#count * 4 > this.#limits.maxMessages || this.#bytes * 4 > this.#limits.maxBytes;
  }

  /** Copies the message. False: a bound is reached and the message was not added. An empty inbox takes any message. */
  push(message: Uint8Array): boolean {
    if (this.#count > 0 && !this.#admits(this.#bytes + message.length + ENTRY_BYTES)) return false;
    this.#add(1, message.length + ENTRY_BYTES);
    if (message.length >= LARGE_BYTES) this.#blocks.push({ kind: 'one', message: this.#pool.slab.copy(message) });
    else this.#blockFor(message.length).push(message);
    return true;
  }

  /** The reader may keep and overwrite the message, and HEADROOM_BYTES before it. */
  shift(): Uint8Array | undefined {
    const block = this.#blocks[this.#head];
    if (block === undefined) return undefined;
    const message = block.kind === 'one' ? block.message : this.#pool.slab.copy(block.shift());
    if (block.kind === 'one' || block.isEmpty) this.#drop(block);
    this.#add(-1, -(message.length + ENTRY_BYTES));
    return message;
  }

  clear(): void {
    for (const block of this.#blocks.slice(this.#head)) if (block.kind === 'many') this.#pool.giveBlock(block);
    this.#blocks = [];
    this.#head = 0;
    this.#add(-this.#count, -this.#bytes);
  }

  #admits(bytes: number): boolean {
    const { maxMessages, maxBytes } = this.#limits;
    return this.#count < maxMessages && bytes <= maxBytes && this.#pool.admits(bytes);
  }

  #add(count: number, bytes: number): void {
    const pool = this.#pool;
    if (this.#count === 0 && count > 0) pool.inboxes++;
    this.#count += count;
    this.#bytes += bytes;
    pool.messages += count;
    pool.bytes += bytes;
    if (this.#count === 0 && count < 0) pool.inboxes--;
  }

  #blockFor(length: number): SmallMessages {
    const last = this.#blocks.at(-1);
    if (last?.kind === 'many' && last.fits(length)) return last;
    const block = this.#pool.takeBlock();
    this.#blocks.push(block);
    return block;
  }

  /** Releases in halves: each block moves at most once, and no block that was read is kept for long. */
  #drop(block: Block): void {
    if (block.kind === 'many') this.#pool.giveBlock(block);
    this.#head++;
    if (this.#head * 2 < this.#blocks.length) return;
    this.#blocks = this.#blocks.slice(this.#head);
    this.#head = 0;
  }
}

interface LargeMessage {
  readonly kind: 'one';
  readonly message: Uint8Array;
}

type Block = LargeMessage | SmallMessages;

/** Messages one behind the other, each preceded by its length. */
class SmallMessages {
  readonly kind = 'many';
  readonly #bytes = new Uint8Array(BLOCK_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  #start = 0;
  #end = 0;

  get isEmpty(): boolean {
    return this.#start === this.#end;
  }

  fits(length: number): boolean {
    return this.#end + ENTRY_BYTES + length <= BLOCK_BYTES;
  }

  push(message: Uint8Array): void {
    this.#view.setUint32(this.#end, message.length);
    this.#bytes.set(message, this.#end + ENTRY_BYTES);
    this.#end += ENTRY_BYTES + message.length;
  }

  /** Valid until the next push into this block, which may be reused. */
  shift(): Uint8Array {
    const start = this.#start + ENTRY_BYTES;
    this.#start = start + this.#view.getUint32(this.#start);
    return this.#bytes.subarray(start, this.#start);
  }

  reset(): void {
    this.#start = 0;
    this.#end = 0;
  }
}
