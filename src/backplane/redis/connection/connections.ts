import { observe } from '../../../telemetry/counters.js';
import { Deferred } from '../../../util/deferred.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import {
  NotCarriedOutError,
  type ConnectionName,
  type Script,
  type ScriptArgument,
  type StoreNotice,
  type StoreLink,
} from '../ports.js';
import type { ConnectionsEvents, ConnectionsOptions } from './ports.js';
import { ScriptOrder } from './script-order.js';
import type { LoadedScript } from '../scripts/loader.js';
import type { ServerInfo } from './server-info.js';
import { CHECK_RIGHTS_FILE, checkRights, pubsubBufferBytes } from './store-rights.js';
import type { StoreConnection } from './store-connection.js';
import {
  isRedirection,
  isStoreRefusal,
  needsReconnect,
  remedyFor,
  StoreReplyError,
  StoreUnusableError,
} from './store-errors.js';
import { ReconnectingConnection } from './reconnecting-connection.js';
import { Subscriptions } from './subscriptions.js';

export type { ConnectionsEvents, ConnectionsOptions };

type Links = Readonly<Record<ConnectionName, ReconnectingConnection>>;
const NAMES: readonly ConnectionName[] = ['bus', 'directory', 'subscriber'];
/** The part of a buffer of the store that a single message may fill: its allocator rounds up by a quarter at most. */
const USABLE_PART = 0.75;
/** Elements per SSCAN or HSCAN: keeps the store busy for well below a millisecond. */
const SCAN_COUNT = 500;
const NOTHING = new Uint8Array(0);

/**
 * The three connections of a node to the store, which reconnect for ever. They queue nothing while one is lost and send no
 * command twice: a command has its reply or rejects with BackplaneUnavailableError, and is then given up.
 * When the store is silent (`commandTimeoutMs`), all three are dropped. The store may still carry out what it has received by
 * then, until the next connection has ended the old one; never after that. A subscriber that silently receives nothing is not
 * noticed here: the node sends probes to itself for that (`Prober`).
 */
export class RedisConnections implements StoreLink {
  readonly #options: ConnectionsOptions;
  readonly #links: Links;
  readonly #isSharded: boolean;
  readonly #subscriptions: Subscriptions;
  readonly #order = new ScriptOrder();
  /** The server process of each ready connection. */
  readonly #servers = new Map<ConnectionName, string>();
  readonly #failures = new Map<ConnectionName, string>();
  #isConnected = false;
  #isStopped = false;
  #evictionWarnedAt = '';
  #bufferWarnedAt = '';
  #maxPublishBytes = Infinity;
  #lastServer: string | undefined;
  #starting: Deferred | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#isSharded = options.access.primary !== undefined;
    this.#subscriptions = new Subscriptions(this.#isSharded);
    this.#links = { bus: this.#link('bus'), directory: this.#link('directory'), subscriber: this.#link('subscriber') };
  }

  /** The store would close the connection of a subscriber for a longer message. Known before `connected`. */
  get maxPublishBytes(): number {
    return this.#maxPublishBytes;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  get missingServerCount(): number {
    return this.#isConnected ? 0 : 1;
  }

  /**
   * Resolves with the first `connected`, however long that takes. Rejects with StoreUnusableError, and stops, when an operator
   * must mend something first: wrong password, Redis too old … Unless `isLasting`.
   */
  start(): Promise<void> {
    const starting = new Deferred();
    this.#starting = starting;
    for (const name of NAMES) this.#links[name].start();
    return starting.promise;
  }

  /** Sends all commands and closes. No event comes once it is called. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Drops all connections and opens others. Reports `disconnected` before it returns. */
  reset(reason: string): void {
    for (const name of NAMES) this.#links[name].drop(new Error(reason));
  }

  /**
   * Subscribes to a channel from now on, on all future connections. Resolves when the store has confirmed it; when it rejects,
   * the subscription is confirmed by the next `connected`.
   */
  async subscribe(channel: string): Promise<void> {
    await this.#subscriptions.add(channel).catch((error: unknown) => this.#fail('subscribe', error));
  }

  /** Resolves once no message of the channel comes any more; at once while the connection is lost. */
  unsubscribe(channel: string): Promise<void> {
    return this.#subscriptions.remove(channel);
  }

  /** The bytes are copied before it returns. */
  publish(channel: string, bytes: Uint8Array): Promise<number> {
    const connection = this.#links.bus.connection;
    if (connection === undefined) return Promise.reject(new BackplaneUnavailableError('publish'));
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return connection
      .ask((client) =>
        this.#isSharded ? (client.spublish(channel, buffer) as Promise<number>) : client.publish(channel, buffer),
      )
      .catch((error: unknown) => this.#fail('publish', error));
  }

  async run<Input, Reply>(script: Script<Input, Reply>, input: Input): Promise<Reply> {
    const loaded = this.#options.scripts.get(script.file);
    if (loaded === undefined) throw new Error(`there is no script ${script.file}`);
    const { keys, argv } = script.encode(input);
    try {
      return script.decode(await this.#evaluate(loaded, script, [keys.length, ...keys, ...argv.map(toWord)]));
    } catch (error) {
      return this.#fail(script.file, error);
    }
  }

  /** One command for the rows of the directory, which no script changes. */
  async command(name: string, ...words: readonly (string | number)[]): Promise<unknown> {
    try {
      return await this.#directory(name).ask((client) => client.call(name, ...words));
    } catch (error) {
      return this.#fail(name, error);
    }
  }

  async *scanSet(key: string): AsyncGenerator<readonly string[]> {
    for await (const part of this.#scan('SSCAN', key)) yield part.map((member) => member.toString());
  }

  async *scanHash(key: string): AsyncGenerator<readonly (readonly [field: string, value: Uint8Array])[]> {
    for await (const flat of this.#scan('HSCAN', key)) {
      const pairs: [string, Uint8Array][] = [];
      for (let at = 0; at + 1 < flat.length; at += 2) pairs.push([String(flat[at]), flat[at + 1] ?? NOTHING]);
      yield pairs;
    }
  }

  #link(name: ConnectionName): ReconnectingConnection {
    const { access, node, random, counters } = this.#options;
    return new ReconnectingConnection({
      access,
      connectionName: `gantry:${node}:${name}`,
      random,
      owner: {
        prepare: (connection, greeting) => this.#prepare(name, connection, greeting),
        ready: ({ runId }) => this.#ready(name, runId),
        lost: (cause) => this.#lost(name, cause),
        failed: (cause) => this.#failed(name, cause),
      },
      monitor: {
        roundTrip: (durationMs) => observe(counters.storeRoundTrip, durationMs),
        timeout: (cause) => {
          counters.storeErrors.timeout++;
          // The other two are silent for the same reason, and would show it only with their next request.
          this.reset(cause.message);
        },
      },
    });
  }

  async #prepare(name: ConnectionName, connection: StoreConnection, greeting: Promise<ServerInfo>): Promise<void> {
    if (name === 'subscriber') {
      connection.onMessage((channel, bytes) => {
        if (this.#isStopped || (this.#isSharded && !this.#subscriptions.isWanted(channel))) return;
        this.#options.events.message(channel, bytes);
      });
      connection.onMoved(() => this.#options.redirected?.('the server has ended a subscription: its slot has moved'));
      await this.#subscriptions.moveTo(connection);
    } else if (name === 'directory') {
      const scripts = [...this.#options.scripts.values()];
      const loading = scripts.map(({ text }) => connection.ask((client) => client.script('LOAD', text)));
      await Promise.all([...loading, this.#checkServer(connection, greeting)]);
      this.#warnOfEviction(await greeting);
    }
  }

  #ready(name: ConnectionName, runId: string): void {
    this.#failures.delete(name);
    this.#servers.set(name, runId);
    if (this.#servers.size < NAMES.length || this.#isStopped) return;
    // Right after a failover one connection may have reached the new server and another the old one.
    if (new Set(this.#servers.values()).size > 1) {
      this.#notify('warn', 'attempt_failed', 'the connections have reached different servers');
      this.reset('the connections have reached different servers');
      return;
    }
    const isOtherServer = this.#lastServer !== undefined && this.#lastServer !== runId;
    this.#lastServer = runId;
    this.#isConnected = true;
    this.#notify('info', 'connected', 'all connections to Redis are ready');
    this.#options.events.connected(isOtherServer);
    this.#starting?.resolve();
    this.#starting = undefined;
  }

  #lost(name: ConnectionName, cause: Error): void {
    this.#servers.delete(name);
    if (name === 'subscriber') this.#subscriptions.leave();
    if (this.#isStopped) return;
    const { counters, events } = this.#options;
    counters.connectionsLost[name]++;
    const wasConnected = this.#isConnected;
    this.#isConnected = false;
    this.#notify('warn', 'lost', `the ${name} connection to Redis was lost: ${cause.message}`, name);
    if (wasConnected) events.disconnected(name, cause);
  }

  #failed(name: ConnectionName, cause: Error): void {
    if (name === 'subscriber') this.#subscriptions.leave();
    const { storeErrors } = this.#options.counters;
    const isUnusable = cause instanceof StoreUnusableError;
    storeErrors[isUnusable ? 'refused' : 'connection']++;
    if (this.#failures.get(name) !== cause.message) {
      this.#failures.set(name, cause.message);
      const level = isUnusable ? 'error' : 'warn';
      this.#notify(level, isUnusable ? 'unusable' : 'attempt_failed', cause.message, name);
    }
    if (!isUnusable || this.#starting === undefined || this.#options.isLasting === true) return;
    const { reject } = this.#starting;
    this.#starting = undefined;
    void this.stop().then(() => reject(cause));
  }

  async #stop(): Promise<void> {
    this.#isStopped = true;
    this.#isConnected = false;
    await Promise.all(NAMES.map((name) => this.#links[name].stop()));
    this.#starting?.reject(new BackplaneUnavailableError('start'));
    this.#starting = undefined;
  }

  async #evaluate(
    { file, sha, text }: LoadedScript,
    { isBinary, isRead }: Pick<Script<never, unknown>, 'isBinary' | 'isRead'>,
    words: readonly (string | number | Buffer)[],
  ): Promise<unknown> {
    const connection = this.#directory(file);
    const call = isBinary === true ? 'callBuffer' : 'call';
    return this.#order.run({
      tag: tagOf(String(words[1] ?? '')),
      isRead: isRead === true,
      ask: (isRepeated) =>
        connection.ask((client) =>
          isRepeated ? client[call]('EVAL', text, ...words) : client[call]('EVALSHA', sha, ...words),
        ),
      load: () => void connection.ask((client) => client.script('LOAD', text)).catch(() => undefined),
    });
  }

  async *#scan(command: 'SSCAN' | 'HSCAN', key: string): AsyncGenerator<readonly Buffer[]> {
    let cursor = '0';
    do {
      let raw: unknown;
      try {
        const connection = this.#directory(command);
        const at = cursor;
        raw = await this.#order.run({
          tag: tagOf(key),
          isRead: true,
          ask: () => connection.ask((client) => client.callBuffer(command, key, at, 'COUNT', SCAN_COUNT)),
          load: () => undefined,
        });
      } catch (error) {
        this.#fail(command, error);
      }
      const [next, part] = raw as [Buffer, Buffer[]];
      cursor = next.toString();
      yield part;
    } while (cursor !== '0');
  }

  #directory(operation: string): StoreConnection {
    const { connection } = this.#links.directory;
    if (connection === undefined) throw new BackplaneUnavailableError(operation);
    return connection;
  }

  /** Counts a failure and throws the error that callers know. */
  #fail(operation: string, error: unknown): never {
    if (error instanceof BackplaneUnavailableError) throw error;
    if (error instanceof StoreReplyError) this.#replied(operation, error);
    if (error instanceof StoreReplyError && error.code === 'NOSCRIPT') throw new NotCarriedOutError(operation, error);
    if (error instanceof TypeError) this.#misread(operation, error);
    throw new BackplaneUnavailableError(operation, error);
  }

  #replied(operation: string, error: StoreReplyError): void {
    const isElsewhere = this.#isSharded && isRedirection(error);
    this.#options.counters.storeErrors[isElsewhere || isStoreRefusal(error) ? 'refused' : 'script']++;
    if (isElsewhere) {
      this.#options.redirected?.(error.message);
      return;
    }
    this.#notify('error', 'command_failed', `${operation}: ${remedyFor(error) ?? error.message}`);
    if (needsReconnect(error)) this.reset(error.message);
  }

  #misread(operation: string, error: TypeError): void {
    this.#options.counters.storeErrors.script++;
    this.#notify('error', 'command_failed', `${operation}: ${error.message}`);
  }

  async #checkServer(connection: StoreConnection, greeting: Promise<ServerInfo>): Promise<void> {
    const { scope, scripts } = this.#options;
    const script = scripts.get(CHECK_RIGHTS_FILE);
    if (scope === undefined || script === undefined) return;
    const checking = checkRights(connection, script, scope);
    const measuring = this.#measureBuffer(connection, script, greeting);
    measuring.catch(() => undefined);
    await checking;
    // The limit of an earlier connection serves until that of this one is known.
    if (this.#maxPublishBytes === Infinity) await measuring;
  }

  async #measureBuffer(
    connection: StoreConnection,
    script: LoadedScript,
    greeting: Promise<ServerInfo>,
  ): Promise<void> {
    const { largestBytes = 0 } = this.#options;
    const bufferBytes = this.#options.pubsubBufferBytes ?? (await pubsubBufferBytes(connection, script));
    const { runId } = await greeting;
    this.#maxPublishBytes = Math.floor(bufferBytes * USABLE_PART);
    if (largestBytes <= this.#maxPublishBytes || this.#bufferWarnedAt === runId) return;
    this.#bufferWarnedAt = runId;
    const advice = `messages above ${this.#maxPublishBytes} bytes are refused when another node needs them: raise it, or lower limits.maxMessageBytes (${largestBytes})`;
    this.#notify(
      'warn',
      'small_buffer',
      `client-output-buffer-limit pubsub of Redis is ${bufferBytes} bytes: ${advice}`,
    );
  }

  #warnOfEviction({ isEvicting, evictionPolicy, runId }: ServerInfo): void {
    if (!isEvicting || this.#evictionWarnedAt === runId) return;
    this.#evictionWarnedAt = runId;
    const advice = 'rows of live nodes would be lost when memory runs short; set maxmemory-policy noeviction';
    this.#notify('warn', 'may_evict', `Redis has maxmemory-policy ${evictionPolicy}: ${advice}`);
  }

  #notify(level: StoreNotice['level'], kind: StoreNotice['kind'], message: string, connection?: ConnectionName): void {
    this.#options.log({ level, kind, message, ...(connection && { connection }) });
  }
}

function toWord(argument: ScriptArgument): string | number | Buffer {
  if (!(argument instanceof Uint8Array)) return argument;
  return Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength);
}

/** The hash tag of a key: rows of one tag are changed in the order of the calls. */
function tagOf(key: string): string {
  return /\{[^}]*\}/.exec(key)?.[0] ?? key;
}
