import type { CallRecord, PublicationRecord } from '../checker/journal.js';

/** All clients of a cluster in a scenario. */
export interface Load {
  /** Those that are not there, or have not all they want. */
  readonly missing: string[];
  /** Publications of `publishEverywhere` when everybody is there. */
  readonly sweepCount: number;
  join(): void;
  /** Publishes and calls until `pause`. */
  run(): void;
  pause(): void;
  /** One acknowledged publication to every topic that is always subscribed to, by every publisher. */
  publishEverywhere(): PublicationRecord[];
  /** One call of every procedure that is always registered, by every caller. */
  callEverywhere(): CallRecord[];
  leave(): Promise<void>;
}
