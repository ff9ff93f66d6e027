import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

const QUOTA_FILE = '/sys/fs/cgroup/cpu.max';

/** Number of processors that this process may use: those of the machine, or as many whole ones as its container grants. At least 1. */
export function processorCount(
  ofMachine: number = availableParallelism(),
  readQuota: () => string = () => readFileSync(QUOTA_FILE, 'utf8'),
): number {
  return Math.max(1, Math.min(ofMachine, quotaIn(readQuota)));
}

/** The file has the CPU time that the group may use, and the period in which it may use it: `200000 100000`, or `max 100000`. */
function quotaIn(readQuota: () => string): number {
  let text: string;
  try {
    text = readQuota();
  } catch {
    // The system is not Linux, or has no control group of version 2.
    return Infinity;
  }
  const match = /^(\d+) (\d+)\s*$/.exec(text);
  return match === null ? Infinity : Math.floor(Number(match[1]) / Number(match[2]));
}
