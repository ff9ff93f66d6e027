import { once } from 'node:events';
import { createServer, type Server, type ServerOpts, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket } from 'node:tls';
import type { Accept, CloseCause } from '../connection.js';
import { ListenError, listenError } from '../listen-error.js';
import { ListenerGate } from '../listener-gate.js';
import type { SharedTransport } from '../shared-transport.js';
import type { ConnectionDependencies } from '../socket-connection.js';
import { StopGrace } from '../stop-grace.js';
import { RawAcceptor, type AcceptedClient, type Opening } from './raw-acceptor.js';
import { RawConnection, type RawConnectionOptions } from './raw-connection.js';
import { announcedBytes } from './raw-handshake.js';
import type { RawOptions, RawTlsOptions } from './raw-options.js';
import { RawOutput, Scratch } from './raw-output.js';
import { certificateOf, channelIdOf, readSecureContext } from './raw-tls.js';
import { ReadTurns } from './read-turns.js';
import { listenAtPath, removeStaleSocket } from './unix-socket.js';

/** A connection reads about this much in a turn: as much as a WebSocket, whose receive buffer bounds it. */
const TURN_BYTES = 65_536;
const LINGER_MS = 1_000;

/** A RawSocket listener: owns the life of each of its connections. The acceptor decides which clients may connect. */
export class RawServer {
  readonly #options: RawOptions;
  readonly #accept: Accept;
  readonly #shared: SharedTransport;
  readonly #gate: ListenerGate;
  readonly #dependencies: ConnectionDependencies;
  readonly #reading: RawConnectionOptions;
  readonly #acceptor: RawAcceptor;
  readonly #scratch = new Scratch();
  readonly #connections = new Set<RawConnection>();
  /** All open sockets, also those without a handshake. */
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  /** Decrypts connections of the server, where it has TLS; does not listen itself. */
  readonly #secured: TlsServer | undefined;
  /** Connections that are being secured. The client's port shows which one has been. */
  readonly #openings = new Map<string, Opening>();
  #isAccepting = true;
  #stopping: Promise<void> | undefined;
  readonly #grace = new StopGrace();

  constructor(options: RawOptions, accept: Accept, shared: SharedTransport) {
    this.#options = options;
    this.#accept = accept;
    this.#shared = shared;
    this.#dependencies = shared.dependencies({ compress: false });
    const receiveBytes = announcedBytes(shared.bounds.maxMessageBytes);
    this.#reading = { maxFrameBytes: receiveBytes, turnBytes: TURN_BYTES, turns: new ReadTurns() };
    this.#gate = new ListenerGate(options.rules, shared);
    this.#acceptor = new RawAcceptor({
      ...options,
      receiveBytes,
      lingerMs: LINGER_MS,
      shared,
      gate: this.#gate,
      closedFor: () => shared.closedFor(this.#isAccepting),
      opened: (client) => this.#opened(client),
    });
    const { tls } = options;
    if (tls !== undefined) this.#secured = this.#createTlsServer(tls);
    this.#server = createServer(this.#socketOptions(), (socket) => this.#connected(socket));
  }

  get name(): string {
    return this.#gate.name;
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

  /** Starts listening, once; resolves with port 0 for a Unix socket. Rejects with a ListenError that gives the reason. */
  async start(): Promise<{ port: number }> {
    const { host, port, path, mode } = this.#options;
    const { name } = this;
    await this.renewCertificate();
    if (path === undefined) this.#server.listen({ host, port, exclusive: !this.#shared.isPortShared });
    else {
      await removeStaleSocket(path);
      listenAtPath(this.#server, path, mode);
    }
    try {
      await once(this.#server, 'listening');
    } catch (cause) {
      throw path === undefined ? listenError(host, port, cause) : listenError(path, undefined, cause);
    }
    // A connection that the system could not accept, for want of descriptors for instance. Unhandled, it ends the process.
    this.#server.on('error', (error) => this.#shared.logger.error({ error, reason: name }, 'server.accept_failed'));
    const address = this.#server.address();
    const bound = typeof address === 'string' || address === null ? 0 : address.port;
    this.#shared.logger.info({ host: path ?? host, port: bound, reason: name }, 'server.listening');
    return { port: bound };
  }

  /** Files of the certificate and of the authorities of clients. */
  get tlsFiles(): readonly string[] {
    const { tls } = this.#options;
    if (tls === undefined) return [];
    return [tls.certFile, tls.keyFile, ...(tls.clientCaFile === undefined ? [] : [tls.clientCaFile])];
  }

  /** Reads the files of TLS: new connections get their content. Rejects with a ListenError that gives the reason. */
  async renewCertificate(): Promise<void> {
    const { tls, host, port } = this.#options;
    if (tls === undefined) return;
    try {
      this.#secured?.setSecureContext(await readSecureContext(tls));
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new ListenError(host, port, `the certificate and key of its TLS cannot be used: ${message}`, cause);
    }
  }

  /** See ListenerGate. */
  allowMethods(names: readonly string[] | undefined): void {
    this.#gate.allowMethods(names);
  }

  /** Refuses new connections; open ones continue. Idempotent. */
  stopListening(): void {
    if (!this.#isAccepting) return;
    this.#isAccepting = false;
    this.#server.close();
    this.#shared.logger.info({ reason: this.name }, 'server.stopped_listening');
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
      await this.#grace.wait(() => {
        for (const socket of this.#sockets) socket.destroy();
      });
    }
    this.#shared.logger.info({ reason: this.name }, 'server.stopped');
  }

  #socketOptions(): ServerOpts {
    return {
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: this.#options.keepAliveMs,
      allowHalfOpen: false,
    };
  }

  #connected(socket: Socket): void {
    const opening = this.#accepted(socket);
    if (opening === undefined) return;
    this.#acceptor.readProxyHeader(opening, (known, rest) => {
      if (this.#secured === undefined) this.#acceptor.readHandshake(known, socket, undefined, rest);
      else this.#secure(this.#secured, known, rest);
    });
  }

  /** `rest`: bytes that were read from the socket already. */
  #secure(server: TlsServer, opening: Opening, rest: Buffer): void {
    const { socket } = opening;
    const key = endOf(socket);
    this.#openings.set(key, opening);
    socket.once('close', () => this.#openings.delete(key));
    if (rest.length > 0) {
      socket.pause();
      socket.unshift(rest);
    }
    server.emit('connection', socket);
  }

  #createTlsServer({ clientCaFile, requireClientCertificate }: RawTlsOptions): TlsServer {
    const server = createTlsServer({
      requestCert: clientCaFile !== undefined,
      rejectUnauthorized: requireClientCertificate,
    });
    server.on('secureConnection', (stream: TLSSocket) => {
      stream.on('error', () => undefined);
      const opening = this.#openings.get(endOf(stream));
      if (opening === undefined) stream.destroy();
      else {
        const traits = { certificate: certificateOf(stream), channelId: channelIdOf(stream) };
        this.#acceptor.readHandshake(opening, stream, traits);
      }
    });
    return server;
  }

  #accepted(socket: Socket): Opening | undefined {
    this.#sockets.add(socket);
    // A reset, or a write that came too late: `close` follows.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#grace.allEnded();
    });
    return this.#acceptor.accepted(socket);
  }

  #opened({ stream, traits, rest }: AcceptedClient): void {
    const output = new RawOutput(stream, this.#scratch, LINGER_MS);
    const connection = new RawConnection(stream, output, traits, this.#dependencies, this.#reading);
    output.owner = { drained: () => connection.drained(), ended: () => this.#ended(connection) };
    this.#connections.add(connection);
    this.#gate.opened(connection);
    connection.listen(this.#accept(connection));
    // A client that ends its side takes no answer any more.
    stream.once('end', () => output.close());
    stream.once('close', () => output.close());
    stream.on('data', (chunk: Buffer) => connection.read(chunk));
    if (rest.length > 0) connection.read(rest);
  }

  #ended(connection: RawConnection): void {
    this.#connections.delete(connection);
    this.#gate.ended(connection, 'peer');
  }
}

function endOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
