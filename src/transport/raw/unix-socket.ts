import { lstat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { ListenError } from '../listen-error.js';

const PERMISSIONS = 0o777;

/** Starts to listen at a Unix socket with these permissions: it never exists with others. */
export function listenAtPath(server: Server, path: string, mode: number): void {
  // The call makes the file before it returns.
  const before = process.umask(PERMISSIONS & ~mode);
  try {
    server.listen({ path, exclusive: true });
  } finally {
    process.umask(before);
  }
}

/**
 * Removes the socket that a process left behind which was killed. Rejects with a ListenError where a process listens at it,
 * or where something else has this name.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  let isSocket: boolean;
  try {
    isSocket = (await lstat(path)).isSocket();
  } catch {
    // There is nothing, or `listen` names the reason.
    return;
  }
  if (!isSocket) throw new ListenError(path, undefined, 'there is a file of this name that is no socket');
  const failure = await connectionFailure(path);
  if (failure === undefined) throw new ListenError(path, undefined, 'another process listens there');
  if (failure !== 'ECONNREFUSED') throw new ListenError(path, undefined, `the socket cannot be replaced: ${failure}`);
  await unlink(path);
}

/** The code of the error of a connection; undefined: a process has accepted it. */
function connectionFailure(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(undefined);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}
