import type { BinaryFormat } from './binary-codec.js';
import { MsgpackReader } from './msgpack-reader.js';
import { writeListHead, writeMsgpack } from './msgpack-writer.js';

/** MessagePack, version 5 of its specification: text and bytes are different types. */
export const MESSAGE_PACK: BinaryFormat = {
  serializer: 'msgpack',
  createReader: (limits) => new MsgpackReader(limits),
  writeListHead,
  writeValue: writeMsgpack,
  list: 0x90,
  oneByteBelow: 0x80,
  unsignedHeads: { 1: 0xcc, 2: 0xcd, 4: 0xce, 8: 0xcf },
};
