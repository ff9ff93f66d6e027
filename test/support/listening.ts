import type { Connection, ConnectionListener, MalformedCause } from '../../src/transport/connection.js';

export type Heard =
  | { readonly kind: 'received'; readonly message: Uint8Array }
  | { readonly kind: 'malformed'; readonly message: string; readonly cause: MalformedCause }
  | { readonly kind: 'closed' };

/** One side of a connection: records the messages that it receives, and lets a test wait for them. */
export class RecordingListener implements ConnectionListener {
  readonly connection: Connection;
  readonly heard: Heard[] = [];
  /** Called for each message instead of nothing. */
  onReceived: ((message: Uint8Array) => void) | undefined;
  onMalformed: (() => void) | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(connection: Connection) {
    this.connection = connection;
  }

  get texts(): string[] {
    return this.heard.flatMap((heard) => (heard.kind === 'received' ? [Buffer.from(heard.message).toString()] : []));
  }

  get isClosed(): boolean {
    return this.heard.some(({ kind }) => kind === 'closed');
  }

  received(message: Uint8Array): void {
    this.#hear({ kind: 'received', message });
    this.onReceived?.(message);
  }

  takesNow(): boolean {
    return true;
  }

  keep(message: Uint8Array): void {
    this.received(message.slice());
  }

  malformed(message: string, cause: MalformedCause): void {
    this.#hear({ kind: 'malformed', message, cause });
    this.onMalformed?.();
  }

  closed(): void {
    this.#hear({ kind: 'closed' });
  }

  /** Resolves once it holds; the test's own timeout bounds it. */
  async until(holds: (self: this) => boolean): Promise<void> {
    while (!holds(this)) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  #hear(heard: Heard): void {
    this.heard.push(heard);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
