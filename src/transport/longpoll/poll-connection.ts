import { SocketConnection } from '../socket-connection.js';

/** One long-poll transport. */
export class PollConnection extends SocketConnection {
  /** Does nothing: written messages, an ABORT too, wait for the polls that take them. */
  override closeNow(): void {
    return;
  }
}
