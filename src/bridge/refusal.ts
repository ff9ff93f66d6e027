import type { BridgeOutcome, HttpStatus } from '../telemetry/counters.js';
import type { HttpHeaders } from '../transport/http/exchange.js';

/** Why a request is not carried out: its answer, and how it is counted. */
export interface Refusal {
  readonly kind: 'refusal';
  readonly status: HttpStatus;
  readonly outcome: BridgeOutcome;
  /** Text for people. */
  readonly message: string;
  readonly headers?: HttpHeaders;
}

export function refusal(status: HttpStatus, outcome: BridgeOutcome, message: string, headers?: HttpHeaders): Refusal {
  return { kind: 'refusal', status, outcome, message, ...(headers && { headers }) };
}

export function badRequest(message: string): Refusal {
  return refusal('400', 'bad_request', message);
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'refusal';
}
