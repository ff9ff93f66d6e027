import { Buffer } from 'node:buffer';
import type { LogLineFate } from './counters.js';
import type { LinePort } from './line-port.js';

export interface LineWriterOptions {
  readonly port: LinePort;
  /** Bytes that may wait. A line that would exceed it is dropped. */
  readonly maxUnwrittenBytes: () => number;
  /** Counts the fate of lines. */
  readonly count: (fate: LogLineFate, lineCount: number) => void;
  /** Lines were dropped before, and everything that waited has been written since. */
  readonly recovered: (dropped: number) => void;
}

interface Chunk {
  readonly bytes: Buffer;
  readonly lineCount: number;
  writtenBytes: number;
}

/** Bytes that are given to the system at once, and per turn. */
const CHUNK_BYTES = 65_536;
/** Until a destination that takes nothing is asked again. */
const RETRY_MS = 50;
const PAUSE_MS = 2;
const NEWLINE = Buffer.from('\n');

/**
 * Writes whole lines in order to a destination that may stall, fail and recover. `write` never waits and never throws: what does
 * not fit is dropped and counted, and what the destination refuses too. After a line that was written in part the next one begins
 * on a line of its own.
 */
export class LineWriter {
  readonly #options: LineWriterOptions;
  readonly #lines: Buffer[] = [];
  #chunk: Chunk | undefined;
  #unwrittenBytes = 0;
  #droppedCount = 0;
  #isLineOpen = false;
  /** The system or a timer continues. */
  #isWaiting = false;
  readonly #onSettled: (() => void)[] = [];

  constructor(options: LineWriterOptions) {
    this.#options = options;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#unwrittenBytes + bytes.length > this.#options.maxUnwrittenBytes()) {
      this.#drop('dropped_stalled', 1);
      return;
    }
    this.#lines.push(bytes);
    this.#unwrittenBytes += bytes.length;
    if (!this.#isWaiting) this.#advance();
  }

  /** Resolves when nothing waits any more that `flush` could overtake. */
  settled(): Promise<void> {
    if (this.#options.port.kind === 'immediate' || !this.#isWaiting) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onSettled.push(resolve);
    });
  }

  /** Writes what waits, for `limitMs` at the most. For the end of the process: it blocks. */
  flush(limitMs: number): void {
    const untilMs = Date.now() + limitMs;
    // The system completes what it is already writing before the process ends.
    if (this.#options.port.kind === 'queued') this.#chunk = undefined;
    for (let chunk = this.#next(); chunk !== undefined; chunk = this.#next()) {
      const error = this.#try(chunk);
      if (error !== null && !isBusy(error)) this.#failed(chunk);
      if (isBusy(error)) {
        if (Date.now() >= untilMs) return;
        pause(PAUSE_MS);
      }
    }
  }

  #advance(): void {
    const chunk = this.#next();
    if (chunk === undefined) return;
    const { port } = this.#options;
    if (port.kind === 'immediate') {
      this.#continue(chunk, this.#try(chunk));
      return;
    }
    this.#isWaiting = true;
    port.write(rest(chunk), (error, byteCount) => {
      // `flush` has overtaken it.
      if (this.#chunk !== chunk) return;
      if (error === null) this.#wrote(chunk, byteCount);
      this.#continue(chunk, error);
    });
  }

  /** The system's error, or null. */
  #try(chunk: Chunk): unknown {
    try {
      this.#wrote(chunk, this.#options.port.writeNow(rest(chunk)));
      return null;
    } catch (error) {
      return error;
    }
  }

  #continue(chunk: Chunk, error: unknown): void {
    const isLater = isBusy(error);
    if (error !== null && !isLater) this.#failed(chunk);
    this.#isWaiting = this.#chunk !== undefined || this.#lines.length > 0;
    if (isLater) setTimeout(() => this.#resume(), RETRY_MS).unref();
    else if (this.#isWaiting) setImmediate(() => this.#resume());
    else if (error === null) this.#recover();
    if (!this.#isWaiting) for (const resolve of this.#onSettled.splice(0)) resolve();
  }

  #resume(): void {
    this.#isWaiting = false;
    this.#advance();
  }

  #recover(): void {
    const dropped = this.#droppedCount;
    if (dropped === 0) return;
    this.#droppedCount = 0;
    this.#options.recovered(dropped);
  }

  #next(): Chunk | undefined {
    if (this.#chunk !== undefined || this.#lines.length === 0) return this.#chunk;
    let lineCount = 0;
    let byteCount = 0;
    while (lineCount < this.#lines.length) {
      byteCount += this.#lines[lineCount]?.length ?? 0;
      if (lineCount > 0 && byteCount > CHUNK_BYTES) break;
      lineCount++;
    }
    const lines = this.#lines.splice(0, lineCount);
    if (this.#isLineOpen) {
      lines.unshift(NEWLINE);
      this.#unwrittenBytes += NEWLINE.length;
      this.#isLineOpen = false;
    }
    const [first = NEWLINE] = lines;
    this.#chunk = { bytes: lines.length === 1 ? first : Buffer.concat(lines), lineCount, writtenBytes: 0 };
    return this.#chunk;
  }

  #wrote(chunk: Chunk, byteCount: number): void {
    chunk.writtenBytes += byteCount;
    this.#unwrittenBytes -= byteCount;
    if (chunk.writtenBytes < chunk.bytes.length) return;
    this.#chunk = undefined;
    this.#options.count('written', chunk.lineCount);
  }

  #failed(chunk: Chunk): void {
    this.#chunk = undefined;
    this.#unwrittenBytes -= chunk.bytes.length - chunk.writtenBytes;
    this.#isLineOpen = chunk.writtenBytes > 0;
    this.#drop('dropped_failed', chunk.lineCount);
  }

  #drop(fate: 'dropped_stalled' | 'dropped_failed', lineCount: number): void {
    this.#droppedCount += lineCount;
    this.#options.count(fate, lineCount);
  }
}

function rest({ bytes, writtenBytes }: Chunk): Buffer {
  return writtenBytes === 0 ? bytes : bytes.subarray(writtenBytes);
}

/** The destination takes nothing at the moment. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EINTR');
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
