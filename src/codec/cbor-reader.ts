import { NO_DETAILS } from '../wamp/options.js';
import { BREAK, BYTES, DICT, INDEFINITE, joined, LIST, NEGATIVE, TAG, TEXT, UNSIGNED } from './cbor-heads.js';
import { bignum, simpleValue } from './cbor-scalars.js';
import type { CodecLimits } from './codec.js';
import { readBinaryText } from './intern.js';
import type { ElementKind, Reader } from './reader.js';
import { isText } from './text.js';
import { integerRead, MixedDict, type OpenDict, putEntry } from './values.js';

const NULL = 0xf6;
const UNDEFINED = 0xf7;

const KINDS: readonly ElementKind[] = ['other', 'other', 'bytes', 'text', 'list', 'dict', 'other', 'other'];

/**
 * Reads CBOR, of definite and indefinite length. Tags other than bignums are dropped; undefined is read as null.
 * Counts are checked against the bytes left before anything is built. The last of equal keys wins (SER-4).
 */
export class CborReader implements Reader {
  pos = 0;
  #trouble: string | undefined;
  readonly #maxDepth: number;
  readonly #maxEntries: number;
  /** Per level: values still to come, or −1 − the values so far when the length is indefinite. */
  readonly #left: Int32Array;
  readonly #isDict: Uint8Array;
  /** Some libraries fail at tags, or at strings in pieces: portable.ts removes both. */
  #needsRewriting = false;
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;
  #depth = 0;
  /** −1: indefinite. */
  #elements = 0;
  /** The innermost tag before the head read last; −1: none. */
  #tag = -1;
  // The head read last: major type, additional information, argument, and the halves of an argument of 8 bytes.
  #major = 0;
  #extra = 0;
  #value = 0;
  #high = 0;
  #low = 0;

  constructor(limits: CodecLimits) {
    this.#maxDepth = limits.maxDepth;
    this.#maxEntries = limits.maxContainerEntries;
    this.#left = new Int32Array(limits.maxDepth + 1);
    this.#isDict = new Uint8Array(limits.maxDepth + 1);
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
    if (!this.#nextUntagged()) return false;
    if (this.#major !== LIST) return this.#fail('the message is not a list', 0);
    this.#elements = this.#countOf(1, 0);
    return this.trouble() === undefined;
  }

  hasElement(index: number): boolean {
    if (this.#elements >= 0) {
      if (index < this.#elements) return true;
    } else {
      if (this.pos >= this.#end) return this.#cutOff(this.pos);
      if (this.#bytes[this.pos] !== BREAK) return index < this.#maxEntries || this.#tooMany(this.pos);
      this.pos++;
    }
    return this.pos === this.#end ? false : this.#fail('bytes follow the message', this.pos);
  }

  jump(pos: number, index: number): boolean {
    if (this.#elements >= 0 ? index >= this.#elements : this.#bytes[pos] === BREAK) return false;
    this.pos = pos;
    return true;
  }

  /** A tagged value is `other`. */
  kind(): ElementKind {
    if (this.pos >= this.#end) return 'other';
    const first = this.#bytes[this.pos] as number;
    return first === NULL || first === UNDEFINED ? 'null' : (KINDS[first >>> 5] as ElementKind);
  }

  needsRewriting(): boolean {
    return this.#needsRewriting;
  }

  single(): ElementKind | undefined {
    const at = this.pos;
    if (!this.#next()) return undefined;
    const count = this.#countOf(1, at);
    if (count === 0 || count > 1 || (count < 0 && this.#atBreak())) return undefined;
    const kind = this.kind();
    return this.skip() && (count === 1 || this.#atBreak()) ? kind : undefined;
  }

  skip(): boolean {
    const bytes = this.#bytes;
    const left = this.#left;
    const isDict = this.#isDict;
    let depth = 0;
    left[0] = 1;
    isDict[0] = 0;
    for (;;) {
      while (left[depth] === 0) {
        if (depth === 0) return true;
        depth--;
      }
      const at = this.pos;
      const before = left[depth] as number;
      // Keys are at even numbers of values, still to come or read so far.
      const isKey = isDict[depth] === 1 && before < 0 === ((before & 1) !== 0);
      if (before < 0 && this.#atBreak()) {
        if (isDict[depth] === 1 && !isKey) return this.#fail('a dict ends behind a key', at);
        depth--;
        continue;
      }
      left[depth] = before - 1;
      if (before < 0 && -before > this.#maxEntries * (1 + (isDict[depth] as number))) {
        return this.#tooMany(at);
      }
      // Most keys, and much text, have fewer than 24 bytes.
      const first = at < this.#end ? (bytes[at] as number) : 0;
      const behind = at + 1 + (first & 0x1f);
      if (first >= 0x60 && first < 0x78 && behind <= this.#end) {
        if (!isText(bytes, at + 1, behind)) return this.#fail('invalid UTF-8', at + 1);
        this.pos = behind;
        continue;
      }
      if (!this.#nextUntagged()) return false;
      if (isKey && (this.#major !== TEXT || this.#tag >= 0)) return this.#fail('a key that is not text', at);
      if (this.#tag >= 0) this.#needsRewriting = true;
      if (this.#major === LIST || this.#major === DICT) {
        if (depth >= this.#maxDepth) return this.#tooDeep(at);
        const perEntry = this.#major === DICT ? 2 : 1;
        const count = this.#countOf(perEntry, at);
        if (this.trouble() !== undefined) return false;
        depth++;
        left[depth] = count < 0 ? -1 : count * perEntry;
        isDict[depth] = perEntry - 1;
      } else if (!this.#skipLeaf(at)) return false;
      else if (this.#major === 7 && (this.#extra < 20 || this.#extra === 24)) return this.#refuseSimple(at);
    }
  }

  /** Simple values that have no meaning end sessions of cbor-x. */
  #refuseSimple(at: number): false {
    return this.#fail(`the CBOR simple value ${this.#value}, which not every client can read`, at);
  }

  /** Behind the rest of a value that is neither list nor dict, whose head was read. */
  #skipLeaf(at: number): boolean {
    if (this.#major === TEXT || this.#major === BYTES) {
      if (this.#extra === INDEFINITE) {
        this.#needsRewriting = true;
        return this.#skipChunks(this.#major);
      }
      return this.#skipContent(this.#major, at);
    }
    if (this.#major !== 7) return true;
    if (this.#extra === INDEFINITE) return this.#fail('a break where a value belongs', at);
    return this.#extra === 24 && this.#value < 32 ? this.#fail('a simple value in two bytes that has one', at) : true;
  }

  #skipContent(major: number, at: number): boolean {
    const start = this.pos;
    if (this.#value > this.#end - start) return this.#cutOff(at);
    this.pos = start + this.#value;
    return major === BYTES || isText(this.#bytes, start, this.pos) || this.#fail('invalid UTF-8', start);
  }

  #skipChunks(major: number): boolean {
    for (;;) {
      const at = this.pos;
      if (this.#atBreak()) return true;
      if (!this.#next()) return false;
      if (this.#major !== major || this.#extra === INDEFINITE) return this.#fail('a chunk of another kind', at);
      if (!this.#skipContent(major, at)) return false;
    }
  }

  readElement(): unknown {
    return this.read();
  }

  read(): unknown {
    const at = this.pos;
    if (!this.#nextUntagged()) return undefined;
    const tag = this.#tag;
    const value = this.#readBody(at);
    return (tag === 2 || tag === 3) && value instanceof Uint8Array ? bignum(tag, value) : value;
  }

  #readBody(at: number): unknown {
    switch (this.#major) {
      case UNSIGNED:
        return this.#extra < 27 ? this.#value : integerRead(this.#high, this.#low);
      case NEGATIVE:
        if (this.#value < 2 ** 53) return -1 - this.#value;
        return -1n - ((BigInt(this.#high) << 32n) | BigInt(this.#low));
      case TEXT:
        return this.#readText(at);
      case BYTES: {
        const start = this.pos;
        const isDefinite = this.#extra !== INDEFINITE;
        if (!this.#skipLeaf(at)) return undefined;
        // A copy: a view would keep all of the message's memory, and see what is later written over it.
        return isDefinite
          ? new Uint8Array(this.#bytes.subarray(start, this.pos))
          : joined(this.#bytes, start, this.pos);
      }
      case LIST:
        return this.#readList(at);
      case DICT:
        return this.#readDict(at);
      default:
        return this.#skipLeaf(at) ? simpleValue(this.#extra, this.#value, this.#high, this.#low) : undefined;
    }
  }

  #readText(at: number): string {
    const start = this.pos;
    if (this.#extra === INDEFINITE)
      return this.#skipLeaf(at) ? joined(this.#bytes, start, this.pos).toString('utf8') : '';
    if (this.#value > this.#end - start) {
      this.#cutOff(at);
      return '';
    }
    this.pos = start + this.#value;
    const text = readBinaryText(this.#bytes, start, this.pos);
    if (text === undefined) this.#fail('invalid UTF-8', start);
    return text ?? '';
  }

  #readList(at: number): unknown {
    if (this.#depth >= this.#maxDepth) return this.#tooDeep(at);
    const count = this.#countOf(1, at);
    const list: unknown[] = [];
    this.#depth++;
    while (count < 0 ? !this.#atBreak() : list.length < count) {
      if (list.length >= this.#maxEntries) return this.#tooMany(this.pos);
      list.push(this.read());
      if (this.trouble() !== undefined) return undefined;
    }
    this.#depth--;
    return list;
  }

  #readDict(at: number): unknown {
    if (this.#depth >= this.#maxDepth) return this.#tooDeep(at);
    const entries = this.#countOf(2, at);
    if (entries === 0) return NO_DETAILS;
    const dict: OpenDict = {};
    this.#depth++;
    for (let i = 0; entries < 0 ? !this.#atBreak() : i < entries; i++) {
      if (i >= this.#maxEntries) return this.#tooMany(this.pos);
      const key = this.read();
      if (this.trouble() !== undefined) return undefined;
      if (typeof key !== 'string') return this.#readMixed(dict, key, i, entries);
      const value = this.read();
      if (this.trouble() !== undefined) return undefined;
      putEntry(dict, key, value);
    }
    this.#depth--;
    return dict;
  }

  /** The rest of a dict, of which the key that was read last is not text. Never from its start: dicts nest. */
  #readMixed(before: OpenDict, firstKey: unknown, doneCount: number, entries: number): unknown {
    const mixed = new MixedDict(before);
    let key = firstKey;
    for (let i = doneCount + 1; ; i++) {
      const value = this.read();
      if (this.trouble() !== undefined) return undefined;
      mixed.put(key, value);
      if (entries < 0 ? this.#atBreak() : i === entries) break;
      if (i >= this.#maxEntries) return this.#tooMany(this.pos);
      key = this.read();
      if (this.trouble() !== undefined) return undefined;
    }
    this.#depth--;
    return mixed;
  }

  /** Moves behind a break, if there is one. At the end of the bytes there is none. */
  #atBreak(): boolean {
    if (this.pos >= this.#end || this.#bytes[this.pos] !== BREAK) return false;
    this.pos++;
    return true;
  }

  /** How many entries the list or dict has whose head was read; −1: indefinite. */
  #countOf(valuesPerEntry: number, at: number): number {
    if (this.#extra === INDEFINITE) return -1;
    if (this.#value * valuesPerEntry > this.#end - this.pos) this.#cutOff(at);
    else if (this.#value > this.#maxEntries) this.#tooMany(at);
    return this.trouble() === undefined ? this.#value : 0;
  }

  /** Reads the head behind any tags. */
  #nextUntagged(): boolean {
    this.#tag = -1;
    for (;;) {
      if (!this.#next()) return false;
      if (this.#major !== TAG) return true;
      this.#tag = this.#value;
    }
  }

  /** Reads one head and moves behind it. */
  #next(): boolean {
    const bytes = this.#bytes;
    const at = this.pos;
    if (at >= this.#end) return this.#cutOff(at);
    const first = bytes[at] as number;
    this.#major = first >>> 5;
    const extra = (this.#extra = first & 0x1f);
    if (extra < 24) {
      this.#value = extra;
      this.pos = at + 1;
      return true;
    }
    return extra < 28 ? this.#nextLong(at, extra) : this.#nextIndefinite(at, extra);
  }

  #nextLong(at: number, extra: number): boolean {
    const bytes = this.#bytes;
    const width = 1 << (extra - 24);
    const end = at + 1 + width;
    if (end > this.#end) return this.#cutOff(at);
    let high = 0;
    let low = 0;
    for (let pos = at + 1; pos < end; pos++) {
      if (end - pos > 4) high = high * 256 + (bytes[pos] as number);
      else low = low * 256 + (bytes[pos] as number);
    }
    this.#high = high;
    this.#low = low;
    this.#value = high * 0x1_0000_0000 + low;
    this.pos = end;
    return true;
  }

  #nextIndefinite(at: number, extra: number): boolean {
    const isOpenable = this.#major >= BYTES && this.#major !== TAG;
    if (extra !== INDEFINITE || !isOpenable) return this.#fail('a reserved length', at);
    this.#value = 0;
    this.pos = at + 1;
    return true;
  }

  #tooDeep(pos: number): false {
    return this.#fail(`lists and dicts nested deeper than ${this.#maxDepth} (limits.maxNestingDepth)`, pos);
  }

  #tooMany(pos: number): false {
    return this.#fail(`a list or dict of more than ${this.#maxEntries} entries (limits.maxContainerEntries)`, pos);
  }

  #cutOff(pos: number): false {
    return this.#fail('the bytes end before the value that begins here', pos);
  }

  #fail(what: string, pos: number): false {
    this.#trouble ??= `CBOR, byte ${pos}: ${what}`;
    return false;
  }
}
