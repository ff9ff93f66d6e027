import { HEAD_BYTES, readFrameHead, type FrameHead, type FrameKind } from './frame-head.js';
import { Pieces } from './pieces.js';

/** Receives whole frames, one at a time. */
export interface FrameSink {
  /**
   * One frame; `payload` is valid only during the call. `headroomBytes`: undefined, or the bytes before the payload that
   * belong to it, and then the receiver may keep it. False: the reader reads nothing more.
   */
  frame(kind: FrameKind, payload: Uint8Array, headroomBytes?: number): boolean;
  /** The prefix has a reserved bit or kind. Nothing more is read. */
  unreadable(): void;
  /** The prefix announces more than `maxBytes`. Nothing more is read. */
  overlong(length: number, maxBytes: number): void;
}

/**
 * Cuts a byte stream into frames. Checks each announced length before it keeps a byte of the frame, and holds at most one
 * frame that has not arrived completely.
 */
export class FrameReader {
  readonly #maxBytes: number;
  readonly #headroomBytes: number;
  readonly #head = new Uint8Array(HEAD_BYTES);
  #headBytes = 0;
  #frame: FrameHead | undefined;
  readonly #pieces = new Pieces();
  #isDone = false;

  /** `headroomBytes`: free space before a payload that arrived in pieces. */
  constructor(maxBytes: number, headroomBytes: number) {
    this.#maxBytes = maxBytes;
    this.#headroomBytes = headroomBytes;
  }

  /** Bytes of the payload that has not arrived completely. */
  get heldBytes(): number {
    return this.#pieces.length;
  }

  /** Reads a chunk of the stream, which must not change later. */
  read(chunk: Uint8Array, sink: FrameSink): void {
    let at = 0;
    while (at < chunk.length && !this.#isDone) {
      if (this.#frame === undefined) at = this.#readHead(chunk, at, sink);
      if (this.#frame !== undefined) at = this.#readPayload(chunk, at, this.#frame, sink);
    }
  }

  /** Reads nothing more, and releases what it holds. */
  stop(): void {
    this.#isDone = true;
    this.#pieces.clear();
  }

  #readHead(chunk: Uint8Array, from: number, sink: FrameSink): number {
    let at = from;
    while (at < chunk.length && this.#headBytes < HEAD_BYTES) this.#head[this.#headBytes++] = chunk[at++] ?? 0;
    if (this.#headBytes < HEAD_BYTES) return at;
    this.#headBytes = 0;
    const head = readFrameHead(this.#head);
    if (head !== undefined && head.length <= this.#maxBytes) {
      this.#frame = head;
      return at;
    }
    this.stop();
    if (head === undefined) sink.unreadable();
    else sink.overlong(head.length, this.#maxBytes);
    return at;
  }

  #readPayload(chunk: Uint8Array, at: number, { kind, length }: FrameHead, sink: FrameSink): number {
    const missing = length - this.#pieces.length;
    if (chunk.length - at < missing) {
      this.#pieces.add(chunk.subarray(at));
      return chunk.length;
    }
    const last = chunk.subarray(at, at + missing);
    this.#frame = undefined;
    const goesOn =
      this.#pieces.length === 0
        ? sink.frame(kind, last)
        : sink.frame(kind, this.#join(last, length), this.#headroomBytes);
    if (!goesOn) this.stop();
    return at + missing;
  }

  #join(last: Uint8Array, length: number): Uint8Array {
    const start = this.#headroomBytes;
    const payload = new Uint8Array(new ArrayBuffer(start + length), start);
    payload.set(last, this.#pieces.length);
    this.#pieces.moveTo(payload, 0);
    return payload;
  }
}
