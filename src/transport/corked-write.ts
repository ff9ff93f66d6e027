import type { OutboxSocket } from './outbox-socket.js';

export interface CorkedWriter {
  sendSome(): void;
}

// One callback for all outboxes: a closure per connection and turn would be an allocation per write.
let current: CorkedWriter | undefined;

function sendSomeOfCurrent(): void {
  current?.sendSome();
}

/** Lets `writer` send under a cork of the socket, so that it all leaves in one system call. */
export function sendCorked(socket: OutboxSocket, writer: CorkedWriter): void {
  current = writer;
  socket.cork(sendSomeOfCurrent);
  current = undefined;
}
