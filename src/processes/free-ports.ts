import { createServer, type Server } from 'node:net';
import type { Config } from '../config/schema.js';
import { listenError } from '../transport/listen-error.js';
import { listenAt } from '../transport/listen-hosts.js';

type Places = Pick<Config, 'listen' | 'listeners'>;

interface ListeningPlace {
  readonly host: string;
  readonly port?: number | undefined;
}

/**
 * Checks that no other program listens where the processes will. They share their ports, so that the system would give
 * each of two programs a part of the clients. `current`: where the processes listen already. Rejects with a ListenError.
 */
export async function checkPortsAreFree(next: Places, current?: Places): Promise<void> {
  const taken = new Set((current === undefined ? [] : placesOf(current)).map(({ host, port }) => `${host} ${port}`));
  for (const { host, port } of placesOf(next)) {
    if (port === undefined || taken.has(`${host} ${port}`)) continue;
    const closeLater = (server: Server): void => void close(server);
    const servers = await listenAt(host, port, { open: listenAlone, portOf: () => port, close: closeLater });
    await Promise.all(servers.map(close));
  }
}

function placesOf({ listen, listeners }: Places): readonly ListeningPlace[] {
  return [listen, ...listeners];
}

function listenAlone(host: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (cause) => reject(listenError(host, port, cause)));
    server.listen({ host, port, exclusive: true }, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
