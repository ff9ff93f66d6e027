import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector } from 'ioredis';
import type { ClientOptions } from './client-options.js';

/**
 * Opens the socket of one connection, for ioredis, which asks for a class of its own kind. Its own connector listens to
 * the first error of a socket only; TLS reports a second one after a certificate was refused, and that ended the process.
 */
export class SocketConnector extends AbstractConnector {
  readonly #options: ClientOptions;

  constructor(options: unknown) {
    const known = options as ClientOptions;
    super(known.disconnectTimeout ?? 0);
    this.#options = known;
  }

  override connect(): Promise<Socket> {
    // Throws for unusable certificates: a rejection to ioredis.
    return new Promise((resolve) => {
      const { path, host = 'localhost', port = 6379, tls } = this.#options;
      const address = path === undefined ? { host, port } : { path };
      const socket = tls === undefined ? connectPlain(address) : connectTls({ ...address, ...tls });
      socket.on('error', (error) => {
        this.firstError ??= error;
      });
      this.connecting = true;
      this.stream = socket;
      resolve(socket);
    });
  }
}
