import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { ConnectionEnd } from '../../telemetry/counters.js';
import type { Accept, CloseCause } from '../connection.js';
import { listenError } from '../listen-error.js';
import type { TemporaryRefusal } from '../refusals.js';
import type { SharedTransport } from '../shared-transport.js';
import type { ConnectionDependencies } from '../socket-connection.js';
import { RawAcceptor, type AcceptedClient } from './raw-acceptor.js';
import { RawConnection, type RawConnectionOptions } from './raw-connection.js';
import { announcedBytes } from './raw-handshake.js';
import type { RawOptions } from './raw-options.js';
import { RawOutput, Scratch } from './raw-output.js';
import { ReadTurns } from './read-turns.js';

/** A connection reads about this much in a turn: as much as a WebSocket, whose receive buffer bounds it. */
const TURN_BYTES = 65_536;
const LINGER_MS = 1_000;
const STOP_GRACE_MS = 1_000;

/** A RawSocket listener: owns the life of each of its connections. The acceptor decides which clients may connect. */
export class RawServer {
  readonly #options: RawOptions;
  readonly #accept: Accept;
  readonly #shared: SharedTransport;
  readonly #dependencies: ConnectionDependencies;
  readonly #reading: RawConnectionOptions;
  readonly #acceptor: RawAcceptor;
  readonly #scratch = new Scratch();
  readonly #connections = new Set<RawConnection>();
  /** All open sockets, also those without a handshake. */
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #isAccepting = true;
  #stopping: Promise<void> | undefined;

  constructor(options: RawOptions, accept: Accept, shared: SharedTransport) {
    this.#options = options;
    this.#accept = accept;
    this.#shared = shared;
    this.#dependencies = shared.dependencies({ compress: false });
    const receiveBytes = announcedBytes(shared.bounds.maxMessageBytes);
    this.#reading = { maxFrameBytes: receiveBytes, turnBytes: TURN_BYTES, turns: new ReadTurns() };
    this.#acceptor = new RawAcceptor({
      ...options,
      receiveBytes,
      lingerMs: LINGER_MS,
      shared,
      closedFor: () => this.#closedFor(),
      opened: (client) => this.#opened(client),
    });
    const { keepAliveMs } = options;
    this.#server = createServer(
      { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs, allowHalfOpen: false },
      (socket) => this.#connected(socket),
    );
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Sum over all connections. O(connections). */
  unsentBytes(): number {
    let sum = 0;
    for (const connection of this.#connections) sum += connection.unsentBytes();
    return sum;
  }

  /** Starts listening, once. Rejects with a ListenError that gives the reason. */
  async start(): Promise<{ port: number }> {
    const { name, host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: Error): void => reject(listenError(host, port, cause));
      this.#server.once('error', failed);
      this.#server.listen({ host, port, exclusive: true }, () => {
        this.#server.off('error', failed);
        resolve();
      });
    });
    const bound = (this.#server.address() as AddressInfo).port;
    this.#shared.logger.info({ host, port: bound, reason: name }, 'server.listening');
    return { port: bound };
  }

  /** Refuses new connections; open ones continue. Idempotent. */
  stopListening(): void {
    if (!this.#isAccepting) return;
    this.#isAccepting = false;
    this.#server.close();
    this.#shared.logger.info({ reason: this.#options.name }, 'server.stopped_listening');
  }

  /** Closes every connection, and cuts those that have not ended within a second. Idempotent: the first cause counts. */
  stop(cause: CloseCause = 'shutdown'): Promise<void> {
    this.#stopping ??= this.#stop(cause);
    return this.#stopping;
  }

  async #stop(cause: CloseCause): Promise<void> {
    this.stopListening();
    for (const connection of this.#connections) connection.close(cause);
    if (this.#sockets.size > 0) {
      await new Promise<void>((resolve) => {
        const grace = setTimeout(() => {
          for (const socket of this.#sockets) socket.destroy();
        }, STOP_GRACE_MS);
        this.#server.once('close', () => {
          clearTimeout(grace);
          resolve();
        });
      });
    }
    this.#shared.logger.info({ reason: this.#options.name }, 'server.stopped');
  }

  #closedFor(): TemporaryRefusal | undefined {
    if (!this.#isAccepting) return 'draining';
    return this.#shared.isMemoryShort ? 'memory' : undefined;
  }

  #connected(socket: Socket): void {
    this.#sockets.add(socket);
    // A reset, or a write that came too late: `close` follows.
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
    this.#acceptor.accepted(socket);
  }

  #opened({ socket, traits, rest }: AcceptedClient): void {
    const { counters, logger, connections } = this.#shared;
    const output = new RawOutput(socket, this.#scratch, LINGER_MS);
    const connection = new RawConnection(socket, output, traits, this.#dependencies, this.#reading);
    output.owner = { drained: () => connection.drained(), ended: () => this.#ended(connection) };
    this.#connections.add(connection);
    connections.add(connection);
    counters.connectionsOpened[traits.serializer]++;
    logger.debug(connection.logFields, 'connection.opened');
    connection.listen(this.#accept(connection));
    // A client that ends its side takes no answer any more.
    socket.once('end', () => output.close());
    socket.once('close', () => output.close());
    socket.on('data', (chunk: Buffer) => connection.read(chunk));
    if (rest.length > 0) connection.read(rest);
  }

  #ended(connection: RawConnection): void {
    const { counters, logger, connections } = this.#shared;
    this.#connections.delete(connection);
    connections.delete(connection);
    const cause: ConnectionEnd = connection.closeCause ?? 'peer';
    counters.connectionsClosed[cause]++;
    const { remoteAddress } = connection;
    if (cause === 'slow_reader') logger.info(connection.logFields, 'connection.slow_reader');
    logger.debug({ reason: cause, remoteAddress }, 'connection.closed');
    connection.ended();
  }
}
