import type { ChannelProber, ConnectionsOptions, MakeProber, ServerConnections, Servers } from './ports.js';

export interface ShardOptions {
  /** For one server. Its message events are without those of the probe. */
  readonly connections: ConnectionsOptions;
  /** How the names of its probes and its mark begin: with a hash tag whose slot this server owns. */
  readonly tagged: string;
  readonly makeProber: MakeProber;
  readonly connect: Servers['connect'];
  /** A random word. */
  readonly newMark: () => string;
  /** It needs new connections. `isEmptied`: it has lost its data. */
  readonly failed: (reason: string, isEmptied: boolean) => void;
}

/** A mark without a node that reads it ends by itself. */
const MARK_MS = 3_600_000;

/**
 * One primary of a Redis Cluster. Probes show that its subscriber connection works (G6); a mark in its data, that it has not lost
 * them while the server with the rows of the nodes still has its own.
 */
export class Shard {
  readonly connections: ServerConnections;
  readonly #options: ShardOptions;
  readonly #prober: ChannelProber;
  /** The mark as it was read last, over these or earlier connections; undefined: never. */
  #mark: string | undefined;
  #isReading = false;

  constructor(options: ShardOptions) {
    const { connections, tagged, makeProber, connect, failed } = options;
    const { events, node } = connections;
    const probeChannel = `${tagged}:probe:${node}`;
    this.#options = options;
    this.connections = connect({
      ...connections,
      events: {
        message: (channel, bytes) => {
          if (channel === probeChannel) this.#prober.received(Number(Buffer.from(bytes).toString('latin1')));
          else events.message(channel, bytes);
        },
        connected: (isOtherServer) => {
          this.#prober.reset();
          this.#readMark();
          events.connected(isOtherServer);
        },
        disconnected: (which, cause) => events.disconnected(which, cause),
      },
    });
    this.#prober = makeProber({
      send: (number) => {
        this.connections.publish(probeChannel, Buffer.from(`${number}`)).catch(() => undefined);
      },
      missed: () => failed('this node does not receive its own probes', false),
    });
    this.connections.subscribe(probeChannel).catch(() => undefined);
  }

  /** See ShardOptions: once another server owns that slot, this shard is of no use. */
  get tagged(): string {
    return this.#options.tagged;
  }

  /** To be called with each heartbeat, while it is connected. */
  tick(hasSlept: boolean): void {
    if (hasSlept) this.#prober.reset();
    this.#prober.tick();
    this.#readMark();
  }

  #readMark(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#currentMark()
      .then(
        (mark) => {
          const isEmptied = this.#mark !== undefined && mark !== this.#mark;
          this.#mark = mark;
          if (isEmptied) this.#options.failed('a server of the Redis Cluster has lost its data', true);
        },
        () => undefined,
      )
      .finally(() => {
        this.#isReading = false;
      });
  }

  async #currentMark(): Promise<string> {
    const { tagged, newMark } = this.#options;
    const markKey = `${tagged}:mark`;
    const [, mark] = await Promise.all([
      this.connections.command('SET', markKey, newMark(), 'NX', 'PX', MARK_MS),
      this.connections.command('GET', markKey),
      this.connections.command('PEXPIRE', markKey, MARK_MS),
    ]);
    return String(mark);
  }
}
