import type { SerializerId } from '../../wamp/payload.js';
import type { ListenerRules, TlsOptions } from '../transport-options.js';

/** TLS of a RawSocket listener. */
export interface RawTlsOptions extends TlsOptions {
  /** Authorities of client certificates, PEM. Present: the listener asks each client for a certificate. */
  readonly clientCaFile?: string;
  /** A client without a certificate of these authorities is refused. */
  readonly requireClientCertificate: boolean;
}

/** How clients connect to a RawSocket listener. */
export interface RawOptions {
  readonly rules: ListenerRules;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** A Unix socket in place of `host` and `port`. */
  readonly path?: string;
  /** Permissions of the Unix socket. */
  readonly mode: number;
  readonly tls?: RawTlsOptions;
  /** Connections of these addresses and networks begin with a PROXY header. */
  readonly proxyProtocol?: { readonly trustedProxies: readonly string[] };
  readonly serializers: readonly SerializerId[];
  /** From the accept to the last octet of the handshake, that of TLS included. */
  readonly handshakeTimeoutMs: number;
  /** Silence after which the system probes whether the peer is still there. */
  readonly keepAliveMs: number;
}
