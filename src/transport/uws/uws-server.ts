import { Buffer } from 'node:buffer';
import type { us_listen_socket, WebSocket, WebSocketBehavior } from 'uWebSockets.js';
import type { ConnectionEnd, Counters } from '../../telemetry/counters.js';
import type { Logger } from '../../telemetry/logger.js';
import type { Accept, CloseCause, ConnectionTraits } from '../connection.js';
import { HttpRoutes } from '../http/routes.js';
import { siteRoute } from '../http/site-route.js';
import { kernelSockets } from '../bounds/kernel-sockets.js';
import { ListenerGate } from '../listener-gate.js';
import { pathVariants } from '../paths.js';
import { ReceiveBuffers } from '../bounds/receive-buffers.js';
import { StaticSite } from '../static-site.js';
import { StopGrace } from '../stop-grace.js';
import type { SiteOptions, TlsOptions, TransportOptions } from '../transport-options.js';
import { OVERLONG_FACTOR, type SharedTransport } from '../shared-transport.js';
import type { ConnectionDependencies } from '../socket-connection.js';
import { UwsConnection } from './uws-connection.js';
import { UwsAcceptor, type UserData } from './uws-acceptor.js';
import { uws } from './uws-library.js';
import { UwsCertificates, type CertificateApp } from './uws-certificates.js';
import { createApp, listenAtHost } from './uws-listen.js';

const MS_PER_SECOND = 1_000;
/** The close code of connections that ended without a close frame: no peer can send it. */
const CUT_OFF = 1_006;

/**
 * The WebSocket server: listens, and owns the life of every connection. The acceptor decides which clients may connect.
 */
export class UwsServer {
  readonly #options: TransportOptions;
  readonly #accept: Accept;
  readonly #shared: SharedTransport;
  readonly #gate: ListenerGate;
  readonly #counters: Counters;
  readonly #logger: Logger;
  readonly #dependencies: ConnectionDependencies;
  readonly #acceptor: UwsAcceptor;
  readonly #connections = new Set<UwsConnection>();
  #apps: UwsCertificates | undefined;
  #listenSockets: readonly us_listen_socket[] = [];
  #isAccepting = true;
  #stopping: Promise<void> | undefined;
  readonly #grace = new StopGrace();
  #receiveBuffers: ReceiveBuffers | undefined;
  #receiveBufferBytes = 0;

  /** `gate`: given where other connections than WebSockets belong to the listener too. */
  constructor(
    options: TransportOptions,
    accept: Accept,
    shared: SharedTransport,
    gate = new ListenerGate(options.rules, shared),
  ) {
    this.#options = options;
    this.#accept = accept;
    this.#shared = shared;
    this.#counters = shared.counters;
    this.#logger = shared.logger;
    this.#gate = gate;
    this.#acceptor = new UwsAcceptor(options, shared, this.#gate, () => shared.closedFor(this.#isAccepting));
    this.#dependencies = shared.dependencies({ compress: options.compression !== 'off' });
  }

  get name(): string {
    return this.#gate.name;
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

  /** Sum over all connections. O(connections). */
  unsentBytes(): number {
    let sum = 0;
    for (const connection of this.#connections) sum += connection.unsentBytes();
    return sum;
  }

  /** Starts listening, once. Rejects with a ListenError that gives the reason. */
  async start(): Promise<{ port: number }> {
    const { host, port, sites = [], routes = [] } = this.#options;
    const { nothing } = this.#acceptor;
    const pages = sites.map(async (site) => siteRoute(await this.#loadSite(site), site, nothing));
    this.#acceptor.routes = new HttpRoutes([...(await Promise.all(pages)), ...routes]);
    const kernel = await kernelSockets();
    this.#receiveBuffers = new ReceiveBuffers(kernel, this.#options, this.#dependencies.nowMs);
    const { app } = await this.#createApp(this.#options.tls);
    this.#apps = new UwsCertificates(app);
    const listening = await listenAtHost(app, host, port, this.#shared.isPortShared ? 'shared' : 'exclusive');
    this.#listenSockets = listening.sockets;
    // Still in the turn that opened the port: no client was accepted yet, and every later one inherits the buffer.
    this.#limitReceiveBuffers(this.#receiveBuffers, listening.port);
    this.#logger.info({ host, port: listening.port, reason: this.name }, 'server.listening');
    return { port: listening.port };
  }

  /** Refuses new connections; open ones continue. Idempotent. */
  stopListening(): void {
    if (!this.#isAccepting) return;
    this.#isAccepting = false;
    for (const socket of this.#listenSockets) uws.us_listen_socket_close(socket);
    this.#logger.info({ reason: this.name }, 'server.stopped_listening');
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

  /** See ListenerGate. */
  allowMethods(names: readonly string[] | undefined): void {
    this.#gate.allowMethods(names);
  }

  /** Files of the certificate. */
  get tlsFiles(): readonly string[] {
    const { tls } = this.#options;
    return tls === undefined ? [] : [tls.certFile, tls.keyFile];
  }

  /** Reads these files: new connections get their content. Rejects with a ListenError that gives the reason. */
  async renewCertificate(): Promise<void> {
    const { tls } = this.#options;
    if (tls === undefined) return;
    const use = await this.prepareCertificate(tls);
    use();
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
    // Those that are left end with the apps below.
    if (this.#connections.size > 0) await this.#grace.wait(() => this.#grace.allEnded());
    this.#receiveBuffers?.stop();
    this.#apps?.close();
    this.#logger.info({ reason: this.name }, 'server.stopped');
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
    app.any('/*', (response, request) => acceptor.requested(response, request, sockets));
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
      message: (socket, message, isBinary) => socket.getUserData().connection?.receivedFrame(message, isBinary),
      drain: (socket) => socket.getUserData().connection?.drained(),
      ping: (socket) => socket.getUserData().connection?.pinged(),
      close: (socket, code, reason) => {
        sockets.count--;
        this.#closed(socket.getUserData(), code, Buffer.from(reason).toString('latin1'));
      },
    };
  }

  #opened(socket: WebSocket<UserData>): void {
    const user = socket.getUserData();
    const { traits } = user;
    if (traits === undefined) throw new Error('a WebSocket was opened twice');
    const connection = new UwsConnection(socket, traits, this.#dependencies);
    user.traits = undefined;
    user.connection = connection;
    this.#connections.add(connection);
    this.#gate.opened(connection);
    connection.listen(this.#accept(connection));
  }

  #closed({ slot, connection }: UserData, code: number, reason: string): void {
    slot.release();
    if (connection === undefined) return;
    this.#connections.delete(connection);
    const isCut = connection.closeCause === undefined && code === CUT_OFF;
    this.#gate.ended(connection, isCut ? this.#cutOff(reason, connection) : 'peer');
    if (this.#connections.size === 0) this.#grace.allEnded();
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
