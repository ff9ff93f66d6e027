import type { LoadClient } from './client.js';
import type { Serializer } from './endpoint.js';
import { RawSocketClient } from './rawsocket.js';
import { WebSocketClient } from './websocket.js';

/** Connects by the transport that the address names. */
export function connectTo(url: string, serializer: Serializer, localAddress: string | null): Promise<LoadClient> {
  if (url.startsWith('rs:')) return RawSocketClient.connect(url, serializer);
  return WebSocketClient.connect(url, `wamp.2.${serializer}`, localAddress);
}
