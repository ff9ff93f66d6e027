import { Code } from '../wamp/codes.js';
import type { Counters, ListenerCounts, Tally } from './counters.js';

/** One value of a metric with its label value; no label: the only one. */
export type Sample = readonly [value: number, label?: string];

export interface CounterDefinition<Source = Counters> {
  readonly name: string;
  readonly help: string;
  /** Names of several labels are divided by commas, and so are their values in each sample. */
  readonly label?: string;
  samples(counters: Source): Sample[];
}

export interface GaugeDefinition {
  readonly name: string;
  readonly help: string;
}

export const CALL_DURATION = {
  name: 'gantry_call_duration_seconds',
  help: 'Time from CALL to the final RESULT or ERROR of calls made at this node.',
} as const;

export const AUTHORIZER_DURATION = {
  name: 'gantry_authorizer_duration_seconds',
  help: 'Time from a question to an authorizer to its answer or failure.',
} as const;

export const EVENT_LOOP_DELAY = {
  name: 'gantry_event_loop_delay_seconds',
  help: 'Delay with which the event loop ran a timer.',
} as const;

export const BUILD_INFO = {
  name: 'gantry_build_info',
  help: 'Always 1. Labels: the versions of Gantry and Node.js.',
} as const;

export const CERTIFICATE_EXPIRY = {
  name: 'gantry_certificate_expiry_timestamp_seconds',
  help: 'Expiry of the certificate in listen.tls, in seconds since 1970. Absent without TLS.',
} as const;

export const LISTENER_CONNECTIONS = {
  name: 'gantry_listener_connections',
  help: 'Open connections, by listener.',
  label: 'listener',
} as const;

export const CONFIG_LOADED = {
  name: 'gantry_config_loaded_timestamp_seconds',
  help: 'Time at which the configuration in effect was read, in seconds since 1970.',
} as const;

export const CONFIG_HASH = {
  name: 'gantry_config_hash',
  help: 'Hash of the configuration in effect, without what is particular to a node. Nodes with the same configuration have the same.',
} as const;

export const CONFIG_PENDING = {
  name: 'gantry_config_settings_pending',
  help: 'Settings that the last reload found changed and that need a restart.',
} as const;

/** A counter without an entry here does not compile. */
export const COUNTER_DEFINITIONS: Readonly<
  Record<Exclude<keyof Counters, 'callLatency' | 'authorizerLatency'>, readonly CounterDefinition[]>
> = {
  connectionsOpened: [
    labelled(
      'connections_opened_total',
      'Connections accepted.',
      'serializer',
      (counters) => counters.connectionsOpened,
    ),
  ],
  connectionsRefused: [
    labelled(
      'connections_refused_total',
      'Connections that ended before a WebSocket opened, by reason. `request_timeout` and `no_request`: no complete request arrived, or it could not be read (400, 431, 505).',
      'reason',
      (counters) => counters.connectionsRefused,
    ),
  ],
  connectionsClosed: [
    labelled(
      'connections_closed_total',
      'Connections that ended; `peer`: the client ended it.',
      'cause',
      (counters) => counters.connectionsClosed,
    ),
  ],
  listeners: [
    byListener('opened', 'Connections accepted, by listener.', ({ opened }) => opened),
    byListener(
      'refused',
      'Connections that were refused or ended without a handshake, by listener.',
      ({ refused }) => refused,
    ),
    byListener('closed', 'Connections that ended, by listener.', ({ closed }) => closed),
  ],
  httpAnswers: [
    labelled(
      'http_answers_total',
      'Answers to HTTP requests at the client port, refused handshakes included.',
      'status',
      (counters) => counters.httpAnswers,
    ),
  ],
  httpBridge: [
    labelled(
      'http_bridge_requests_total',
      'Requests to services of the HTTP bridge. `error`: the answer is a WAMP error; `replayed`: the request was sent before; `forbidden`: the origin or the role may not; `limit`: `maxPending`; `gone`: the client left before the answer. `events` with `done`: a stream that has ended.',
      'service,outcome',
      (counters) => counters.httpBridge,
    ),
  ],
  longPollRequests: [
    labelled(
      'long_poll_requests_total',
      'Requests of long-poll transports, by operation and the place of the transport. `elsewhere`: this node passes the request on to another one.',
      'operation,place',
      (counters) => counters.longPollRequests,
    ),
  ],
  sessionsOpened: [
    single('sessions_opened_total', 'Sessions that got their WELCOME.', (counters) => counters.sessionsOpened.all),
  ],
  sessionsClosed: [single('sessions_closed_total', 'Sessions that ended.', (counters) => counters.sessionsClosed.all)],
  sessionsRefused: [
    single('sessions_refused_total', 'HELLOs answered with ABORT.', (counters) => counters.sessionsRefused.all),
  ],
  handshakes: [
    labelled(
      'handshakes_total',
      'HELLOs by how they began. `at_once`, `waited`: limits.maxHandshakesPerSecond made the latter wait; `refused`: limits.maxWaitingHandshakes were waiting; `timeout`, `gone`: the time for the handshake was up, or the client had left, before their turn.',
      'outcome',
      (counters) => counters.handshakes,
    ),
  ],
  authenticationFailures: [
    labelled(
      'authentication_failures_total',
      'Attempts to authenticate that failed. `denied`: wrong credential or unknown principal; `unusable`: HELLO lacks something; `throttled`: too many failed before; `unavailable`: no decision was possible.',
      'method,reason',
      (counters) => counters.authenticationFailures,
    ),
  ],
  bytes: [
    single(
      'received_bytes_total',
      'Bytes of WebSocket messages received, framing excluded.',
      (counters) => counters.bytes.in,
    ),
    single('sent_bytes_total', 'Bytes of WebSocket messages sent, framing excluded.', (counters) => counters.bytes.out),
  ],
  messagesIn: [
    byCode(
      'messages_received_total',
      'WAMP messages received, by type. `unreadable`: not decodable.',
      (counters) => counters.messagesIn,
    ),
  ],
  messagesOut: [byCode('messages_sent_total', 'WAMP messages sent, by type.', (counters) => counters.messagesOut)],
  messagesUnsent: [
    labelled(
      'messages_unsent_total',
      'WAMP messages that were queued for a connection when it ended.',
      'reason',
      (counters) => counters.messagesUnsent,
    ),
  ],
  messagesDeferred: [
    single(
      'messages_deferred_total',
      'Messages that waited in the inbox of their connection before they were handled.',
      (counters) => counters.messagesDeferred.all,
    ),
  ],
  turnsExhausted: [
    single(
      'turns_exhausted_total',
      'Turns of the event loop that used up limits.turnBudgetMs, so that messages waited for the next turn.',
      (counters) => counters.turnsExhausted.all,
    ),
  ],
  violations: [
    single('protocol_violations_total', 'Protocol violations by clients.', (counters) => counters.violations.all),
  ],
  eventsDelivered: [
    single(
      'events_delivered_total',
      'Events handed to connections of this node.',
      (counters) => counters.eventsDelivered.all,
    ),
  ],
  eventsDropped: [
    labelled(
      'events_dropped_total',
      'Events that did not reach a receiver, by reason.',
      'reason',
      (counters) => counters.eventsDropped,
    ),
  ],
  routing: [
    labelled(
      'routing_discards_total',
      'Messages that routing discards, refuses or repeats on purpose.',
      'reason',
      (counters) => counters.routing,
    ),
  ],
  calls: [labelled('calls_total', 'Calls that ended, by outcome.', 'outcome', (counters) => counters.calls)],
  cookieLookups: [
    labelled(
      'cookie_lookups_total',
      'Lookups of the second cookie of an opening handshake in the shared store. `timeout`: no answer within 2 s; `failed`: the store could not be asked. Then the cookies stay as they are, and a login of the connection is not bound.',
      'result',
      (counters) => counters.cookieLookups,
    ),
  ],
  authenticatorCalls: [
    labelled(
      'authenticator_calls_total',
      'Calls of dynamic authenticators, by their end. `refused`: with an application error; `failed`: with an exception; `invalid`: calls that returned what the router cannot use, which count as `returned` too.',
      'outcome',
      (counters) => counters.authenticatorCalls,
    ),
  ],
  authorizerCalls: [
    labelled(
      'authorizer_calls_total',
      'Questions to authorizers, by action and result. `unavailable`: not registered, or no callee took it, or it left or could not be reached; `limit`: not asked, for limits.maxPendingAuthorizations.',
      'action,result',
      (counters) => counters.authorizerCalls,
    ),
  ],
  testaments: [
    labelled(
      'testaments_total',
      'Testaments of sessions. `refused`: not allowed, or not stored; `published`: at the end of a session of this node; `recovered`: of a session whose node died; `withheld`: the session was killed without them, or its realm ended; `unreadable`: not of this release.',
      'fate',
      (counters) => counters.testaments,
    ),
  ],
  sessionsRecovered: [
    labelled(
      'sessions_recovered_total',
      'Sessions of dead nodes. `published`: this node has published that they left, and their testaments; `unconcerned`: nothing was to be published; `lost`: this node could not open their realm.',
      'outcome',
      (counters) => counters.sessionsRecovered,
    ),
  ],
  retainedEvents: [
    labelled(
      'retained_events_total',
      'Publications with retain on topics that the realm retains, by what became of them.',
      'result',
      (counters) => counters.retainedEvents,
    ),
  ],
  recordedEvents: [
    labelled(
      'history_events_total',
      'Publications on topics with a history, by what became of them.',
      'result',
      (counters) => counters.recordedEvents,
    ),
  ],
  historyQueries: [
    labelled(
      'history_queries_total',
      'Calls of wamp.subscription.get_events by outcome. `refused`: the question was wrong or not allowed, or the history has not the publication that it names.',
      'result',
      (counters) => counters.historyQueries,
    ),
  ],
  retainedLookups: [
    labelled(
      'retained_lookups_total',
      'Lookups of retained events for subscribers, by outcome.',
      'result',
      (counters) => counters.retainedLookups,
    ),
  ],
  limitsReached: [
    labelled(
      'limits_reached_total',
      'Times a configured limit stopped a client.',
      'limit',
      (counters) => counters.limitsReached,
    ),
  ],
  logLines: [
    labelled(
      'log_lines_total',
      'Log lines by fate. `suppressed`: above limits.maxLogLinesPerSecond; `dropped_stalled`, `dropped_failed`: standard error stalled or failed.',
      'fate',
      (counters) => counters.logLines,
    ),
  ],
  configReloads: [
    labelled(
      'config_reloads_total',
      'Reloads of the configuration by result. `refused`: it had a fault or could not be put into effect, and the old one stays.',
      'result',
      (counters) => counters.configReloads,
    ),
  ],
};

/** One sample for each key of a tally. */
export function labelled<Source = Counters>(
  name: string,
  help: string,
  label: string,
  tally: (counters: Source) => Tally<string>,
): CounterDefinition<Source> {
  return {
    name: `gantry_${name}`,
    help,
    label,
    samples: (counters) => Object.entries(tally(counters)).map(([key, value]) => [value, key]),
  };
}

export function single<Source = Counters>(
  name: string,
  help: string,
  value: (counters: Source) => number,
): CounterDefinition<Source> {
  return { name: `gantry_${name}`, help, samples: (counters) => [[value(counters)]] };
}

/** Names of listeners come from the configuration: a client cannot make new ones. */
function byListener(word: string, help: string, value: (counts: ListenerCounts) => number): CounterDefinition {
  return {
    name: `gantry_listener_connections_${word}_total`,
    help,
    label: 'listener',
    samples: ({ listeners }) => Object.entries(listeners).map(([name, counts]) => [value(counts), name]),
  };
}

const NAME_BY_CODE = new Map<number, string>(Object.entries(Code).map(([name, code]) => [code, name]));

/** Label values are names of the protocol's codes and two of ours: a peer cannot make new ones. */
function byCode(name: string, help: string, table: (counters: Counters) => Float64Array): CounterDefinition {
  return {
    name: `gantry_${name}`,
    help,
    label: 'type',
    samples: (counters) => {
      const samples: Sample[] = [];
      let unknownCount = 0;
      table(counters).forEach((count, code) => {
        const label = code === 0 ? 'unreadable' : NAME_BY_CODE.get(code);
        if (label === undefined) unknownCount += count;
        else samples.push([count, label]);
      });
      samples.push([unknownCount, 'unknown']);
      return samples;
    },
  };
}
