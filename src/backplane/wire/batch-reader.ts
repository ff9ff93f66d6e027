import { crc32 } from 'node:zlib';
import type { NodeId } from '../../wamp/ids.js';
import {
  CHECKED_FROM,
  CHECKSUM_AT,
  FORMAT_VERSION,
  type FrameFlaw,
  type LaneItem,
  MAGIC,
  type MessageHead,
  MESSAGE_KINDS,
  NAMES_AT,
  VERSION_AT,
} from './format.js';
import { FieldCursor } from './fields.js';
import { ItemReader } from './item-reader.js';

/**
 * Reads messages from a channel that anybody may write to. Never throws: a flaw is a value. Items keep nothing of
 * the message's memory. The reader takes payloads as the sending node has checked them.
 */
export class BatchReader {
  readonly #node: NodeId;
  readonly #items: ItemReader;
  readonly #cursor = new FieldCursor();
  #head: MessageHead | undefined;

  constructor(node: NodeId) {
    this.#node = node;
    this.#items = new ItemReader(node);
  }

  /** Checks everything but the items. */
  open(message: Uint8Array): MessageHead | FrameFlaw {
    this.#head = undefined;
    for (let i = 0; i < MAGIC.length; i++) if (message[i] !== MAGIC[i]) return 'magic';
    if (message.length <= VERSION_AT) return 'size';
    if (message[VERSION_AT] !== FORMAT_VERSION) return 'version';
    if (message.length < NAMES_AT) return 'size';
    const cursor = this.#cursor;
    cursor.begin(message, CHECKSUM_AT);
    if (cursor.uint32() !== crc32(message.subarray(CHECKED_FROM))) return 'checksum';
    const kind = cursor.byte();
    const sequence = cursor.number(0);
    const itemCount = cursor.uint32();
    const from = cursor.text() as NodeId;
    const to = cursor.text();
    if (cursor.isBad() || !isMessageKind(kind)) return 'shape';
    if (to !== this.#node) return 'receiver';
    return (this.#head = { kind: MESSAGE_KINDS[kind], from, sequence, itemCount });
  }

  /** All items of the message opened last; undefined: there is a flaw somewhere, and none of them counts. */
  items(): readonly LaneItem[] | undefined {
    const head = this.#head;
    const cursor = this.#cursor;
    if (head === undefined) return undefined;
    this.#head = undefined;
    const items: LaneItem[] = [];
    while (items.length < head.itemCount && !cursor.isBad()) items.push(this.#items.read(cursor, head.from));
    const isComplete = !cursor.isBad() && cursor.isAtEnd;
    // The message goes as soon as it has been read.
    cursor.begin(NOTHING, 0);
    return isComplete ? items : undefined;
  }
}

const NOTHING = new Uint8Array(0);

function isMessageKind(kind: number): kind is keyof typeof MESSAGE_KINDS {
  return kind >= 1 && kind <= 3;
}
