import { Buffer } from 'node:buffer';

/** The reply of a script does not have the shape that this release knows. */
export function unexpectedReply(file: string, raw: unknown): TypeError {
  return new TypeError(`${file} replied ${typeof raw === 'string' ? raw.slice(0, 40) : typeof raw}`);
}

// Each of these returns a part of the reply of the script `file`, or throws `unexpectedReply`.

export function listOf(raw: unknown, file: string): readonly unknown[] {
  if (!Array.isArray(raw)) throw unexpectedReply(file, raw);
  return raw;
}

export function textOf(raw: unknown, file: string): string {
  if (typeof raw !== 'string') throw unexpectedReply(file, raw);
  return raw;
}

/** Text too comes as bytes from a script that `isBinary`. */
export function bytesOf(raw: unknown, file: string): Buffer {
  if (!Buffer.isBuffer(raw)) throw unexpectedReply(file, raw);
  return raw;
}

export function countOf(raw: unknown, file: string): number {
  if (typeof raw !== 'number' || !Number.isSafeInteger(raw) || raw < 0) throw unexpectedReply(file, raw);
  return raw;
}

export function oneOf<Word extends string>(words: readonly Word[], raw: unknown, file: string): Word {
  const word = words.find((known) => known === raw);
  if (word === undefined) throw unexpectedReply(file, raw);
  return word;
}
