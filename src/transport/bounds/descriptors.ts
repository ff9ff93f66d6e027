import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Logger } from '../../telemetry/logger.js';

/** Descriptors besides client connections: log, store, operations endpoint, libraries. */
const OTHER_DESCRIPTORS = 160;
/** Connections that are accepted only to get the answer that there are too many. */
const MAX_SURPLUS = 256;
/** The same as a share, for a small limit. */
const OTHER_SHARE = 1 / 4;
const SURPLUS_SHARE = 1 / 8;
const LOOK_EVERY_MS = 5_000;
const EXHAUSTED = new Set(['EMFILE', 'ENFILE']);

/** How many files and sockets the process may open (RLIMIT_NOFILE). Undefined: unknown. */
export function descriptorLimit(read: () => string = readLimits): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\S+)/m.exec(read()) ?? [];
    const limit = Number(soft);
    return Number.isInteger(limit) ? limit : undefined;
  } catch {
    return undefined;
  }
}

function readLimits(): string {
  return readFileSync('/proc/self/limits', 'utf8');
}

/** `maxConnections`, or fewer where the process could not open a socket for each of them and for those it refuses. */
export function affordableConnections(
  maxConnections: number,
  limit = Infinity,
): { readonly maxConnections: number; readonly maxSurplusConnections: number } {
  const maxSurplusConnections = Math.min(MAX_SURPLUS, Math.floor(limit * SURPLUS_SHARE));
  const others = Math.min(OTHER_DESCRIPTORS, Math.floor(limit * OTHER_SHARE));
  const affordable = Math.max(1, limit - others - maxSurplusConnections);
  return { maxConnections: Math.min(maxConnections, affordable), maxSurplusConnections };
}

/**
 * Logs when the process cannot open files any more, and when it can again, whatever uses the descriptors: neither the
 * library nor Node.js reports a connection that could not be accepted. Returns a function that stops it. Costs one file
 * opened every 5 s.
 */
export function watchDescriptors(logger: Logger, openOne: () => void = openNull): () => void {
  let isExhausted = false;
  const look = (): void => {
    const code = failureOf(openOne);
    const wasExhausted = isExhausted;
    isExhausted = code !== undefined && EXHAUSTED.has(code);
    if (isExhausted && !wasExhausted) {
      const message = 'no file or socket can be opened: raise the limit of open files, or lower limits.maxConnections';
      logger.error({ reason: code, message, count: descriptorLimit() }, 'descriptors.exhausted');
    } else if (wasExhausted && !isExhausted) logger.info({}, 'descriptors.available');
  };
  const timer = setInterval(look, LOOK_EVERY_MS).unref();
  return () => clearInterval(timer);
}

function openNull(): void {
  closeSync(openSync('/dev/null', 'r'));
}

function failureOf(open: () => void): string | undefined {
  try {
    open();
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : '';
  }
}
