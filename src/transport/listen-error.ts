import { createServer } from 'node:net';

/**
 * The node cannot listen at a port, or a file that it needs for that is not usable. Operational: report it to the
 * operator and exit.
 */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code = 'LISTEN_FAILED';

  /** `port` undefined: `host` is the path of a Unix socket. */
  constructor(host: string, port: number | undefined, reason: string, cause?: unknown) {
    const place = port === undefined ? host : `${host.includes(':') ? `[${host}]` : host}:${port}`;
    super(`cannot listen on ${place}: ${reason}`, { cause });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EACCES: 'not permitted, ports below 1024 need a privilege',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'no such host',
};

/** The error of a listen call as people understand it. */
export function listenError(host: string, port: number | undefined, cause: unknown): ListenError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return new ListenError(
    host,
    port,
    REASONS[code] ?? (cause instanceof Error ? cause.message : 'unknown reason'),
    cause,
  );
}

/** Why a native listener that gives no reason could not listen: asks the operating system once more. */
export async function explainListenFailure(host: string, port: number): Promise<ListenError> {
  const cause = await new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', resolve);
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(undefined)));
  });
  return listenError(host, port, cause);
}
