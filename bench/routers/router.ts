import type { Serializer, Wire } from '../load/endpoint.js';

export interface Memory {
  readonly residentBytes: number;
  /** Live JavaScript heap and what it holds outside, after a full collection; null for other runtimes. */
  readonly heapBytes: number | null;
}

/** A router (or the relay) that is running. */
export interface RunningRouter {
  readonly url: string;
  /** Null when it was started by somebody else. */
  readonly pid: number | null;
  /** Where its metrics are. Absent: the bench does not know its metrics. */
  readonly opsUrl?: string;
  /** After a full garbage collection where the router was started with `measuresMemory`. */
  memory(): Promise<Memory>;
  /** Idempotent. */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** Started so that the runner can ask for a garbage collection. Only for scenarios that measure memory. */
  readonly measuresMemory: boolean;
  /** Gantry serves its demo's pages, too. */
  readonly servesSite?: boolean;
  /** Gantry has the principals of `load/logins.ts`. */
  readonly hasLogins?: boolean;
  /** Settings of Gantry, on top of those of the bench. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Router {
  readonly name: string;
  readonly wire: Wire;
  readonly realm: string;
  readonly version: string;
  /** The serializers with which it is measured; absent: all. */
  readonly serializers?: readonly Serializer[];
  /** The most publications or calls outstanding before it drops messages; absent: any number. */
  readonly maxOutstanding?: number;
  start(options: StartOptions): Promise<RunningRouter>;
}
