import type { ClientCertificateOptions } from './opening/client-certificate.js';
import type { SerializerId } from '../wamp/payload.js';
import type { CookieOptions } from './opening/cookies.js';
import type { HttpRoute } from './http/exchange.js';
import type { HasLogin } from './opening/handshake-cookies.js';

export interface TlsOptions {
  readonly certFile: string;
  readonly keyFile: string;
  readonly passphrase?: string;
}

/** Bounds on what one client, or all of them, can make the transport hold; the same for all listeners. */
export interface TransportBounds {
  /** IPv6 addresses that share this many leading bits count as one. */
  readonly ipv6PrefixBits: number;
  /**
   * Bytes of one message. A WebSocket message up to twice as long gets an ABORT with the reason; a longer one is not
   * read, and the connection is cut.
   */
  readonly maxMessageBytes: number;
  /** Connections that may stay, and HTTP requests while they are answered. */
  readonly maxConnections: number;
  /** Connections that have not sent a complete request or handshake. */
  readonly maxPendingConnections: number;
  /** 0: no limit. */
  readonly maxConnectionsPerAddress: number;
  /** Silence after which a WebSocket is closed: 8 to 960 seconds. A ping goes out 4 to 16 s earlier. */
  readonly idleTimeoutMs: number;
  readonly maxUnsentBytes: number;
  /** Bound on all connections together: past it the slowest readers are closed. */
  readonly maxTotalUnsentBytes: number;
  /** Bytes of the bodies of all HTTP requests that are being read. */
  readonly maxTotalBodyBytes: number;
  /** Memory of the process above which no client is accepted, and in the end connections are cut. See MemoryGuard. */
  readonly maxMemoryBytes: number;
  /** Current memory of the process. Default: the operating system's figure. */
  readonly usedMemoryBytes?: () => number;
  /** Per connection; 0: no limit. */
  readonly maxMessagesPerSecond: number;
  /** Per connection. */
  readonly maxPingsPerSecond: number;
}

/** The rules of one listener for its clients, beside the bounds that all listeners share. */
export interface ListenerRules {
  /** Name in logs and metrics. */
  readonly name: string;
  /** Methods by which its clients may join. Absent: all that the realm has. */
  readonly authMethods?: readonly string[];
  /** Absent: only the bound of all listeners together applies. */
  readonly maxConnectionsPerAddress?: number;
}

/** How clients connect to a WebSocket listener. */
export interface TransportOptions extends TransportBounds {
  readonly rules: ListenerRules;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** One or several paths. A slash at the end makes no difference. */
  readonly path: string | readonly string[];
  readonly tls?: TlsOptions;
  /** See securityHeaders. */
  readonly hstsMaxAgeSeconds: number;
  /** See originMatcher. */
  readonly allowedOrigins: readonly string[];
  readonly serializers: readonly SerializerId[];
  /** False: a client that names no sub-protocol gets wamp.2.json (WS-2). */
  readonly requireSubprotocol: boolean;
  /** Absent: no cookie is set or read. */
  readonly cookie?: CookieOptions;
  /** Absent: no login stands behind any cookie. */
  readonly hasLogin?: HasLogin;
  readonly compression: 'off' | 'shared';
  readonly trustProxyHeader: 'none' | 'x-forwarded-for';
  /** Addresses and networks whose header is trusted. Absent: loopback and private ones. */
  readonly trustedProxies?: readonly string[];
  /** Where a trusted proxy puts the client's certificate. */
  readonly clientCertificate?: ClientCertificateOptions;
  /** Headers of the opening handshake to keep with the connection, in lower case. Absent: none. */
  readonly headersForAuthenticators?: readonly string[];
  /** Bytes of the request line and headers of one request. Larger ones get 431. */
  readonly maxHeaderBytes: number;
  /** The kernel's receive buffer of each connection; 0: the system decides. See ReceiveBuffers. */
  readonly receiveBufferBytes: number;
  /** The same for a connection that floods this node; 0: no difference. */
  readonly floodReceiveBufferBytes: number;
  /** Answered beside the WebSocket. */
  readonly routes?: readonly HttpRoute[];
  /** Static files to serve. */
  readonly sites?: readonly SiteOptions[];
}

export interface SiteOptions {
  /** Path of the site, with a slash at both ends. Default: `/`. */
  readonly path?: string;
  readonly directory: string;
  /** Content-Security-Policy of its pages. Default: see SITE_POLICY. */
  readonly policy?: string;
  /** Pages that are not files: path → content. */
  readonly made?: Readonly<Record<string, string>>;
}
