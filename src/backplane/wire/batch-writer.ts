import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { ByteSink } from '../../codec/byte-sink.js';
import { type Blocks, FRESH_BLOCKS } from '../../codec/reused-blocks.js';
import type { Frame } from '../../routing/frames.js';
import type { Publication } from '../../routing/ports.js';
import type { NodeId, Uri } from '../../wamp/ids.js';
import {
  type Answer,
  CHECKED_FROM,
  CHECKSUM_AT,
  FORMAT_VERSION,
  ITEM_COUNT_AT,
  MAGIC,
  MessageKind,
  NAMES_AT,
  type Question,
  SEQUENCE_AT,
  VERSION_AT,
} from './format.js';
import { putNumber, putText, putUint32LE, roomFor } from './fields.js';
import type { ItemWriter } from './item-writer.js';

/** A payload this small is published without asking for the limit of Redis. */
const ALWAYS_PASSED_BYTES = 65_536;
/** Short batches share it; longer ones have a block each. */
const SLAB_BYTES = 16_384;
const NO_BYTES: Uint8Array = new Uint8Array(0);

/**
 * Collects items for one receiver into messages. An item that the format cannot hold leaves no trace. Finished messages are never
 * touched again, unless the owner of `blocks` takes back their memory.
 */
export class BatchWriter {
  readonly #items: ItemWriter;
  readonly #to: NodeId;
  readonly #sink: ByteSink;
  readonly #head: Uint8Array;
  readonly #maxItemBytes: () => number;
  #isTooLarge = false;
  #itemCount = 0;
  #itemBytes = 0;
  /** Items in the memory of another batch that are still to be copied, all in one go. */
  #runOf = NO_BYTES;
  #runStart = 0;
  #runEnd = 0;

  constructor(
    items: ItemWriter,
    from: NodeId,
    to: NodeId,
    maxItemBytes: () => number = () => Infinity,
    blocks: Blocks = FRESH_BLOCKS,
  ) {
    this.#maxItemBytes = maxItemBytes;
    this.#sink = new ByteSink(SLAB_BYTES, blocks);
    this.#items = items;
    this.#to = to;
    this.#head = headOf(MessageKind.BATCH, from, to);
  }

  /** The last item that was refused is longer than an item may be. */
  get isTooLarge(): boolean {
    return this.#isTooLarge;
  }

  get itemCount(): number {
    return this.#itemCount;
  }

  /** Bytes of the open batch, its head included. */
  get byteLength(): number {
    return this.#sink.length + this.#runEnd - this.#runStart;
  }

  /** Bytes of the last item. */
  get itemBytes(): number {
    return this.#itemBytes;
  }

  /** False: the format cannot hold it, or it is too long. */
  publication(realm: Uri, publication: Publication): boolean {
    const start = this.#begin();
    this.#items.publication(this.#sink, realm, publication);
    return this.#end(start);
  }

  /** False: the format cannot hold it, or it is too long. */
  frame(realm: Uri, frame: Frame): boolean {
    const start = this.#begin();
    this.#items.frame(this.#sink, this.#to, realm, frame);
    return this.#end(start);
  }

  version(kind: 'confirmed' | 'ask', realm: Uri, version: number): void {
    const start = this.#begin();
    this.#items.version(this.#sink, kind, realm, version);
    this.#end(start);
  }

  /** False: it cannot be represented. */
  question(question: Question): boolean {
    const start = this.#begin();
    this.#items.question(this.#sink, question);
    return this.#end(start);
  }

  /** False: it cannot be represented. */
  answer(answer: Answer): boolean {
    const start = this.#begin();
    this.#items.answer(this.#sink, answer);
    return this.#end(start);
  }

  sync(): void {
    const start = this.#begin();
    this.#items.sync(this.#sink);
    this.#end(start);
  }

  /** The last item of another batch once more: a publication is written once for all who want it. */
  copyLast(other: BatchWriter): void {
    const { bytes, pos } = other.#sink;
    other.#sink.retain();
    const length = other.#itemBytes;
    if (bytes !== this.#runOf || pos - length !== this.#runEnd) {
      this.#begin();
      this.#runOf = bytes;
      this.#runStart = pos - length;
    }
    this.#runEnd = pos;
    this.#itemBytes = length;
    this.#itemCount++;
  }

  /** The batch so far; what follows is another. Possibly without items. */
  finish(sequence: number): Uint8Array {
    if (this.byteLength > 0) this.#begin();
    // An empty batch needs no slab: most lanes carry nothing else.
    const message = this.byteLength > 0 ? this.#sink.finish() : this.#head.slice();
    complete(message, sequence, this.#itemCount);
    this.#itemCount = 0;
    return message;
  }

  /** Finishes the batch without its last item, which begins the batch that follows. */
  finishBeforeLast(sequence: number): Uint8Array {
    this.#begin();
    // Others may still copy the last item from where it is.
    const written = this.#sink.finish();
    const lastAt = written.length - this.#itemBytes;
    const message = written.subarray(0, lastAt);
    complete(message, sequence, this.#itemCount - 1);
    this.#itemCount = 0;
    const start = this.#begin();
    this.#sink.append(written, lastAt, written.length);
    this.#end(start);
    return message;
  }

  /** Keeps no memory until the next item. Nothing happens while a batch is open. */
  release(): void {
    if (this.byteLength === 0) this.#sink.release();
  }

  #begin(): number {
    if (this.#runEnd > 0) this.#endRun();
    else if (this.#sink.length === 0) this.#sink.append(this.#head, 0, this.#head.length);
    return this.#sink.length;
  }

  // A finished message is never touched again and a growing one leaves its old memory as it is: a run stays what it is.
  #endRun(): void {
    const sink = this.#sink;
    if (sink.length === 0) sink.append(this.#head, 0, this.#head.length);
    sink.append(this.#runOf, this.#runStart, this.#runEnd);
    this.#runOf = NO_BYTES;
    this.#runStart = this.#runEnd = 0;
  }

  #end(start: number): boolean {
    const sink = this.#sink;
    const isTooLarge = sink.length - start > ALWAYS_PASSED_BYTES && sink.length - start > this.#maxItemBytes();
    if (sink.trouble !== undefined || isTooLarge) {
      this.#isTooLarge = isTooLarge;
      sink.trouble = undefined;
      sink.cut(start);
      return false;
    }
    this.#itemBytes = sink.length - start;
    this.#itemCount++;
    return true;
  }
}

/** A message of a node to itself, which shows that the node receives. */
export function encodeProbe(node: NodeId, number: number): Uint8Array {
  const message = headOf(MessageKind.PROBE, node, node);
  complete(message, number, 0);
  return message;
}

/** Notifies `to` that `from` knows of its end and ignores what it sends. */
export function encodeGone(from: NodeId, to: NodeId): Uint8Array {
  const message = headOf(MessageKind.GONE, from, to);
  complete(message, 0, 0);
  return message;
}

function headOf(kind: number, from: NodeId, to: NodeId): Uint8Array {
  const head = Buffer.alloc(NAMES_AT + roomFor(from) + roomFor(to));
  head.set(MAGIC);
  head[VERSION_AT] = FORMAT_VERSION;
  head[CHECKED_FROM] = kind;
  return Uint8Array.from(head.subarray(0, putText(head, putText(head, NAMES_AT, from), to)));
}

function complete(message: Uint8Array, sequence: number, itemCount: number): void {
  putNumber(message, SEQUENCE_AT, sequence);
  putUint32LE(message, ITEM_COUNT_AT, itemCount);
  putUint32LE(message, CHECKSUM_AT, crc32(message.subarray(CHECKED_FROM)));
}
