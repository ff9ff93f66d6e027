import type { SerializerId } from '../../wamp/payload.js';

/** How clients connect to a RawSocket listener. */
export interface RawOptions {
  /** For logs and metrics. */
  readonly name: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly serializers: readonly SerializerId[];
  /** From the accept to the last octet of the handshake. */
  readonly handshakeTimeoutMs: number;
  /** Silence after which the system probes whether the peer is still there. */
  readonly keepAliveMs: number;
}
