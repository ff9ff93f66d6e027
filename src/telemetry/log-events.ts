/**
 * Every event that is ever logged, each a constant name `subject.what_happened` (past tense or state).
 * Values go into the fields.
 */
export type LogEvent =
  | 'node.starting'
  | 'node.started'
  | 'node.start_failed'
  | 'node.isolated'
  | 'node.fenced'
  | 'node.rejoined'
  | 'node.draining'
  | 'node.drained'
  | 'node.drain_deadline_passed'
  | 'node.stopped'
  | 'node.signal'
  | 'node.failed'
  | 'process.started'
  | 'process.ended'
  | 'process.restarting'
  | 'process.unresponsive'
  | 'processes.ready'
  | 'processes.replacing'
  | 'processes.replaced'
  | 'config.loaded'
  | 'config.questionable'
  | 'config.reloaded'
  | 'config.refused'
  | 'config.needs_restart'
  | 'testaments.lost'
  | 'certificate.renewed'
  | 'certificate.refused'
  | 'descriptors.limited'
  | 'descriptors.exhausted'
  | 'descriptors.available'
  | 'server.listening'
  | 'server.memory_short'
  | 'server.memory_enough'
  | 'server.receive_buffer_unlimited'
  | 'server.stopped_listening'
  | 'server.accept_failed'
  | 'server.stopped'
  | 'ops.listening'
  | 'ops.stopped'
  | 'ops.request_failed'
  | 'site.loaded'
  | 'http.failed'
  | 'connection.opened'
  | 'connection.refused'
  | 'connection.closed'
  | 'connection.malformed'
  | 'connection.slow_reader'
  | 'connection.limit_reached'
  | 'session.opened'
  | 'session.refused'
  | 'token.keys_unreadable'
  | 'session.closed'
  | 'session.violation'
  | 'session.limit_reached'
  | 'session.unsendable'
  | 'realm.created'
  | 'realm.removed'
  | 'authenticator.failed'
  | 'authorizer.failed'
  | 'procedure.failed'
  | 'backplane.down'
  | 'backplane.up'
  | 'backplane.gap'
  | 'backplane.node_gone'
  | 'backplane.request_failed'
  | 'backplane.store'
  | 'backplane.store_emptied'
  | 'backplane.version_doubted'
  | 'backplane.peer_entered'
  | 'backplane.peer_unreachable'
  | 'backplane.peer_reachable'
  | 'log.suppressed'
  | 'log.dropped';

/** Fields of an event. Never an application payload, a credential or an authextra. */
export interface LogFields {
  readonly node?: string | undefined;
  readonly peer?: string | undefined;
  readonly realm?: string | undefined;
  readonly session?: number | undefined;
  readonly authid?: string | undefined;
  readonly authrole?: string | undefined;
  readonly remoteAddress?: string | undefined;
  readonly serializer?: string | undefined;
  readonly isBatched?: boolean | undefined;
  readonly origin?: string | undefined;
  /** A WAMP URI, a close cause, a refusal: why it happened, as a constant. */
  readonly reason?: string | undefined;
  /** One sentence for people. */
  readonly message?: string | undefined;
  readonly signal?: string | undefined;
  readonly version?: string | undefined;
  readonly file?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** Credentials in it are not logged. */
  readonly url?: string | undefined;
  readonly count?: number | undefined;
  /** The place of a process among those of its machine. */
  readonly process?: number | undefined;
  readonly pid?: number | undefined;
  /** The exit code of a process. */
  readonly code?: number | undefined;
  readonly durationMs?: number | undefined;
  readonly error?: unknown;
  /** For `log.suppressed`: the event that was suppressed `count` times. */
  readonly event?: LogEvent | undefined;
}
