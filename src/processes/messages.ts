import type { Readiness } from '../transport/ops-server.js';

/** Where a process answers, as URLs. */
export interface ProcessAddresses {
  readonly ws: string;
  readonly site?: string;
  readonly console?: string;
  readonly listeners: readonly string[];
}

/** What a process sends to its parent. */
export type FromProcess =
  | { readonly kind: 'started'; readonly addresses: ProcessAddresses }
  /** Sent all the time: a process that sends none hangs. */
  | { readonly kind: 'state'; readonly readiness: Readiness }
  | { readonly kind: 'metrics'; readonly request: number; readonly page: string };

/** What the parent sends to a process. Everything else is a signal. */
export interface ToProcess {
  readonly kind: 'metrics';
  readonly request: number;
}
