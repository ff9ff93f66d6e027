import { afterSequences, decodeAscii } from './text.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const DOT = 0x2e;

// Characters that end the plain run of a string: the quote, the escape, control characters, and everything that is not ASCII.
const STOPS = new Uint8Array(256);
STOPS.fill(1, 0, 0x20);
STOPS.fill(1, 0x80);
STOPS[QUOTE] = 1;
STOPS[BACKSLASH] = 1;
// Most strings and keys end within so many bytes, and a plain loop is quickest there.
const SHORT_BYTES = 12;
// A view of words costs as much to make as this many bytes to look at.
const NEAR_BYTES = 256;

/** Scanners return where they stopped, or −1 − that place when the bytes there are wrong. */
export function isBad(pos: number): boolean {
  return pos < 0;
}

export function badAt(pos: number): number {
  return -1 - pos;
}

export function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** The byte at `pos`; −1 at the end. */
export function byteAt(bytes: Uint8Array, pos: number, end: number): number {
  return pos < end ? (bytes[pos] as number) : -1;
}

export function afterSpace(bytes: Uint8Array, pos: number, end: number): number {
  while (pos < end) {
    const byte = bytes[pos] as number;
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) return pos;
    pos++;
  }
  return pos;
}

/**
 * From behind the opening quote to behind the closing one. `mends`: escapes of lone surrogates, which some libraries
 * refuse, are overwritten with that of U+FFFD.
 */
export function afterString(bytes: Uint8Array, pos: number, end: number, mends = false): number {
  for (;;) {
    const short = Math.min(end, pos + SHORT_BYTES);
    while (pos < short && STOPS[bytes[pos] as number] === 0) pos++;
    if (pos === short) pos = afterPlain(bytes, pos, end);
    if (pos >= end) return -1 - end;
    const byte = bytes[pos] as number;
    if (byte === QUOTE) return pos + 1;
    const next =
      byte === BACKSLASH ? afterEscape(bytes, pos, end, mends) : byte < 0x20 ? -1 : afterSequences(bytes, pos, end);
    if (next < 0) return -1 - pos;
    pos = next;
  }
}

/** To the next byte that ends a plain run, or the end. Several times faster than byte by byte (bench/micro/codec.mjs). */
function afterPlain(bytes: Uint8Array, from: number, end: number): number {
  let pos = from;
  const near = Math.min(end, from + NEAR_BYTES) - 7;
  while (pos < near && stops(bytes, pos) === 0) pos += 8;
  if (pos >= near && pos + 8 < end) pos = afterPlainWords(bytes, pos, end);
  while (pos < end && STOPS[bytes[pos] as number] === 0) pos++;
  return pos;
}

/** Whether any of eight bytes ends a plain run. */
function stops(bytes: Uint8Array, pos: number): number {
  return (
    (STOPS[bytes[pos] as number] as number) |
    (STOPS[bytes[pos + 1] as number] as number) |
    (STOPS[bytes[pos + 2] as number] as number) |
    (STOPS[bytes[pos + 3] as number] as number) |
    (STOPS[bytes[pos + 4] as number] as number) |
    (STOPS[bytes[pos + 5] as number] as number) |
    (STOPS[bytes[pos + 6] as number] as number) |
    (STOPS[bytes[pos + 7] as number] as number)
  );
}

/** Scans a plain run eight bytes at a time; may stop early by up to eleven bytes. */
function afterPlainWords(bytes: Uint8Array, from: number, end: number): number {
  const offset = bytes.byteOffset;
  const words = new Int32Array(bytes.buffer, 0, bytes.buffer.byteLength >> 2);
  let word = (from + offset + 3) >> 2;
  for (let pos = from; pos < (word << 2) - offset; pos++) if (STOPS[bytes[pos] as number] !== 0) return pos;
  const last = ((end + offset) >> 2) - 1;
  while (word < last && !stopsWord(words[word] as number) && !stopsWord(words[word + 1] as number)) word += 2;
  return (word << 2) - offset;
}

/** Whether one of the four bytes ends a plain run: each term sets a byte's high bit where its condition is met first. */
function stopsWord(word: number): boolean {
  const quote = (word ^ 0x22222222) - 0x01010101;
  const backslash = (word ^ 0x5c5c5c5c) - 0x01010101;
  return ((word | (word - 0x20202020) | quote | backslash) & 0x80808080) !== 0;
}

/** From the backslash to behind its escape; −1 when it is none. */
function afterEscape(bytes: Uint8Array, pos: number, end: number, mends: boolean): number {
  switch (byteAt(bytes, pos + 1, end)) {
    case 0x22: // quote
    case 0x5c: // backslash
    case 0x2f: // slash
    case 0x62: // b
    case 0x66: // f
    case 0x6e: // n
    case 0x72: // r
    case 0x74: // t
      return pos + 2;
    case 0x75: // u
      if (!isUnitEscape(bytes, pos, end)) return -1;
      return mends && isSurrogate(bytes, pos) ? afterSurrogate(bytes, pos, end) : pos + 6;
    default:
      return -1;
  }
}

/** True for a backslash, u and four digits. */
function isUnitEscape(bytes: Uint8Array, pos: number, end: number): boolean {
  if (pos + 6 > end || bytes[pos] !== BACKSLASH || bytes[pos + 1] !== 0x75) return false;
  for (let i = pos + 2; i < pos + 6; i++) if (!isHex(bytes[i] as number)) return false;
  return true;
}

function isSurrogate(bytes: Uint8Array, pos: number): boolean {
  return ((bytes[pos + 2] as number) | 0x20) === 0x64 && (bytes[pos + 3] as number) >= 0x38;
}

/** True for \uDC00 to \uDFFF, when it is a surrogate: the second digit is a letter from C on. */
function isLow(bytes: Uint8Array, pos: number): boolean {
  return ((bytes[pos + 3] as number) | 0x20) >= 0x63;
}

/** Behind a pair, or behind a surrogate that has become U+FFFD. */
function afterSurrogate(bytes: Uint8Array, pos: number, end: number): number {
  const next = pos + 6;
  const isPair = !isLow(bytes, pos) && isUnitEscape(bytes, next, end) && isSurrogate(bytes, next) && isLow(bytes, next);
  if (isPair) return next + 6;
  bytes.fill(0x66, pos + 2, next);
  bytes[next - 1] = 0x64;
  return next;
}

/** True when a string begins with U+0000, in the only way JSON has for it: then it stands for bytes (SER-3). */
export function isByteString(bytes: Uint8Array, quote: number, end: number): boolean {
  return (
    bytes[quote + 1] === BACKSLASH &&
    quote + 7 < end &&
    bytes[quote + 2] === 0x75 &&
    spells(bytes, quote + 2, end, 0x30, 0x30, 0x30) &&
    bytes[quote + 6] === 0x30
  );
}

// The value of each character of Base64; all other characters have none.
const NO_VALUE = 64;
const BASE64 = new Uint8Array(256).fill(NO_VALUE);
for (let value = 0; value < NO_VALUE; value++)
  BASE64['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'.charCodeAt(value)] = value;
const PADDING = 0x3d;

/** Returns what afterString returns, from behind U+0000: the rest must be padded Base64 without spare bits. */
export function afterBase64(bytes: Uint8Array, start: number, end: number): number {
  let pos = start;
  while (pos + 4 <= end && isGroup(bytes, pos)) pos += 4;
  while (pos < end && (BASE64[bytes[pos] as number] as number) < NO_VALUE) pos++;
  const last = BASE64[bytes[pos - 1] as number] as number;
  const digits = (pos - start) & 3;
  if (digits === 2 && spells(bytes, pos - 1, end, PADDING, PADDING, QUOTE))
    return (last & 0xf) === 0 ? pos + 3 : -1 - pos;
  if (digits === 3 && byteAt(bytes, pos, end) === PADDING && byteAt(bytes, pos + 1, end) === QUOTE)
    return (last & 3) === 0 ? pos + 2 : -1 - pos;
  return digits === 0 && byteAt(bytes, pos, end) === QUOTE ? pos + 1 : -1 - pos;
}

/** Whether four bytes are Base64, none of them padding. */
function isGroup(bytes: Uint8Array, pos: number): boolean {
  return (
    ((BASE64[bytes[pos] as number] as number) |
      (BASE64[bytes[pos + 1] as number] as number) |
      (BASE64[bytes[pos + 2] as number] as number) |
      (BASE64[bytes[pos + 3] as number] as number)) <
    NO_VALUE
  );
}

function isHex(byte: number): boolean {
  const letter = byte | 0x20;
  return isDigit(byte) || (letter >= 0x61 && letter <= 0x66);
}

/** From the first byte of a number to behind it. */
export function afterNumber(bytes: Uint8Array, pos: number, end: number): number {
  let at = byteAt(bytes, pos, end) === 0x2d ? pos + 1 : pos;
  const integer = at;
  at = afterDigits(bytes, at, end);
  if (at === integer || (at > integer + 1 && bytes[integer] === 0x30)) return -1 - pos;
  let byte = byteAt(bytes, at, end);
  if (byte === 0x2e) {
    const fraction = at + 1;
    at = afterDigits(bytes, fraction, end);
    if (at === fraction) return -1 - pos;
    byte = byteAt(bytes, at, end);
  }
  if ((byte | 0x20) === 0x65) {
    const sign = byteAt(bytes, at + 1, end);
    const exponent = sign === 0x2b || sign === 0x2d ? at + 2 : at + 1;
    at = afterDigits(bytes, exponent, end);
    if (at === exponent) return -1 - pos;
  }
  return at;
}

// Numbers of so many characters, with an exponent of two digits at most, are far from the largest double.
const MANY_CHARACTERS = 200;
/** The largest double has as many characters, with a sign. */
const MAX_CHARACTERS = 310;
/** The shortest number beyond floats is 1e309. */
export const MIN_HUGE_CHARACTERS = 5;

/** True for a number that no double comes near: libraries fail at those, some already at the count of digits. */
export function isHuge(bytes: Uint8Array, start: number, end: number): boolean {
  let pos = end - 1;
  while (pos > start && isDigit(bytes[pos] as number)) pos--;
  const isExponent = pos > start && bytes[pos] !== DOT && !isDigit(bytes[pos] as number);
  if (end - start <= MANY_CHARACTERS && (!isExponent || end - pos <= 3)) return false;
  const token = decodeAscii(bytes, start, end);
  if (Number.isFinite(Number(token))) return false;
  return end - start > MAX_CHARACTERS || /[eE]/.test(token);
}

function afterDigits(bytes: Uint8Array, pos: number, end: number): number {
  while (pos < end && isDigit(bytes[pos] as number)) pos++;
  return pos;
}

/** From the first letter of `true`, `false` or `null` to behind it. */
export function afterLiteral(bytes: Uint8Array, pos: number, end: number): number {
  switch (byteAt(bytes, pos, end)) {
    case 0x74:
      return spells(bytes, pos, end, 0x72, 0x75, 0x65) ? pos + 4 : -1 - pos;
    case 0x66:
      return spells(bytes, pos + 1, end, 0x6c, 0x73, 0x65) && bytes[pos + 1] === 0x61 ? pos + 5 : -1 - pos;
    case 0x6e:
      return spells(bytes, pos, end, 0x75, 0x6c, 0x6c) ? pos + 4 : -1 - pos;
    default:
      return -1 - pos;
  }
}

function spells(bytes: Uint8Array, pos: number, end: number, b: number, c: number, d: number): boolean {
  return pos + 4 <= end && bytes[pos + 1] === b && bytes[pos + 2] === c && bytes[pos + 3] === d;
}
