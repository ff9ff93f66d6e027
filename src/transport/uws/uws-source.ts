import type { HttpResponse } from 'uWebSockets.js';
import type { BodySource } from '../http/exchange.js';

/** The library's buffer for writes under one cork. Bytes that do not fit into it go to the system at once. */
export const CORK_BYTES = 16_384;
const PIECE_BYTES = 65_536;

/** The answer that the body belongs to. */
export interface SourceAnswer {
  /** Writes status and headers. */
  head(): void;
  /** The connection is still there. */
  isOpen(): boolean;
  /** The system has taken the whole body: closes the connection. */
  written(): void;
}

/** Writes a body piece by piece. The next piece is read when the system has taken the one before. */
export class SourceBody {
  readonly #response: HttpResponse;
  readonly #source: BodySource;
  readonly #answer: SourceAnswer;
  #piece: Uint8Array = new Uint8Array();
  /** Offset of the piece in the body. */
  #start = 0;
  #isReading = false;

  constructor(response: HttpResponse, source: BodySource, answer: SourceAnswer) {
    this.#response = response;
    this.#source = source;
    this.#answer = answer;
  }

  async begin(): Promise<void> {
    if (!(await this.#read(0))) return;
    const { byteLength } = this.#source;
    this.#response.onWritable((offset) => {
      // Without a piece there is nothing to write.
      if (this.#isReading) return true;
      const isOut = this.#write(offset);
      if (isOut) void this.#proceed();
      return isOut;
    });
    let isOut = false as boolean;
    this.#response.cork(() => {
      this.#answer.head();
      // The first call announces the length, and must have some of the body but not all of it.
      this.#response.writeHeader('Connection', 'close').tryEnd(this.#piece.subarray(0, 1), byteLength);
      isOut = this.#write(1);
    });
    if (isOut) await this.#proceed();
  }

  /** The system has taken the piece. */
  async #proceed(): Promise<void> {
    let isOut = true as boolean;
    while (isOut) {
      const next = this.#start + this.#piece.byteLength;
      if (next >= this.#source.byteLength) {
        this.#answer.written();
        return;
      }
      if (!(await this.#read(next))) return;
      this.#response.cork(() => {
        isOut = this.#write(next);
      });
    }
  }

  /** False: nobody needs it, or there is none. */
  async #read(offset: number): Promise<boolean> {
    const rest = this.#source.byteLength - offset;
    // A shorter last piece would stay in the library's buffer, and look as if it were out.
    const length = rest <= PIECE_BYTES + CORK_BYTES ? rest : PIECE_BYTES;
    this.#isReading = true;
    try {
      this.#piece = await this.#source.read(offset, length);
      this.#start = offset;
    } catch {
      // The head has promised more: only the end of the connection shows that the body is not whole.
      if (this.#answer.isOpen()) this.#response.close();
      return false;
    } finally {
      this.#isReading = false;
    }
    return this.#answer.isOpen();
  }

  /**
   * False: the system takes no more for now. The library keeps the connection of an answer that it knows to be complete:
   * so it is promised one byte more than there is.
   */
  #write(offset: number): boolean {
    return this.#response.tryEnd(this.#piece.subarray(offset - this.#start), this.#source.byteLength + 1)[0];
  }
}
