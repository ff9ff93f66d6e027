import { LISTEN_NAME, listenerNames } from '../config/listener-places.js';
import { maxMemoryBytes, maxTotalUnsentBytes } from '../config/memory.js';
import type { Config } from '../config/schema.js';
import type { Counters } from '../telemetry/counters.js';
import type { Logger } from '../telemetry/logger.js';
import type { Accept, CloseCause } from '../transport/connection.js';
import type { HasLogin } from '../transport/handshake-cookies.js';
import type { HttpRoute } from '../transport/http/exchange.js';
import { ListenError } from '../transport/listen-error.js';
import { ListenerGate } from '../transport/listener-gate.js';
import { RawServer } from '../transport/raw/raw-server.js';
import { SharedTransport } from '../transport/shared-transport.js';
import type { NodeId } from '../wamp/ids.js';
import type { ListenerRules, TransportBounds, TransportOptions } from '../transport/transport-options.js';
import { UwsServer } from '../transport/uws-server.js';
import { CertificateWatch } from './certificate-watch.js';
import { LongPoll, type PollBackplane } from './long-poll.js';
import { sitesOf } from './sites.js';
import { checkDirectories, webPaths } from './web.js';
import { cookieOptions } from './shared-auth-methods.js';

type Listener = Config['listeners'][number];
type WebSocketListener = Config['listen'] | Extract<Listener, { type: 'websocket' }>;
type RawListener = Extract<Listener, { type: 'rawsocket' }>;
type Server = UwsServer | RawServer;

export interface ListenersOptions {
  readonly config: Config;
  /** Port of `listen`, then those of `listeners`; 0: any free one. */
  readonly ports: readonly number[];
  /** See SharedTransport. */
  readonly isPortShared: boolean;
  readonly accept: Accept;
  readonly backplane: PollBackplane;
  /** Answered beside the WebSocket. */
  readonly routes: readonly HttpRoute[];
  readonly hasLogin: HasLogin;
  readonly counters: Counters;
  readonly logger: Logger;
}

/** The servers to which clients of a node connect: those of `listen` and `listeners`. */
export class Listeners {
  readonly #options: ListenersOptions;
  readonly #bounds: TransportBounds;
  readonly #shared: SharedTransport;
  /** Serves `listen`. */
  readonly #first: UwsServer;
  /** Serve `listeners`, in their order. */
  readonly #further: readonly Server[];
  /** Undefined: it is not enabled. */
  readonly #longPoll: LongPoll | undefined;
  /** The watch over the certificate of `listen` outlives this: see ServedCertificate. */
  readonly #watches: readonly CertificateWatch[];

  constructor(options: ListenersOptions) {
    const { config, ports, isPortShared, accept, backplane, hasLogin, counters, logger } = options;
    this.#options = options;
    this.#bounds = {
      ...config.limits,
      maxTotalUnsentBytes: maxTotalUnsentBytes(config),
      maxMemoryBytes: maxMemoryBytes(config),
    };
    this.#shared = new SharedTransport(this.#bounds, counters, logger, isPortShared);
    const gate = new ListenerGate(rulesOf(config.listen, LISTEN_NAME), this.#shared);
    if (config.longPoll.enabled) {
      this.#longPoll = new LongPoll(config, { backplane, hasLogin, gate }, accept, this.#shared);
    }
    const polls = this.#longPoll === undefined ? [] : [this.#longPoll.route];
    const routes = [...webPaths(config.web, counters), ...options.routes, ...polls];
    this.#first = this.#webSocketServer(config.listen, gate, ports[0] ?? 0, { routes, sites: sitesOf(config) });
    const names = listenerNames(config.listeners);
    this.#further = config.listeners.map((listener, index) => {
      const [name = '', port = 0] = [names[index], ports[index + 1]];
      if (listener.type === 'rawsocket') return this.#rawServer(listener, name, port);
      return this.#webSocketServer(listener, new ListenerGate(rulesOf(listener, name), this.#shared), port);
    });
    this.#watches = this.#further.map(
      (server) => new CertificateWatch({ files: () => server.tlsFiles, changed: () => void this.#renew(server) }),
    );
  }

  get connectionCount(): number {
    return this.#sum(({ connectionCount }) => connectionCount);
  }

  /** See SharedTransport. */
  get sockets(): SharedTransport['sockets'] {
    return this.#shared.sockets;
  }

  /** See UwsServer; that of `listen`. */
  get receiveBufferBytes(): number {
    return this.#first.receiveBufferBytes;
  }

  /** See UwsServer. */
  get narrowedCount(): number {
    return this.#webSockets().reduce((sum, { narrowedCount }) => sum + narrowedCount, 0);
  }

  /** Open transports of long-poll. */
  get longPollCount(): number {
    return this.#longPoll?.server.connectionCount ?? 0;
  }

  /** Transports of long-poll with a poll that waits. O(transports). */
  get waitingPollCount(): number {
    return this.#longPoll?.server.waitingCount ?? 0;
  }

  unsentBytes(): number {
    return this.#sum((server) => server.unsentBytes());
  }

  /** Resolves with the ports, in the order of `ports`. Rejects with a ListenError or WebDirectoryError; then `stop` is still necessary. */
  async start(): Promise<readonly number[]> {
    await checkDirectories(this.#options.config.web);
    const ports: number[] = [];
    for (const server of this.#all()) ports.push((await server.start()).port);
    this.#shared.start();
    for (const watch of this.#watches) watch.start();
    return ports;
  }

  stopListening(): void {
    this.#longPoll?.server.stopListening();
    for (const server of this.#all()) server.stopListening();
  }

  /** Closes every connection. Idempotent: the first cause counts. */
  async stop(cause: CloseCause): Promise<void> {
    for (const watch of this.#watches) watch.stop();
    // Its last answers need the server.
    await this.#longPoll?.server.stop(cause);
    await Promise.all(this.#all().map((server) => server.stop(cause)));
    this.#shared.stop();
  }

  /** Answers a question of another node. Undefined: it is not for the listeners. */
  answer(from: NodeId, subject: string, body: unknown): Promise<unknown> | undefined {
    return this.#longPoll?.answer(from, subject, body);
  }

  flush(): void {
    this.#shared.flush();
  }

  relieve(): void {
    for (const server of this.#webSockets()) server.relieve();
  }

  /** Takes over the settings that a reload changes, for connections from now on. */
  apply({ listen, listeners }: Config): void {
    for (const [index, server] of this.#all().entries()) {
      const rules = index === 0 ? listen : listeners[index - 1];
      server.allowMethods(rules?.authMethods);
      if (server instanceof UwsServer && rules !== undefined && 'allowedOrigins' in rules)
        server.allowOrigins(rules.allowedOrigins);
    }
  }

  /** See UwsServer; of `listen`. */
  prepareCertificate(tls: NonNullable<Config['listen']['tls']>): Promise<() => void> {
    return this.#first.prepareCertificate(tls);
  }

  #webSocketServer(
    listener: WebSocketListener,
    gate: ListenerGate,
    port: number,
    pages: Pick<TransportOptions, 'routes' | 'sites'> = {},
  ): UwsServer {
    const { config, hasLogin, accept } = this.#options;
    const { maxHeaderBytes } = config.limits;
    const { cookie, ...settings } = listener;
    const options: TransportOptions = {
      ...settings,
      ...this.#bounds,
      ...(cookie && { cookie: cookieOptions(cookie, listener) }),
      ...pages,
      maxHeaderBytes,
      hasLogin,
      port,
      rules: rulesOf(listener, gate.name),
    };
    return new UwsServer(options, accept, this.#shared, gate);
  }

  #rawServer(listener: RawListener, name: string, port: number): RawServer {
    const options = { ...listener, port, mode: Number.parseInt(listener.mode, 8), rules: rulesOf(listener, name) };
    return new RawServer(options, this.#options.accept, this.#shared);
  }

  /** Files that do not belong together yet are read again when the second has changed. */
  async #renew(server: Server): Promise<void> {
    const { logger } = this.#shared;
    try {
      await server.renewCertificate();
      logger.info({ reason: server.name }, 'certificate.renewed');
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      logger.warn({ reason: server.name, message: error.message }, 'certificate.refused');
    }
  }

  #all(): readonly Server[] {
    return [this.#first, ...this.#further];
  }

  #webSockets(): readonly UwsServer[] {
    return this.#all().filter((server) => server instanceof UwsServer);
  }

  #sum(of: (server: Pick<UwsServer, 'connectionCount' | 'unsentBytes'>) => number): number {
    const polled = this.#longPoll === undefined ? 0 : of(this.#longPoll.server);
    return this.#all().reduce((sum, server) => sum + of(server), polled);
  }
}

function rulesOf(
  { authMethods, maxConnectionsPerAddress }: WebSocketListener | RawListener,
  name: string,
): ListenerRules {
  return {
    name,
    ...(authMethods && { authMethods }),
    ...(maxConnectionsPerAddress !== undefined && { maxConnectionsPerAddress }),
  };
}
