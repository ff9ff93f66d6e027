import { readdirSync, readFileSync } from 'node:fs';

/**
 * CPU time of a process and all its descendants so far, in seconds. Read from the scheduler in nanoseconds where the
 * kernel shows them, else in clock ticks. Zero for a process that is gone.
 */
export function cpuSeconds(pid: number): number {
  let total = threadsOf(pid).reduce((sum, thread) => sum + threadSeconds(pid, thread), 0);
  for (const child of childrenOf(pid)) total += cpuSeconds(child);
  return total;
}

/** Resident bytes of a process and all its descendants. */
export function residentBytes(pid: number): number {
  const own = /^VmRSS:\s+(\d+) kB/m.exec(readOrEmpty(`/proc/${pid}/status`));
  let total = own === null ? 0 : Number(own[1]) * 1024;
  for (const child of childrenOf(pid)) total += residentBytes(child);
  return total;
}

/** The most that the process itself has ever held resident. */
export function peakResidentBytes(pid: number): number {
  const peak = /^VmHWM:\s+(\d+) kB/m.exec(readOrEmpty(`/proc/${pid}/status`));
  return peak === null ? NaN : Number(peak[1]) * 1024;
}

export function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap((thread) =>
    readOrEmpty(`/proc/${pid}/task/${thread}/children`)
      .split(' ')
      .filter((part) => part !== '')
      .map(Number),
  );
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

const ticksPerSecond = 100;

function threadSeconds(pid: number, thread: string): number {
  const nanoseconds = readOrEmpty(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0];
  if (nanoseconds !== undefined && nanoseconds !== '') return Number(nanoseconds) / 1e9;
  // The command name may hold spaces and brackets: count from the last bracket.
  const stat = readOrEmpty(`/proc/${pid}/task/${thread}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
