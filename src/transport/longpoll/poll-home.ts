import type { Poll } from './poll-socket.js';

/** The outcome of sending a message. `unreachable`: its home may have received it or not. */
export type SendOutcome = 'taken' | 'unknown' | 'too_large' | 'unreachable';

export type CloseOutcome = Extract<SendOutcome, 'taken' | 'unknown' | 'unreachable'>;

/** The node that has some transports: this one, or another one that is asked. */
export interface PollHome {
  /** Receives the answer once, now or later. The function that is returned takes the poll away: its client has left. */
  receive(secret: string, poll: Poll): () => void;
  /** One message, or one batch. The bytes are valid until the outcome is there. */
  send(secret: string, body: Uint8Array): SendOutcome | Promise<SendOutcome>;
  /** The body of a message is longer than any that is read: the client gets an ABORT. */
  overlong(secret: string): void;
  close(secret: string): CloseOutcome | Promise<CloseOutcome>;
}
