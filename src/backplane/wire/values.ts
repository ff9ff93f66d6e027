import type { ByteSink } from '../../codec/byte-sink.js';
import { MAX_BIG_INTEGER_BYTES, type OpenDict, putEntry } from '../../codec/values.js';
import { FloatOnWire } from '../../wamp/float-on-wire.js';
import type { SessionId } from '../../wamp/ids.js';
import { NO_DETAILS, type AudienceLists, type Dict, type Passthru } from '../../wamp/options.js';
import { ListedIds, type SessionIds } from '../../wamp/session-ids.js';
import { PASSTHRU_FORMS } from './format.js';
import { type FieldCursor, writeByte, writeCount, writeNumber, writeText } from './fields.js';

/** Nesting of lists and dicts in a passthru value. */
const MAX_DEPTH = 32;

/** First byte of a value; what follows. */
const Tag = {
  NULL: 0,
  FALSE: 1,
  TRUE: 2,
  /** IEEE 754 double. */
  NUMBER: 3,
  TEXT: 4,
  /** Count, bytes. */
  BYTES: 5,
  /** Count, values. */
  LIST: 6,
  /** Count, key and value of each entry. */
  DICT: 7,
  /** IEEE 754 double that must not pass for an integer. */
  FLOAT: 8,
  /** Text: sign and hexadecimal digits. */
  BIG_INTEGER: 9,
} as const;

/** What cannot be said sets `sink.trouble`. */
export function writePassthru(sink: ByteSink, { form, details }: Passthru): void {
  writeByte(sink, PASSTHRU_FORMS.indexOf(form));
  writeEntries(sink, details, 1);
}

export function readPassthru(cursor: FieldCursor): Passthru {
  const form = PASSTHRU_FORMS[cursor.choice(PASSTHRU_FORMS.length)] as Passthru['form'];
  return { form, details: readEntries(cursor, 1) };
}

function writeEntries(sink: ByteSink, dict: Dict, depth: number): void {
  const entries = Object.entries(dict).filter(([, value]) => value !== undefined);
  writeCount(sink, entries.length);
  for (const [key, value] of entries) {
    writeText(sink, key);
    writeValue(sink, value, depth);
  }
}

function readEntries(cursor: FieldCursor, depth: number): Dict {
  const count = cursor.count(2);
  if (count === 0) return NO_DETAILS;
  const dict: OpenDict = {};
  for (let i = 0; i < count && !cursor.isBad(); i++) {
    const key = cursor.text();
    putEntry(dict, key, readValue(cursor, depth));
  }
  return dict;
}

function writeValue(sink: ByteSink, value: unknown, depth: number): void {
  switch (typeof value) {
    case 'boolean':
      writeByte(sink, value ? Tag.TRUE : Tag.FALSE);
      return;
    case 'number':
      writeDouble(sink, Tag.NUMBER, value);
      return;
    case 'string':
      writeByte(sink, Tag.TEXT);
      writeText(sink, value);
      return;
    case 'bigint':
      writeBigInteger(sink, value);
      return;
    case 'undefined':
      writeByte(sink, Tag.NULL);
      return;
    case 'object':
      writeObject(sink, value, depth);
      return;
    default:
      sink.trouble ??= `a ${typeof value}`;
  }
}

function writeObject(sink: ByteSink, value: object | null, depth: number): void {
  if (value === null) writeByte(sink, Tag.NULL);
  else if (value instanceof Uint8Array) {
    writeByte(sink, Tag.BYTES);
    writeCount(sink, value.length);
    sink.append(value, 0, value.length);
  } else if (value instanceof FloatOnWire) writeDouble(sink, Tag.FLOAT, value.value);
  else if (depth >= MAX_DEPTH) sink.trouble ??= `lists and dicts nested deeper than ${MAX_DEPTH}`;
  else if (Array.isArray(value)) {
    writeByte(sink, Tag.LIST);
    writeCount(sink, value.length);
    for (const element of value) writeValue(sink, element, depth + 1);
  } else if (isPlain(value)) {
    writeByte(sink, Tag.DICT);
    writeEntries(sink, value as Dict, depth + 1);
  } else sink.trouble ??= `a ${value.constructor.name}`;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function readValue(cursor: FieldCursor, depth: number): unknown {
  switch (cursor.byte()) {
    case Tag.NULL:
      return null;
    case Tag.FALSE:
      return false;
    case Tag.TRUE:
      return true;
    case Tag.NUMBER:
      return cursor.double();
    case Tag.TEXT:
      return cursor.text();
    case Tag.BYTES:
      return cursor.byteString();
    case Tag.FLOAT:
      return new FloatOnWire(cursor.double());
    case Tag.BIG_INTEGER:
      return readBigInteger(cursor);
    case Tag.LIST:
      if (depth < MAX_DEPTH) return readList(cursor, depth + 1);
      break;
    case Tag.DICT:
      if (depth < MAX_DEPTH) return readEntries(cursor, depth + 1);
      break;
  }
  cursor.fail();
  return null;
}

function readList(cursor: FieldCursor, depth: number): unknown[] {
  const count = cursor.count(1);
  const list: unknown[] = [];
  for (let i = 0; i < count && !cursor.isBad(); i++) list.push(readValue(cursor, depth));
  return list;
}

function writeDouble(sink: ByteSink, tag: number, value: number): void {
  sink.reserve(9);
  sink.bytes[sink.pos] = tag;
  sink.pos = sink.bytes.writeDoubleLE(value, sink.pos + 1);
}

function writeBigInteger(sink: ByteSink, value: bigint): void {
  const digits = value.toString(16);
  if (digits.length > 2 * MAX_BIG_INTEGER_BYTES) sink.trouble ??= 'an integer of too many digits';
  writeByte(sink, Tag.BIG_INTEGER);
  writeText(sink, digits);
}

function readBigInteger(cursor: FieldCursor): bigint {
  const text = cursor.text();
  const isNegative = text.startsWith('-');
  const digits = isNegative ? text.slice(1) : text;
  if (digits.length > 2 * MAX_BIG_INTEGER_BYTES || !/^[0-9a-f]+$/.test(digits)) {
    cursor.fail();
    return 0n;
  }
  const value = BigInt(`0x${digits}`);
  return isNegative ? -value : value;
}

/** Presence of each list is kept, as is an audience without any (BWL-1, BWL-2). */
export function writeAudience(sink: ByteSink, audience: AudienceLists): void {
  const { eligible, eligibleAuthid, eligibleAuthrole, exclude, excludeAuthid, excludeAuthrole } = audience;
  const lists = [eligible, exclude, eligibleAuthid, eligibleAuthrole, excludeAuthid, excludeAuthrole];
  writeByte(
    sink,
    lists.reduce((bits, list, place) => bits | (list === undefined ? 0 : 1 << place), 0),
  );
  for (const ids of [eligible, exclude]) if (ids !== undefined) writeIds(sink, ids);
  for (const names of [eligibleAuthid, eligibleAuthrole, excludeAuthid, excludeAuthrole]) {
    if (names === undefined) continue;
    writeCount(sink, names.size);
    for (const name of names) writeText(sink, name);
  }
}

export function readAudience(cursor: FieldCursor): AudienceLists {
  const bits = cursor.choice(64);
  return {
    ...((bits & 1) !== 0 && { eligible: readIds(cursor) }),
    ...((bits & 2) !== 0 && { exclude: readIds(cursor) }),
    ...((bits & 4) !== 0 && { eligibleAuthid: readNames(cursor) }),
    ...((bits & 8) !== 0 && { eligibleAuthrole: readNames(cursor) }),
    ...((bits & 16) !== 0 && { excludeAuthid: readNames(cursor) }),
    ...((bits & 32) !== 0 && { excludeAuthrole: readNames(cursor) }),
  };
}

function writeIds(sink: ByteSink, ids: SessionIds): void {
  const listed: readonly SessionId[] = [...ids];
  writeCount(sink, listed.length);
  for (const id of listed) writeNumber(sink, id);
}

function readIds(cursor: FieldCursor): SessionIds {
  const count = cursor.count(8);
  const ids: number[] = [];
  // A client may list 0, which no session has.
  for (let i = 0; i < count && !cursor.isBad(); i++) ids.push(cursor.number(0));
  return new ListedIds(ids);
}

function readNames(cursor: FieldCursor): ReadonlySet<string> {
  const count = cursor.count(1);
  const names = new Set<string>();
  for (let i = 0; i < count && !cursor.isBad(); i++) names.add(cursor.text());
  return names;
}
