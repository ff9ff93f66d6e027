import type { Framing } from './frame-template.js';

/** Called with one message's bytes, which lie in a buffer that the next read overwrites. */
export type OnMessage = (buffer: Buffer, start: number, end: number) => void;

/** One connection of the load: whole messages in, prepared frames out. Anything else is a failure. */
export interface LoadClient {
  readonly framing: Framing;
  onMessage: OnMessage;
  /** All messages of one read have been handed over. */
  onReadEnd: () => void;
  /** Called once. */
  onFailure: (error: Error) => void;
  /** The connection is over, whatever ended it. */
  onClosed: () => void;
  /** Whole frames. The bytes must not change until `written` is called. */
  write(frames: Buffer, written?: () => void): void;
  /** The closing of a connection is no failure from now on. */
  expectClose(): void;
  close(): void;
  destroy(): void;
}
