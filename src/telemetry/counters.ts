import { CALL_OUTCOMES, ROUTING_DISCARDS, type CallOutcome, type RoutingDiscard } from '../routing/outcomes.js';
import { AUTH_METHODS } from '../wamp/auth-methods.js';
import { SERIALIZER_IDS, type SerializerId } from '../wamp/payload.js';

/**
 * Plain numbers that the hot path adds to; each scrape reads them. They only grow.
 * Every table has a fixed set of keys, which are the label values: nothing that a client sends becomes a label.
 */
export interface Counters {
  readonly connectionsOpened: Tally<SerializerId>;
  readonly connectionsRefused: Tally<ConnectionRefusal>;
  readonly connectionsClosed: Tally<ConnectionEnd>;
  /** Counts of each listener, by its configured name. */
  readonly listeners: Record<string, ListenerCounts>;
  readonly httpAnswers: Tally<HttpStatus>;
  /** Requests to services of the HTTP bridge, by their end. */
  readonly httpBridge: Tally<BridgeRequest>;
  /** Requests of long-poll that name a transport, by the place of the transport. */
  readonly longPollRequests: Tally<LongPollRequest>;
  readonly sessionsOpened: Tally<'all'>;
  readonly sessionsClosed: Tally<'all'>;
  readonly sessionsRefused: Tally<'all'>;
  /** HELLOs by how they began, or why they did not. */
  readonly handshakes: Tally<(typeof HANDSHAKE_OUTCOMES)[number]>;
  readonly authenticationFailures: Tally<AuthenticationFailure>;
  readonly bytes: Tally<'in' | 'out'>;
  /** Index: message code 0–127; 0 counts unreadable messages. */
  readonly messagesIn: Float64Array;
  readonly messagesOut: Float64Array;
  /** Messages still queued for a connection when it ended. */
  readonly messagesUnsent: Tally<(typeof UNSENT_REASONS)[number]>;
  /** Messages that waited in an inbox before they were handled. */
  readonly messagesDeferred: Tally<'all'>;
  /** Turns of the event loop that ended with messages waiting for a later turn. */
  readonly turnsExhausted: Tally<'all'>;
  readonly violations: Tally<'all'>;
  readonly eventsDelivered: Tally<'all'>;
  readonly eventsDropped: Tally<EventDrop>;
  readonly routing: Tally<RoutingDiscard>;
  readonly calls: Tally<CallOutcome>;
  /** Questions to the store whether a login stands behind a cookie. */
  readonly cookieLookups: Tally<CookieLookupResult>;
  /** Calls by which authenticators decide on clients, by their end. */
  readonly authenticatorCalls: Tally<AuthenticatorOutcome>;
  readonly testaments: Tally<TestamentFate>;
  /** Sessions of dead nodes whose rows this node has removed. */
  readonly sessionsRecovered: Tally<(typeof RECOVERIES)[number]>;
  readonly limitsReached: Tally<LimitName>;
  readonly logLines: Tally<LogLineFate>;
  readonly configReloads: Tally<ReloadResult>;
  /** Publications that were to be retained. */
  readonly retainedEvents: Tally<RetainResult>;
  /** Publications on topics with a history. */
  readonly recordedEvents: Tally<RecordResult>;
  readonly historyQueries: Tally<QueryResult>;
  readonly retainedLookups: Tally<(typeof LOOKUP_RESULTS)[number]>;
  readonly authorizerCalls: Tally<AuthorizerCall>;
  /** Duration of calls of authorizers in milliseconds. */
  readonly authorizerLatency: Histogram;
  /** Call duration in milliseconds by upper bound; the last bucket is +Inf. */
  readonly callLatency: Histogram;
}

export type Tally<Key extends string> = Record<Key, number>;

/** Connections of one listener. */
export interface ListenerCounts {
  opened: number;
  refused: number;
  closed: number;
}

/** Label values, each declared once: the counters have these keys and no others. */
/** `request_timeout` and `no_request`: no complete request arrived, or the library refused it by itself (400, 431, 505). */
export const CONNECTION_REFUSALS = [
  'connections',
  'memory',
  'connections_per_address',
  'listener_connections_per_address',
  'pending_connections',
  'origin',
  'subprotocol',
  'draining',
  'upgrade_required',
  'websocket_version',
  'malformed_handshake',
  'header_bytes',
  'proxy_header',
  'request_timeout',
  'no_request',
] as const;
/** Answers to HTTP requests that open no WebSocket. */
export const HTTP_STATUSES = [
  '200',
  '202',
  '204',
  '206',
  '301',
  '302',
  '304',
  '307',
  '308',
  '400',
  '401',
  '403',
  '404',
  '405',
  '408',
  '413',
  '415',
  '416',
  '422',
  '426',
  '429',
  '431',
  '500',
  '502',
  '503',
  '504',
] as const;
const LONG_POLL_OPERATIONS = ['receive', 'send', 'close'] as const;
/** `elsewhere`: this node passes the request on. */
const LONG_POLL_PLACES = ['here', 'elsewhere'] as const;
const BRIDGE_SERVICES = ['publisher', 'caller', 'webhook', 'events'] as const;
/**
 * `error`: the answer is a WAMP error; `replayed`: the request was sent before; `forbidden`: the origin or the role; `limit`: too
 * many in flight; `gone`: the client left before the answer.
 */
const BRIDGE_OUTCOMES = [
  'done',
  'error',
  'bad_request',
  'unauthorized',
  'replayed',
  'forbidden',
  'limit',
  'timeout',
  'unavailable',
  'gone',
  'failed',
] as const;
/** `peer` and `idle_timeout`: the connection ended without the router; the others are causes for which the router closes it. */
export const CONNECTION_ENDS = [
  'peer',
  'goodbye',
  'protocol_violation',
  'slow_reader',
  'handshake_timeout',
  'goodbye_timeout',
  'shutdown',
  'restart',
  'limit',
  'abort',
  'full',
  'unreachable',
  'draining',
  'undecided',
  'idle_timeout',
] as const;
/** `waited`: began after a wait (limits.maxHandshakesPerSecond). `timeout`, `gone`: the time was up, or the client had left, before. */
const HANDSHAKE_OUTCOMES = ['at_once', 'waited', 'refused', 'timeout', 'gone'] as const;
export const UNSENT_REASONS = ['slow_reader', 'connection_closed'] as const;
export const EVENT_DROPS = ['untranscodable', 'node_unreachable', 'too_large', 'held_limit'] as const;
/** `suppressed`: over the budget of lines; `dropped_…`: the destination stalled or failed. */
export const LOG_LINE_FATES = ['written', 'suppressed', 'dropped_stalled', 'dropped_failed'] as const;
/** `timeout`: the shared store took too long; `failed`: it could not be asked. */
const COOKIE_LOOKUP_RESULTS = ['answered', 'timeout', 'failed'] as const;
/** `refused`: an application error; `failed`: an exception; `canceled`: the client has gone. `invalid` counts results beside `returned`. */
export const AUTHENTICATOR_OUTCOMES = [
  'returned',
  'refused',
  'not_registered',
  'timeout',
  'unreachable',
  'failed',
  'invalid',
  'limit',
  'canceled',
] as const;
/**
 * `published`: at the end of a session of this node; `recovered`: of a session whose node died. `withheld`: the session was killed
 * without them, or the realm ended.
 */
export const TESTAMENT_FATES = [
  'added',
  'refused',
  'flushed',
  'published',
  'recovered',
  'withheld',
  'unreadable',
] as const;
/** `published`: their testaments, and that they have left; `unconcerned`: the realm publishes neither; `lost`: this node cannot open it. */
const RECOVERIES = ['published', 'unconcerned', 'lost'] as const;
export const LIMIT_NAMES = [
  'message_bytes',
  'messages_per_second',
  'pings_per_second',
  'unsent_bytes',
  'total_unsent_bytes',
  'total_body_bytes',
  'web_file_bytes',
  'web_file_answers',
  'memory',
  'inbox',
  'sessions',
  'subscriptions_per_session',
  'registrations_per_session',
  'calls_per_session',
  'held_events',
  'held_calls',
  'kept_calls',
  'interrupt_timeout',
  'abandoned_timeout',
  'abandoned_invocations',
  'realms',
  'failed_authentications',
  'sessions_per_authid',
  'pending_authentications',
  'pending_authorizations',
  'testaments_per_session',
  'testament_bytes',
  'total_testament_bytes',
  'authextra_bytes',
  'meta_list_ids',
  'meta_lists',
  'meta_memory',
  'meta_question_timeout',
] as const;
export const AUTHENTICATION_METHODS = [...AUTH_METHODS, 'other'] as const;
const AUTHENTICATION_FLAWS = ['denied', 'unusable', 'throttled', 'unavailable'] as const;
/** `refused`: the configuration had a fault or could not be put into effect, and the old one stays. */
export const RELOAD_RESULTS = ['applied', 'unchanged', 'refused'] as const;
/** `message_bytes` … `bytes`: beyond that bound. `superseded`: a later event of the node was there before. */
export const RETAIN_RESULTS = [
  'kept',
  'cleared',
  'superseded',
  'message_bytes',
  'topics',
  'bytes',
  'overload',
  'unpackable',
  'unreachable',
] as const;
export const RECORD_RESULTS = ['kept', 'bytes', 'overload', 'unpackable', 'unreachable'] as const;
/** `refused`: the question was wrong, or not allowed, or asks from a publication that is not there any more. */
export const QUERY_RESULTS = ['answered', 'refused', 'overload', 'unreachable'] as const;
const LOOKUP_RESULTS = ['found', 'none', 'overload', 'unreachable'] as const;
const AUTHORIZED_ACTIONS = ['call', 'register', 'publish', 'subscribe'] as const;
/** `error` … `limit`: the authorizer decided nothing. */
const AUTHORIZER_RESULTS = ['allowed', 'denied', 'error', 'unavailable', 'timeout', 'malformed', 'limit'] as const;
const AUTHORIZER_CALLS = AUTHORIZED_ACTIONS.flatMap((action) =>
  AUTHORIZER_RESULTS.map((result): AuthorizerCall => `${action},${result}`),
);
const ALL = ['all'] as const;
const DIRECTIONS = ['in', 'out'] as const;

export type AuthenticationMethod = (typeof AUTHENTICATION_METHODS)[number];
export type AuthenticationFlaw = (typeof AUTHENTICATION_FLAWS)[number];
export type AuthenticationFailure = `${AuthenticationMethod},${AuthenticationFlaw}`;
export type ConnectionRefusal = (typeof CONNECTION_REFUSALS)[number];
export type BridgeOutcome = (typeof BRIDGE_OUTCOMES)[number];
export type BridgeRequest = `${(typeof BRIDGE_SERVICES)[number]},${BridgeOutcome}`;
export type LongPollRequest = `${(typeof LONG_POLL_OPERATIONS)[number]},${(typeof LONG_POLL_PLACES)[number]}`;
export type HttpStatus = (typeof HTTP_STATUSES)[number];
export type ConnectionEnd = (typeof CONNECTION_ENDS)[number];
export type EventDrop = (typeof EVENT_DROPS)[number];
export type ReloadResult = (typeof RELOAD_RESULTS)[number];
export type RetainResult = (typeof RETAIN_RESULTS)[number];
export type RecordResult = (typeof RECORD_RESULTS)[number];
export type QueryResult = (typeof QUERY_RESULTS)[number];
export type AuthorizerResult = (typeof AUTHORIZER_RESULTS)[number];
export type AuthorizerCall = `${(typeof AUTHORIZED_ACTIONS)[number]},${AuthorizerResult}`;
export type LogLineFate = (typeof LOG_LINE_FATES)[number];
export type CookieLookupResult = (typeof COOKIE_LOOKUP_RESULTS)[number];
export type AuthenticatorOutcome = (typeof AUTHENTICATOR_OUTCOMES)[number];
export type TestamentFate = (typeof TESTAMENT_FATES)[number];
export type LimitName = (typeof LIMIT_NAMES)[number];

export interface Histogram {
  readonly upperBounds: readonly number[];
  readonly buckets: Float64Array;
  sum: number;
  count: number;
}

const CALL_LATENCY_BOUNDS_MS = [0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 60_000];

/** A count for each key, from 0. */
export function tally<Key extends string>(keys: readonly Key[]): Tally<Key> {
  return Object.fromEntries(keys.map((key) => [key, 0])) as Tally<Key>;
}

export function histogram(upperBounds: readonly number[]): Histogram {
  return { upperBounds, buckets: new Float64Array(upperBounds.length + 1), sum: 0, count: 0 };
}

/** Messages by code: WAMP message codes fit into 7 bits. */
const CODE_COUNT = 128;

export function createCounters(): Counters {
  return {
    connectionsOpened: tally(SERIALIZER_IDS),
    connectionsRefused: tally(CONNECTION_REFUSALS),
    httpAnswers: tally(HTTP_STATUSES),
    httpBridge: tally(
      BRIDGE_SERVICES.flatMap((service) => BRIDGE_OUTCOMES.map((outcome) => `${service},${outcome}` as const)),
    ),
    connectionsClosed: tally(CONNECTION_ENDS),
    listeners: {},
    longPollRequests: tally(
      LONG_POLL_OPERATIONS.flatMap((operation) => LONG_POLL_PLACES.map((place) => `${operation},${place}` as const)),
    ),
    sessionsOpened: tally(ALL),
    sessionsClosed: tally(ALL),
    sessionsRefused: tally(ALL),
    handshakes: tally(HANDSHAKE_OUTCOMES),
    authenticationFailures: tally(
      AUTHENTICATION_METHODS.flatMap((method) => AUTHENTICATION_FLAWS.map((flaw) => `${method},${flaw}` as const)),
    ),
    bytes: tally(DIRECTIONS),
    messagesIn: new Float64Array(CODE_COUNT),
    messagesOut: new Float64Array(CODE_COUNT),
    messagesUnsent: tally(UNSENT_REASONS),
    messagesDeferred: tally(ALL),
    turnsExhausted: tally(ALL),
    violations: tally(ALL),
    eventsDelivered: tally(ALL),
    eventsDropped: tally(EVENT_DROPS),
    routing: tally(ROUTING_DISCARDS),
    calls: tally(CALL_OUTCOMES),
    cookieLookups: tally(COOKIE_LOOKUP_RESULTS),
    authenticatorCalls: tally(AUTHENTICATOR_OUTCOMES),
    testaments: tally(TESTAMENT_FATES),
    sessionsRecovered: tally(RECOVERIES),
    limitsReached: tally(LIMIT_NAMES),
    configReloads: tally(RELOAD_RESULTS),
    logLines: tally(LOG_LINE_FATES),
    retainedEvents: tally(RETAIN_RESULTS),
    recordedEvents: tally(RECORD_RESULTS),
    historyQueries: tally(QUERY_RESULTS),
    retainedLookups: tally(LOOKUP_RESULTS),
    authorizerCalls: tally(AUTHORIZER_CALLS),
    authorizerLatency: histogram(CALL_LATENCY_BOUNDS_MS),
    callLatency: histogram(CALL_LATENCY_BOUNDS_MS),
  };
}

/** O(buckets). */
export function observe(histogram: Histogram, value: number): void {
  let bucket = 0;
  while (bucket < histogram.upperBounds.length && value > (histogram.upperBounds[bucket] ?? Infinity)) bucket++;
  histogram.buckets[bucket] = (histogram.buckets[bucket] ?? 0) + 1;
  histogram.sum += value;
  histogram.count++;
}
