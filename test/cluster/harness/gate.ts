import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import type { Door, Entrance } from './member.js';

/** One address that leads to a router that takes clients, as a load balancer does: for clients that know only one. */
export class Gate {
  readonly #entrance: Entrance;
  readonly #home: number;
  readonly #server: Server;
  #door: Door | undefined;

  constructor(entrance: Entrance, home: number) {
    this.#entrance = entrance;
    this.#home = home;
    this.#server = createServer((client) => {
      client.on('error', () => undefined);
      try {
        this.#door = entrance.doorFor(home);
      } catch {
        client.destroy();
        return;
      }
      const router = connect(Number(new URL(this.#door.url).port), '127.0.0.1');
      router.on('error', () => client.destroy());
      router.on('close', () => client.destroy());
      client.on('close', () => router.destroy());
      client.pipe(router).pipe(client);
    });
  }

  /** Resolves with its address. */
  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/ws`;
  }

  /** Where it led last. */
  get door(): Door {
    return this.#door ?? this.#entrance.doorFor(this.#home);
  }

  close(): void {
    this.#server.close();
  }
}
