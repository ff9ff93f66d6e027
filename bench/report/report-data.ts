import type { Settings } from '../settings.js';
import type { CaseResult } from './figures.js';
import type { Commit, Machine } from './machine.js';

/** Everything that a run has measured, and under which conditions. */
export interface Report {
  readonly name: string;
  readonly date: string;
  readonly command: string;
  readonly commit: Commit;
  readonly machine: Machine;
  readonly settings: Settings;
  readonly routers: readonly { readonly name: string; readonly version: string }[];
  /** The server between the nodes of a cluster. */
  readonly redis: string | null;
  readonly scenarios: readonly { readonly name: string; readonly about: string }[];
  readonly durationSeconds: number;
  /** Load of the whole machine, over 1, 5 and 15 minutes: before and after. */
  readonly loadAverages: readonly (readonly number[])[];
  readonly cases: readonly CaseResult[];
  /** Routers that could not be started, and why. */
  readonly missing: readonly string[];
  /** Remark of the person who ran it. */
  readonly note: string | null;
  readonly notMeasured: string;
}
