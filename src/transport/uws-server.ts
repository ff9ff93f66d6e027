import { Buffer } from 'node:buffer';
import { performance } from 'node:perf_hooks';
import type { us_listen_socket, WebSocket, WebSocketBehavior } from 'uWebSockets.js';
import type { ConnectionEnd, Counters } from '../telemetry/counters.js';
import type { Logger } from '../telemetry/logger.js';
import { Backlog } from './backlog.js';
import type { Accept, CloseCause, ConnectionTraits } from './connection.js';
import { affordableConnections, descriptorLimit } from './descriptors.js';
import { kernelSockets } from './kernel-sockets.js';
import { CHECK_MS, MemoryGuard } from './memory-guard.js';
import type { Outbox } from './outbox.js';
import { pathVariants } from './paths.js';
import { ReceiveBuffers } from './receive-buffers.js';
import type { TemporaryRefusal } from './refusals.js';
import { Slab } from './slab.js';
import { StaticSite } from './static-site.js';
import type { SiteOptions, TlsOptions, TransportOptions } from './transport-options.js';
import { TurnFlusher } from './turn-flusher.js';
import { UwsConnection, type ConnectionDependencies } from './uws-connection.js';
import { UwsAcceptor, type AcceptorOptions, type UserData } from './uws-acceptor.js';
import { uws } from './uws-library.js';
import { UwsCertificates, type CertificateApp } from './uws-certificates.js';
import { createApp, listen } from './uws-listen.js';

const LINGER_MS = 5_000;
const STOP_GRACE_MS = 1_000;
const MS_PER_SECOND = 1_000;
/** Share of the time that a connection may stay silent. */
const PROBE_PERIOD_SHARE = 1 / 8;
/** The close code of connections that ended without a close frame: no peer can send it. */
const CUT_OFF = 1_006;
/** A message up to this many times `maxMessageBytes` is read, so that the client gets a clear ABORT. */
const OVERLONG_FACTOR = 2;

/**
 * The WebSocket server: listens, and owns the life of every connection. The acceptor decides which clients may connect.
 */
export class UwsServer {
  readonly #options: TransportOptions;
  readonly #accept: Accept;
  readonly #counters: Counters;
  readonly #logger: Logger;
  readonly #dependencies: ConnectionDependencies;
  readonly #acceptor: UwsAcceptor;
  readonly #connections = new Set<UwsConnection>();
  readonly #guard: MemoryGuard;
  #guardTimer: NodeJS.Timeout | undefined;
  readonly #probePeriod = { number: 0 };
  #probeTimer: NodeJS.Timeout | undefined;
  #apps: UwsCertificates | undefined;
  #listenSockets: readonly us_listen_socket[] = [];
  #isAccepting = true;
  #stopping: Promise<void> | undefined;
  #whenEmpty: (() => void) | undefined;
  #receiveBuffers: ReceiveBuffers | undefined;
  #receiveBufferBytes = 0;

  constructor(options: TransportOptions, accept: Accept, counters: Counters, logger: Logger) {
    this.#options = options;
    this.#accept = accept;
    this.#counters = counters;
    this.#logger = logger;
    this.#guard = new MemoryGuard({
      maxBytes: options.maxMemoryBytes,
      usedBytes: options.usedMemoryBytes ?? (() => process.memoryUsage.rss()),
      maxUnfinishedBytes: options.maxMessageBytes * OVERLONG_FACTOR,
      connections: this.#connections,
      onChange: (isShort) => this.#memoryChanged(isShort),
    });
    this.#acceptor = new UwsAcceptor(affordable(options, logger), counters, logger, () => this.#closedFor());
    const flusher = new TurnFlusher<Outbox>();
    this.#dependencies = {
      outbox: {
        maxUnsentBytes: options.maxUnsentBytes,
        backlog: new Backlog(options.maxTotalUnsentBytes, flusher),
        compress: options.compression !== 'off',
        lingerMs: LINGER_MS,
        probes: this.#probePeriod,
      },
      maxMessageBytes: options.maxMessageBytes,
      maxMessagesPerSecond: options.maxMessagesPerSecond,
      maxPingsPerSecond: options.maxPingsPerSecond,
      flusher,
      slab: new Slab(),
      counters,
      nowMs: () => performance.now(),
    };
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** The kernel's receive buffer of each connection; 0: not limited by this node. */
  get receiveBufferBytes(): number {
    return this.#receiveBufferBytes;
  }

  /** Connections whose receive buffer is small because they flood this node, or did so recently. */
  get narrowedCount(): number {
    return this.#receiveBuffers?.narrowedCount ?? 0;
  }

  /**
   * All open connections, WebSockets or not; those of them that have sent no complete request; and how many may stay.
   */
  get sockets(): { readonly count: number; readonly pendingCount: number; readonly maxCount: number } {
    return this.#acceptor.sockets;
  }

  /** Sum over all connections. O(connections). */
  unsentBytes(): number {
    let sum = 0;
    for (const connection of this.#connections) sum += connection.unsentBytes();
    return sum;
  }

  /** Starts listening, once. Rejects with a ListenError that gives the reason. */
  async start(): Promise<{ port: number }> {
    const { host, port, site } = this.#options;
    if (site !== undefined) this.#acceptor.site = await this.#loadSite(site);
    const kernel = await kernelSockets();
    this.#receiveBuffers = new ReceiveBuffers(kernel, this.#options, this.#dependencies.nowMs);
    const { app } = await this.#createApp(this.#options.tls);
    this.#apps = new UwsCertificates(app);
    const listening = await listen(app, host, port);
    this.#guardTimer = setInterval(() => this.#guard.check(), CHECK_MS);
    const { idleTimeoutMs } = this.#options;
    this.#probeTimer = setInterval(() => this.#probePeriod.number++, idleTimeoutMs * PROBE_PERIOD_SHARE);
    this.#listenSockets = listening.sockets;
    // Still in the turn that opened the port: no client was accepted yet, and every later one inherits the buffer.
    this.#limitReceiveBuffers(this.#receiveBuffers, listening.port);
    this.#logger.info({ host, port: listening.port }, 'server.listening');
    return { port: listening.port };
  }

  /** Refuses new connections; open ones continue. Idempotent. */
  stopListening(): void {
    if (!this.#isAccepting) return;
    this.#isAccepting = false;
    for (const socket of this.#listenSockets) uws.us_listen_socket_close(socket);
    this.#logger.info({}, 'server.stopped_listening');
  }

  /**
   * Makes ready for another certificate. The function that it resolves with gives it to each new connection. Rejects with
   * a ListenError that gives the reason.
   */
  async prepareCertificate(tls: TlsOptions): Promise<() => void> {
    const next = await this.#createApp(tls);
    return () => this.#apps?.use(next);
  }

  /** Decides on the opening handshakes from now on. Open connections stay. */
  allowOrigins(origins: readonly string[]): void {
    this.#acceptor.allowOrigins(origins);
  }

  /** Sends queued messages now rather than at the end of the turn. */
  flush(): void {
    this.#dependencies.flusher.flush();
  }

  /** Clients send more than this node can handle: slows down those that do, where the system can. */
  relieve(): void {
    this.#receiveBuffers?.relieve();
  }

  /**
   * Closes every connection, and cuts those that have not ended within a second. Idempotent: the first cause counts.
   */
  stop(cause: CloseCause = 'shutdown'): Promise<void> {
    this.#stopping ??= this.#stop(cause);
    return this.#stopping;
  }

  async #stop(cause: CloseCause): Promise<void> {
    this.stopListening();
    for (const connection of this.#connections) connection.close(cause);
    if (this.#connections.size > 0) {
      await new Promise<void>((resolve) => {
        const grace = setTimeout(resolve, STOP_GRACE_MS);
        this.#whenEmpty = () => {
          clearTimeout(grace);
          resolve();
        };
      });
    }
    clearInterval(this.#guardTimer);
    clearInterval(this.#probeTimer);
    this.#receiveBuffers?.stop();
    this.#apps?.close();
    this.#logger.info({}, 'server.stopped');
  }

  #memoryChanged(isShort: boolean): void {
    if (!isShort) this.#logger.info({}, 'server.memory_enough');
    else {
      const message = 'the process uses more than limits.maxMemoryPercent: new connections are refused';
      this.#logger.warn({ message }, 'server.memory_short');
    }
  }

  #limitReceiveBuffers(buffers: ReceiveBuffers, port: number): void {
    if (this.#options.receiveBufferBytes === 0) return;
    const buffer = buffers.limit(port);
    if (buffer.kind === 'limited') this.#receiveBufferBytes = buffer.bytes;
    else this.#logger.warn({ message: buffer.reason }, 'server.receive_buffer_unlimited');
  }

  async #loadSite({ directory, made }: SiteOptions): Promise<StaticSite> {
    const site = await StaticSite.load(directory, made);
    this.#logger.info({ file: directory, count: site.size }, 'site.loaded');
    return site;
  }

  async #createApp(tls: TlsOptions | undefined): Promise<CertificateApp> {
    const { host, port } = this.#options;
    const sockets = { count: 0 };
    const app = await createApp(host, port, tls);
    const acceptor = this.#acceptor;
    app.filter((response, count) => {
      if (Number(count) > 0) acceptor.accepted(response);
    });
    for (const path of pathVariants(this.#options.path)) app.ws<UserData>(path, this.#behavior(sockets));
    app.any('/*', (response, request) => acceptor.requested(response, request));
    return { app, sockets };
  }

  #behavior(sockets: CertificateApp['sockets']): WebSocketBehavior<UserData> {
    const { maxMessageBytes, maxUnsentBytes, idleTimeoutMs, compression } = this.#options;
    return {
      maxPayloadLength: maxMessageBytes * OVERLONG_FACTOR,
      maxBackpressure: maxUnsentBytes,
      idleTimeout: Math.round(idleTimeoutMs / MS_PER_SECOND),
      maxLifetime: 0,
      sendPingsAutomatically: true,
      compression: compression === 'off' ? uws.DISABLED : uws.SHARED_COMPRESSOR,
      upgrade: (response, request, context) => this.#acceptor.upgrade(response, request, context),
      open: (socket) => {
        sockets.count++;
        this.#opened(socket);
      },
      message: (socket, message, isBinary) => socket.getUserData().connection?.received(message, isBinary),
      drain: (socket) => socket.getUserData().connection?.drained(),
      ping: (socket) => socket.getUserData().connection?.pinged(),
      close: (socket, code, reason) => {
        sockets.count--;
        this.#closed(socket.getUserData(), code, Buffer.from(reason).toString('latin1'));
      },
    };
  }

  /** Why no WebSocket may open for now. */
  #closedFor(): TemporaryRefusal | undefined {
    if (!this.#isAccepting) return 'draining';
    return this.#guard.isShort ? 'memory' : undefined;
  }

  #opened(socket: WebSocket<UserData>): void {
    const user = socket.getUserData();
    const connection = new UwsConnection(socket, user.traits, this.#dependencies);
    user.connection = connection;
    this.#connections.add(connection);
    this.#counters.connectionsOpened[connection.serializer]++;
    this.#logger.debug(user.traits, 'connection.opened');
    connection.listen(this.#accept(connection));
  }

  #closed({ traits, slot, connection }: UserData, code: number, reason: string): void {
    slot.release();
    if (connection === undefined) return;
    this.#connections.delete(connection);
    const cause = connection.closeCause ?? (code === CUT_OFF ? this.#cutOff(reason, traits) : 'peer');
    this.#counters.connectionsClosed[cause]++;
    if (cause === 'slow_reader') this.#logger.info(traits, 'connection.slow_reader');
    this.#logger.debug({ reason: cause, remoteAddress: traits.remoteAddress }, 'connection.closed');
    connection.ended();
    if (this.#connections.size === 0) this.#whenEmpty?.();
  }

  /** uWebSockets.js closes the connection by itself in some of these cases, and gives the reason only as text. */
  #cutOff(reason: string, { remoteAddress }: ConnectionTraits): ConnectionEnd {
    if (reason.startsWith('Received too big message')) {
      this.#counters.limitsReached.message_bytes++;
      const message = 'a message far above limits.maxMessageBytes';
      this.#logger.info({ remoteAddress, message }, 'connection.limit_reached');
      return 'limit';
    }
    if (reason === 'WebSocket timed out from inactivity') return 'idle_timeout';
    if (reason.startsWith('Received invalid ')) {
      this.#counters.violations.all++;
      this.#logger.info({ remoteAddress, message: reason }, 'connection.malformed');
      return 'protocol_violation';
    }
    return 'peer';
  }
}

/** The options that the process can keep: no more connections than it may open sockets. */
function affordable(options: TransportOptions, logger: Logger): AcceptorOptions {
  const limit = descriptorLimit();
  const bounds = affordableConnections(options.maxConnections, limit);
  if (bounds.maxConnections < options.maxConnections) {
    const message =
      `this process may open ${limit ?? 0} files (ulimit -n), so it serves ${bounds.maxConnections} connections instead ` +
      `of ${options.maxConnections} (limits.maxConnections)`;
    logger.warn({ message, count: bounds.maxConnections }, 'descriptors.limited');
  }
  return { ...options, ...bounds };
}
