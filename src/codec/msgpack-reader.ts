import { Buffer } from 'node:buffer';
import { NO_DETAILS } from '../wamp/options.js';
import type { CodecLimits } from './codec.js';
import { readBinaryText } from './intern.js';
import { extension, isUndefined, scalar, scalarLength, uint } from './msgpack-scalars.js';
import type { ElementKind, Reader } from './reader.js';
import { isText } from './text.js';
import { MixedDict, type OpenDict, putEntry, Timestamp, Untranslatable } from './values.js';

/**
 * Reads MessagePack. The length checks come before anything is built: a list of n elements needs n bytes, a dict of n
 * entries 2n. The last of equal keys wins (SER-4). undefined, as msgpackr writes it, is read as null.
 */
export class MsgpackReader implements Reader {
  pos = 0;
  #trouble: string | undefined;
  readonly #maxDepth: number;
  readonly #maxEntries: number;
  /** Per level: values still to come; of dicts the negative of it, so that keys are at even numbers. */
  readonly #left: Int32Array;
  #needsRewriting = false;
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;
  #depth = 0;
  #elements = 0;

  constructor(limits: CodecLimits) {
    this.#maxDepth = limits.maxDepth;
    this.#maxEntries = limits.maxContainerEntries;
    this.#left = new Int32Array(limits.maxDepth + 1);
  }

  begin(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#end = bytes.length;
    this.#depth = 0;
    this.pos = 0;
    this.#needsRewriting = false;
    this.#trouble = undefined;
  }

  trouble(): string | undefined {
    return this.#trouble;
  }

  enterMessage(): boolean {
    if (this.#end === 0) return this.#cutOff(0);
    const first = this.#bytes[0] as number;
    if ((first & 0xf0) !== 0x90 && first !== 0xdc && first !== 0xdd) return this.#fail('the message is not a list', 0);
    const count = this.#openList(0);
    this.#elements = count;
    return count >= 0;
  }

  hasElement(index: number): boolean {
    if (index < this.#elements) return true;
    return this.pos === this.#end ? false : this.#fail('bytes follow the message', this.pos);
  }

  jump(pos: number, index: number): boolean {
    if (index >= this.#elements) return false;
    this.pos = pos;
    return true;
  }

  kind(): ElementKind {
    if (this.pos >= this.#end) return 'other';
    const first = this.#bytes[this.pos] as number;
    if (first < 0x80) return 'other';
    if (first < 0x90) return 'dict';
    if (first < 0xa0) return 'list';
    if (first < 0xc0) return 'text';
    if (first >= 0xc4 && first <= 0xc6) return 'bytes';
    if (first >= 0xd9 && first <= 0xdb) return 'text';
    if (first === 0xdc || first === 0xdd) return 'list';
    if (first === 0xde || first === 0xdf) return 'dict';
    return first === 0xc0 || (first === 0xd4 && isUndefined(this.#bytes, this.pos)) ? 'null' : 'other';
  }

  needsRewriting(): boolean {
    return this.#needsRewriting;
  }

  single(): ElementKind | undefined {
    if (this.#openList(this.pos) !== 1) return undefined;
    const kind = this.kind();
    return this.skip() ? kind : undefined;
  }

  skip(): boolean {
    const bytes = this.#bytes;
    const left = this.#left;
    let depth = 0;
    left[0] = 1;
    for (;;) {
      while (left[depth] === 0) {
        if (depth === 0) return true;
        depth--;
      }
      const before = left[depth] as number;
      left[depth] = before < 0 ? before + 1 : before - 1;
      const isKey = before < 0 && (before & 1) === 0;
      const at = this.pos;
      // Most keys, and much text, have fewer than 32 bytes.
      const first = at < this.#end ? (bytes[at] as number) : 0;
      const behind = at + 1 + (first & 0x1f);
      if (first >= 0xa0 && first < 0xc0 && behind <= this.#end) {
        if (!isText(bytes, at + 1, behind)) return this.#fail('invalid UTF-8', at + 1);
        if (isKey && first === SHORT_PROTOTYPE && isPrototype(bytes, at + 1, behind)) return this.#failPrototype(at);
        this.pos = behind;
        continue;
      }
      if (isKey) {
        if (!this.#skipLongKey(at)) return false;
        continue;
      }
      const kind = this.kind();
      if (kind === 'text') {
        const start = this.#openString();
        if (start < 0) return false;
        if (!isText(bytes, start, this.pos)) return this.#fail('invalid UTF-8', start);
      } else if (kind === 'bytes') {
        if (this.#openString() < 0) return false;
      } else if (kind === 'list' || kind === 'dict') {
        if (depth >= this.#maxDepth) return this.#tooDeep(at);
        const count = kind === 'list' ? this.#openList(at) : this.#openDict(at);
        if (count < 0) return false;
        depth++;
        left[depth] = kind === 'list' ? count : -2 * count;
      } else {
        if (!this.#skipScalar()) return false;
        if (first >= 0xc7 && first <= 0xd8 && !this.#checkExtension(at, first)) return false;
      }
    }
  }

  #skipLongKey(at: number): boolean {
    if (at >= this.#end) return this.#cutOff(at);
    if (this.kind() !== 'text') return this.#fail('a key that is not text', at);
    const start = this.#openString();
    if (start < 0) return false;
    if (!isText(this.#bytes, start, this.pos)) return this.#fail('invalid UTF-8', start);
    return !isPrototype(this.#bytes, start, this.pos) || this.#failPrototype(at);
  }

  #failPrototype(at: number): false {
    return this.#fail('the key "__proto__"', at);
  }

  /**
   * Libraries know no extension but timestamps, and end their session over others (msgpack5, msgpackr) or over
   * timestamps of another length (msgpack for Python). undefined, as msgpackr writes it, becomes nil.
   */
  #checkExtension(at: number, first: number): boolean {
    if (first > 0xc9 && first < 0xd4) return true;
    const bytes = this.#bytes;
    if (isUndefined(bytes, at)) {
      this.#needsRewriting = true;
      return true;
    }
    const value = extension(bytes, at, first, new DataView(bytes.buffer, bytes.byteOffset, this.#end));
    if (value instanceof Timestamp && value.nanoseconds <= 999_999_999) return true;
    const what = value instanceof Untranslatable ? value.what : 'a timestamp of more than 999,999,999 nanoseconds';
    return this.#fail(`${what}, which not every client can read`, at);
  }

  readElement(): unknown {
    return this.read();
  }

  read(): unknown {
    const start = this.pos;
    switch (this.kind()) {
      case 'list':
        return this.#readList();
      case 'dict':
        return this.#readDict();
      case 'text':
        return this.#readText();
      case 'bytes': {
        const from = this.#openString();
        // A copy: a view would keep all of the message's memory, and see what is later written over it.
        return from < 0 ? undefined : new Uint8Array(this.#bytes.subarray(from, this.pos));
      }
      case 'null':
      case 'other':
        return this.#skipScalar() ? scalar(this.#bytes, start) : undefined;
    }
  }

  #readList(): unknown {
    if (this.#depth >= this.#maxDepth) return this.#tooDeep(this.pos);
    const count = this.#openList(this.pos);
    const list: unknown[] = [];
    this.#depth++;
    for (let i = 0; i < count; i++) {
      list.push(this.read());
      if (this.trouble() !== undefined) return undefined;
    }
    this.#depth--;
    return list;
  }

  #readDict(): unknown {
    if (this.#depth >= this.#maxDepth) return this.#tooDeep(this.pos);
    const entries = this.#openDict(this.pos);
    if (entries === 0) return NO_DETAILS;
    const dict: OpenDict = {};
    this.#depth++;
    for (let i = 0; i < entries; i++) {
      if (this.kind() !== 'text') return this.#readMixed(dict, entries - i);
      const key = this.#readText();
      const value = this.read();
      if (this.trouble() !== undefined) return undefined;
      putEntry(dict, key, value);
    }
    this.#depth--;
    return dict;
  }

  /** The rest of a dict, of which a key turned out not to be text. Never from its start: dicts nest. */
  #readMixed(before: OpenDict, left: number): unknown {
    const mixed = new MixedDict(before);
    for (let i = 0; i < left; i++) {
      const key = this.read();
      const value = this.read();
      if (this.trouble() !== undefined) return undefined;
      mixed.put(key, value);
    }
    this.#depth--;
    return mixed;
  }

  #readText(): string {
    const start = this.#openString();
    if (start < 0) return '';
    const text = readBinaryText(this.#bytes, start, this.pos);
    if (text === undefined) this.#fail('invalid UTF-8', start);
    return text ?? '';
  }

  /** Moves behind a string or byte string; its content begins at the result, −1 in trouble. */
  #openString(): number {
    const pos = this.pos;
    const first = this.#bytes[pos] as number;
    let start = pos + 1;
    let length = first & 0x1f;
    if (first >= 0xc0) {
      // c4 c5 c6 and d9 da db: lengths of 1, 2 and 4 bytes.
      const width = first < 0xd0 ? 1 << (first - 0xc4) : 1 << (first - 0xd9);
      length = uint(this.#bytes, start, width);
      start += width;
    }
    if (length < 0 || start + length > this.#end) {
      this.#cutOff(pos);
      return -1;
    }
    this.pos = start + length;
    return start;
  }

  /** Moves behind the head of a list; the number of elements, −1 in trouble. */
  #openList(pos: number): number {
    const first = this.#bytes[pos] as number;
    return this.#open(pos, first < 0xa0 ? first & 0x0f : -1, first === 0xdc ? 2 : 4, 1);
  }

  /** Moves behind the head of a dict; the number of entries, −1 in trouble. */
  #openDict(pos: number): number {
    const first = this.#bytes[pos] as number;
    return this.#open(pos, first < 0x90 ? first & 0x0f : -1, first === 0xde ? 2 : 4, 2);
  }

  #open(pos: number, short: number, width: number, valuesPerEntry: number): number {
    const count = short >= 0 ? short : uint(this.#bytes, pos + 1, width);
    const start = short >= 0 ? pos + 1 : pos + 1 + width;
    if (count < 0 || count * valuesPerEntry > this.#end - start) {
      this.#cutOff(pos);
      return -1;
    }
    if (count > this.#maxEntries) {
      this.#fail(`a list or dict of more than ${this.#maxEntries} entries (limits.maxContainerEntries)`, pos);
      return -1;
    }
    this.pos = start;
    return count;
  }

  #skipScalar(): boolean {
    const pos = this.pos;
    if (pos >= this.#end) return this.#cutOff(pos);
    const length = scalarLength(this.#bytes, pos);
    if (length === 0) return this.#fail('the byte 0xc1, which MessagePack never uses', pos);
    if (length < 0 || pos + length > this.#end) return this.#cutOff(pos);
    this.pos = pos + length;
    return true;
  }

  #tooDeep(pos: number): false {
    return this.#fail(`lists and dicts nested deeper than ${this.#maxDepth} (limits.maxNestingDepth)`, pos);
  }

  #cutOff(pos: number): false {
    return this.#fail('the bytes end before the value that begins here', pos);
  }

  #fail(what: string, pos: number): false {
    this.#trouble ??= `MessagePack, byte ${pos}: ${what}`;
    return false;
  }
}

/** msgpack5, and with it autobahn-js, ends its session over a key of this name. */
function isPrototype(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start === PROTOTYPE.length && PROTOTYPE.equals(bytes.subarray(start, end));
}

const PROTOTYPE = Buffer.from('__proto__');
const SHORT_PROTOTYPE = 0xa0 + PROTOTYPE.length;
