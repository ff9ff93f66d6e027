export type Serializer = 'json' | 'msgpack' | 'cbor';
export const serializers: readonly Serializer[] = ['json', 'msgpack', 'cbor'];

/**
 * The kind of server: a WAMP router, the relay, which forwards what its URL names, or a server of another protocol:
 * the text protocol of NATS, or JSON of Centrifugo over a WebSocket.
 */
export type Wire = 'wamp' | 'relay' | 'nats' | 'centrifugo';

export interface Endpoint {
  readonly url: string;
  readonly wire: Wire;
  readonly realm: string;
  /** The router's process, whose CPU time is read beside the counts; null when it cannot be seen. */
  readonly pid: number | null;
}
