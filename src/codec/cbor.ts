import type { BinaryFormat } from './binary-codec.js';
import { CborReader } from './cbor-reader.js';
import { writeCbor, writeCborListHead } from './cbor-writer.js';

/** CBOR by RFC 8949. */
export const CBOR: BinaryFormat = {
  serializer: 'cbor',
  createReader: (limits) => new CborReader(limits),
  writeListHead: writeCborListHead,
  writeValue: writeCbor,
  list: 0x80,
  oneByteBelow: 24,
  unsignedHeads: { 1: 0x18, 2: 0x19, 4: 0x1a, 8: 0x1b },
};
