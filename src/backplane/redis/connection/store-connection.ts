import { performance } from 'node:perf_hooks';
import { Redis } from 'ioredis';
import { redact, type ClientOptions } from './client-options.js';
import { CLUSTER_MODE, isNoDatabase, StoreReplyError, StoreUnusableError } from './store-errors.js';

/** Observes the replies of the store. */
export interface ReplyMonitor {
  roundTrip(durationMs: number): void;
  /** No reply came in time. The connection has ended, and `onEnd` was called. */
  timeout(cause: Error): void;
}

export interface StoreConnectionOptions {
  readonly client: ClientOptions;
  readonly commandTimeoutMs: number;
  /** Removed from every error. */
  readonly secrets: readonly string[];
  /** Called once, when the connection ends after `open` was called. Pending requests reject about then. */
  readonly onEnd: (connection: StoreConnection, cause: Error) => void;
  readonly monitor: ReplyMonitor;
}

const TICKS_PER_TIMEOUT = 10;

/**
 * One connection to the store, from its opening to its end; it never reconnects and repeats no command. The store carries out
 * commands in the order of the calls, and those of one turn of the event loop leave in one write.
 */
export class StoreConnection {
  readonly #options: StoreConnectionOptions;
  readonly #client: Redis;
  #state: 'opening' | 'open' | 'over' = 'opening';
  #failure: Error | undefined;
  #askedCount = 0;
  #answeredCount = 0;
  /** The number of requests at each of the last ticks. Replies come in order, so that one command is as late as all before it. */
  readonly #marks = new Array<number>(TICKS_PER_TIMEOUT).fill(0);
  #tick = 0;
  #ticking: NodeJS.Timeout | undefined;
  #isCorked = false;
  readonly #uncork = (): void => {
    this.#isCorked = false;
    this.#client.stream.uncork();
  };

  constructor(options: StoreConnectionOptions) {
    this.#options = options;
    this.#client = new Redis(options.client);
    // Without a listener ioredis writes errors to the console. The connection ends right after an error.
    this.#client.on('error', (error: Error) => {
      this.#failure ??= this.#clean(error);
    });
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Connects and authenticates. Rejects when that fails in any way; then the connection is over. */
  async open(timeoutMs: number): Promise<void> {
    this.#client.once('end', () => this.#end(new Error('the connection was closed')));
    const deadline = setTimeout(() => this.drop(new Error(this.#tooLate(timeoutMs))), timeoutMs);
    try {
      await this.#client.connect();
      // A refused SELECT does not stop ioredis: it would go on in database 0.
      if (this.#failure !== undefined) throw (this.#failure = await this.#explained(this.#failure));
    } catch (error) {
      const cause = this.#failure ?? this.#clean(error);
      this.drop(cause);
      throw cause;
    } finally {
      clearTimeout(deadline);
    }
    this.#begin();
  }

  /**
   * Sends the command that `command` gives to the client, at once and in order. Rejects with StoreReplyError for an error of
   * the store, else with the reason why no reply came: then the store may or may not carry the command out.
   */
  ask<Reply>(command: (client: Redis) => Promise<Reply>): Promise<Reply> {
    if (this.#state !== 'open') return Promise.reject(this.#failure ?? new Error('the connection is not open'));
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#client.stream.cork();
      process.nextTick(this.#uncork);
    }
    this.#askedCount++;
    const askedMs = performance.now();
    return command(this.#client).then(
      (reply) => {
        this.#answeredCount++;
        this.#options.monitor.roundTrip(performance.now() - askedMs);
        return reply;
      },
      (error: unknown) => {
        this.#answeredCount++;
        throw error instanceof Error && error.name === 'ReplyError'
          ? new StoreReplyError(redact(error.message, this.#options.secrets))
          : (this.#failure ?? this.#clean(error));
      },
    );
  }

  /**
   * Passes on the messages of subscribed channels, in order. The bytes are a view into one read of the socket (64 KiB at most)
   * and are never overwritten. A listener that keeps a few of them keeps all of that in memory, and should copy them.
   */
  onMessage(listener: (channel: string, bytes: Uint8Array) => void): void {
    const pass = (channel: Buffer, bytes: Buffer): void => {
      if (this.#state !== 'over') listener(channel.toString('latin1'), bytes);
    };
    this.#client.on('messageBuffer', pass);
    this.#client.on('smessageBuffer', pass);
  }

  /** Reports that a Redis Cluster has ended a subscription, because it has moved the slot of the channel. */
  onMoved(listener: () => void): void {
    this.#client.on('moved', () => {
      if (this.#state !== 'over') listener();
    });
  }

  /** Ends it at once; commands that have not left yet are never sent. Calls `onEnd` before it returns. Idempotent. */
  drop(cause: Error): void {
    if (this.#state === 'over') return;
    this.#failure ??= cause;
    destroy(this.#client);
    this.#end(cause);
  }

  /** Sends all commands, then ends the connection. Resolves when it is closed, after half a second at most. */
  async close(): Promise<void> {
    const { status } = this.#client;
    if (status === 'end') return;
    const ended = new Promise((resolve) => this.#client.once('end', resolve));
    if (this.#state !== 'over') {
      this.#end(new Error('the node has left the store'));
      if (this.#isCorked) this.#client.stream.uncork();
      this.#client.disconnect();
    }
    // A connection that waits for a Sentinel ends when that has answered.
    if (status === 'connecting' && !this.#hasStream()) return;
    await ended;
  }

  /** Valkey 9 in cluster mode refuses a database as one that does not exist, Redis by the name of the mode. */
  async #explained(failure: Error): Promise<Error> {
    if (!isNoDatabase(failure)) return failure;
    const info = await this.#client.info('cluster').catch(() => '');
    return info.includes('cluster_enabled:1') ? new StoreUnusableError(CLUSTER_MODE, { cause: failure }) : failure;
  }

  #tooLate(timeoutMs: number): string {
    // A server without TLS takes the handshake for a command and waits for its end.
    return this.#options.client.tls === undefined
      ? `no connection in ${timeoutMs} ms`
      : `no connection with TLS in ${timeoutMs} ms: does Redis speak TLS on this port?`;
  }

  #begin(): void {
    if (this.#state === 'over') throw this.#failure ?? new Error('the connection was closed');
    this.#state = 'open';
    this.#ticking = setInterval(() => this.#checkReplies(), this.#options.commandTimeoutMs / TICKS_PER_TIMEOUT);
  }

  #end(fallback: Error): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    clearInterval(this.#ticking);
    this.#failure ??= fallback;
    this.#options.onEnd(this, this.#failure);
  }

  // Ticks instead of a clock: the time in which this process was stopped does not count.
  #checkReplies(): void {
    const asked = this.#marks[this.#tick] ?? 0;
    if (this.#answeredCount < asked) {
      const cause = new Error(`no reply in ${this.#options.commandTimeoutMs} ms`);
      this.drop(cause);
      this.#options.monitor.timeout(cause);
      return;
    }
    this.#marks[this.#tick] = this.#askedCount;
    this.#tick = (this.#tick + 1) % TICKS_PER_TIMEOUT;
  }

  #hasStream(): boolean {
    return (this.#client.stream as unknown) !== undefined;
  }

  /** ioredis attaches the command with its arguments to errors, the password of AUTH among them. */
  #clean(error: unknown): Error {
    const { message, code } = error as { message?: unknown; code?: unknown };
    const text = typeof message === 'string' && message !== '' ? message : String(error);
    const clean = new Error(redact(text, this.#options.secrets));
    return typeof code === 'string' ? Object.assign(clean, { code }) : clean;
  }
}

// A plain close would still deliver what waits in the buffers of this side; a reset discards it.
function destroy(client: Redis): void {
  const stream = client.stream as typeof client.stream | undefined;
  if (stream === undefined || stream.destroyed) {
    client.disconnect();
    return;
  }
  const canReset = !stream.connecting && !('encrypted' in stream) && stream.remotePort !== undefined;
  if (canReset) stream.resetAndDestroy();
  else stream.destroy();
}
