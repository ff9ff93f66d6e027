import { access, constants } from 'node:fs/promises';
import type { AppOptions, TemplatedApp, us_listen_socket } from 'uWebSockets.js';
import { explainListenFailure, ListenError } from '../listen-error.js';
import { listenAt } from '../listen-hosts.js';
import type { TlsOptions } from '../transport-options.js';
import { uws } from './uws-library.js';

/** Missing in the library's types with a host. */
interface ListenWithOptions {
  listen(host: string, port: number, options: number, done: (socket: us_listen_socket | false) => void): unknown;
}

/**
 * `exclusive`: no other process can listen at the port. `shared`: each process that also shares it gets a part of the
 * connections.
 */
export type PortUse = 'exclusive' | 'shared';

const PORT_OPTIONS: Readonly<Record<PortUse, number>> = { exclusive: 1, shared: 0 };

/** Attempts to take a free port that the system named before another process does. */
const FREE_PORT_ATTEMPTS = 8;

/**
 * Listens at every address that `host` stands for. Rejects with a ListenError that gives the reason. `port` 0: any free
 * one.
 */
export async function listenAtHost(
  app: TemplatedApp,
  host: string,
  port: number,
  use: PortUse = 'exclusive',
): Promise<{ sockets: readonly us_listen_socket[]; port: number }> {
  const sockets = await listenAt(host, port, {
    open: async (address, wanted) => {
      const socket = wanted === 0 ? await listenAnywhere(app, address) : await tryToListen(app, address, wanted, use);
      if (socket === false) throw await explainListenFailure(address, wanted);
      return socket;
    },
    portOf: uws.us_socket_local_port,
    close: uws.us_listen_socket_close,
  });
  const [first] = sockets;
  return { sockets, port: first === undefined ? port : uws.us_socket_local_port(first) };
}

/**
 * The library does not let a socket share its address with connections that are closing when the port is 0: for a
 * minute nobody could listen there again. So a free port is asked for, given back, and asked for by its number.
 */
async function listenAnywhere(app: TemplatedApp, host: string): Promise<us_listen_socket | false> {
  for (let attempt = 0; attempt < FREE_PORT_ATTEMPTS; attempt++) {
    const found = await tryToListen(app, host, 0, 'exclusive');
    if (found === false) return false;
    const port = uws.us_socket_local_port(found);
    uws.us_listen_socket_close(found);
    const socket = await tryToListen(app, host, port, 'exclusive');
    if (socket !== false) return socket;
  }
  return false;
}

function tryToListen(app: TemplatedApp, host: string, port: number, use: PortUse): Promise<us_listen_socket | false> {
  return new Promise((resolve) => {
    (app as unknown as ListenWithOptions).listen(host, port, PORT_OPTIONS[use], resolve);
  });
}

/** An application that serves nothing yet. Rejects with a ListenError when what TLS needs is not usable. */
export async function createApp(host: string, port: number, tls: TlsOptions | undefined): Promise<TemplatedApp> {
  if (tls === undefined) return uws.App();
  const options: AppOptions = { cert_file_name: tls.certFile, key_file_name: tls.keyFile };
  if (tls.passphrase !== undefined) options.passphrase = tls.passphrase;
  try {
    for (const file of [tls.certFile, tls.keyFile]) await access(file, constants.R_OK);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new ListenError(host, port, `a file for TLS cannot be read: ${message}`, cause);
  }
  try {
    return uws.SSLApp(options);
  } catch (cause) {
    const reason = `the certificate ${tls.certFile} and the key ${tls.keyFile} do not work together or are not PEM`;
    throw new ListenError(host, port, reason, cause);
  }
}
