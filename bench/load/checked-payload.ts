import type { Serializer } from './endpoint.js';
import { isFillerIntact, readSequence, readSource } from './payload.js';
import { closingBytes, hasCode } from './wamp.js';

// The filler of every message would cost more than all else: each 64th, and the first ones.
const sampleMask = 63;

/** Checks the content of each message that arrives on one connection. */
export interface ArrivalCheck {
  /** Returns where the payload begins. Throws when the message is not the expected one. */
  locate(buffer: Buffer, start: number, end: number): number;
  /** Throws unless the payload at `at` is the `sequence`-th of that source. */
  expect(buffer: Buffer, at: number, source: number, sequence: number): void;
}

/** Looks at what arrives on one connection: the right message, the right sender's payload, its bytes intact. */
export class CheckedPayload implements ArrivalCheck {
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

  expect(buffer: Buffer, at: number, source: number, sequence: number): void {
    expectStamp(buffer, at, source, sequence);
  }
}

/** Checks messages of other protocols, in which the payload follows the same head each time. */
export class CheckedTail implements ArrivalCheck {
  readonly #head: Buffer;
  readonly #payloadBytes: number;
  #seen = 0;

  constructor(head: string, payloadBytes: number) {
    this.#head = Buffer.from(head);
    this.#payloadBytes = payloadBytes;
  }

  locate(buffer: Buffer, start: number, end: number): number {
    const payload = start + this.#head.length;
    if (payload + this.#payloadBytes > end) throw unexpected(buffer, start, end);
    this.#seen += 1;
    if ((this.#seen & sampleMask) <= 1) {
      if (this.#head.compare(buffer, start, payload) !== 0) throw unexpected(buffer, start, end);
      if (!isFillerIntact(buffer, payload, this.#payloadBytes))
        throw new Error(`payload bytes changed on the way: ${preview(buffer, start, end)}`);
    }
    return payload;
  }

  expect(buffer: Buffer, at: number, source: number, sequence: number): void {
    expectStamp(buffer, at, source, sequence);
  }
}

function expectStamp(buffer: Buffer, at: number, source: number, sequence: number): void {
  const arrived = readSequence(buffer, at);
  if (arrived === sequence && readSource(buffer, at) === source) return;
  throw new Error(`message ${sequence} of sender ${source} was due, ${arrived} of ${readSource(buffer, at)} came`);
}

function unexpected(buffer: Buffer, start: number, end: number): Error {
  return new Error(`an unexpected message: ${preview(buffer, start, end)}`);
}

function preview(buffer: Buffer, start: number, end: number): string {
  return buffer.toString('latin1', start, Math.min(end, start + 200)).replace(/[^ -~]/g, '.');
}
