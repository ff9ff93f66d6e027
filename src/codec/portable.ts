import { FloatOnWire } from '../wamp/float-on-wire.js';
import type { SerializerId } from '../wamp/payload.js';
import { ByteSink } from './byte-sink.js';
import { argument, behindHead, BREAK, BYTES, INDEFINITE, NEGATIVE, TAG, TEXT, UNSIGNED } from './cbor-heads.js';
import { CborReader } from './cbor-reader.js';
import { writeStringHead } from './cbor-writer.js';
import { isUndefined } from './msgpack-scalars.js';
import { decodeAscii } from './text.js';

const sink = new ByteSink();

/**
 * One element of a payload, checked before, without what some library cannot read (SER-6). MessagePack: undefined becomes
 * nil. CBOR: strings in pieces become whole; tags go and their content stays, except bignums and dates that are what
 * their tag promises. The result is a copy. O(bytes).
 */
export function portable(serializer: SerializerId, bytes: Uint8Array): Uint8Array {
  if (serializer === 'json') return bytes;
  if (serializer === 'msgpack') copyMsgpack(bytes);
  else copyCbor(bytes);
  return sink.finish();
}

/** Lists and dicts are heads like others here: what is in them follows. */
function copyMsgpack(bytes: Uint8Array): void {
  const end = bytes.length;
  let from = 0;
  for (let pos = 0; pos < end;) {
    if (!isUndefined(bytes, pos)) {
      pos = afterMsgpack(bytes, pos);
      continue;
    }
    sink.append(bytes, from, pos);
    sink.append(NIL, 0, 1);
    pos += 3;
    from = pos;
  }
  sink.append(bytes, from, end);
}

const NIL = Uint8Array.of(0xc0);

/** Behind a scalar or string, or the head of a list or dict. */
function afterMsgpack(bytes: Uint8Array, pos: number): number {
  const first = bytes[pos] as number;
  if (first < 0xa0 || first >= 0xe0) return pos + 1;
  if (first < 0xc0) return pos + 1 + (first & 0x1f);
  if (first < 0xc4) return pos + 1;
  if (first < 0xc7) return behindLength(bytes, pos, 1 << (first - 0xc4), 0);
  if (first < 0xca) return behindLength(bytes, pos, 1 << (first - 0xc7), 1);
  if (first < 0xcc) return pos + (first === 0xca ? 5 : 9);
  if (first < 0xd4) return pos + 1 + (1 << (first & 3));
  if (first < 0xd9) return pos + 2 + (1 << (first - 0xd4));
  if (first < 0xdc) return behindLength(bytes, pos, 1 << (first - 0xd9), 0);
  return pos + (first === 0xdc || first === 0xde ? 3 : 5);
}

/** Behind a head of a length of `width` bytes, `more` bytes, and as many as the length is. */
function behindLength(bytes: Uint8Array, pos: number, width: number, more: number): number {
  let length = 0;
  for (let i = pos + 1; i <= pos + width; i++) length = length * 256 + (bytes[i] as number);
  return pos + 1 + width + more + length;
}

/** Floats, among others. */
const SIMPLE = 7;
const DATE_TEXT = 0;
const DATE_NUMBER = 1;
const NEGATIVE_BIGNUM = 3;

function copyCbor(bytes: Uint8Array): void {
  const end = bytes.length;
  let from = 0;
  for (let pos = 0; pos < end;) {
    const first = bytes[pos] as number;
    const major = first >>> 5;
    const behind = behindHead(bytes, pos);
    const isString = major === BYTES || major === TEXT;
    if (isString && first % 32 === INDEFINITE) {
      sink.append(bytes, from, pos);
      pos = from = joinPieces(bytes, behind, major);
    } else if (isString) pos = behind + argument(bytes, pos, behind);
    else {
      if (major === TAG) {
        sink.append(bytes, from, pos);
        from = isTrueTag(argument(bytes, pos, behind), bytes, behind) ? pos : behind;
      }
      pos = behind;
    }
  }
  sink.append(bytes, from, end);
}

/** Writes the pieces of a string as one; where their break ends. */
function joinPieces(bytes: Uint8Array, start: number, major: number): number {
  let length = 0;
  let pos = start;
  while (bytes[pos] !== BREAK) {
    const behind = behindHead(bytes, pos);
    const piece = argument(bytes, pos, behind);
    length += piece;
    pos = behind + piece;
  }
  writeStringHead(sink, major, length);
  for (let at = start; at < pos;) {
    const behind = behindHead(bytes, at);
    const piece = argument(bytes, at, behind);
    sink.append(bytes, behind, behind + piece);
    at = behind + piece;
  }
  return pos + 1;
}

/** True for the tag of a bignum or date, when the value at `pos` is one. */
function isTrueTag(tag: number, bytes: Uint8Array, pos: number): boolean {
  const first = bytes[pos] as number;
  switch (first >>> 5) {
    case BYTES:
      return tag > DATE_NUMBER && tag <= NEGATIVE_BIGNUM;
    case TEXT: {
      const behind = behindHead(bytes, pos);
      return tag === DATE_TEXT && first % 32 !== INDEFINITE && isDate(bytes, behind, argument(bytes, pos, behind));
    }
    case UNSIGNED:
    case NEGATIVE:
    case SIMPLE:
      return tag === DATE_NUMBER && isTime(bytes, pos);
    default:
      return false;
  }
}

const MAX_DATE_LENGTH = 64;
const RFC_3339 = /^(?!0000)(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** A date of the calendar by RFC 3339, from the year 1 on. */
function isDate(bytes: Uint8Array, start: number, length: number): boolean {
  const seconds = length <= MAX_DATE_LENGTH ? RFC_3339.exec(decodeAscii(bytes, start, start + length))?.[1] : undefined;
  if (seconds === undefined) return false;
  const time = Date.parse(`${seconds}Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(seconds);
}

const FIRST_SECOND = -62_135_596_800;
const LAST_SECOND = 253_402_300_799;
const timeReader = new CborReader({ maxDepth: 1, maxContainerEntries: 1 });

/** Seconds since 1970 within the years 1 to 9999. */
function isTime(bytes: Uint8Array, pos: number): boolean {
  timeReader.begin(bytes.subarray(pos, behindHead(bytes, pos)));
  const value = timeReader.read();
  const seconds = value instanceof FloatOnWire ? value.value : value;
  return typeof seconds === 'number' && seconds >= FIRST_SECOND && seconds <= LAST_SECOND;
}
