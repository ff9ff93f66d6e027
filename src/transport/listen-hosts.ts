import { ListenError } from './listen-error.js';

/** How one listener is opened and closed. */
export interface Listening<Socket> {
  /** Rejects with a ListenError. `port` 0: any free one. */
  readonly open: (host: string, port: number) => Promise<Socket>;
  readonly portOf: (socket: Socket) => number;
  readonly close: (socket: Socket) => void;
}

/** `localhost` is both: which one a client takes first is its own affair. */
const LOCALHOST = ['127.0.0.1', '::1'];
/** The system may lack addresses of one family, or the family itself. */
const MISSING = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']);
/** Attempts to find a port that is free for both families. */
const ATTEMPTS = 8;

/** Opens a listener at every address that `host` means, all at one port. Rejects with a ListenError: then none is open. */
export async function listenAt<Socket>(host: string, port: number, listening: Listening<Socket>): Promise<Socket[]> {
  const hosts = host.toLowerCase() === 'localhost' ? LOCALHOST : [host];
  for (let attempt = 1; ; attempt++) {
    try {
      return await openAll(hosts, port, listening);
    } catch (error) {
      const mayRetry = port === 0 && hosts.length > 1 && attempt < ATTEMPTS && codeOf(error) === 'EADDRINUSE';
      if (!mayRetry) throw error;
    }
  }
}

async function openAll<Socket>(
  hosts: readonly string[],
  port: number,
  { open, portOf, close }: Listening<Socket>,
): Promise<Socket[]> {
  const sockets: Socket[] = [];
  let missing: unknown;
  for (const host of hosts) {
    try {
      sockets.push(await open(host, sockets[0] === undefined ? port : portOf(sockets[0])));
    } catch (error) {
      if (hosts.length > 1 && MISSING.has(codeOf(error))) {
        missing = error;
        continue;
      }
      for (const socket of sockets) close(socket);
      throw error;
    }
  }
  if (sockets.length === 0) throw missing;
  return sockets;
}

function codeOf(error: unknown): string {
  const cause = error instanceof ListenError ? error.cause : error;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : '';
}
