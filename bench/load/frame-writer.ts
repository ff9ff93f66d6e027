import type { LoadClient } from './client.js';

const chunkBytes = 64 * 1024;
const spare: Buffer[] = [];

/** Gathers frames for one connection and writes them in large chunks. */
export class FrameWriter {
  /** Where the next frame goes; after writing one, set `offset` to its end. */
  buffer: Buffer = takeChunk(chunkBytes);
  offset = 0;
  readonly #client: LoadClient;

  constructor(client: LoadClient) {
    this.#client = client;
  }

  /** Makes room for a frame of so many bytes. */
  reserve(bytes: number): void {
    if (this.offset + bytes <= this.buffer.length) return;
    this.flush();
    if (this.buffer.length < bytes) this.buffer = takeChunk(bytes);
  }

  flush(): void {
    if (this.offset === 0) return;
    const chunk = this.buffer;
    this.#client.write(chunk.subarray(0, this.offset), () => spare.push(chunk));
    this.buffer = takeChunk(chunkBytes);
    this.offset = 0;
  }
}

function takeChunk(bytes: number): Buffer {
  return bytes > chunkBytes ? Buffer.allocUnsafeSlow(bytes) : (spare.pop() ?? Buffer.allocUnsafeSlow(chunkBytes));
}
