import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * A load balancer of HTTP: each request goes to the next server, or to the one after where it does not answer, as with
 * HAProxy's `balance roundrobin` and `redispatch`. Lets no WebSocket pass: refuses it, or leaves it without an answer.
 */
export class HttpBalancer {
  readonly #server: Server;
  readonly #targets: readonly string[];
  /** Requests that each target has answered. */
  readonly counts: number[];
  /** Sockets that no longer belong to the server. */
  readonly #upgrades: Duplex[] = [];
  #turn = 0;

  private constructor(targets: readonly string[], webSockets: 'refused' | 'unanswered') {
    this.#targets = targets;
    this.counts = targets.map(() => 0);
    this.#server = createServer((from, to) => {
      const body: Buffer[] = [];
      from.on('data', (chunk: Buffer) => body.push(chunk));
      from.on('end', () => this.#pass(from, Buffer.concat(body), to, targets.length));
    });
    this.#server.on('upgrade', (_request, socket) => {
      this.#upgrades.push(socket.on('error', () => undefined));
      if (webSockets === 'refused') socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
    });
  }

  /** `targets`: `http://host:port`. */
  static async start(
    targets: readonly string[],
    webSockets: 'refused' | 'unanswered' = 'refused',
  ): Promise<HttpBalancer> {
    const balancer = new HttpBalancer(targets, webSockets);
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    for (const socket of this.#upgrades) socket.destroy();
  }

  #pass(from: IncomingMessage, body: Buffer, to: ServerResponse, triesLeft: number): void {
    const index = this.#turn++ % this.#targets.length;
    const target = new URL(from.url ?? '/', this.#targets[index]);
    const headers = { ...from.headers, connection: 'close' };
    const sent = request(target, { method: from.method ?? 'GET', headers, agent: false }, (answer) => {
      this.counts[index] = (this.counts[index] ?? 0) + 1;
      to.writeHead(answer.statusCode ?? 502, { ...answer.headers, connection: 'keep-alive' });
      answer.pipe(to);
    });
    sent.on('error', ({ code }: NodeJS.ErrnoException) => {
      if (to.headersSent) to.destroy();
      // Nothing was sent: another may have the request.
      else if (code === 'ECONNREFUSED' && triesLeft > 1) this.#pass(from, body, to, triesLeft - 1);
      else to.writeHead(502).end();
    });
    to.on('close', () => sent.destroy());
    sent.end(body);
  }
}
