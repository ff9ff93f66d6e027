import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, type ConnectionOptions } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';

/** Settings of a connection that its socket depends on. */
type SocketOptions = Pick<RedisOptions, 'host' | 'port' | 'path' | 'tls' | 'disconnectTimeout'>;

/**
 * Opens the socket of one connection for ioredis. The connector of ioredis handles only the first error of a socket; TLS reports a
 * second one after it has refused a certificate, and that ended the process.
 */
export class SocketConnector extends AbstractConnector {
  readonly #options: SocketOptions;

  constructor(options: unknown) {
    const known = options as SocketOptions;
    super(known.disconnectTimeout ?? 0);
    this.#options = known;
  }

  override connect(): Promise<Socket> {
    // An unusable certificate throws here, which rejects the promise.
    return new Promise((resolve) => {
      const { path, host = 'localhost', port = 6379, tls } = this.#options;
      const address = path === undefined ? { host, port } : { path };
      const socket =
        tls === undefined
          ? connectPlain(address)
          : connectTls({ ...address, ...tls, ...namesFor(host, tls.servername) });
      socket.on('error', (error) => {
        this.firstError ??= error;
      });
      this.connecting = true;
      this.stream = socket;
      resolve(socket);
    });
  }
}

/**
 * The name that the client sends (SNI), by which a proxy in front of the server finds it, and the name that the certificate must
 * have. An address is not sent (RFC 6066, 3).
 */
function namesFor(host: string, serverName: string | undefined): ConnectionOptions {
  const expected = serverName ?? host;
  const sent = [expected, host].find((name) => isIP(name) === 0)?.replace(/\.$/, '');
  return {
    servername: sent ?? '',
    checkServerIdentity: (_name, certificate) => checkServerIdentity(expected, certificate),
  };
}
