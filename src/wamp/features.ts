/** Feature keys a client can announce that change what this router does (rules 6.0). */
export type FeatureKey =
  | 'call_canceling'
  | 'call_reroute'
  | 'call_timeout'
  | 'call_trustlevels'
  | 'payload_passthru_mode'
  | 'progressive_call_invocations'
  | 'progressive_call_results'
  | 'publication_trustlevels'
  | 'registration_revocation'
  | 'subscription_revocation';

export type RoleFeatures = ReadonlySet<FeatureKey>;

/** The features that a session announced in HELLO: a role it did not announce is absent (ADV-1, SES-3). */
export interface Features {
  readonly publisher?: RoleFeatures;
  readonly subscriber?: RoleFeatures;
  readonly caller?: RoleFeatures;
  readonly callee?: RoleFeatures;
}
