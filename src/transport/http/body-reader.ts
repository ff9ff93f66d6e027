import { Buffer } from 'node:buffer';
import type { HttpStatus } from '../../telemetry/counters.js';

export interface BodyBounds {
  readonly maxBytes: number;
  /** Time for the whole body, from the end of the headers. */
  readonly timeoutMs: number;
}

/** Why a request has no body that can be used. `gone`: the client has left. */
export interface BodyFlaw {
  readonly status: Extract<HttpStatus, '400' | '408' | '413' | '503'>;
  readonly reason: 'gone' | 'length' | 'too_large' | 'timeout' | 'memory';
  /** Text for people. */
  readonly sentence: string;
}

/** The bytes of all bodies that are being read, bounded. */
export class BodyPool {
  #bytes = 0;
  readonly #maxBytes: number;
  readonly #onLimit: () => void;

  constructor(maxBytes: number, onLimit: () => void) {
    this.#maxBytes = maxBytes;
    this.#onLimit = onLimit;
  }

  /** False: there is no room. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#maxBytes) {
      this.#onLimit();
      return false;
    }
    this.#bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** Bytes of a body that is too large which are read and dropped: a client that still sends would not read the answer. */
const MAX_DROPPED_BYTES = 262_144;
/** Memory for a body whose first bytes have come. */
const LEAST_BYTES = 1_024;
const LENGTH = /^\d{1,15}$/;

/** Reads the body of one request, within its bounds. `settle` receives the outcome once. */
export class BodyReader {
  readonly #bounds: BodyBounds;
  readonly #pool: BodyPool;
  readonly #settle: (outcome: Uint8Array | BodyFlaw) => void;
  readonly #timer: NodeJS.Timeout | undefined;
  /** Grows as the body does: a client may send each byte alone. */
  #buffer = Buffer.alloc(0);
  #bytes = 0;
  #droppedBytes = 0;
  #flaw: BodyFlaw | undefined;
  #isSettled = false;

  constructor(
    headers: ReadonlyMap<string, string>,
    bounds: BodyBounds,
    pool: BodyPool,
    settle: (outcome: Uint8Array | BodyFlaw) => void,
  ) {
    this.#bounds = bounds;
    this.#pool = pool;
    this.#settle = settle;
    const flaw = lengthFlaw(headers, bounds.maxBytes);
    if (flaw?.isFinal === true) {
      this.#end(flaw);
      return;
    }
    this.#flaw = flaw;
    this.#timer = setTimeout(() => this.#end(this.#flaw ?? tooSlow(bounds.timeoutMs)), bounds.timeoutMs);
  }

  /** The next bytes. They are copied. */
  push(chunk: ArrayBuffer, isLast: boolean): void {
    if (this.#isSettled) return;
    if (this.#flaw === undefined) this.#flaw = this.#keep(chunk);
    if (this.#flaw !== undefined) {
      this.#droppedBytes += chunk.byteLength;
      if (isLast || this.#droppedBytes > MAX_DROPPED_BYTES) this.#end(this.#flaw);
    } else if (isLast) this.#end(this.#buffer.subarray(0, this.#bytes));
  }

  /** The client has left. */
  aborted(): void {
    if (!this.#isSettled) this.#end({ status: '400', reason: 'gone', sentence: 'The client has left.' });
  }

  #keep(chunk: ArrayBuffer): BodyFlaw | undefined {
    const bytes = this.#bytes + chunk.byteLength;
    if (bytes > this.#bounds.maxBytes) return this.#drop(tooLarge(this.#bounds.maxBytes));
    if (bytes > this.#buffer.length && !this.#grow(bytes)) return this.#drop(NO_ROOM);
    this.#buffer.set(new Uint8Array(chunk), this.#bytes);
    this.#bytes = bytes;
    return undefined;
  }

  /** False: there is no room. */
  #grow(bytes: number): boolean {
    const size = Math.min(Math.max(bytes, 2 * this.#buffer.length, LEAST_BYTES), this.#bounds.maxBytes);
    if (!this.#pool.take(size - this.#buffer.length)) return false;
    const larger = Buffer.allocUnsafeSlow(size);
    larger.set(this.#buffer.subarray(0, this.#bytes));
    this.#buffer = larger;
    return true;
  }

  #drop(flaw: BodyFlaw): BodyFlaw {
    this.#pool.give(this.#buffer.length);
    this.#buffer = Buffer.alloc(0);
    return flaw;
  }

  #end(outcome: Uint8Array | BodyFlaw): void {
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.#pool.give(this.#buffer.length);
    this.#buffer = Buffer.alloc(0);
    this.#settle(outcome);
  }
}

interface LengthFlaw extends BodyFlaw {
  /** The body is not even dropped. */
  readonly isFinal: boolean;
}

function lengthFlaw(headers: ReadonlyMap<string, string>, maxBytes: number): LengthFlaw | undefined {
  const length = headers.get('content-length');
  const encoding = headers.get('transfer-encoding');
  if (encoding !== undefined && encoding.toLowerCase() !== 'chunked')
    return { ...badLength('Transfer-Encoding can only be "chunked".'), isFinal: true };
  if (length === undefined) return undefined;
  if (encoding !== undefined)
    return { ...badLength('A request has either Content-Length or Transfer-Encoding.'), isFinal: true };
  if (!LENGTH.test(length)) return { ...badLength('Content-Length must be one number.'), isFinal: true };
  const bytes = Number(length);
  return bytes <= maxBytes ? undefined : { ...tooLarge(maxBytes), isFinal: bytes > maxBytes + MAX_DROPPED_BYTES };
}

function badLength(sentence: string): BodyFlaw {
  return { status: '400', reason: 'length', sentence };
}

function tooLarge(maxBytes: number): BodyFlaw {
  return { status: '413', reason: 'too_large', sentence: `The body is larger than ${maxBytes} bytes.` };
}

function tooSlow(timeoutMs: number): BodyFlaw {
  return { status: '408', reason: 'timeout', sentence: `The body did not arrive within ${timeoutMs} ms.` };
}

const NO_ROOM: BodyFlaw = {
  status: '503',
  reason: 'memory',
  sentence: 'The bodies of all requests together are too large (limits.maxTotalBodyBytes). Try again.',
};
