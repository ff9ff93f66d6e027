import type { BodySource } from '../http/exchange.js';
import type { ByteRange } from './byte-range.js';
import type { ServedFile } from './served-directory.js';

/** A part of this length is sent at once. */
const SMALL_BYTES = 65_536;

/** A part of a file that is read as its client takes it. */
class FileBody implements BodySource {
  readonly byteLength: number;
  readonly #file: ServedFile;
  readonly #start: number;
  #buffer = Buffer.alloc(0);

  constructor(file: ServedFile, { start, byteLength }: ByteRange) {
    this.#file = file;
    this.#start = start;
    this.byteLength = byteLength;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (this.#buffer.byteLength < length) this.#buffer = Buffer.allocUnsafeSlow(length);
    return readInto(this.#buffer.subarray(0, length), this.#file, this.#start + offset);
  }
}

/** The body of an answer with this part of a file, which stays open until the answer has ended. */
export async function bodyOf(file: ServedFile, part: ByteRange, isLeftOut: boolean): Promise<Uint8Array | BodySource> {
  const { start, byteLength } = part;
  if ((isLeftOut && byteLength > 0) || byteLength > SMALL_BYTES) return new FileBody(file, part);
  return readInto(Buffer.allocUnsafeSlow(byteLength), file, start);
}

/** Rejects when the file has become shorter. */
async function readInto(buffer: Buffer, { handle }: ServedFile, offset: number): Promise<Uint8Array> {
  for (let length = 0; length < buffer.byteLength;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.byteLength - length, offset + length);
    if (bytesRead === 0) throw new Error('the file has become shorter while it was sent');
    length += bytesRead;
  }
  return buffer;
}
