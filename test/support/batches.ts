import { crc32 } from 'node:zlib';
import { BatchReader } from '../../src/backplane/wire/batch-reader.js';
import { BatchWriter } from '../../src/backplane/wire/batch-writer.js';
import type { LaneItem } from '../../src/backplane/wire/format.js';
import { ItemWriter } from '../../src/backplane/wire/item-writer.js';
import { A, B } from './lane-items.js';

const CHECKSUM_AT = 5;
const CHECKED_FROM = 9;

/** False: it cannot be encoded. */
export function writeItem(writer: BatchWriter, item: LaneItem): boolean {
  switch (item.kind) {
    case 'publication':
      return writer.publication(item.realm, item.publication);
    case 'frame':
      return writer.frame(item.realm, item.frame);
    case 'sync':
      writer.sync();
      return true;
    case 'question':
      return writer.question(item);
    case 'answer':
      return writer.answer(item);
    case 'unknown':
      throw new Error('an item of an unknown kind has no writer');
    default:
      writer.version(item.kind, item.realm, item.version);
      return true;
  }
}

/** From A to B. */
export function batchOf(items: readonly LaneItem[], sequence = 1): Uint8Array {
  const writer = new BatchWriter(new ItemWriter(A), A, B);
  for (const item of items) if (!writeItem(writer, item)) throw new Error(`cannot be written: ${item.kind}`);
  return writer.finish(sequence);
}

/** The items that the node receives; a string: the flaw. */
export function itemsOf(message: Uint8Array, node = B): readonly LaneItem[] | string {
  const reader = new BatchReader(node);
  const head = reader.open(message);
  return typeof head === 'string' ? head : (reader.items() ?? 'shape');
}

/** The message with its last item, which announces its length, turned into one of another kind. */
export function withLastKind(message: Uint8Array, itemBytes: number, kind: number): Uint8Array {
  const changed = Buffer.from(message);
  changed[changed.length - itemBytes] = kind;
  return rechecked(changed);
}

/** The message with the checksum that fits it. */
export function rechecked(message: Uint8Array): Uint8Array {
  const copy = Buffer.from(message);
  if (copy.length >= CHECKED_FROM) copy.writeUInt32LE(crc32(copy.subarray(CHECKED_FROM)), CHECKSUM_AT);
  return copy;
}
