import type { Uri } from '../../wamp/ids.js';
import type { List } from '../../wamp/options.js';

/** A procedure of the application that decides who a client is. */
export interface AuthenticatorEntry {
  readonly procedure: Uri;
  /** The realm in which it is registered; absent: the one that the client joins. */
  readonly realm?: Uri;
  readonly timeoutMs: number;
  readonly mayChooseRealm: boolean;
  /** Answer to the client when no decision can be had. */
  readonly onUnavailable: 'close' | 'abort';
}

export interface AuthenticatorCall {
  readonly procedure: Uri;
  readonly realm: Uri;
  readonly timeoutMs: number;
  readonly args: List;
}

export type AuthenticatorReply =
  /** `value`: what the procedure returned. */
  | { readonly kind: 'returned'; readonly value: unknown }
  /** The procedure raised an application error. */
  | { readonly kind: 'refused' }
  /** The procedure could not be asked, or did not answer in time. The failure is counted and logged. */
  | { readonly kind: 'failed' };

/** Calls authenticators, wherever in the cluster they are registered. */
export interface Authenticators {
  /** Never rejects. When the signal aborts, the call is canceled. */
  ask(call: AuthenticatorCall, signal: AbortSignal): Promise<AuthenticatorReply>;
  /** Counts and logs that a result could not be used. `flaw` holds nothing of the result but names of its keys. */
  unusable(call: Pick<AuthenticatorCall, 'procedure' | 'realm'>, flaw: string): void;
}
