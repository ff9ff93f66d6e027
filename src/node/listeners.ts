import { LISTEN_NAME, listenerNames } from '../config/listener-places.js';
import { maxMemoryBytes, maxTotalUnsentBytes } from '../config/memory.js';
import type { Config } from '../config/schema.js';
import type { Counters } from '../telemetry/counters.js';
import type { Logger } from '../telemetry/logger.js';
import type { Accept, CloseCause } from '../transport/connection.js';
import type { HasLogin } from '../transport/opening/handshake-cookies.js';
import type { HttpRoute } from '../transport/http/exchange.js';
import { ListenError } from '../transport/listen-error.js';
import { ListenerGate } from '../transport/listener-gate.js';
import { RawServer } from '../transport/raw/raw-server.js';
import { SharedTransport } from '../transport/shared-transport.js';
import type { NodeId } from '../wamp/ids.js';
import type { ListenerRules, TransportBounds, TransportOptions } from '../transport/transport-options.js';
import { UwsServer } from '../transport/uws/uws-server.js';
import { FileAnswers } from '../transport/web/file-answers.js';
import { CertificateWatch } from './certificate-watch.js';
import { LongPoll, type PollBackplane } from './longpoll/long-poll.js';
import { sitesOf } from './sites.js';
import { checkDirectories, webPaths } from './web.js';
import { cookieOptions } from './auth/shared-auth-methods.js';

type Listener = Config['listeners'][number];
type WebSocketListener = Config['listen'] & Pick<Extract<Listener, { type: 'websocket' }>, 'longPoll' | 'web'>;
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
  /** Answered beside the WebSocket of the listener with this name. */
  readonly routesAt: (listener: string) => readonly HttpRoute[];
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
  readonly #longPoll: LongPoll;
  readonly #fileAnswers: FileAnswers;
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
    this.#longPoll = new LongPoll(config, { backplane, hasLogin }, accept, this.#shared);
    this.#fileAnswers = new FileAnswers(config.web, counters);
    const { listen, longPoll, web } = config;
    const sites = sitesOf(config);
    this.#first = this.#webSocketServer({ ...listen, longPoll, web }, LISTEN_NAME, ports[0] ?? 0, sites);
    const names = listenerNames(config.listeners);
    this.#further = config.listeners.map((listener, index) => {
      const [name = '', port = 0] = [names[index], ports[index + 1]];
      if (listener.type === 'rawsocket') return this.#rawServer(listener, name, port);
      return this.#webSocketServer(listener, name, port);
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
    return this.#longPoll.server.connectionCount;
  }

  /** Transports of long-poll with a poll that waits. O(transports). */
  get waitingPollCount(): number {
    return this.#longPoll.server.waitingCount;
  }

  unsentBytes(): number {
    return this.#sum((server) => server.unsentBytes());
  }

  /** Resolves with the ports, in the order of `ports`. Rejects with a ListenError or WebDirectoryError; then `stop` is still necessary. */
  async start(): Promise<readonly number[]> {
    await checkDirectories(this.#options.config);
    const ports: number[] = [];
    for (const server of this.#all()) ports.push((await server.start()).port);
    this.#shared.start();
    for (const watch of this.#watches) watch.start();
    return ports;
  }

  stopListening(): void {
    this.#longPoll.server.stopListening();
    for (const server of this.#all()) server.stopListening();
  }

  /** Closes every connection. Idempotent: the first cause counts. */
  async stop(cause: CloseCause): Promise<void> {
    for (const watch of this.#watches) watch.stop();
    // Its last answers need the server.
    await this.#longPoll.server.stop(cause);
    await Promise.all(this.#all().map((server) => server.stop(cause)));
    this.#shared.stop();
  }

  /** Answers a question of another node. Undefined: it is not for the listeners. */
  answer(from: NodeId, subject: string, body: unknown): Promise<unknown> | undefined {
    return this.#longPoll.answer(from, subject, body);
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
    name: string,
    port: number,
    sites: TransportOptions['sites'] = [],
  ): UwsServer {
    const { config, routesAt, hasLogin, accept } = this.#options;
    const { maxHeaderBytes } = config.limits;
    const { cookie, longPoll, web, ...settings } = listener;
    const rules = rulesOf(listener, name);
    const gate = new ListenerGate(rules, this.#shared);
    const files = webPaths(web?.paths ?? {}, this.#fileAnswers);
    const polls = longPoll?.enabled === true ? [this.#longPoll.routeAt(longPoll, listener, gate)] : [];
    const options: TransportOptions = {
      ...settings,
      ...this.#bounds,
      ...(cookie && { cookie: cookieOptions(cookie, listener) }),
      routes: [...files, ...routesAt(name), ...polls],
      sites,
      maxHeaderBytes,
      hasLogin,
      port,
      rules,
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
    return this.#all().reduce((sum, server) => sum + of(server), of(this.#longPoll.server));
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
