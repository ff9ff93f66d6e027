import type { Dict } from './options.js';

/** WELCOME.Details.roles: exactly what this router does, nothing it does in part (ADV-1, SES-3). */
export const ROUTER_ROLES: Dict = Object.freeze({
  broker: Object.freeze({
    features: Object.freeze({
      publisher_exclusion: true,
      publisher_identification: true,
      publication_trustlevels: true,
      subscriber_blackwhite_listing: true,
      pattern_based_subscription: true,
      event_history: true,
      event_retention: true,
      payload_passthru_mode: true,
      payload_transparency: true,
      session_meta_api: true,
      subscription_meta_api: true,
      subscription_revocation: true,
    }),
  }),
  dealer: Object.freeze({
    features: Object.freeze({
      progressive_call_results: true,
      progressive_call_invocations: true,
      call_timeout: true,
      call_canceling: true,
      caller_identification: true,
      call_trustlevels: true,
      pattern_based_registration: true,
      shared_registration: true,
      registration_meta_api: true,
      registration_revocation: true,
      call_reroute: true,
      testament_meta_api: true,
      payload_passthru_mode: true,
      payload_transparency: true,
      session_meta_api: true,
    }),
  }),
});
