import type { Code } from './codes.js';
import type { Features } from './features.js';
import type { PublicationId, RegistrationId, RequestId, SessionId, SubscriptionId, Uri } from './ids.js';
import type {
  CallOptions,
  CancelOptions,
  Dict,
  ErrorOptions,
  PublishOptions,
  RegisterOptions,
  SubscribeOptions,
  YieldOptions,
} from './options.js';
import type { Payload } from './payload.js';

/** The details of HELLO, read once. */
export interface HelloDetails {
  readonly features: Features;
  readonly authmethods: readonly string[];
  readonly authid?: string;
  readonly authrole?: string;
  readonly authextra?: Dict;
  readonly agent?: string;
}

export type Hello = readonly [code: typeof Code.HELLO, realm: string, details: HelloDetails];
export type ClientAbort = readonly [code: typeof Code.ABORT, details: Dict, reason: string];
export type Authenticate = readonly [code: typeof Code.AUTHENTICATE, signature: string, extra: Dict];
export type ClientGoodbye = readonly [code: typeof Code.GOODBYE, details: Dict, reason: string];
export type InvocationError = readonly [
  code: typeof Code.ERROR,
  type: typeof Code.INVOCATION,
  request: RequestId,
  options: ErrorOptions,
  error: Uri,
  payload: Payload,
];
export type Publish = readonly [
  code: typeof Code.PUBLISH,
  request: RequestId,
  options: PublishOptions,
  topic: Uri,
  payload: Payload,
];
export type Subscribe = readonly [
  code: typeof Code.SUBSCRIBE,
  request: RequestId,
  options: SubscribeOptions,
  topic: Uri,
];
export type Unsubscribe = readonly [code: typeof Code.UNSUBSCRIBE, request: RequestId, subscription: SubscriptionId];
export type Call = readonly [
  code: typeof Code.CALL,
  request: RequestId,
  options: CallOptions,
  procedure: Uri,
  payload: Payload,
];
export type Cancel = readonly [code: typeof Code.CANCEL, request: RequestId, options: CancelOptions];
export type Register = readonly [
  code: typeof Code.REGISTER,
  request: RequestId,
  options: RegisterOptions,
  procedure: Uri,
];
export type Unregister = readonly [code: typeof Code.UNREGISTER, request: RequestId, registration: RegistrationId];
export type Yield = readonly [code: typeof Code.YIELD, request: RequestId, options: YieldOptions, payload: Payload];

/** Messages a realm routes; the others concern the session alone. */
export type RoutedMessage =
  Publish | Subscribe | Unsubscribe | Call | Cancel | Register | Unregister | Yield | InvocationError;

/** Everything a client may send, after parsing (rules 1.3). */
export type ClientMessage = Hello | ClientAbort | Authenticate | ClientGoodbye | RoutedMessage;

/** Request types that an ERROR of ours can answer. */
export type ErrorType =
  | typeof Code.PUBLISH
  | typeof Code.SUBSCRIBE
  | typeof Code.UNSUBSCRIBE
  | typeof Code.CALL
  | typeof Code.REGISTER
  | typeof Code.UNREGISTER;

export type Welcome = readonly [code: typeof Code.WELCOME, session: SessionId, details: Dict];
export type Challenge = readonly [code: typeof Code.CHALLENGE, method: string, extra: Dict];
export type RouterAbort = readonly [code: typeof Code.ABORT, details: Dict, reason: Uri];
export type RouterGoodbye = readonly [code: typeof Code.GOODBYE, details: Dict, reason: Uri];
export type RouterError = readonly [
  code: typeof Code.ERROR,
  type: ErrorType,
  request: RequestId,
  details: Dict,
  error: Uri,
  payload: Payload,
];
export type Published = readonly [code: typeof Code.PUBLISHED, request: RequestId, publication: PublicationId];
export type Subscribed = readonly [code: typeof Code.SUBSCRIBED, request: RequestId, subscription: SubscriptionId];
export type Unsubscribed = readonly [code: typeof Code.UNSUBSCRIBED, request: RequestId];
export type Event = readonly [
  code: typeof Code.EVENT,
  subscription: SubscriptionId,
  publication: PublicationId,
  details: Dict,
  payload: Payload,
];
export type Result = readonly [code: typeof Code.RESULT, request: RequestId, details: Dict, payload: Payload];
export type Registered = readonly [code: typeof Code.REGISTERED, request: RequestId, registration: RegistrationId];
export type Unregistered = readonly [code: typeof Code.UNREGISTERED, request: RequestId];
/** Revocation of a subscription: request 0 and Details (rules 7.9). */
export type SubscriptionRevoked = readonly [code: typeof Code.UNSUBSCRIBED, request: 0, details: Dict];
/** Revocation: request 0 and Details (REV-1, ID-5). */
export type Revoked = readonly [code: typeof Code.UNREGISTERED, request: 0, details: Dict];
export type Invocation = readonly [
  code: typeof Code.INVOCATION,
  request: RequestId,
  registration: RegistrationId,
  details: Dict,
  payload: Payload,
];
export type Interrupt = readonly [code: typeof Code.INTERRUPT, request: RequestId, options: Dict];

/** Messages with application payload as their last element. */
export type PayloadMessage = RouterError | Event | Result | Invocation;

/** Everything this router sends (rules 1.3). */
export type RouterMessage =
  | Welcome
  | Challenge
  | RouterAbort
  | RouterGoodbye
  | Published
  | Subscribed
  | Unsubscribed
  | Registered
  | Unregistered
  | Revoked
  | SubscriptionRevoked
  | Interrupt
  | PayloadMessage;
