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
import { StoreConnection, type ReplyMonitor } from './store-connection.js';
import { isRedirection, remedyFor, StoreReplyError, StoreUnusableError } from './store-errors.js';

export interface ConnectionOwner {
  /**
   * Does what is necessary before the connection counts as ready; a rejection ends it. It should wait for the info only with what
   * needs it: each round trip counts where the store is far.
   */
  prepare(connection: StoreConnection, greeting: Promise<ServerInfo>): Promise<void>;
  ready(info: ServerInfo): void;
  /** A connection that was ready has ended. */
  lost(cause: Error): void;
  /** An attempt to connect failed; another follows. StoreUnusableError: it fails until an operator mends something. */
  failed(cause: Error): void;
}

export interface ReconnectingConnectionOptions {
  readonly access: StoreAccess;
  /** The name that operators see in CLIENT LIST. */
  readonly connectionName: string;
  /** 0..1 */
  readonly random: () => number;
  readonly owner: ConnectionOwner;
  readonly monitor: ReplyMonitor;
}

const FIRST_DELAY_MS = 50;
/** `backplane.cluster.absentMs` is more than twice this. */
const LONGEST_DELAY_MS = 500;
/** Shorter connections count as failures, so that this node does not connect twenty times a second to a server that closes at once. */
const STABLE_AFTER_MS = 1_000;
/** Earlier connections that are remembered. */
const MAX_FORMER_COUNT = 32;

/** Replies of a Sentinel are not counted as those of the store. */
const SENTINEL_MONITOR: ReplyMonitor = { roundTrip: () => undefined, timeout: () => undefined };

/** Keeps one connection to the store open: it reconnects for ever, with a growing pause between attempts. */
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
  /** Client ids of earlier connections whose commands the server may still have to carry out. */
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

  /** Ends the connection, if it is ready, and opens another one. */
  drop(cause: Error): void {
    this.#ready?.drop(cause);
  }

  /** Sends all commands and closes. The owner receives nothing more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#ready = undefined;
    clearTimeout(this.#retry);
    await this.#current?.close();
  }

  async #attempt(): Promise<void> {
    const { access, owner } = this.#options;
    let connection: StoreConnection | undefined;
    try {
      const address = await this.#address();
      connection = await this.#open(clientOptions(access, address));
      const greeting = this.#greet(connection);
      const preparing = owner.prepare(connection, greeting);
      preparing.catch(() => undefined);
      // A fault of the server explains other errors.
      const info = await greeting;
      await preparing;
      if (!connection.isOpen) throw new Error('the connection was closed');
      this.#succeed(connection, info);
    } catch (error) {
      const cause = error as Error;
      connection?.drop(cause);
      if (this.#isStopped) return;
      // In a Redis Cluster another reading of the slots heals it.
      const isPassing = cause instanceof StoreUnusableError || (access.cluster !== undefined && isRedirection(cause));
      const remedy = isPassing ? undefined : remedyFor(cause);
      this.#scheduleRetry();
      owner.failed(remedy === undefined ? cause : new StoreUnusableError(remedy, { cause }));
    }
  }

  #address(): ServerAddress | Promise<ServerAddress> {
    const { access } = this.#options;
    const { sentinels } = access;
    if (sentinels === undefined) return addressOf(access);
    // A Sentinel that is cut off from the others keeps naming the old server: each attempt begins with another one.
    return findServer(sentinels, this.#attemptCount++, (node) =>
      this.#open(sentinelOptions(access, sentinels, node), SENTINEL_MONITOR),
    );
  }

  async #open(client: ClientOptions, monitor: ReplyMonitor = this.#options.monitor): Promise<StoreConnection> {
    const { access } = this.#options;
    const connection = new StoreConnection({
      client,
      commandTimeoutMs: access.commandTimeoutMs,
      secrets: this.#secrets,
      onEnd: (ended, cause) => this.#lose(ended, cause),
      monitor,
    });
    this.#current = connection;
    if (this.#isStopped) connection.drop(new Error('stopped'));
    await connection.open(access.connectTimeoutMs);
    return connection;
  }

  async #greet(connection: StoreConnection): Promise<ServerInfo> {
    const { connectionName } = this.#options;
    // Without the right to do so the connection has no name.
    connection.ask((client) => client.client('SETNAME', connectionName)).catch(() => undefined);
    const asked = [connection.ask((client) => client.info()), connection.ask((client) => client.client('ID'))] as const;
    const [text, id] = await Promise.all(asked);
    const info = parseServerInfo(text);
    const flaw = unfitness(info, this.#options.access.cluster !== undefined);
    if (flaw !== undefined) throw new StoreUnusableError(flaw);
    const reason = hindrance(info);
    if (reason !== undefined) throw new Error(reason);
    this.#killFormer(connection, info.runId);
    this.#former.push({ id, runId: info.runId });
    if (this.#former.length > MAX_FORMER_COUNT) this.#former.shift();
    return info;
  }

  /**
   * Ends the earlier connections on the server. A server that was only slow would otherwise carry out their commands, which
   * this node has given up, after those of the new connection; and it would count a lost subscriber as a listener. Does not
   * wait for the replies: the server carries out later commands of this connection after these, and a wait costs a round trip.
   */
  #killFormer(connection: StoreConnection, runId: string): void {
    this.#former = this.#former.filter((former) => former.runId === runId);
    for (const former of this.#former) {
      const forget = (): void => {
        this.#former = this.#former.filter((one) => one !== former);
      };
      connection
        .ask((client) => client.client('KILL', 'ID', former.id))
        .then(forget, (error: unknown) => {
          // A user of Redis without the right to kill needs no more here; see the operations guide. Without a reply this
          // connection has ended too, and the next one kills both.
          if (error instanceof StoreReplyError) forget();
        });
    }
  }

  #succeed(connection: StoreConnection, info: ServerInfo): void {
    this.#ready = connection;
    this.#readySinceMs = performance.now();
    this.#options.owner.ready(info);
  }

  #lose(connection: StoreConnection, cause: Error): void {
    if (this.#ready !== connection) return;
    this.#ready = undefined;
    if (performance.now() - this.#readySinceMs >= STABLE_AFTER_MS) this.#failureCount = 0;
    this.#scheduleRetry();
    this.#options.owner.lost(cause);
  }

  #scheduleRetry(): void {
    const longestMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(this.#failureCount++, 10));
    // A random half of the pause: the nodes of a cluster lose the store at the same moment.
    const delayMs = longestMs * (0.5 + this.#options.random() / 2);
    this.#retry = setTimeout(() => void this.#attempt(), delayMs);
  }
}
