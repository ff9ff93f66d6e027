/** The socket below an outbox. It has the shape of a WebSocket of uWebSockets.js, so that no adapter stands on the hot path. */
export interface OutboxSocket {
  /** 1: the socket took it; 0: took it and buffers it; 2: dropped it, because the buffer is full. */
  send(message: Uint8Array, isBinary: boolean, compress: boolean): number;
  ping(): number;
  getBufferedAmount(): number;
  /** Runs `callback` at once and writes what it sent in one piece. */
  cork(callback: () => void): unknown;
  /** `end` and `close` end the socket at once; its owner disposes of the outbox before they return. */
  end(code: number, reason: string): void;
  close(): void;
}
