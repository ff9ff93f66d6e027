import { performance } from 'node:perf_hooks';
import type { ConnectionEnd, Counters } from '../telemetry/counters.js';
import type { Logger } from '../telemetry/logger.js';
import { Admission } from './bounds/admission.js';
import { Backlog } from './bounds/backlog.js';
import { BodyPool } from './http/body-reader.js';
import { affordableConnections, descriptorLimit } from './bounds/descriptors.js';
import { CHECK_MS, MemoryGuard, type GuardedConnection } from './bounds/memory-guard.js';
import type { Outbox } from './outbox.js';
import type { TemporaryRefusal } from './opening/refusals.js';
import { Slab } from './slab.js';
import type { ConnectionDependencies, SocketConnection } from './socket-connection.js';
import type { TransportBounds } from './transport-options.js';
import { TurnFlusher } from './turn-flusher.js';

const LINGER_MS = 5_000;
/** Share of the time that a connection may stay silent. */
const PROBE_PERIOD_SHARE = 1 / 8;
/** A message up to this many times `maxMessageBytes` is read, so that the client gets a clear ABORT. */
export const OVERLONG_FACTOR = 2;

/**
 * The part of the transport that all listeners of a node share: bounds on all connections together, memory for what
 * arrives, and the writes at the end of the turn.
 */
export class SharedTransport {
  readonly bounds: TransportBounds;
  readonly counters: Counters;
  readonly logger: Logger;
  readonly admission: Admission;
  /** Other processes of this node's program listen at the same ports. */
  readonly isPortShared: boolean;
  /** Connections of all listeners, in the order in which they were opened. */
  readonly connections = new Set<GuardedConnection>();
  readonly #maxConnections: number;
  readonly #flusher = new TurnFlusher<Outbox>();
  /** Bytes that wait for clients. */
  readonly backlog: Backlog;
  readonly bodies: BodyPool;
  readonly #slab = new Slab();
  readonly #guard: MemoryGuard;
  readonly #probePeriod = { number: 0 };
  #guardTimer: NodeJS.Timeout | undefined;
  #probeTimer: NodeJS.Timeout | undefined;

  constructor(bounds: TransportBounds, counters: Counters, logger: Logger, isPortShared = false) {
    this.bounds = bounds;
    this.isPortShared = isPortShared;
    this.counters = counters;
    this.logger = logger;
    const affordable = affordableBounds(bounds, logger);
    this.#maxConnections = affordable.maxConnections;
    this.admission = new Admission({ ...bounds, ...affordable });
    this.backlog = new Backlog(bounds.maxTotalUnsentBytes, this.#flusher);
    this.bodies = new BodyPool(bounds.maxTotalBodyBytes, () => counters.limitsReached.total_body_bytes++);
    this.#guard = new MemoryGuard({
      maxBytes: bounds.maxMemoryBytes,
      usedBytes: bounds.usedMemoryBytes ?? (() => process.memoryUsage.rss()),
      maxUnfinishedBytes: bounds.maxMessageBytes * OVERLONG_FACTOR,
      connections: this.connections,
      onChange: (isShort) => this.#memoryChanged(isShort),
    });
  }

  /**
   * All open connections; those of them that have sent no complete request or handshake; and how many may stay.
   */
  get sockets(): { readonly count: number; readonly pendingCount: number; readonly maxCount: number } {
    const { count, pendingCount } = this.admission;
    return { count, pendingCount, maxCount: this.#maxConnections };
  }

  /** Dependencies of the connections of one listener. `compress`: see OutboxOptions. */
  dependencies({ compress }: { readonly compress: boolean }): ConnectionDependencies {
    const { maxUnsentBytes, maxMessageBytes, maxMessagesPerSecond, maxPingsPerSecond } = this.bounds;
    return {
      outbox: { maxUnsentBytes, backlog: this.backlog, compress, lingerMs: LINGER_MS, probes: this.#probePeriod },
      maxMessageBytes,
      maxMessagesPerSecond,
      maxPingsPerSecond,
      flusher: this.#flusher,
      slab: this.#slab,
      counters: this.counters,
      nowMs: () => performance.now(),
    };
  }

  /** Once, when the listeners listen. */
  start(): void {
    this.#guardTimer = setInterval(() => this.#guard.check(), CHECK_MS);
    this.#probeTimer = setInterval(() => this.#probePeriod.number++, this.bounds.idleTimeoutMs * PROBE_PERIOD_SHARE);
  }

  /** Sends queued messages now rather than at the end of the turn. */
  flush(): void {
    this.#flusher.flush();
  }

  /** When the listeners have stopped. */
  stop(): void {
    clearInterval(this.#guardTimer);
    clearInterval(this.#probeTimer);
  }

  /** A listener has opened a connection. */
  opened(connection: SocketConnection): void {
    this.connections.add(connection);
    this.counters.connectionsOpened[connection.serializer]++;
    this.logger.debug(connection.logFields, 'connection.opened');
  }

  /** The socket of a connection has ended. `cut`: the reason where this side did not close it. */
  ended(connection: SocketConnection, cut: ConnectionEnd): void {
    this.connections.delete(connection);
    const cause = connection.closeCause ?? cut;
    this.counters.connectionsClosed[cause]++;
    if (cause === 'slow_reader') this.logger.info(connection.logFields, 'connection.slow_reader');
    this.logger.debug({ reason: cause, remoteAddress: connection.remoteAddress }, 'connection.closed');
    connection.ended();
  }

  /** Why a listener may open no connection for now. */
  closedFor(isAccepting: boolean): TemporaryRefusal | undefined {
    if (!isAccepting) return 'draining';
    return this.#guard.isShort ? 'memory' : undefined;
  }

  #memoryChanged(isShort: boolean): void {
    if (!isShort) this.logger.info({}, 'server.memory_enough');
    else {
      const message = 'the process uses more than limits.maxMemoryPercent: new connections are refused';
      this.logger.warn({ message }, 'server.memory_short');
    }
  }
}

/** Bounds that the process can keep: no more connections than it may open sockets. */
function affordableBounds(
  { maxConnections }: TransportBounds,
  logger: Logger,
): ReturnType<typeof affordableConnections> {
  const limit = descriptorLimit();
  const bounds = affordableConnections(maxConnections, limit);
  if (bounds.maxConnections < maxConnections) {
    const message =
      `this process may open ${limit ?? 0} files (ulimit -n), so it serves ${bounds.maxConnections} connections instead ` +
      `of ${maxConnections} (limits.maxConnections)`;
    logger.warn({ message, count: bounds.maxConnections }, 'descriptors.limited');
  }
  return bounds;
}
