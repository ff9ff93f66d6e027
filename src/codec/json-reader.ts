import { Buffer } from 'node:buffer';
import { FloatOnWire } from '../wamp/float-on-wire.js';
import { NO_DETAILS } from '../wamp/options.js';
import type { CodecLimits } from './codec.js';
import { HASH_SEED, hashStep, intern, MAX_INTERNED_BYTES } from './intern.js';
import {
  afterBase64,
  afterLiteral,
  afterNumber,
  afterSpace,
  afterString,
  badAt,
  byteAt,
  isBad,
  isByteString,
  isDigit,
  isHuge,
  MIN_HUGE_CHARACTERS,
} from './json-scan.js';
import type { ElementKind, Reader } from './reader.js';
import { decodeText } from './text.js';
import { floatRead, MAX_BIG_INTEGER_DIGITS, type OpenDict, putEntry, Untranslatable } from './values.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_DICT = 0x7b;
const CLOSE_DICT = 0x7d;
const BACKSLASH = 0x5c;
const U0000_LENGTH = 6;
// In ASCII each closing bracket stands two behind its opening one.
const TO_CLOSE = 2;

/**
 * Reads JSON text. A string that begins with U+0000 is bytes in Base64 (SER-3); integers are exact whatever their size;
 * a number written with a point or exponent is a float; the last of equal keys wins (SER-4).
 */
export class JsonReader implements Reader {
  pos = 0;
  #trouble: string | undefined;
  readonly #maxDepth: number;
  readonly #maxEntries: number;
  readonly #closers: Uint8Array;
  readonly #entries: Uint32Array;
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;
  #depth = 0;

  constructor(limits: CodecLimits) {
    this.#maxDepth = limits.maxDepth;
    this.#maxEntries = limits.maxContainerEntries;
    this.#closers = new Uint8Array(limits.maxDepth + 1);
    this.#entries = new Uint32Array(limits.maxDepth + 1);
  }

  begin(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#end = bytes.length;
    this.#depth = 0;
    this.pos = 0;
    this.#trouble = undefined;
  }

  trouble(): string | undefined {
    return this.#trouble;
  }

  enterMessage(): boolean {
    const pos = afterSpace(this.#bytes, this.pos, this.#end);
    if (byteAt(this.#bytes, pos, this.#end) !== OPEN_LIST) return this.#fail('the message is not a list', pos);
    this.pos = pos + 1;
    return true;
  }

  hasElement(index: number): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    const pos = afterSpace(bytes, this.pos, end);
    const byte = byteAt(bytes, pos, end);
    if (byte === CLOSE_LIST) {
      const rest = afterSpace(bytes, pos + 1, end);
      if (rest < end) return this.#fail('bytes follow the message', rest);
      this.pos = rest;
      return false;
    }
    if (index === 0) {
      this.pos = pos;
      return true;
    }
    if (byte !== COMMA) return this.#fail('expected a comma or the end of the message', pos);
    if (index >= this.#maxEntries)
      return this.#fail(`a list of more than ${this.#maxEntries} elements (limits.maxContainerEntries)`, pos);
    this.pos = afterSpace(bytes, pos + 1, end);
    return true;
  }

  jump(pos: number): boolean {
    // White space is no part of what is remembered: there may be more of it this time.
    this.pos = afterSpace(this.#bytes, pos, this.#end);
    return true;
  }

  kind(): ElementKind {
    const byte = byteAt(this.#bytes, this.pos, this.#end);
    if (byte === OPEN_LIST) return 'list';
    if (byte === OPEN_DICT) return 'dict';
    if (byte === QUOTE) return isByteString(this.#bytes, this.pos, this.#end) ? 'bytes' : 'text';
    return byte === 0x6e ? 'null' : 'other';
  }

  skip(): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    const closers = this.#closers;
    const entries = this.#entries;
    let pos = this.pos;
    let depth = 0;
    for (;;) {
      pos = afterSpace(bytes, pos, end);
      const first = byteAt(bytes, pos, end);
      if (first === QUOTE) {
        if (bytes[pos + 1] === BACKSLASH && isByteString(bytes, pos, end)) {
          pos = this.#afterByteString(pos);
          if (isBad(pos)) return this.#fail('U+0000 stands before what is not Base64 (SER-3)', badAt(pos));
        } else pos = afterString(bytes, pos + 1, end, true);
      } else if (first === OPEN_LIST || first === OPEN_DICT) {
        if (depth >= this.#maxDepth) return this.#tooDeep(pos);
        pos = afterSpace(bytes, pos + 1, end);
        if (byteAt(bytes, pos, end) === first + TO_CLOSE) pos++;
        else {
          depth++;
          closers[depth] = first + TO_CLOSE;
          entries[depth] = 1;
          if (first === OPEN_DICT) {
            pos = this.#afterKey(pos);
            if (isBad(pos)) return this.#failScan(pos);
          }
          continue;
        }
      } else if (first === MINUS || isDigit(first)) {
        const start = pos;
        pos = afterNumber(bytes, pos, end);
        if (pos - start >= MIN_HUGE_CHARACTERS && isHuge(bytes, start, pos)) return this.#failScan(-1 - start);
      } else pos = afterLiteral(bytes, pos, end);
      if (isBad(pos)) return this.#failScan(pos);

      for (;;) {
        if (depth === 0) {
          this.pos = pos;
          return true;
        }
        pos = afterSpace(bytes, pos, end);
        const byte = byteAt(bytes, pos, end);
        if (byte === closers[depth]) {
          pos++;
          depth--;
        } else if (byte === COMMA) {
          const count = (entries[depth] as number) + 1;
          if (count > this.#maxEntries) return this.#tooMany(pos);
          entries[depth] = count;
          pos++;
          if (closers[depth] === CLOSE_DICT) {
            pos = this.#afterKey(pos);
            if (isBad(pos)) return this.#failScan(pos);
          }
          break;
        } else return this.#failScan(-1 - pos);
      }
    }
  }

  /** JSON is rewritten where it stands, without this. */
  needsRewriting(): boolean {
    return false;
  }

  single(): ElementKind | undefined {
    const bytes = this.#bytes;
    const end = this.#end;
    this.pos = afterSpace(bytes, this.pos + 1, end);
    if (byteAt(bytes, this.pos, end) === CLOSE_LIST) return undefined;
    const kind = this.kind();
    if (!this.skip()) return undefined;
    const pos = afterSpace(bytes, this.pos, end);
    this.pos = pos + 1;
    return byteAt(bytes, pos, end) === CLOSE_LIST ? kind : undefined;
  }

  /** From the opening quote to behind the closing one. Base64 may be escaped: PHP does that to every slash. */
  #afterByteString(quote: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    const content = quote + 1 + U0000_LENGTH;
    const next = afterBase64(bytes, content, end);
    if (!isBad(next) || bytes[badAt(next)] !== BACKSLASH) return next;
    const behind = afterString(bytes, content, end);
    if (isBad(behind)) return behind;
    const text = JSON.parse(decodeText(bytes, quote, behind)) as string;
    return bytesOf(text) instanceof Uint8Array ? behind : -1 - content;
  }

  readElement(index: number): unknown {
    // Checked when the message was read: between elements stands a comma.
    if (index > 0) this.pos = afterSpace(this.#bytes, this.pos, this.#end) + 1;
    return this.read();
  }

  read(): unknown {
    const bytes = this.#bytes;
    const end = this.#end;
    const pos = (this.pos = afterSpace(bytes, this.pos, end));
    const first = byteAt(bytes, pos, end);
    if (first === QUOTE) return this.#readString();
    if (first === OPEN_DICT) return this.#readDict();
    if (first === OPEN_LIST) return this.#readList();
    if (first === MINUS || isDigit(first)) return this.#readNumber();
    const next = afterLiteral(bytes, pos, end);
    if (isBad(next)) return this.#failScan(next);
    this.pos = next;
    return first === 0x6e ? null : first === 0x74;
  }

  #readList(): unknown {
    if (this.#depth >= this.#maxDepth) return this.#tooDeep(this.pos);
    const list: unknown[] = [];
    this.#depth++;
    let pos = afterSpace(this.#bytes, this.pos + 1, this.#end);
    if (byteAt(this.#bytes, pos, this.#end) !== CLOSE_LIST) {
      for (;;) {
        this.pos = pos;
        list.push(this.read());
        if (this.trouble() !== undefined) return undefined;
        pos = afterSpace(this.#bytes, this.pos, this.#end);
        const byte = byteAt(this.#bytes, pos, this.#end);
        if (byte === CLOSE_LIST) break;
        if (byte !== COMMA) return this.#failScan(-1 - pos);
        if (list.length >= this.#maxEntries) return this.#tooMany(pos);
        pos++;
      }
    }
    this.#depth--;
    this.pos = pos + 1;
    return list;
  }

  #readDict(): unknown {
    const bytes = this.#bytes;
    const end = this.#end;
    if (this.#depth >= this.#maxDepth) return this.#tooDeep(this.pos);
    let pos = afterSpace(bytes, this.pos + 1, end);
    if (byteAt(bytes, pos, end) === CLOSE_DICT) {
      this.pos = pos + 1;
      return NO_DETAILS;
    }
    this.#depth++;
    const dict: OpenDict = {};
    for (let count = 1; ; count++) {
      if (count > this.#maxEntries) return this.#tooMany(pos);
      pos = afterSpace(bytes, pos, end);
      if (byteAt(bytes, pos, end) !== QUOTE) return this.#failScan(-1 - pos);
      this.pos = pos;
      const key = this.#readText();
      if (this.trouble() !== undefined) return undefined;
      pos = afterSpace(bytes, this.pos, end);
      if (byteAt(bytes, pos, end) !== COLON) return this.#failScan(-1 - pos);
      this.pos = pos + 1;
      const value = this.read();
      if (this.trouble() !== undefined) return undefined;
      putEntry(dict, key, value);
      pos = afterSpace(bytes, this.pos, end);
      const byte = byteAt(bytes, pos, end);
      if (byte === CLOSE_DICT) break;
      if (byte !== COMMA) return this.#failScan(-1 - pos);
      pos++;
    }
    this.#depth--;
    this.pos = pos + 1;
    return dict;
  }

  #readString(): unknown {
    const text = this.#readText();
    return text.length > 0 && text.charCodeAt(0) === 0 ? bytesOf(text) : text;
  }

  /** A string as text, whatever it begins with. */
  #readText(): string {
    const bytes = this.#bytes;
    const end = this.#end;
    const start = this.pos + 1;
    const last = Math.min(end, start + MAX_INTERNED_BYTES + 1);
    let hash = HASH_SEED;
    for (let pos = start; pos < last; pos++) {
      const byte = bytes[pos] as number;
      if (byte === QUOTE) {
        this.pos = pos + 1;
        return pos === start ? '' : intern(bytes, start, pos, hash);
      }
      if (byte < 0x20 || byte >= 0x80 || byte === 0x5c) break;
      hash = hashStep(hash, byte);
    }
    const next = afterString(bytes, start, end);
    if (isBad(next)) {
      this.#failScan(next);
      return '';
    }
    this.pos = next;
    const text = decodeText(bytes, start, next - 1);
    // Checked above, so the parser of the platform cannot fail on it.
    return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text;
  }

  #readNumber(): unknown {
    const bytes = this.#bytes;
    const end = this.#end;
    const start = this.pos;
    let pos = start;
    let value = 0;
    // Fifteen digits are exact in a double whatever they are.
    const last = Math.min(end, start + 15);
    while (pos < last && isDigit(bytes[pos] as number)) value = value * 10 + (bytes[pos++] as number) - 0x30;
    const byte = byteAt(bytes, pos, end);
    const isPlain = (byte === COMMA || byte === CLOSE_LIST || byte === CLOSE_DICT) && pos > start;
    if (isPlain && (bytes[start] !== 0x30 || pos === start + 1)) {
      this.pos = pos;
      return value;
    }
    const next = afterNumber(bytes, start, end);
    if (isBad(next)) return this.#failScan(next);
    this.pos = next;
    return numberOf(decodeText(bytes, start, next));
  }

  /** From before a key to behind its colon. */
  #afterKey(from: number): number {
    const bytes = this.#bytes;
    const end = this.#end;
    let pos = afterSpace(bytes, from, end);
    if (byteAt(bytes, pos, end) !== QUOTE) return -1 - pos;
    pos = afterString(bytes, pos + 1, end, true);
    if (isBad(pos)) return pos;
    pos = afterSpace(bytes, pos, end);
    return byteAt(bytes, pos, end) === COLON ? pos + 1 : -1 - pos;
  }

  #tooDeep(pos: number): false {
    return this.#fail(`lists and dicts nested deeper than ${this.#maxDepth} (limits.maxNestingDepth)`, pos);
  }

  #tooMany(pos: number): false {
    return this.#fail(`a list or dict of more than ${this.#maxEntries} entries (limits.maxContainerEntries)`, pos);
  }

  #failScan(bad: number): false {
    const pos = badAt(bad);
    return this.#fail(pos >= this.#end ? 'the text ends too early' : describeByte(this.#bytes, pos), pos);
  }

  #fail(what: string, pos: number): false {
    this.#trouble ??= `JSON, byte ${pos}: ${what}`;
    return false;
  }
}

function describeByte(bytes: Uint8Array, pos: number): string {
  const byte = bytes[pos] as number;
  if (byte >= 0x80) return 'invalid UTF-8';
  if (byte < 0x20) return `unexpected control character 0x${byte.toString(16).padStart(2, '0')}`;
  if (byte === 0x5c) return 'invalid escape in a string';
  const unexpected = `unexpected ${String.fromCharCode(byte)}`;
  return byte === MINUS || isDigit(byte)
    ? `${unexpected}, or a number that is invalid or larger than any float`
    : unexpected;
}

function numberOf(token: string): unknown {
  if (/[.eE]/.test(token)) {
    const double = Number(token);
    return Number.isFinite(double) ? floatRead(double) : new Untranslatable(`the number ${token.slice(0, 32)}`);
  }
  const near = Number(token);
  if (Object.is(near, -0)) return new FloatOnWire(-0);
  if (near > -(2 ** 53) && near < 2 ** 53) return near;
  if (token.length > MAX_BIG_INTEGER_DIGITS) return new Untranslatable(`an integer of ${token.length} digits`);
  const exact = BigInt(token);
  return Math.abs(near) <= 2 ** 53 && BigInt(near) === exact ? near : exact;
}

/** The bytes a string beginning with U+0000 stands for. */
function bytesOf(text: string): unknown {
  const base64 = text.slice(1);
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('base64') !== base64)
    return new Untranslatable('a string that begins with U+0000 and is not Base64');
  return bytes;
}
