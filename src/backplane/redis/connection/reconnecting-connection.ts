import { performance } from 'node:perf_hooks';
import {
  addressOf,
  clientOptions,
  secretsOf,
  sentinelOptions,
  type ClientOptions,
  type ServerAddress,
  type StoreAccess,
} from './client-options.js';
import { findServer } from './sentinels.js';
import { hindrance, parseServerInfo, unfitness, type ServerInfo } from './server-info.js';
import { StoreConnection } from './store-connection.js';
import { remedyFor, StoreReplyError, StoreUnusableError } from './store-errors.js';

export interface ReconnectingConnectionOptions {
  readonly access: StoreAccess;
  /** As operators see it in CLIENT LIST. */
  readonly connectionName: string;
  /** 0..1 */
  readonly random: () => number;
  /**
   * Does what must be done before the connection counts as ready; rejecting ends it. It does not wait for the info with what does
   * not need it: each round trip counts where the store is far.
   */
  readonly prepare: (connection: StoreConnection, greeting: Promise<ServerInfo>) => Promise<void>;
  readonly onReady: (info: ServerInfo) => void;
  /** A connection that was ready has ended. */
  readonly onLost: (cause: Error) => void;
  /** An attempt to connect failed; another follows. StoreUnusableError: it will fail until somebody mends something. */
  readonly onFailed: (cause: Error) => void;
  readonly onRoundTrip: (durationMs: number) => void;
  readonly onTimeout: (cause: Error) => void;
}

const FIRST_DELAY_MS = 50;
/** `backplane.cluster.absentMs` is more than twice that. */
const LONGEST_DELAY_MS = 500;
/** Shorter lives count as failures, so that a server that closes at once is not asked twenty times a second. */
const STABLE_AFTER_MS = 1_000;
const MOST_FORMER = 32;

/** Keeps one connection to the store open: for ever, with a growing pause between attempts. */
export class ReconnectingConnection {
  readonly #options: ReconnectingConnectionOptions;
  readonly #secrets: readonly string[];
  #attemptCount = 0;
  #failureCount = 0;
  #current: StoreConnection | undefined;
  #ready: StoreConnection | undefined;
  #readySinceMs = 0;
  #retry: NodeJS.Timeout | undefined;
  #isStopped = false;
  /** Client ids of earlier connections, on which the server may still have something to do. */
  #former: { readonly id: number; readonly runId: string }[] = [];

  constructor(options: ReconnectingConnectionOptions) {
    this.#options = options;
    this.#secrets = secretsOf(options.access);
  }

  /** The connection, when it is ready. */
  get connection(): StoreConnection | undefined {
    return this.#ready;
  }

  start(): void {
    void this.#attempt();
  }

  /** Gives up the connection, if it is ready, for another one. */
  drop(cause: Error): void {
    this.#ready?.drop(cause);
  }

  /** Sends what was asked and closes. Says nothing any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#ready = undefined;
    clearTimeout(this.#retry);
    await this.#current?.close();
  }

  async #attempt(): Promise<void> {
    const { access, prepare } = this.#options;
    let connection: StoreConnection | undefined;
    try {
      const address = await this.#address();
      connection = await this.#open(clientOptions(access, address));
      const greeting = this.#greet(connection);
      const preparing = prepare(connection, greeting);
      preparing.catch(() => undefined);
      // What is wrong with the server explains whatever else went wrong.
      const info = await greeting;
      await preparing;
      if (!connection.isOpen) throw new Error('the connection was closed');
      this.#succeed(connection, info);
    } catch (error) {
      const cause = error as Error;
      connection?.drop(cause);
      if (this.#isStopped) return;
      const remedy = cause instanceof StoreUnusableError ? undefined : remedyFor(cause);
      this.#scheduleRetry();
      this.#options.onFailed(remedy === undefined ? cause : new StoreUnusableError(remedy, { cause }));
    }
  }

  #address(): ServerAddress | Promise<ServerAddress> {
    const { access } = this.#options;
    const { sentinels } = access;
    if (sentinels === undefined) return addressOf(access);
    // A Sentinel that is cut off from the others keeps naming the old server: another one is first each time.
    return findServer(sentinels, this.#attemptCount++, (node) =>
      // How long a Sentinel takes says nothing of the store.
      this.#open(sentinelOptions(access, sentinels, node), {
        onRoundTrip: () => undefined,
        onTimeout: () => undefined,
      }),
    );
  }

  async #open(
    client: ClientOptions,
    { onRoundTrip, onTimeout }: Pick<ReconnectingConnectionOptions, 'onRoundTrip' | 'onTimeout'> = this.#options,
  ): Promise<StoreConnection> {
    const { access } = this.#options;
    const connection = new StoreConnection({
      client,
      commandTimeoutMs: access.commandTimeoutMs,
      secrets: this.#secrets,
      onEnd: (ended, cause) => this.#lose(ended, cause),
      onRoundTrip,
      onTimeout,
    });
    this.#current = connection;
    if (this.#isStopped) connection.drop(new Error('stopped'));
    await connection.open(access.connectTimeoutMs);
    return connection;
  }

  async #greet(connection: StoreConnection): Promise<ServerInfo> {
    const { connectionName } = this.#options;
    // Without the right it has no name.
    connection.ask((client) => client.client('SETNAME', connectionName)).catch(() => undefined);
    const asked = [connection.ask((client) => client.info()), connection.ask((client) => client.client('ID'))] as const;
    const [text, id] = await Promise.all(asked);
    const info = parseServerInfo(text);
    const flaw = unfitness(info);
    if (flaw !== undefined) throw new StoreUnusableError(flaw);
    const reason = hindrance(info);
    if (reason !== undefined) throw new Error(reason);
    await this.#bury(connection, info.runId);
    this.#former.push({ id, runId: info.runId });
    if (this.#former.length > MOST_FORMER) this.#former.shift();
    return info;
  }

  /**
   * Ends what the server still has of earlier connections. What they had asked for and was given up would otherwise be
   * carried out after what is asked now, by a server that was only slow; and a subscriber that is no more would count
   * as a listener.
   */
  async #bury(connection: StoreConnection, runId: string): Promise<void> {
    this.#former = this.#former.filter((former) => former.runId === runId);
    const burying = this.#former.map((former) => {
      const forget = (): void => {
        this.#former = this.#former.filter((one) => one !== former);
      };
      return connection
        .ask((client) => client.client('KILL', 'ID', former.id))
        .then(forget, (error: unknown) => {
          // Without the right to do so the rest works; see the operations guide.
          if (!(error instanceof StoreReplyError)) throw error;
          forget();
        });
    });
    await Promise.all(burying);
  }

  #succeed(connection: StoreConnection, info: ServerInfo): void {
    this.#ready = connection;
    this.#readySinceMs = performance.now();
    this.#options.onReady(info);
  }

  #lose(connection: StoreConnection, cause: Error): void {
    if (this.#ready !== connection) return;
    this.#ready = undefined;
    if (performance.now() - this.#readySinceMs >= STABLE_AFTER_MS) this.#failureCount = 0;
    this.#scheduleRetry();
    this.#options.onLost(cause);
  }

  #scheduleRetry(): void {
    const longestMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(this.#failureCount++, 10));
    // Between half of it and all of it: the nodes of a cluster lose the store at the same moment.
    const delayMs = longestMs * (0.5 + this.#options.random() / 2);
    this.#retry = setTimeout(() => void this.#attempt(), delayMs);
  }
}
