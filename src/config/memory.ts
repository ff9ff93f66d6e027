import { totalmem } from 'node:os';
import type { Config } from './schema.js';

/** Memory figures of the operating system, in bytes. */
export interface MemoryReader {
  /** Limit of the container or control group of this process; 0 or undefined: none is known. */
  constrainedBytes(): number | undefined;
  /** Memory of the machine. */
  machineBytes(): number;
}

const OPERATING_SYSTEM: MemoryReader = {
  constrainedBytes: () => process.constrainedMemory(),
  machineBytes: () => totalmem(),
};

/** Share of the process's memory that may wait for readers by default. */
const UNSENT_SHARE = 0.25;
const MOST_UNSENT_BYTES = 1_073_741_824;
/** Memory that a node needs besides. */
const ADVISED_SHARE = 0.5;

/** Memory that this process may use, in bytes: that of its container, or of the machine. */
export function memoryBytes(reader: MemoryReader = OPERATING_SYSTEM): number {
  const machine = reader.machineBytes();
  const constrained = reader.constrainedBytes() ?? 0;
  // Without a limit some systems give none, others a number beyond all memory.
  return constrained > 0 ? Math.min(constrained, machine) : machine;
}

/** `limits.maxTotalUnsentBytes`, or what stands for it: a quarter of the memory, at most 1 GiB, at least one connection's. */
export function maxTotalUnsentBytes({ limits }: Pick<Config, 'limits'>, reader?: MemoryReader): number {
  if (limits.maxTotalUnsentBytes !== undefined) return limits.maxTotalUnsentBytes;
  const share = Math.min(Math.floor(memoryBytes(reader) * UNSENT_SHARE), MOST_UNSENT_BYTES);
  return Math.max(share, limits.maxUnsentBytes);
}

/** Above so many bytes in use the process takes no more clients. */
export function maxMemoryBytes({ limits }: Pick<Config, 'limits'>, reader?: MemoryReader): number {
  return Math.floor((memoryBytes(reader) * limits.maxMemoryPercent) / 100);
}

/** Totals that do not fit into the memory of this process, one sentence each. */
export function memoryAdvice(config: Pick<Config, 'limits'>, reader?: MemoryReader): string[] {
  const memory = memoryBytes(reader);
  const total = maxTotalUnsentBytes(config, reader);
  if (total <= memory * ADVISED_SHARE) return [];
  const setting =
    config.limits.maxTotalUnsentBytes === undefined ? 'limits.maxUnsentBytes' : 'limits.maxTotalUnsentBytes';
  return [
    `${setting}: ${mebibytes(total)} may wait for slow readers, but this process may use ${mebibytes(memory)} of memory in all: set at most half of it`,
  ];
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MiB`;
}
