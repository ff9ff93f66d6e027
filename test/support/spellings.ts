import type { SerializerId } from '../../src/wamp/payload.js';

/** A value to be spelled. */
export type Spelled = null | boolean | number | string | Uint8Array | readonly Spelled[] | SpelledDict;

/** Entries in order: keys may repeat and be of any type. */
export class SpelledDict {
  readonly entries: readonly (readonly [key: Spelled, value: Spelled])[];

  constructor(entries: readonly (readonly [key: Spelled, value: Spelled])[]) {
    this.entries = entries;
  }
}

export function dict(values: Readonly<Record<string, Spelled>>): Spelled {
  return new SpelledDict(Object.entries(values));
}

/** Answers which of `count` ways is taken; 0 is the plainest. */
export type Choose = (count: number) => number;

/** Takes the choices one after the other, and the plainest way from their end on. */
export function chooser(choices: readonly number[]): Choose {
  let next = 0;
  return (count) => (choices[next++] ?? 0) % count;
}

/** One of the many ways in which a serializer writes the same value: white space, escapes, widths, open lengths. */
export function spell(serializer: SerializerId, value: Spelled, choose: Choose): Buffer {
  if (serializer === 'json') return Buffer.from(json(value, choose));
  return Buffer.concat((serializer === 'msgpack' ? msgpack : cbor)(value, choose));
}

const SPACES = ['', '', ' ', '  ', '\n', '\t', '\r\n '];

function json(value: Spelled, choose: Choose): string {
  const space = (): string => SPACES[choose(SPACES.length)]!;
  const list = (open: string, items: readonly string[], close: string): string =>
    space() + open + space() + items.map((item) => space() + item + space()).join(',') + close + space();
  if (typeof value === 'string') return jsonText(value, choose);
  if (typeof value === 'number' && Number.isInteger(value)) return [`${value}`, `${value}`, `${value}.0`][choose(3)]!;
  if (value === null || typeof value !== 'object') return String(value);
  if (value instanceof Uint8Array) return `"\\u0000${Buffer.from(value).toString('base64')}"`;
  if (!(value instanceof SpelledDict)) {
    const items = value.map((item) => json(item, choose));
    return list('[', items, ']');
  }
  const entries = value.entries.map(
    ([key, entry]) => `${json(key, choose)}${space()}:${space()}${json(entry, choose)}`,
  );
  return list('{', entries, '}');
}

function jsonText(text: string, choose: Choose): string {
  const units = text.split('').map((unit) => {
    const escaped = `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    return choose(5) === 4 ? escaped : JSON.stringify(unit).slice(1, -1);
  });
  return `"${units.join('')}"`;
}

/** A head byte and a length or integer behind it, big-endian, in 1, 2, 4 or 8 bytes. */
function wide(head: number, value: number, width: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = head;
  bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)), 1);
  return Buffer.concat([bytes.subarray(0, 1), bytes.subarray(9 - width)]);
}

function fitting(value: number, widths: readonly number[]): readonly number[] {
  return widths.filter((width) => value < 2 ** (8 * width));
}

function double(head: number, value: number): Buffer {
  const bytes = Buffer.of(head, 0, 0, 0, 0, 0, 0, 0, 0);
  bytes.writeDoubleBE(value, 1);
  return bytes;
}

function msgpack(value: Spelled, choose: Choose): Buffer[] {
  const counted = (count: number, short: number, room: number, heads: Readonly<Record<number, number>>): Buffer => {
    const widths = fitting(count, Object.keys(heads).map(Number));
    const choice = choose(widths.length + 1) - (count < room ? 1 : 0);
    if (choice < 0) return Buffer.of(short | count);
    const width = widths[Math.min(choice, widths.length - 1)]!;
    return wide(heads[width]!, count, width);
  };
  if (value === null) return [[Buffer.of(0xc0), Buffer.of(0xd4, 0, 0)][choose(2)]!];
  if (typeof value === 'boolean') return [Buffer.of(value ? 0xc3 : 0xc2)];
  if (typeof value === 'number') {
    if (!Number.isInteger(value) || choose(7) === 6) return [double(0xcb, value)];
    if (value < 0) return [wide(0xd3, value, 8)];
    return [counted(value, 0, 0x80, { 1: 0xcc, 2: 0xcd, 4: 0xce, 8: 0xcf })];
  }
  if (typeof value === 'string') {
    const bytes = Buffer.from(value);
    return [counted(bytes.length, 0xa0, 32, { 1: 0xd9, 2: 0xda, 4: 0xdb }), bytes];
  }
  if (value instanceof Uint8Array)
    return [counted(value.length, 0, 0, { 1: 0xc4, 2: 0xc5, 4: 0xc6 }), Buffer.from(value)];
  if (value instanceof SpelledDict) {
    const head = counted(value.entries.length, 0x80, 16, { 2: 0xde, 4: 0xdf });
    return [head, ...value.entries.flat().flatMap((item) => msgpack(item, choose))];
  }
  return [counted(value.length, 0x90, 16, { 2: 0xdc, 4: 0xdd }), ...value.flatMap((item) => msgpack(item, choose))];
}

/** Keys have no tags: they would be no text. */
function cbor(value: Spelled, choose: Choose, mayTag = true): Buffer[] {
  const head = (major: number, argument: number): Buffer => {
    const widths = fitting(argument, [1, 2, 4, 8]);
    const choice = choose(widths.length + 1) - (argument < 24 ? 1 : 0);
    if (choice < 0) return Buffer.of((major << 5) | argument);
    const width = widths[Math.min(choice, widths.length - 1)]!;
    return wide((major << 5) | (24 + Math.log2(width)), argument, width);
  };
  const open = (major: number, parts: readonly Buffer[]): Buffer[] => [
    Buffer.of((major << 5) | 31),
    ...parts,
    Buffer.of(0xff),
  ];
  if (mayTag && choose(9) === 8) return [Buffer.of(0xd9, 0xd9, 0xf7), ...cbor(value, choose)];
  if (value === null) return [Buffer.of([0xf6, 0xf7][choose(2)]!)];
  if (typeof value === 'boolean') return [Buffer.of(value ? 0xf5 : 0xf4)];
  if (typeof value === 'number') {
    if (!Number.isInteger(value) || choose(7) === 6) return [double(0xfb, value)];
    return [value < 0 ? head(1, -1 - value) : head(0, value)];
  }
  if (typeof value === 'string' || value instanceof Uint8Array) {
    const major = typeof value === 'string' ? 3 : 2;
    const bytes = Buffer.from(value);
    return choose(4) === 3 ? open(major, [head(major, bytes.length), bytes]) : [head(major, bytes.length), bytes];
  }
  const isDict = value instanceof SpelledDict;
  const parts = isDict
    ? value.entries.flatMap(([key, entry]) => [...cbor(key, choose, false), ...cbor(entry, choose)])
    : value.flatMap((item) => cbor(item, choose));
  const major = isDict ? 5 : 4;
  return choose(4) === 3 ? open(major, parts) : [head(major, isDict ? value.entries.length : value.length), ...parts];
}
