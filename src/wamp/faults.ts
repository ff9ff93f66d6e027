import type { Uri } from './ids.js';
import { ErrorUri } from './uris.js';

/** The fault of a client, as a value. Becomes an ERROR, or an ABORT before and instead of a session. */
export interface Fault {
  readonly kind: 'fault';
  readonly error: Uri;
  /** One sentence for the developer of the client: what is wrong and what to do. */
  readonly message: string;
}

export function fault(error: Uri, message: string): Fault {
  return { kind: 'fault', error, message };
}

/** A protocol violation: the session is aborted (rules 2.4). */
export function violation(message: string): Fault {
  return fault(ErrorUri.PROTOCOL_VIOLATION, message);
}

export function isFault(value: unknown): value is Fault {
  return typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'fault';
}
