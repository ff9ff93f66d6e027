import type { Config } from '../config/schema.js';
import { maxTotalUnsentBytes } from '../config/memory.js';

/** The place of a process among those of one machine. */
export interface Place {
  /** Begins at 0. */
  readonly index: number;
  readonly count: number;
}

/** The environment variable by which the parent gives a process its place. */
export const PLACE_VARIABLE = 'GANTRY_PROCESS_PLACE';

export function placeText({ index, count }: Place): string {
  return `${index}/${count}`;
}

/** The place of this process. Undefined: it was not started by a parent. */
export function placeIn(environment: Readonly<Record<string, string | undefined>>): Place | undefined {
  const match = /^(\d+)\/(\d+)$/.exec(environment[PLACE_VARIABLE] ?? '');
  return match === null ? undefined : { index: Number(match[1]), count: Number(match[2]) };
}

/**
 * The configuration of one process: the parent serves health and metrics for all, and the processes share the memory of
 * the machine. The other limits hold for each process by itself.
 */
export function configOfProcess(config: Config, { index, count }: Place, machineName: string): Config {
  const { limits, ops, node } = config;
  return {
    ...config,
    ops: { ...ops, enabled: false },
    node: { ...node, name: `${node.name ?? machineName}-${index}` },
    limits: {
      ...limits,
      maxMemoryPercent: Math.max(1, Math.floor(limits.maxMemoryPercent / count)),
      maxTotalUnsentBytes: Math.max(Math.floor(maxTotalUnsentBytes(config) / count), limits.maxUnsentBytes),
    },
  };
}
