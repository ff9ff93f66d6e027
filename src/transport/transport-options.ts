import type { SerializerId } from '../wamp/payload.js';

export interface TlsOptions {
  readonly certFile: string;
  readonly keyFile: string;
  readonly passphrase?: string;
}

/** How clients connect, and what one of them, or all, may make the transport hold. */
export interface TransportOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** One or several. A slash at the end makes no difference. */
  readonly path: string | readonly string[];
  readonly tls?: TlsOptions;
  /** See originMatcher. */
  readonly allowedOrigins: readonly string[];
  readonly serializers: readonly SerializerId[];
  /** False: a client that names no sub-protocol speaks wamp.2.json (WS-2). */
  readonly requireSubprotocol: boolean;
  readonly compression: 'off' | 'shared';
  readonly trustProxyHeader: 'none' | 'x-forwarded-for';
  /** Addresses and networks whose header counts. Absent: loopback and private ones. */
  readonly trustedProxies?: readonly string[];
  /** IPv6 addresses that share so many first bits count as one. */
  readonly ipv6PrefixBits: number;
  /** Of the request line and headers of one request. Larger ones get 431. */
  readonly maxHeaderBytes: number;
  /**
   * Of one WebSocket message. One up to twice as long is answered with an ABORT that says so; a longer one is not
   * read, and the connection cut.
   */
  readonly maxMessageBytes: number;
  /** Of the kernel, for each connection; 0: the system decides. See ReceiveBuffers. */
  readonly receiveBufferBytes: number;
  /** The same of a connection that floods this node; 0: the same as of every other. */
  readonly floodReceiveBufferBytes: number;
  /** WebSockets, and HTTP requests while they are answered. */
  readonly maxConnections: number;
  /** Connections that have not sent a whole request yet. */
  readonly maxPendingConnections: number;
  /** 0: no limit. */
  readonly maxConnectionsPerAddress: number;
  /** Silence after which a connection is closed: 8 to 960 whole seconds. A ping goes out 4 to 16 s earlier. */
  readonly idleTimeoutMs: number;
  readonly maxUnsentBytes: number;
  /** Of all connections together: past it the slowest readers are closed. */
  readonly maxTotalUnsentBytes: number;
  /** Of the process: above it nobody is accepted, and in the end connections are cut. See MemoryGuard. */
  readonly maxMemoryBytes: number;
  /** Memory of the process now. Default: what the operating system says. */
  readonly usedMemoryBytes?: () => number;
  /** Per connection; 0: no limit. */
  readonly maxMessagesPerSecond: number;
  /** Per connection. */
  readonly maxPingsPerSecond: number;
  /** Static files to serve at `/`. */
  readonly site?: SiteOptions;
}

export interface SiteOptions {
  readonly directory: string;
  /** Pages that are no files: path → content. */
  readonly made?: Readonly<Record<string, string>>;
}
