/** Predefined error URIs this router sends or understands. Rules 13. */
export const ErrorUri = {
  PROTOCOL_VIOLATION: 'wamp.error.protocol_violation',
  INVALID_URI: 'wamp.error.invalid_uri',
  INVALID_ARGUMENT: 'wamp.error.invalid_argument',
  NO_SUCH_PROCEDURE: 'wamp.error.no_such_procedure',
  PROCEDURE_ALREADY_EXISTS: 'wamp.error.procedure_already_exists',
  NO_SUCH_REGISTRATION: 'wamp.error.no_such_registration',
  NO_SUCH_SUBSCRIPTION: 'wamp.error.no_such_subscription',
  NO_SUCH_SESSION: 'wamp.error.no_such_session',
  NO_SUCH_REALM: 'wamp.error.no_such_realm',
  NO_SUCH_ROLE: 'wamp.error.no_such_role',
  NO_SUCH_PRINCIPAL: 'wamp.error.no_such_principal',
  NO_MATCHING_AUTH_METHOD: 'wamp.error.no_matching_auth_method',
  AUTHENTICATION_DENIED: 'wamp.error.authentication_denied',
  AUTHENTICATION_FAILED: 'wamp.error.authentication_failed',
  AUTHENTICATION_REQUIRED: 'wamp.error.authentication_required',
  NOT_AUTHORIZED: 'wamp.error.not_authorized',
  AUTHORIZATION_FAILED: 'wamp.error.authorization_failed',
  CANCELED: 'wamp.error.canceled',
  TIMEOUT: 'wamp.error.timeout',
  DISCLOSE_ME_DISALLOWED: 'wamp.error.option_disallowed.disclose_me',
  OPTION_NOT_ALLOWED: 'wamp.error.option_not_allowed',
  NETWORK_FAILURE: 'wamp.error.network_failure',
  UNAVAILABLE: 'wamp.error.unavailable',
  NO_AVAILABLE_CALLEE: 'wamp.error.no_available_callee',
  /** The name that Crossbar.io uses when all callees are at their `concurrency`. */
  MAX_CONCURRENCY_REACHED: 'crossbar.error.max_concurrency_reached',
  FEATURE_NOT_SUPPORTED: 'wamp.error.feature_not_supported',
  /** A bound of this router was reached (sessions, subscriptions, calls …); the message names the setting. */
  LIMIT_EXCEEDED: 'wamp.error.limit_exceeded',
  PAYLOAD_SIZE_EXCEEDED: 'wamp.error.payload_size_exceeded',
} as const;

/** Reasons in GOODBYE (SES-11). */
export const CloseUri = {
  SYSTEM_SHUTDOWN: 'wamp.close.system_shutdown',
  CLOSE_REALM: 'wamp.close.close_realm',
  /** The credentials of the session have expired: the client has to log in again. */
  EXPIRED: 'wamp.close.expired',
  /** The router ends a session that it would not admit any more. */
  KILLED: 'wamp.close.killed',
  /** Sent by a client: its cookie no longer stands for it. */
  LOGOUT: 'wamp.close.logout',
  GOODBYE_AND_OUT: 'wamp.close.goodbye_and_out',
  /** Another session of the same authid has taken the place of this one (`onDuplicate: replace`). */
  SESSION_REPLACED: 'gantry.close.session_replaced',
} as const;
