import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Logger } from '../telemetry/logger.js';
import { SECURITY_HEADERS } from './http/security-headers.js';
import { listenError } from './listen-error.js';
import { listenAt } from './listen-hosts.js';

export interface OpsOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** The sources of the endpoint's answers. */
export interface OpsSources {
  isReady(): Readiness;
  readonly metrics: { readonly contentType: string; page(): Promise<string> };
}

export interface Readiness {
  readonly ready: boolean;
  readonly reason?: string;
}

const MAX_CONNECTIONS = 64;
const REQUEST_TIMEOUT_MS = 5_000;
const KEEP_ALIVE_MS = 15_000;
const MAX_HEADER_BYTES = 8_192;
const MAX_REQUESTS_PER_CONNECTION = 1_000;
const JSON_TYPE = 'application/json; charset=utf-8';

interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Health, readiness and metrics, on a port of its own that clients need not reach. */
export class OpsServer {
  readonly #options: OpsOptions;
  readonly #sources: OpsSources;
  readonly #logger: Logger;
  #servers: readonly Server[] = [];
  #stopping: Promise<void> | undefined;

  constructor(options: OpsOptions, sources: OpsSources, logger: Logger) {
    this.#options = options;
    this.#sources = sources;
    this.#logger = logger;
  }

  /** Starts listening, once. Rejects with a ListenError that gives the reason. */
  async start(): Promise<{ port: number }> {
    const { host, port } = this.#options;
    this.#servers = await listenAt(host, port, {
      open: (address, wanted) => this.#listen(address, wanted),
      portOf,
      close: (server) => server.close(),
    });
    const [first] = this.#servers;
    const bound = first === undefined ? port : portOf(first);
    this.#logger.info({ host, port: bound }, 'ops.listening');
    return { port: bound };
  }

  async #listen(host: string, port: number): Promise<Server> {
    const server = createServer(
      {
        requestTimeout: REQUEST_TIMEOUT_MS,
        headersTimeout: REQUEST_TIMEOUT_MS,
        keepAliveTimeout: KEEP_ALIVE_MS,
        connectionsCheckingInterval: REQUEST_TIMEOUT_MS,
        maxHeaderSize: MAX_HEADER_BYTES,
      },
      (request, response) => void this.#answer(request, response),
    );
    server.maxConnections = MAX_CONNECTIONS;
    server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
    await new Promise<void>((resolve, reject) => {
      const fail = (cause: Error): void => reject(listenError(host, port, cause));
      server.once('error', fail);
      server.listen({ host, port, exclusive: true }, () => {
        server.off('error', fail);
        // A connection that could not be accepted is reported here, for want of descriptors for instance; without a listener it ends the process.
        server.on('error', (error) => this.#logger.error({ error }, 'ops.request_failed'));
        resolve();
      });
    });
    return server;
  }

  /** Cuts what is open. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    if (this.#servers.length === 0) return;
    const closed = this.#servers.map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    );
    await Promise.all(closed);
    this.#logger.info({}, 'ops.stopped');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, contentType, body } = await this.#reply(request);
    response.writeHead(status, {
      'Content-Type': contentType,
      'Content-Length': Buffer.byteLength(body),
      'Cache-Control': 'no-store',
      ...Object.fromEntries(SECURITY_HEADERS),
      ...(status === 405 ? { Allow: 'GET, HEAD' } : {}),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
    // A body would be read to its end for the next request of the connection.
    request.resume();
  }

  async #reply({ method, url = '/' }: IncomingMessage): Promise<Reply> {
    if (method !== 'GET' && method !== 'HEAD') return json(405, { error: 'only GET and HEAD are answered here' });
    switch (url.split('?', 1)[0]) {
      case '/healthz':
        return json(200, { status: 'alive' });
      case '/readyz':
        return readiness(this.#sources.isReady());
      case '/metrics':
        return this.#metrics();
      default:
        return json(404, { error: 'not found', paths: ['/healthz', '/readyz', '/metrics'] });
    }
  }

  async #metrics(): Promise<Reply> {
    const { metrics } = this.#sources;
    try {
      return { status: 200, contentType: metrics.contentType, body: await metrics.page() };
    } catch (error) {
      this.#logger.error({ error }, 'ops.request_failed');
      return json(500, { error: 'the metrics could not be collected' });
    }
  }
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function readiness({ ready, reason }: Readiness): Reply {
  if (ready) return json(200, { status: 'ready' });
  return json(503, { status: 'not ready', reason: reason ?? 'unknown' });
}

function json(status: number, value: object): Reply {
  return { status, contentType: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}
