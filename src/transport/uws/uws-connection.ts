import { SocketConnection } from '../socket-connection.js';

/** One WebSocket. */
export class UwsConnection extends SocketConnection {
  /** One WebSocket message, valid only during the call. */
  receivedFrame(bytes: ArrayBuffer, isBinary: boolean): void {
    if (isBinary === (this.serializer !== 'json')) {
      this.received(new Uint8Array(bytes));
      return;
    }
    const kinds = isBinary
      ? 'a binary message, but JSON goes in text'
      : `a text message, but ${this.serializer} goes in binary`;
    this.malformed(`${kinds} messages of WebSocket`, 'protocol_violation');
  }
}
