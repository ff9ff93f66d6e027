import { slotOf } from './slots.js';
import type { StoreConnection } from './store-connection.js';

/** Sharded subscriptions of a connection that are not wanted any more. */
const MAX_LEFT_COUNT = 10_000;

/**
 * The channels that this node wants to receive, over all connections. Sharded ones are of one server of a Redis Cluster: no
 * subscription to them is ended before its connection, because a reply to SUNSUBSCRIBE looks like the end of a subscription whose
 * slot has moved.
 */
export class Subscriptions {
  readonly #isSharded: boolean;
  readonly #wanted = new Set<string>();
  /** For each channel that `#connection` was asked to subscribe to, the last request. */
  #asked = new Map<string, Promise<unknown>>();
  #connection: StoreConnection | undefined;

  constructor(isSharded: boolean) {
    this.#isSharded = isSharded;
  }

  isWanted(channel: string): boolean {
    return this.#wanted.has(channel);
  }

  /** Resolves once confirmed. The channel stays wanted when that fails: the next connection has it before it is ready. */
  async add(channel: string): Promise<void> {
    this.#wanted.add(channel);
    await (this.#asked.get(channel) ?? this.#ask([channel]));
  }

  /** Resolves once no message of it comes any more. */
  async remove(channel: string): Promise<void> {
    this.#wanted.delete(channel);
    if (this.#isSharded) {
      // Realms come and go for as long as a node lives; another connection has only what is wanted.
      if (this.#asked.size - this.#wanted.size > MAX_LEFT_COUNT)
        this.#connection?.drop(
          new Error(`it has more than ${MAX_LEFT_COUNT} subscriptions that nobody wants any more`),
        );
      return;
    }
    this.#asked.delete(channel);
    const connection = this.#connection;
    // A connection that has ended, or ends before it replies, receives nothing either.
    if (connection?.isOpen === true) await connection.ask((client) => client.unsubscribe(channel)).catch(() => 0);
  }

  /** Resolves once all wanted channels are confirmed on a new connection. */
  async moveTo(connection: StoreConnection): Promise<void> {
    this.#connection = connection;
    this.#asked = new Map();
    if (this.#wanted.size > 0) await this.#ask([...this.#wanted]);
    // Then the channels that were added meanwhile.
    for (let count = -1; count !== this.#asked.size;) {
      count = this.#asked.size;
      await Promise.all(this.#asked.values());
    }
  }

  /** The connection is lost: no subscription can be confirmed until the next one. */
  leave(): void {
    this.#connection = undefined;
    this.#asked = new Map();
  }

  #ask(channels: readonly string[]): Promise<unknown> {
    const connection = this.#connection;
    if (connection === undefined) return Promise.reject(new Error('the subscriber is not connected'));
    // One SSUBSCRIBE takes the channels of one slot.
    if (this.#isSharded && new Set(channels.map(slotOf)).size > 1)
      return Promise.all(channels.map((channel) => this.#ask([channel])));
    const confirmed = connection.ask((client) =>
      this.#isSharded ? client.ssubscribe(...channels) : client.subscribe(...channels),
    );
    for (const channel of channels) this.#asked.set(channel, confirmed);
    confirmed.catch(() => {
      for (const channel of channels) if (this.#asked.get(channel) === confirmed) this.#asked.delete(channel);
    });
    return confirmed;
  }
}
