/**
 * Plain numbers that the hot path adds to; the metrics page reads them when it is scraped. They only grow.
 * Every table has a fixed set of keys, which are the label values: nothing a client sends becomes a label.
 */
export interface Counters {
  readonly connectionsOpened: Tally<'json' | 'msgpack' | 'cbor'>;
  readonly connectionsRefused: Tally<ConnectionRefusal>;
  readonly connectionsClosed: Tally<ConnectionEnd>;
  readonly httpAnswers: Tally<HttpStatus>;
  readonly sessionsOpened: Tally<'all'>;
  readonly sessionsClosed: Tally<'all'>;
  readonly sessionsRefused: Tally<'all'>;
  readonly bytes: Tally<'in' | 'out'>;
  /** Index: message code 0–127; 0 counts what could not be read. */
  readonly messagesIn: Float64Array;
  readonly messagesOut: Float64Array;
  /** Messages still queued for a connection when it ended. */
  readonly messagesUnsent: Tally<'slow_reader' | 'connection_closed'>;
  /** Messages that waited in an inbox before they were handled. */
  readonly messagesDeferred: Tally<'all'>;
  /** Turns of the event loop that ended with messages waiting for one of their own. */
  readonly turnsExhausted: Tally<'all'>;
  readonly violations: Tally<'all'>;
  readonly eventsDelivered: Tally<'all'>;
  readonly eventsDropped: Tally<EventDrop>;
  readonly routing: Tally<RoutingDiscard>;
  readonly calls: Tally<CallEnd>;
  readonly limitsReached: Tally<LimitName>;
  readonly logLines: Tally<LogLineFate>;
  /** Call duration in milliseconds by upper bound; the last bucket is +Inf. */
  readonly callLatency: Histogram;
}

export type Tally<Key extends string> = Record<Key, number>;

/** `request_timeout` and `no_request`: no whole request came, or the library refused it by itself (400, 431, 505). */
export type ConnectionRefusal =
  | 'connections'
  | 'memory'
  | 'connections_per_address'
  | 'pending_connections'
  | 'origin'
  | 'subprotocol'
  | 'draining'
  | 'upgrade_required'
  | 'websocket_version'
  | 'malformed_handshake'
  | 'header_bytes'
  | 'request_timeout'
  | 'no_request';
/** Of answers to HTTP requests that open no WebSocket. */
export type HttpStatus = '200' | '304' | '400' | '403' | '404' | '405' | '426' | '431' | '503';
/** `peer` and `idle_timeout` are not of the router's choosing; the others are why it closes a connection. */
export type ConnectionEnd =
  | 'peer'
  | 'goodbye'
  | 'protocol_violation'
  | 'slow_reader'
  | 'handshake_timeout'
  | 'goodbye_timeout'
  | 'shutdown'
  | 'restart'
  | 'limit'
  | 'abort'
  | 'full'
  | 'unreachable'
  | 'draining'
  | 'undecided'
  | 'idle_timeout';
export type EventDrop = 'untranscodable' | 'node_unreachable' | 'too_large' | 'held_limit';
export type RoutingDiscard =
  'late_yield' | 'late_continuation' | 'late_frame' | 'unwanted_progress' | 'publish_refused' | 'call_rerouted';
export type CallEnd = 'result' | 'error' | 'canceled' | 'timeout' | 'caller_left' | 'callee_lost' | 'refused';
/** `suppressed`: over the budget; the destination took no more, or refused it. */
export type LogLineFate = 'written' | 'suppressed' | 'dropped_stalled' | 'dropped_failed';
export type LimitName =
  | 'message_bytes'
  | 'messages_per_second'
  | 'pings_per_second'
  | 'unsent_bytes'
  | 'total_unsent_bytes'
  | 'memory'
  | 'inbox'
  | 'sessions'
  | 'subscriptions_per_session'
  | 'registrations_per_session'
  | 'calls_per_session'
  | 'held_events'
  | 'held_calls'
  | 'interrupt_timeout'
  | 'abandoned_timeout'
  | 'abandoned_invocations'
  | 'realms';

export interface Histogram {
  readonly upperBounds: readonly number[];
  readonly buckets: Float64Array;
  sum: number;
  count: number;
}

const CALL_LATENCY_BOUNDS_MS = [0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 60_000];

/** A count for each key, from 0. */
export function tally<Key extends string>(...keys: Key[]): Tally<Key> {
  return Object.fromEntries(keys.map((key) => [key, 0])) as Tally<Key>;
}

export function histogram(upperBounds: readonly number[]): Histogram {
  return { upperBounds: upperBounds, buckets: new Float64Array(upperBounds.length + 1), sum: 0, count: 0 };
}

export function createCounters(): Counters {
  return {
    connectionsOpened: tally('json', 'msgpack', 'cbor'),
    connectionsRefused: tally(
      'connections',
      'memory',
      'connections_per_address',
      'pending_connections',
      'origin',
      'subprotocol',
      'draining',
      'upgrade_required',
      'websocket_version',
      'malformed_handshake',
      'header_bytes',
      'request_timeout',
      'no_request',
    ),
    httpAnswers: tally('200', '304', '400', '403', '404', '405', '426', '431', '503'),
    connectionsClosed: tally(
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
    ),
    sessionsOpened: tally('all'),
    sessionsClosed: tally('all'),
    sessionsRefused: tally('all'),
    bytes: tally('in', 'out'),
    messagesIn: new Float64Array(128),
    messagesOut: new Float64Array(128),
    messagesUnsent: tally('slow_reader', 'connection_closed'),
    messagesDeferred: tally('all'),
    turnsExhausted: tally('all'),
    violations: tally('all'),
    eventsDelivered: tally('all'),
    eventsDropped: tally('untranscodable', 'node_unreachable', 'too_large', 'held_limit'),
    routing: tally(
      'late_yield',
      'late_continuation',
      'late_frame',
      'unwanted_progress',
      'publish_refused',
      'call_rerouted',
    ),
    calls: tally('result', 'error', 'canceled', 'timeout', 'caller_left', 'callee_lost', 'refused'),
    limitsReached: tally(
      'message_bytes',
      'messages_per_second',
      'pings_per_second',
      'unsent_bytes',
      'total_unsent_bytes',
      'memory',
      'inbox',
      'sessions',
      'subscriptions_per_session',
      'registrations_per_session',
      'calls_per_session',
      'held_events',
      'held_calls',
      'interrupt_timeout',
      'abandoned_timeout',
      'abandoned_invocations',
      'realms',
    ),
    logLines: tally('written', 'suppressed', 'dropped_stalled', 'dropped_failed'),
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
