import { maxMemoryBytes, maxTotalUnsentBytes } from '../config/memory.js';
import type { Config } from '../config/schema.js';
import type { Counters } from '../telemetry/counters.js';
import type { Logger } from '../telemetry/logger.js';
import type { Accept, CloseCause } from '../transport/connection.js';
import type { HasLogin } from '../transport/handshake-cookies.js';
import type { HttpRoute } from '../transport/http/exchange.js';
import { ListenError } from '../transport/listen-error.js';
import { RawServer } from '../transport/raw/raw-server.js';
import { SharedTransport } from '../transport/shared-transport.js';
import type { TransportBounds } from '../transport/transport-options.js';
import { UwsServer } from '../transport/uws-server.js';
import { CertificateWatch } from './certificate-watch.js';
import { sitesOf } from './sites.js';
import { listenOptions } from './shared-auth-methods.js';

type Listener = Config['listeners'][number];

export interface ListenersOptions {
  readonly config: Config;
  /** Port of `listen`, then those of `listeners`; 0: any free one. */
  readonly ports: readonly number[];
  /** See SharedTransport. */
  readonly isPortShared: boolean;
  readonly accept: Accept;
  /** Answered beside the WebSocket. */
  readonly routes: readonly HttpRoute[];
  readonly hasLogin: HasLogin;
  readonly counters: Counters;
  readonly logger: Logger;
}

/** Where clients connect to a node: its WebSocket server, and what `listeners` adds. */
export class Listeners {
  readonly #shared: SharedTransport;
  readonly #webSocket: UwsServer;
  readonly #raw: readonly RawServer[];
  readonly #watches: readonly CertificateWatch[];

  constructor({ config, ports, isPortShared, accept, routes, hasLogin, counters, logger }: ListenersOptions) {
    const bounds: TransportBounds = {
      ...config.limits,
      maxTotalUnsentBytes: maxTotalUnsentBytes(config),
      maxMemoryBytes: maxMemoryBytes(config),
    };
    this.#shared = new SharedTransport(bounds, counters, logger, isPortShared);
    const { maxHeaderBytes } = config.limits;
    const webSocket = {
      ...listenOptions(config.listen),
      ...bounds,
      maxHeaderBytes,
      hasLogin,
      port: ports[0] ?? 0,
      routes,
      sites: sitesOf(config),
    };
    this.#webSocket = new UwsServer(webSocket, accept, this.#shared);
    this.#raw = config.listeners.map(
      (listener, index) =>
        new RawServer(
          {
            ...listener,
            name: listenerName(listener, index),
            port: ports[index + 1] ?? 0,
            mode: Number.parseInt(listener.mode, 8),
          },
          accept,
          this.#shared,
        ),
    );
    this.#watches = this.#raw.map(
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

  /** See UwsServer. */
  get receiveBufferBytes(): number {
    return this.#webSocket.receiveBufferBytes;
  }

  /** See UwsServer. */
  get narrowedCount(): number {
    return this.#webSocket.narrowedCount;
  }

  unsentBytes(): number {
    return this.#sum((server) => server.unsentBytes());
  }

  /** Resolves with the ports, in the order of `ports`. Rejects with a ListenError; then `stop` is still necessary. */
  async start(): Promise<readonly number[]> {
    const ports: number[] = [];
    for (const server of this.#all()) ports.push((await server.start()).port);
    this.#shared.start();
    for (const watch of this.#watches) watch.start();
    return ports;
  }

  stopListening(): void {
    for (const server of this.#all()) server.stopListening();
  }

  /** Closes every connection. Idempotent: the first cause counts. */
  async stop(cause: CloseCause): Promise<void> {
    for (const watch of this.#watches) watch.stop();
    await Promise.all(this.#all().map((server) => server.stop(cause)));
    this.#shared.stop();
  }

  flush(): void {
    this.#shared.flush();
  }

  relieve(): void {
    this.#webSocket.relieve();
  }

  allowOrigins(origins: readonly string[]): void {
    this.#webSocket.allowOrigins(origins);
  }

  /** See UwsServer. */
  prepareCertificate(tls: NonNullable<Config['listen']['tls']>): Promise<() => void> {
    return this.#webSocket.prepareCertificate(tls);
  }

  /** Files that do not belong together yet are read again when the second has changed. */
  async #renew(server: RawServer): Promise<void> {
    const { logger } = this.#shared;
    try {
      await server.renewCertificate();
      logger.info({ reason: server.name }, 'certificate.renewed');
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      logger.warn({ reason: server.name, message: error.message }, 'certificate.refused');
    }
  }

  #all(): readonly (UwsServer | RawServer)[] {
    return [this.#webSocket, ...this.#raw];
  }

  #sum(of: (server: UwsServer | RawServer) => number): number {
    return this.#all().reduce((sum, server) => sum + of(server), 0);
  }
}

/** The name of a listener in logs and metrics: its own, or its place in the list. */
export function listenerName({ name, type }: Listener, index: number): string {
  return name ?? `${type}-${index}`;
}
