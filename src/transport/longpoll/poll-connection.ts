import { SocketConnection } from '../socket-connection.js';

/** One long-poll transport. */
export class PollConnection extends SocketConnection {
  /** What was written waits for the polls that take it, an ABORT too: there is nothing to close sooner. */
  override closeNow(): void {
    return;
  }
}
