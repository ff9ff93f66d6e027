import { closeSync, constants, fstatSync, openSync, write, writeSync, type Stats } from 'node:fs';
import { isatty } from 'node:tty';

/** Writes bytes without making the process wait. A write that fails reports the system's error. */
export type LinePort = ImmediatePort | QueuedPort;

export interface ImmediatePort {
  readonly kind: 'immediate';
  /** The number of bytes taken; throws EAGAIN when there is no room. */
  writeNow(bytes: Uint8Array): number;
}

export interface QueuedPort {
  readonly kind: 'queued';
  /** Not to be called again before `done`. */
  write(bytes: Uint8Array, done: (error: Error | null, byteCount: number) => void): void;
  /** Writes at once, and waits until the bytes are taken. */
  writeNow(bytes: Uint8Array): number;
}

/**
 * A pipe, a socket and a terminal are written at once, in non-blocking mode: a reader that has stopped must not hold a thread, for
 * a process with such a thread cannot exit. Files know no such mode: a slow disk holds one thread of the pool.
 */
export function openLinePort(fd: number): LinePort {
  const kind = kindOf(fd);
  if (kind === 'file') {
    return {
      kind: 'queued',
      write: (bytes, done) => write(fd, bytes, 0, bytes.length, null, (error, byteCount) => done(error, byteCount)),
      writeNow: (bytes) => writeSync(fd, bytes),
    };
  }
  const own = (kind === 'socket' ? undefined : reopened(fd)) ?? inherited(fd, kind);
  return { kind: 'immediate', writeNow: (bytes) => writeSync(own, bytes) };
}

type Kind = 'pipe' | 'socket' | 'terminal' | 'file';

function kindOf(fd: number): Kind {
  if (isatty(fd)) return 'terminal';
  let stats: Stats;
  try {
    stats = fstatSync(fd);
  } catch {
    return 'file';
  }
  return stats.isFIFO() ? 'pipe' : stats.isSocket() ? 'socket' : 'file';
}

/** A descriptor of our own, since the mode belongs to all processes that share one. Undefined: the system has none to give. */
function reopened(fd: number): number | undefined {
  let own: number;
  try {
    own = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return undefined;
  }
  if (isatty(own) === isatty(fd)) return own;
  closeSync(own);
  return undefined;
}

function inherited(fd: number, kind: Kind): number {
  // Node.js makes a pipe or socket non-blocking when it opens the stream. A terminal it does not.
  if (kind !== 'terminal' && fd === process.stderr.fd) return process.stderr.fd;
  return fd;
}
