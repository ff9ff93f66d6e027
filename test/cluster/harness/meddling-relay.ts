import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import WebSocket, { WebSocketServer } from 'ws';
import type { SerializerId } from '../../../src/wamp/payload.js';
import { serializers } from '../../support/serializers.js';

/** What becomes of one message of the router: what is sent instead of it. */
export type Meddle = (elements: readonly unknown[], message: Buffer, connection: object) => readonly Buffer[];

export interface Relay {
  readonly url: string;
  stop(): void;
}

/** A router that breaks promises, made of one that keeps them: for proving that the checker finds out. */
export async function startMeddlingRelay(url: string, meddle: Meddle): Promise<Relay> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: ([first]) => first ?? false });
  await once(server, 'listening');
  server.on('connection', (client) => join(client, new WebSocket(url, client.protocol), meddle));
  const { port } = server.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}/ws`,
    stop: () => {
      for (const client of server.clients) client.terminate();
      server.close();
    },
  };
}

function join(client: WebSocket, router: WebSocket, meddle: Meddle): void {
  const serializer = serializers[client.protocol.split('.')[2] as SerializerId];
  const early: (() => void)[] = [];
  client.on('message', (message: Buffer, isBinary) => {
    const send = (): void => router.send(message, { binary: isBinary });
    if (router.readyState === WebSocket.OPEN) send();
    else early.push(send);
  });
  router.on('open', () => {
    for (const send of early) send();
  });
  router.on('message', (message: Buffer, isBinary) => {
    const elements = serializer.decode(message) as readonly unknown[];
    for (const one of meddle(elements, message, client)) client.send(one, { binary: isBinary });
  });
  for (const [one, other] of [
    [client, router],
    [router, client],
  ] as const)
    one.on('close', () => other.close()).on('error', () => undefined);
}
