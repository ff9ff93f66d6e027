import type { Uri } from '../../wamp/ids.js';
import type { MatchPolicy, TrustLevel } from '../../wamp/options.js';

export type Action = 'call' | 'register' | 'publish' | 'subscribe';

/** The answer for one action. */
export interface Decision {
  readonly allowed: boolean;
  /** The router discloses the caller or publisher, whether or not it asked. */
  readonly disclose: boolean;
  /** The trust level of the call or publication, for receivers that announced the feature. */
  readonly trustLevel?: TrustLevel;
}

/** One permission, in the terms of Crossbar.io. An action that is not listed is not allowed. */
export interface Permission {
  readonly uri: Uri;
  readonly match: MatchPolicy;
  readonly allow: Readonly<Record<Action, boolean>>;
  readonly disclose: { readonly caller: boolean; readonly publisher: boolean };
  readonly trustLevel?: TrustLevel;
}

/** The identity that permissions depend on (AZ-1). */
export interface Subject {
  readonly authid: string;
  readonly authrole: string;
  /** Permissions of this principal beside those of its role. */
  readonly permissions?: readonly Permission[];
}
