import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Each way. Long, so that what is sent at about the same time counts as sent at the same time. */
const ONE_WAY_MS = 100;

/**
 * A TCP proxy in front of a store that counts round trips in series: a request is one deeper than the deepest reply that its
 * node has received by then, and a reply is as deep as its request. The opening of a connection counts nothing.
 */
export class RoundTripProxy {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #depth = 0;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(storePort: number): Promise<RoundTripProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new RoundTripProxy(server);
    server.on('connection', (node) => proxy.#accept(node, connect(storePort, '127.0.0.1')));
    return proxy;
  }

  /** Round trips in series since the last `reset`. */
  get depth(): number {
    return this.#depth;
  }

  /** Ends all connections, and counts from here. */
  reset(): void {
    this.#depth = 0;
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.reset();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(node: Socket, store: Socket): void {
    let depth = 0;
    node.on('data', (bytes) => {
      const own = this.#depth + 1;
      setTimeout(() => {
        depth = Math.max(depth, own);
        store.write(bytes);
      }, ONE_WAY_MS);
    });
    store.on('data', (bytes) => {
      const own = depth;
      setTimeout(() => {
        if (node.destroyed) return;
        this.#depth = Math.max(this.#depth, own);
        node.write(bytes);
      }, ONE_WAY_MS);
    });
    for (const [socket, other] of [
      [node, store],
      [store, node],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }
}
