import { BackplaneUnavailableError } from '../../../src/backplane/backplane.js';
import type { ConnectionsOptions, ServerConnections } from '../../../src/backplane/redis/connection/ports.js';
import type { Script, ScriptArgument } from '../../../src/backplane/redis/ports.js';
import type { NodeId } from '../../../src/wamp/ids.js';
import { Pipe } from '../../support/piped-store.js';
import type { Listener, Primary } from './primary.js';
import type { ShardStore } from './shard-store.js';

const CONNECT_MS = 2;
const RETRY_MS = 40;
/** The server does not notice at once that a connection is lost. */
const MAX_LINGER_MS = 30;

/** Steps that nodes take all the time. */
const FREQUENT: ReadonlySet<string> = new Set(['renew_lease.lua', 'load_nodes.lua', 'count_listeners.lua']);

/** The three connections of one life: from the handshake until they are lost. Each has an order and delays of its own. */
class Life implements Listener {
  readonly bus: { readonly up: Pipe; readonly down: Pipe };
  readonly directory: { readonly up: Pipe; readonly down: Pipe };
  readonly pending = new Set<(cause: Error) => void>();
  isReady = false;
  isOver = false;
  /** Commands under way that the server still carries out once the connections are lost. */
  leftCount = 0;
  readonly runId: string;
  readonly #down: Pipe;
  readonly #store: ShardStore;
  readonly #arrived: (channel: string, bytes: Uint8Array) => void;

  constructor(
    store: ShardStore,
    delayMs: () => number,
    runId: string,
    arrived: (channel: string, bytes: Uint8Array) => void,
  ) {
    const pipe = (): Pipe => new Pipe(store.time, delayMs);
    this.#store = store;
    this.runId = runId;
    this.bus = { up: pipe(), down: pipe() };
    this.directory = { up: pipe(), down: pipe() };
    this.#down = pipe();
    this.#arrived = arrived;
  }

  receive(channel: string, bytes: Uint8Array): void {
    const store = this.#store;
    if (this.isOver) {
      store.noteLost(channel, bytes);
      return;
    }
    const weight = store.hasContent(channel, bytes) ? 1 : 0;
    store.underWayCount += weight;
    this.#down.send(() => {
      store.underWayCount -= weight;
      if (this.isOver) store.noteLost(channel, bytes);
      else this.#arrived(channel, bytes);
    });
  }

  /** Runs behind the messages that were published before. */
  confirm(action: () => void): void {
    this.#down.send(() => {
      if (!this.isOver) action();
    });
  }

  carriesOut(): boolean {
    return !this.isOver || this.leftCount-- > 0;
  }

  end(cause: Error, leftCount: number): void {
    this.isOver = true;
    this.leftCount = leftCount;
    const pending = [...this.pending];
    this.pending.clear();
    for (const reject of pending) reject(new BackplaneUnavailableError('a command', cause));
  }
}

/** The connections of a node to one primary of the simulated store, with the promises of RedisConnections. */
export class SimulatedConnections implements ServerConnections {
  readonly node: NodeId;
  readonly server: Primary;
  readonly maxPublishBytes = Infinity;
  readonly #store: ShardStore;
  readonly #options: ConnectionsOptions;
  readonly #wanted = new Set<string>();
  #life: Life | undefined;
  #attemptCount = 0;
  #lastRunId: string | undefined;
  #isStarted = false;
  #isStopped = false;
  #started: (() => void) | undefined;

  constructor(store: ShardStore, server: Primary, options: ConnectionsOptions) {
    this.#store = store;
    this.#options = options;
    this.server = server;
    this.node = options.node;
  }

  get isConnected(): boolean {
    return this.#life?.isReady === true;
  }

  get missingServerCount(): number {
    return this.isConnected ? 0 : 1;
  }

  start(): Promise<void> {
    this.#isStarted = true;
    this.#attemptIn(0);
    return new Promise((resolve) => (this.#started = resolve));
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    this.#attemptCount++;
    this.#end(new Error('stopped'), Infinity);
    return Promise.resolve();
  }

  /** The process has ended. */
  die(keptCount: number): void {
    this.#isStopped = true;
    this.#attemptCount++;
    const life = this.#life;
    this.#life = undefined;
    if (life === undefined) return;
    life.pending.clear();
    life.end(new Error('the process has ended'), keptCount);
    this.#forget(life);
  }

  reset(reason: string): void {
    if (this.#isStopped || !this.#isStarted) return;
    const wasReady = this.isConnected;
    const { random } = this.#store;
    const cause = new Error(reason);
    this.#end(cause, random() < 0.5 ? Math.floor(random() * 4) : Infinity);
    this.#attemptIn(random() * RETRY_MS);
    if (!wasReady) return;
    this.#store.options.disconnected(this.node);
    this.#options.events.disconnected('directory', cause);
  }

  /** The slots of the server have moved away. */
  moved(): void {
    if (this.#life === undefined) return;
    this.server.forget(this.#life);
    this.#options.redirected?.('the server has ended a subscription: its slot has moved');
  }

  async subscribe(channel: string): Promise<void> {
    this.#wanted.add(channel);
    const life = this.#demand();
    await this.#ask(life, 'directory', true, () => this.server.listen(channel, life));
    await new Promise<void>((resolve, reject) => {
      life.pending.add(reject);
      life.confirm(() => {
        life.pending.delete(reject);
        resolve();
      });
    });
  }

  unsubscribe(channel: string): Promise<void> {
    this.#wanted.delete(channel);
    return Promise.resolve();
  }

  async publish(channel: string, bytes: Uint8Array): Promise<number> {
    const copy = Uint8Array.from(bytes);
    const hasContent = this.#store.hasContent(channel, copy);
    return this.#ask(this.#demand(), 'bus', hasContent, () => {
      const fault = hasContent ? this.#store.takeFault(this.node, channel) : undefined;
      const listenerCount = fault === undefined ? this.server.publish(channel, copy) : 0;
      if (listenerCount === 0) this.#store.noteLost(channel, copy);
      return fault === 'lose' ? 1 : listenerCount;
    });
  }

  async run<Input, Reply>(script: Script<Input, Reply>, input: Input): Promise<Reply> {
    const { keys, argv } = script.encode(input);
    const words = argv.map((word): ScriptArgument => (word instanceof Uint8Array ? Uint8Array.from(word) : word));
    const raw = await this.#ask(this.#demand(), 'directory', !FREQUENT.has(script.file), () => {
      const reply = this.server.run(script.file, keys, words);
      this.#store.noteStep(script.file, words, reply);
      return reply;
    });
    return script.decode(raw);
  }

  async command(name: string, ...words: readonly (string | number)[]): Promise<unknown> {
    const [key = '', value = ''] = words.map(String);
    return this.#ask(this.#demand(), 'directory', false, () => this.server.command(name, key, value));
  }

  async *scanSet(key: string): AsyncGenerator<readonly string[]> {
    yield await this.#ask(this.#demand(), 'directory', true, () => this.server.members(key));
  }

  async *scanHash(key: string): AsyncGenerator<readonly (readonly [field: string, value: Uint8Array])[]> {
    yield await this.#ask(this.#demand(), 'directory', true, () => this.server.fields(key));
  }

  #demand(): Life {
    if (this.#life?.isReady !== true) throw new BackplaneUnavailableError('not connected');
    return this.#life;
  }

  #ask<Reply>(life: Life, way: 'bus' | 'directory', counts: boolean, act: () => Reply): Promise<Reply> {
    const store = this.#store;
    const weight = counts ? 1 : 0;
    store.underWayCount += weight;
    return new Promise<Reply>((resolve, reject) => {
      life.pending.add(reject);
      life[way].up.send(() => {
        if (!life.carriesOut()) {
          store.underWayCount -= weight;
          return;
        }
        const isMoved = this.server.isDemoted;
        const reply = isMoved ? undefined : act();
        life[way].down.send(() => {
          store.underWayCount -= weight;
          if (life.isOver) return;
          life.pending.delete(reject);
          if (!isMoved) resolve(reply as Reply);
          else {
            reject(new BackplaneUnavailableError('a command: MOVED'));
            this.#options.redirected?.('MOVED');
          }
        });
      });
    });
  }

  #attemptIn(delayMs: number): void {
    const number = ++this.#attemptCount;
    this.#later(delayMs + CONNECT_MS, number, () => this.#attempt(number));
  }

  #later(delayMs: number, number: number, action: () => void): void {
    this.#store.time.after(delayMs, () => {
      if (number === this.#attemptCount) action();
    });
  }

  #attempt(number: number): void {
    const { server, node } = this;
    const store = this.#store;
    if (!store.reaches(node, server) || server.isDemoted) {
      this.#attemptIn(RETRY_MS * store.random());
      return;
    }
    const life = new Life(
      store,
      () => store.delayMs(node, server),
      server.runId,
      (channel, bytes) => {
        if (this.#wanted.has(channel)) this.#options.events.message(channel, bytes);
      },
    );
    this.#life = life;
    for (const channel of this.#wanted) server.listen(channel, life);
    this.#later(CONNECT_MS + store.delayMs(node, server), number, () => this.#ready(life));
  }

  #ready(life: Life): void {
    for (const channel of this.#wanted) this.server.listen(channel, life);
    life.isReady = true;
    const isOtherServer = this.#lastRunId !== undefined && this.#lastRunId !== life.runId;
    this.#lastRunId = life.runId;
    this.#options.events.connected(isOtherServer);
    this.#started?.();
  }

  #end(cause: Error, leftCount: number): void {
    const life = this.#life;
    this.#life = undefined;
    if (life === undefined) return;
    life.end(cause, leftCount);
    this.#forget(life);
  }

  #forget(life: Life): void {
    const { time, random } = this.#store;
    const lingerMs = random() < 0.5 ? 0 : random() * MAX_LINGER_MS;
    time.after(lingerMs, () => this.server.forget(life));
  }
}
