import { Buffer } from 'node:buffer';
import { access, constants } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import {
  App,
  DISABLED,
  SHARED_COMPRESSOR,
  SSLApp,
  us_listen_socket_close,
  us_socket_local_port,
  type AppOptions,
  type HttpRequest,
  type HttpResponse,
  type TemplatedApp,
  type us_listen_socket,
  type us_socket_context_t,
  type WebSocket,
} from 'uWebSockets.js';
import type { ConnectionEnd, ConnectionRefusal, Counters } from '../telemetry/counters.js';
import type { Logger } from '../telemetry/logger.js';
import { Admission } from './admission.js';
import { Backlog } from './backlog.js';
import type { Accept, CloseCause, ConnectionTraits } from './connection.js';
import { explainListenFailure, ListenError } from './listen-error.js';
import { CHECK_MS, MemoryGuard } from './memory-guard.js';
import { originMatcher } from './origins.js';
import type { Outbox } from './outbox.js';
import { receiveBufferLimiter, type LimitReceiveBuffer } from './receive-buffer.js';
import { forwardedAddress, readableAddress } from './remote-address.js';
import { Slab } from './slab.js';
import { StaticSite } from './static-site.js';
import { negotiate, subprotocolsOf, type Subprotocol } from './subprotocols.js';
import type { SiteOptions, TlsOptions, TransportOptions } from './transport-options.js';
import { TurnFlusher } from './turn-flusher.js';
import { UwsConnection, type ConnectionSurroundings } from './uws-connection.js';
import { answer, refuse } from './uws-http.js';

interface UserData {
  readonly traits: ConnectionTraits;
  connection: UwsConnection | undefined;
}

const LINGER_MS = 5_000;
const STOP_GRACE_MS = 1_000;
const MS_PER_SECOND = 1_000;
/** Of the time that a connection may be silent. */
const PROBE_PERIOD_SHARE = 1 / 8;
/** The close code of connections that ended without a close frame: no peer can send it. */
const CUT_OFF = 1_006;
/** How far past `maxMessageBytes` a message is still read, for the sake of a clear ABORT. */
const OVERLONG_FACTOR = 2;

const REFUSALS: Readonly<Record<ConnectionRefusal, readonly [status: string, sentence: string]>> = {
  draining: ['503 Service Unavailable', 'This router is going away. Connect again to reach another.'],
  origin: ['403 Forbidden', 'Pages of this origin may not connect here.'],
  subprotocol: ['400 Bad Request', 'Name a sub-protocol of this router in Sec-WebSocket-Protocol:'],
  connections: ['503 Service Unavailable', 'This router has as many connections as it may (limits.maxConnections).'],
  memory: ['503 Service Unavailable', 'This router uses as much memory as it may (limits.maxMemoryPercent).'],
  connections_per_address: [
    '503 Service Unavailable',
    'There are too many connections from this address (limits.maxConnectionsPerAddress).',
  ],
};

/** The WebSocket server: opening handshakes, limits, and the life of every connection. */
export class UwsServer {
  readonly #options: TransportOptions;
  readonly #accept: Accept;
  readonly #counters: Counters;
  readonly #logger: Logger;
  readonly #surroundings: ConnectionSurroundings;
  readonly #admission: Admission;
  readonly #connections = new Set<UwsConnection>();
  readonly #subprotocols: readonly Subprotocol[];
  readonly #isAllowedOrigin: (origin: string) => boolean;
  readonly #guard: MemoryGuard;
  #guardTimer: NodeJS.Timeout | undefined;
  readonly #probePeriod = { number: 0 };
  #probeTimer: NodeJS.Timeout | undefined;
  #app: TemplatedApp | undefined;
  #listenSocket: us_listen_socket | undefined;
  #site: StaticSite | undefined;
  #isAccepting = true;
  #stopping: Promise<void> | undefined;
  #whenEmpty: (() => void) | undefined;
  #receiveBufferBytes = 0;

  constructor(options: TransportOptions, accept: Accept, counters: Counters, logger: Logger) {
    this.#options = options;
    this.#accept = accept;
    this.#counters = counters;
    this.#logger = logger;
    this.#admission = new Admission(options);
    this.#subprotocols = subprotocolsOf(options.serializers);
    this.#isAllowedOrigin = originMatcher(options.allowedOrigins);
    this.#guard = new MemoryGuard({
      maxBytes: options.maxMemoryBytes,
      usedBytes: options.usedMemoryBytes ?? (() => process.memoryUsage.rss()),
      maxUnfinishedBytes: options.maxMessageBytes * OVERLONG_FACTOR,
      connections: this.#connections,
      onChange: (isShort) => this.#memoryChanged(isShort),
    });
    const flusher = new TurnFlusher<Outbox>();
    this.#surroundings = {
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

  /** Of the kernel, for each connection; 0: not limited by this node. */
  get receiveBufferBytes(): number {
    return this.#receiveBufferBytes;
  }

  /** Sum over all connections. O(connections). */
  unsentBytes(): number {
    let sum = 0;
    for (const connection of this.#connections) sum += connection.unsentBytes();
    return sum;
  }

  /** Rejects with a ListenError that says what is wrong. Once. */
  async start(): Promise<{ port: number }> {
    const { host, port, site } = this.#options;
    if (site !== undefined) this.#site = await this.#loadSite(site);
    const limitReceiveBuffer = await receiveBufferLimiter();
    this.#app = await this.#createApp();
    this.#listenSocket = await listen(this.#app, host, port);
    this.#guardTimer = setInterval(() => this.#guard.check(), CHECK_MS);
    const { idleTimeoutMs } = this.#options;
    this.#probeTimer = setInterval(() => this.#probePeriod.number++, idleTimeoutMs * PROBE_PERIOD_SHARE);
    const boundPort = us_socket_local_port(this.#listenSocket);
    // Still in the turn that opened the port: nobody was accepted yet, and whoever is inherits the buffer.
    this.#limitReceiveBuffer(limitReceiveBuffer, boundPort);
    this.#logger.info({ host, port: boundPort }, 'server.listening');
    return { port: boundPort };
  }

  /** New connections are refused; those that are open go on. Idempotent. */
  stopListening(): void {
    if (!this.#isAccepting) return;
    this.#isAccepting = false;
    if (this.#listenSocket !== undefined) us_listen_socket_close(this.#listenSocket);
    this.#logger.info({}, 'server.stopped_listening');
  }

  /** Sends what waits to be sent now, rather than at the end of the turn. */
  flush(): void {
    this.#surroundings.flusher.flush();
  }

  /** Closes every connection, cuts those that are not gone within a second. Idempotent: the first cause counts. */
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
    this.#app?.close();
    this.#logger.info({}, 'server.stopped');
  }

  #memoryChanged(isShort: boolean): void {
    if (!isShort) this.#logger.info({}, 'server.memory_enough');
    else {
      const message = 'the process uses more than limits.maxMemoryPercent: new connections are refused';
      this.#logger.warn({ message }, 'server.memory_short');
    }
  }

  #limitReceiveBuffer(limitReceiveBuffer: LimitReceiveBuffer, port: number): void {
    const { receiveBufferBytes } = this.#options;
    if (receiveBufferBytes === 0) return;
    const buffer = limitReceiveBuffer(port, receiveBufferBytes);
    if (buffer.kind === 'limited') this.#receiveBufferBytes = buffer.bytes;
    else this.#logger.warn({ message: buffer.reason }, 'server.receive_buffer_unlimited');
  }

  async #loadSite({ directory, made }: SiteOptions): Promise<StaticSite> {
    const site = await StaticSite.load(directory, made);
    this.#logger.info({ file: directory, count: site.size }, 'site.loaded');
    return site;
  }

  async #createApp(): Promise<TemplatedApp> {
    const { host, port, tls, path, maxMessageBytes, maxUnsentBytes, idleTimeoutMs, compression } = this.#options;
    const app = tls === undefined ? App() : await createTlsApp(host, port, tls);
    app.ws<UserData>(path, {
      maxPayloadLength: maxMessageBytes * OVERLONG_FACTOR,
      maxBackpressure: maxUnsentBytes,
      idleTimeout: Math.round(idleTimeoutMs / MS_PER_SECOND),
      maxLifetime: 0,
      sendPingsAutomatically: true,
      compression: compression === 'off' ? DISABLED : SHARED_COMPRESSOR,
      upgrade: (res, req, context) => this.#upgrade(res, req, context),
      open: (socket) => this.#opened(socket),
      message: (socket, message, isBinary) => socket.getUserData().connection?.received(message, isBinary),
      drain: (socket) => socket.getUserData().connection?.drained(),
      ping: (socket) => socket.getUserData().connection?.pinged(),
      close: (socket, code, reason) => this.#closed(socket.getUserData(), code, Buffer.from(reason).toString('latin1')),
    });
    return app.any('/*', (res, req) => answer(res, req, this.#site, path));
  }

  #upgrade(res: HttpResponse, req: HttpRequest, context: us_socket_context_t): void {
    const remoteAddress = this.#remoteAddress(res, req);
    const offer = req.getHeader('sec-websocket-protocol');
    const subprotocol = this.#negotiate(offer);
    const origin = req.getHeader('origin');
    const refusal = this.#refusal(origin, subprotocol, remoteAddress);
    if (refusal !== undefined || subprotocol === undefined) {
      this.#refuse(res, refusal ?? 'subprotocol', remoteAddress, origin);
      return;
    }
    const { serializer, isBatched } = subprotocol;
    res.upgrade<UserData>(
      { traits: { serializer, isBatched, remoteAddress }, connection: undefined },
      req.getHeader('sec-websocket-key'),
      offer === '' ? '' : subprotocol.name,
      req.getHeader('sec-websocket-extensions'),
      context,
    );
  }

  /** Undefined: the connection is admitted and counted. */
  #refusal(origin: string, subprotocol: Subprotocol | undefined, address: string): ConnectionRefusal | undefined {
    if (!this.#isAccepting) return 'draining';
    if (this.#guard.isShort) return 'memory';
    if (!this.#isAllowedOrigin(origin)) return 'origin';
    if (subprotocol === undefined) return 'subprotocol';
    return this.#admission.enter(address);
  }

  #negotiate(offer: string): Subprotocol | undefined {
    if (offer === '' && !this.#options.requireSubprotocol)
      return this.#subprotocols.find(({ name }) => name === 'wamp.2.json');
    return negotiate(offer, this.#subprotocols);
  }

  #remoteAddress(res: HttpResponse, req: HttpRequest): string {
    const forwarded = this.#options.trustProxyHeader === 'none' ? undefined : forwardedAddress(lastForwardedFor(req));
    return forwarded ?? readableAddress(Buffer.from(res.getRemoteAddressAsText()).toString('latin1'));
  }

  #refuse(res: HttpResponse, reason: ConnectionRefusal, remoteAddress: string, origin: string): void {
    this.#counters.connectionsRefused[reason]++;
    this.#logger.info({ reason, remoteAddress, ...(origin === '' ? {} : { origin }) }, 'connection.refused');
    const [status, sentence] = REFUSALS[reason];
    const supported = reason === 'subprotocol' ? ` ${this.#subprotocols.map(({ name }) => name).join(', ')}.` : '';
    refuse(res, status, sentence + supported);
  }

  #opened(socket: WebSocket<UserData>): void {
    const user = socket.getUserData();
    const connection = new UwsConnection(socket, user.traits, this.#surroundings);
    user.connection = connection;
    this.#connections.add(connection);
    this.#counters.connectionsOpened[connection.serializer]++;
    this.#logger.debug(user.traits, 'connection.opened');
    connection.listen(this.#accept(connection));
  }

  #closed({ traits, connection }: UserData, code: number, reason: string): void {
    this.#admission.leave(traits.remoteAddress);
    if (connection === undefined) return;
    this.#connections.delete(connection);
    const cause = connection.closeCause ?? (code === CUT_OFF ? this.#cutOff(reason, traits) : 'peer');
    this.#counters.connectionsClosed[cause]++;
    if (cause === 'slow_reader') this.#logger.info(traits, 'connection.slow_reader');
    this.#logger.debug({ reason: cause, remoteAddress: traits.remoteAddress }, 'connection.closed');
    connection.ended();
    if (this.#connections.size === 0) this.#whenEmpty?.();
  }

  /** uWebSockets.js closes by itself for some of these, and says so in words only. */
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

/** Of several headers the last: a proxy may add its own behind one that the client invented. `getHeader` gives the first. */
function lastForwardedFor(req: HttpRequest): string {
  let last = '';
  req.forEach((name, value) => {
    if (name === 'x-forwarded-for') last = value;
  });
  return last;
}

interface ExclusiveListen {
  listen(host: string, port: number, options: number, done: (socket: us_listen_socket | false) => void): unknown;
}

/** Without it two routers share a port, and each gets half of the connections. Missing in the library's types with a host. */
const EXCLUSIVE_PORT = 1;

/** Attempts to take a free port that the system named before another process does. */
const FREE_PORT_ATTEMPTS = 8;

async function listen(app: TemplatedApp, host: string, port: number): Promise<us_listen_socket> {
  const socket = port === 0 ? await listenAnywhere(app, host) : await tryToListen(app, host, port);
  if (socket === false) throw await explainListenFailure(host, port);
  return socket;
}

/**
 * The library does not let a socket share its address with connections that are closing when the port is 0: for a
 * minute nobody could listen there again. So a free port is asked for, given back, and asked for by its number.
 */
async function listenAnywhere(app: TemplatedApp, host: string): Promise<us_listen_socket | false> {
  for (let attempt = 0; attempt < FREE_PORT_ATTEMPTS; attempt++) {
    const found = await tryToListen(app, host, 0);
    if (found === false) return false;
    const port = us_socket_local_port(found);
    us_listen_socket_close(found);
    const socket = await tryToListen(app, host, port);
    if (socket !== false) return socket;
  }
  return false;
}

function tryToListen(app: TemplatedApp, host: string, port: number): Promise<us_listen_socket | false> {
  return new Promise((resolve) => {
    (app as unknown as ExclusiveListen).listen(host, port, EXCLUSIVE_PORT, resolve);
  });
}

async function createTlsApp(host: string, port: number, tls: TlsOptions): Promise<TemplatedApp> {
  const options: AppOptions = { cert_file_name: tls.certFile, key_file_name: tls.keyFile };
  if (tls.passphrase !== undefined) options.passphrase = tls.passphrase;
  try {
    for (const file of [tls.certFile, tls.keyFile]) await access(file, constants.R_OK);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new ListenError(host, port, `a file for TLS cannot be read: ${message}`, cause);
  }
  try {
    return SSLApp(options);
  } catch (cause) {
    const reason = `the certificate ${tls.certFile} and the key ${tls.keyFile} do not work together or are not PEM`;
    throw new ListenError(host, port, reason, cause);
  }
}
