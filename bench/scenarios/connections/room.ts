import { readFileSync } from 'node:fs';

/** Descriptors of a router that are no connections of the crowd: listeners, files, the sessions that measure. */
const spareDescriptors = 500;
/** Memory of router, clients and kernel for one connection. */
const bytesPerConnection = 65_536;

/** How many connections the machine has room for. */
export interface Room {
  readonly count: number;
  /** Requirement for all that are wanted; null: it is met. */
  readonly remedy: string | null;
}

export function roomFor(wanted: number): Room {
  return roomIn(wanted, readOrEmpty('/proc/self/limits'), readOrEmpty('/proc/meminfo'));
}

/** The hard limit of open files counts: Node.js raises its own soft limit to it. */
export function roomIn(wanted: number, limits: string, memory: string): Room {
  const descriptors = Number(/^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  const availableKib = Number(/^MemAvailable:\s+(\d+) kB/m.exec(memory)?.[1] ?? Infinity);
  const byDescriptors = Math.max(1, descriptors - spareDescriptors);
  const byMemory = Math.max(1, Math.floor((availableKib * 1_024) / bytesPerConnection));
  const count = Math.min(wanted, byDescriptors, byMemory);
  if (count === wanted) return { count, remedy: null };
  const needed =
    byDescriptors < byMemory
      ? `ulimit -Hn ${wanted + spareDescriptors}, it is ${descriptors}`
      : `${((wanted * bytesPerConnection) / 2 ** 30).toFixed(1)} GiB of available memory`;
  return { count, remedy: `${wanted} need ${needed}` };
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
