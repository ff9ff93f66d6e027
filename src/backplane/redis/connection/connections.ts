import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import { observe } from '../../../telemetry/counters.js';
import type { NodeId } from '../../../wamp/ids.js';
import { BackplaneUnavailableError } from '../../backplane.js';
import type { StoreAccess } from './client-options.js';
import type { ConnectionName, Script, Store, StoreNotice, Wire } from '../ports.js';
import { ScriptOrder } from './script-order.js';
import type { LoadedScript, LoadedScripts } from '../scripts/loader.js';
import type { ServerInfo } from './server-info.js';
import { CHECK_RIGHTS_FILE, checkRights, pubsubBufferBytes, type RightsScope } from './store-rights.js';
import type { StoreConnection } from './store-connection.js';
import { isRefusal, needsReconnect, remedyFor, StoreReplyError, StoreUnusableError } from './store-errors.js';
import { ReconnectingConnection } from './reconnecting-connection.js';
import { Subscriptions } from './subscriptions.js';

export interface ConnectionsEvents {
  /**
   * In the order in which the store did it, one at a time. The bytes are never overwritten, but they are a view into a
   * read of up to 64 KiB: who keeps some of them for long keeps all of that, and copies them therefore.
   */
  message(channel: string, bytes: Uint8Array): void;
  /**
   * All three are ready, at the same server; every wanted channel is confirmed. `isOtherServer`: not the process as last
   * time, so that what was written last may be missing: a replica took over, or it came back with older data.
   */
  connected(isOtherServer: boolean): void;
  /** The first of the three was lost after `connected`. What was asked of it rejects about now. */
  disconnected(which: ConnectionName, cause: Error): void;
}

export interface ConnectionsOptions {
  readonly node: NodeId;
  readonly access: StoreAccess;
  readonly scripts: LoadedScripts;
  readonly counters: ClusterCounters;
  readonly events: ConnectionsEvents;
  readonly log: (notice: StoreNotice) => void;
  /** What rights are checked with; absent: they are not. */
  readonly scope?: RightsScope;
  /** Of what this node may have to publish at once, bytes; 0: it is not compared with what the store passes on. */
  readonly largestBytes?: number;
  /** What the store lets wait for a listener; undefined: it is asked. */
  readonly pubsubBufferBytes?: number | undefined;
  /** 0..1, spreads the attempts of many nodes to come back. */
  readonly random: () => number;
}

type Links = Readonly<Record<ConnectionName, ReconnectingConnection>>;
const NAMES: readonly ConnectionName[] = ['bus', 'directory', 'subscriber'];
/** Of a buffer of the store, what a single message may fill: its allocator rounds up by a quarter at most. */
const PASSED_ON = 0.75;
/** Elements per SSCAN or HSCAN: keeps the store busy for well below a millisecond. */
const SCAN_COUNT = 500;

/**
 * The three connections of a node to the store, brought back for ever. Nothing is queued while one is away and nothing
 * is asked twice: a command either has its reply or rejects with BackplaneUnavailableError, and is then given up.
 * A silent store (`commandTimeoutMs`) has all three dropped. What it had already received by then it may still carry
 * out, until the connection that follows ends the old one; never after that. That a subscriber is not heard any more is
 * noticed by nobody here: who expects messages sends one to itself.
 */
export class RedisConnections implements Store, Wire {
  readonly #options: ConnectionsOptions;
  readonly #links: Links;
  readonly #subscriptions = new Subscriptions();
  readonly #order = new ScriptOrder();
  /** Which server process each ready connection is at. */
  readonly #servers = new Map<ConnectionName, string>();
  readonly #failures = new Map<ConnectionName, string>();
  #isConnected = false;
  #isStopped = false;
  #evictionWarnedAt = '';
  #bufferWarnedAt = '';
  #maxPublishBytes = Infinity;
  #lastServer: string | undefined;
  #starting: { readonly resolve: () => void; readonly reject: (cause: Error) => void } | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#links = { bus: this.#link('bus'), directory: this.#link('directory'), subscriber: this.#link('subscriber') };
  }

  /** A longer message would have the store close the connection of whoever listens. Known before `connected`. */
  get maxPublishBytes(): number {
    return this.#maxPublishBytes;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /**
   * Resolves when `connected` is said for the first time, however long that takes. Rejects with StoreUnusableError,
   * and stops, when somebody must mend something first: wrong password, Redis too old …
   */
  start(): Promise<void> {
    const started = new Promise<void>((resolve, reject) => {
      this.#starting = { resolve, reject };
    });
    for (const name of NAMES) this.#links[name].start();
    return started;
  }

  /** Sends what was asked and closes. Nothing is said any more once it is called. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Drops all connections and opens others. Says `disconnected` before it returns. */
  reset(reason: string): void {
    for (const name of NAMES) this.#links[name].drop(new Error(reason));
  }

  /**
   * Listens to a channel from now on, over all connections to come. Resolves when the store has confirmed it; when it
   * rejects, it is confirmed by the time `connected` is said next.
   */
  async subscribe(channel: string): Promise<void> {
    await this.#subscriptions.add(channel).catch((error: unknown) => this.#give('subscribe', error));
  }

  /** Resolves once nothing comes from the channel any more; at once while the connection is away. */
  unsubscribe(channel: string): Promise<void> {
    return this.#subscriptions.remove(channel);
  }

  /** The bytes are copied before it returns. */
  publish(channel: string, bytes: Uint8Array): Promise<number> {
    const connection = this.#links.bus.connection;
    if (connection === undefined) return Promise.reject(new BackplaneUnavailableError('publish'));
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return connection
      .ask((client) => client.publish(channel, buffer))
      .catch((error: unknown) => this.#give('publish', error));
  }

  async run<Input, Reply>(script: Script<Input, Reply>, input: Input): Promise<Reply> {
    const loaded = this.#options.scripts.get(script.file);
    if (loaded === undefined) throw new Error(`there is no script ${script.file}`);
    const { keys, argv } = script.encode(input);
    try {
      return script.decode(await this.#evaluate(loaded, [keys.length, ...keys, ...argv]));
    } catch (error) {
      return this.#give(script.file, error);
    }
  }

  scanSet(key: string): AsyncIterable<readonly string[]> {
    return this.#scan('SSCAN', key);
  }

  async *scanHash(key: string): AsyncGenerator<readonly (readonly [field: string, value: string])[]> {
    for await (const flat of this.#scan('HSCAN', key)) {
      const pairs: [string, string][] = [];
      for (let at = 0; at + 1 < flat.length; at += 2) pairs.push([flat[at] ?? '', flat[at + 1] ?? '']);
      yield pairs;
    }
  }

  #link(name: ConnectionName): ReconnectingConnection {
    const { access, node, random, counters } = this.#options;
    return new ReconnectingConnection({
      access,
      connectionName: `gantry:${node}:${name}`,
      random,
      prepare: (connection, greeting) => this.#prepare(name, connection, greeting),
      onReady: ({ runId }) => this.#ready(name, runId),
      onLost: (cause) => this.#lost(name, cause),
      onFailed: (cause) => this.#failed(name, cause),
      onRoundTrip: (durationMs) => observe(counters.storeRoundTrip, durationMs),
      onTimeout: (cause) => {
        counters.storeErrors.timeout++;
        // Whatever silenced one has silenced the others, which would find out only when asked.
        this.reset(cause.message);
      },
    });
  }

  async #prepare(name: ConnectionName, connection: StoreConnection, greeting: Promise<ServerInfo>): Promise<void> {
    if (name === 'subscriber') {
      connection.onMessage((channel, bytes) => {
        if (!this.#isStopped) this.#options.events.message(channel, bytes);
      });
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
    // Right after a failover one may have found the new server and another still the old one.
    if (new Set(this.#servers.values()).size > 1) {
      this.#say('warn', 'attempt_failed', 'the connections have reached different servers');
      this.reset('the connections have reached different servers');
      return;
    }
    const isOtherServer = this.#lastServer !== undefined && this.#lastServer !== runId;
    this.#lastServer = runId;
    this.#isConnected = true;
    this.#say('info', 'connected', 'all connections to Redis are ready');
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
    this.#say('warn', 'lost', `the ${name} connection to Redis was lost: ${cause.message}`, name);
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
      this.#say(level, isUnusable ? 'unusable' : 'attempt_failed', cause.message, name);
    }
    if (!isUnusable || this.#starting === undefined) return;
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

  async #evaluate({ file, sha, text }: LoadedScript, words: readonly (string | number)[]): Promise<unknown> {
    const connection = this.#directory(file);
    return this.#order.run(
      tagOf(String(words[1] ?? '')),
      () => connection.ask((client) => client.call('EVALSHA', sha, ...words)),
      () => void connection.ask((client) => client.script('LOAD', text)).catch(() => undefined),
    );
  }

  async *#scan(command: 'SSCAN' | 'HSCAN', key: string): AsyncGenerator<readonly string[]> {
    let cursor = '0';
    do {
      let raw: unknown;
      try {
        const connection = this.#directory(command);
        const at = cursor;
        raw = await this.#order.run(
          tagOf(key),
          () => connection.ask((client) => client.call(command, key, at, 'COUNT', SCAN_COUNT)),
          () => undefined,
        );
      } catch (error) {
        this.#give(command, error);
      }
      const [next, part] = raw as [string, string[]];
      cursor = next;
      yield part;
    } while (cursor !== '0');
  }

  #directory(operation: string): StoreConnection {
    const { connection } = this.#links.directory;
    if (connection === undefined) throw new BackplaneUnavailableError(operation);
    return connection;
  }

  /** Counts a failure and turns it into the one that callers know. */
  #give(operation: string, error: unknown): never {
    if (error instanceof BackplaneUnavailableError) throw error;
    if (error instanceof StoreReplyError) this.#replied(operation, error);
    if (error instanceof TypeError) this.#misread(operation, error);
    throw new BackplaneUnavailableError(operation, error);
  }

  #replied(operation: string, error: StoreReplyError): void {
    this.#options.counters.storeErrors[isRefusal(error) ? 'refused' : 'script']++;
    this.#say('error', 'command_failed', `${operation}: ${remedyFor(error) ?? error.message}`);
    if (needsReconnect(error)) this.reset(error.message);
  }

  #misread(operation: string, error: TypeError): void {
    this.#options.counters.storeErrors.script++;
    this.#say('error', 'command_failed', `${operation}: ${error.message}`);
  }

  async #checkServer(connection: StoreConnection, greeting: Promise<ServerInfo>): Promise<void> {
    const { scope, scripts } = this.#options;
    const script = scripts.get(CHECK_RIGHTS_FILE);
    if (scope === undefined || script === undefined) return;
    const checking = checkRights(connection, script, scope);
    const measuring = this.#measureBuffer(connection, script, greeting);
    measuring.catch(() => undefined);
    await checking;
    // What is known of a former connection does until it is known of this one.
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
    this.#maxPublishBytes = Math.floor(bufferBytes * PASSED_ON);
    if (largestBytes <= this.#maxPublishBytes || this.#bufferWarnedAt === runId) return;
    this.#bufferWarnedAt = runId;
    const advice = `messages above ${this.#maxPublishBytes} bytes are refused when another node needs them: raise it, or lower limits.maxMessageBytes (${largestBytes})`;
    this.#say('warn', 'small_buffer', `client-output-buffer-limit pubsub of Redis is ${bufferBytes} bytes: ${advice}`);
  }

  #warnOfEviction({ isEvicting, evictionPolicy, runId }: ServerInfo): void {
    if (!isEvicting || this.#evictionWarnedAt === runId) return;
    this.#evictionWarnedAt = runId;
    const advice = 'rows of live nodes would vanish when memory runs short; set maxmemory-policy noeviction';
    this.#say('warn', 'may_evict', `Redis has maxmemory-policy ${evictionPolicy}: ${advice}`);
  }

  #say(level: StoreNotice['level'], kind: StoreNotice['kind'], message: string, connection?: ConnectionName): void {
    this.#options.log({ level, kind, message, ...(connection && { connection }) });
  }
}

/** The hash tag of a key: rows of one tag are changed in the order asked. */
function tagOf(key: string): string {
  return /\{[^}]*\}/.exec(key)?.[0] ?? key;
}
