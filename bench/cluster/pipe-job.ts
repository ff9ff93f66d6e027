import type { Latency } from '../load/job.js';

export interface PipePlan {
  /** Events of one message; not necessarily whole: an average. */
  readonly itemsPerBatch: number;
  readonly itemBytes: number;
  readonly warmupMs: number;
  readonly measureMs: number;
  /** Processes whose CPU time is read at the two marks. */
  readonly watched: readonly number[];
}

export interface PipeOutcome {
  /** Events that left between the two marks. */
  readonly items: number;
  readonly seconds: number;
  readonly watchedSeconds: readonly number[];
}

/** `run`, `settle` and `ping` are for the publisher, `received` for the subscriber, `drive` and `rest` for the driver. */
export type ToPipe =
  | { readonly ask: 'run'; readonly plan: PipePlan }
  /** Until so many batches since the beginning of everything have their receipts. */
  | { readonly ask: 'settle'; readonly batches: number }
  | { readonly ask: 'ping'; readonly count: number }
  | { readonly ask: 'received' }
  | { readonly ask: 'drive'; readonly perSecond: number }
  | { readonly ask: 'rest' };

export type FromPipe =
  /** Where the publisher listens to the driver; 0 for the others. */
  | { readonly port: number }
  | { readonly outcome: PipeOutcome }
  | { readonly roundTrip: Latency }
  /** Events or batches since the beginning of everything. */
  | { readonly total: number }
  | { readonly error: string };

/** The work of one process of the pipe. */
export interface PipeRole {
  /** The port on which the publisher accepts the driver. */
  readonly port: number;
  answer(question: ToPipe): Promise<FromPipe>;
}
