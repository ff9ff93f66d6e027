import type { Accept, Connection, ConnectionListener, MalformedCause } from '../../src/transport/connection.js';

export type ListenerEvent =
  | { readonly kind: 'received'; readonly message: Uint8Array }
  | { readonly kind: 'malformed'; readonly message: string; readonly cause: MalformedCause }
  | { readonly kind: 'closed' };

/** One side of a connection: records the messages that it receives, and lets a test wait for them. */
export class RecordingListener implements ConnectionListener {
  readonly connection: Connection;
  readonly events: ListenerEvent[] = [];
  /** Called for each message instead of nothing. */
  onReceived: ((message: Uint8Array) => void) | undefined;
  onMalformed: (() => void) | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(connection: Connection) {
    this.connection = connection;
  }

  get texts(): string[] {
    return this.events.flatMap((event) => (event.kind === 'received' ? [Buffer.from(event.message).toString()] : []));
  }

  get isClosed(): boolean {
    return this.events.some(({ kind }) => kind === 'closed');
  }

  received(message: Uint8Array): void {
    this.#record({ kind: 'received', message });
    this.onReceived?.(message);
  }

  takesNow(): boolean {
    return true;
  }

  keep(message: Uint8Array): void {
    this.received(message.slice());
  }

  malformed(message: string, cause: MalformedCause): void {
    this.#record({ kind: 'malformed', message, cause });
    this.onMalformed?.();
  }

  closed(): void {
    this.#record({ kind: 'closed' });
  }

  /** Resolves once it holds; the test's own timeout bounds it. */
  async until(holds: (self: this) => boolean): Promise<void> {
    while (!holds(this)) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  #record(event: ListenerEvent): void {
    this.events.push(event);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

/** Gives each connection a recording listener, and adds that to `listeners`. */
export function recordingAccept(listeners: RecordingListener[]): Accept {
  return (connection) => {
    const listener = new RecordingListener(connection);
    listeners.push(listener);
    return listener;
  };
}
