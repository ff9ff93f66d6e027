import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { putNumber, putUint32LE } from '../../src/backplane/wire/fields.js';
import { CHECKED_FROM, CHECKSUM_AT, SEQUENCE_AT } from '../../src/backplane/wire/format.js';

/** A message of a lane with another sequence: anybody who may publish can make it. */
export function withSequence(message: Uint8Array, sequence: number): Uint8Array {
  const forged = Buffer.from(message);
  putNumber(forged, SEQUENCE_AT, sequence);
  putUint32LE(forged, CHECKSUM_AT, crc32(forged.subarray(CHECKED_FROM)));
  return forged;
}

export function sequenceOf(message: Uint8Array): number {
  return Number(Buffer.from(message).readBigUInt64LE(SEQUENCE_AT));
}
