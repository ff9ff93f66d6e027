import type { Serializer } from './endpoint.js';
import { isFillerIntact, readSequence, readSource } from './payload.js';
import { closingBytes, hasCode } from './wamp.js';

// The filler of every message would cost more than all else: each 64th, and the first ones.
const sampleMask = 63;

/** Looks at what arrives on one connection: the right message, the right sender's payload, its bytes intact. */
export class CheckedPayload {
  readonly #serializer: Serializer;
  readonly #code: number;
  readonly #payloadBytes: number;
  readonly #closingBytes: number;
  readonly #firstClosing: number;
  #seen = 0;

  constructor(serializer: Serializer, code: number, payloadBytes: number) {
    this.#serializer = serializer;
    this.#code = code;
    this.#payloadBytes = payloadBytes;
    this.#closingBytes = closingBytes(serializer);
    this.#firstClosing = serializer === 'json' ? 0x22 : -1;
  }

  /** Returns where the payload begins. Throws when this is not the message expected here. */
  locate(buffer: Buffer, start: number, end: number): number {
    const payloadEnd = end - this.#closingBytes;
    const payload = payloadEnd - this.#payloadBytes;
    if (payload <= start || !hasCode(this.#serializer, buffer, start, this.#code)) throw unexpected(buffer, start, end);
    if (this.#firstClosing >= 0 && buffer[payloadEnd] !== this.#firstClosing) throw unexpected(buffer, start, end);
    this.#seen += 1;
    if ((this.#seen & sampleMask) <= 1 && !isFillerIntact(buffer, payload, this.#payloadBytes)) {
      throw new Error(`payload bytes changed on the way: ${preview(buffer, start, end)}`);
    }
    return payload;
  }

  /** Throws unless the payload at `at` is the `sequence`-th of that source. */
  expect(buffer: Buffer, at: number, source: number, sequence: number): void {
    const arrived = readSequence(buffer, at);
    if (arrived !== sequence || readSource(buffer, at) !== source) {
      throw new Error(`message ${sequence} of sender ${source} was due, ${arrived} of ${readSource(buffer, at)} came`);
    }
  }
}

function unexpected(buffer: Buffer, start: number, end: number): Error {
  return new Error(`an unexpected message: ${preview(buffer, start, end)}`);
}

function preview(buffer: Buffer, start: number, end: number): string {
  return buffer.toString('latin1', start, Math.min(end, start + 200)).replace(/[^ -~]/g, '.');
}
