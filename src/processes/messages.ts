import type { Readiness } from '../transport/ops-server.js';

/** Addresses of a process, as URLs. */
export interface ProcessAddresses {
  readonly ws: string;
  readonly site?: string;
  readonly console?: string;
  readonly listeners: readonly string[];
}

/** A message of a process to its parent. */
export type FromProcess =
  | { readonly kind: 'started'; readonly addresses: ProcessAddresses }
  /** Sent all the time: a process that sends none hangs. */
  | { readonly kind: 'state'; readonly readiness: Readiness }
  | { readonly kind: 'metrics'; readonly request: number; readonly page: string };

/** A message of the parent to a process. The parent sends everything else as a signal. */
export interface ToProcess {
  readonly kind: 'metrics';
  readonly request: number;
}
