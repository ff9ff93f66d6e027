import type { Outcome, Plan } from './job.js';

/** The work of a load process for one job. Each method is called when the one before has finished. */
export interface Activity {
  open(): Promise<void>;
  run(plan: Plan): Promise<Outcome | null>;
  /** Throws unless exactly what `sent` messages cause has arrived here. */
  verify(sent: number): Promise<void>;
  /** News of subscribers in another process. */
  remoteProgress(remote: number, received: number): void;
  /** A run under way is to end, where its length is not given by what it does. */
  finish?(): void;
  close(): Promise<void>;
}
