import { hostname } from 'node:os';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackplaneUnavailableError, type Backplane } from '../backplane/backplane.js';
import { createBackplane, type BackplaneDependencies } from './create-backplane.js';
import { version } from './version.js';
import type { Config } from '../config/schema.js';
import { Incarnation, NodeStoppedError } from './incarnation.js';
import { isOperational } from './operational-error.js';
import { createClusterCounters, type ClusterCounters } from '../telemetry/cluster-counters.js';
import { createCounters, type Counters } from '../telemetry/counters.js';
import type { Logger } from '../telemetry/logger.js';
import { createMetrics, type Gauges, type Metrics } from '../telemetry/metrics.js';
import { pathsOf } from '../transport/paths.js';
import { OpsServer, type Readiness } from '../transport/ops-server.js';

export interface NodeDependencies {
  readonly logger: Logger;
  /** Makes one for each life of the node. Default: the one that the configuration asks for. */
  readonly backplane?: (dependencies: BackplaneDependencies) => Backplane;
  /** For whoever else counts in them, as the logger does. Default: the node's own. */
  readonly counters?: Counters;
  /** When the certificate of `listen.tls` expires, in milliseconds since 1970, for the metric. Absent without TLS. */
  readonly certificateUntilMs?: number | undefined;
  /** How long to try while the others cannot be reached. Default: once. */
  readonly startTimeoutMs?: number;
  /** Gives up a start that is under way. */
  readonly abort?: AbortSignal;
}

/** Stays the same when the node has to begin another life, but for the NodeId in its log. */
export interface RunningNode {
  readonly addresses: { readonly ws: string; readonly site?: string; readonly ops?: string };
  readonly counters: Counters;
  readonly clusterCounters: ClusterCounters;
  readonly gauges: Gauges;
  /** Leaves gently: no new connections or calls, then every session is sent away, spread over time. Idempotent. */
  drain(): Promise<void>;
  /** Closes what is left, at once. Idempotent. */
  stop(): Promise<void>;
}

/** Pauses between attempts to live: doubled from the first to the last. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

const nowMs = (): number => performance.now();

/** Builds one node and starts it. Rejects with an operational error, everything closed again, when it cannot. */
export async function startNode(config: Config, dependencies: NodeDependencies): Promise<RunningNode> {
  const node = new Node(config, dependencies);
  const giveUp = (): void => void node.stop();
  dependencies.abort?.addEventListener('abort', giveUp, { once: true });
  try {
    await node.start(dependencies.startTimeoutMs ?? 0);
  } catch (error) {
    await node.stop();
    throw error;
  } finally {
    dependencies.abort?.removeEventListener('abort', giveUp);
  }
  return node;
}

/**
 * The composition root. What outlasts a life is here: the operations endpoint, what is counted, the ports. A life ends
 * when the node is told to go, or when the others declared it dead: then the next one begins (G5).
 */
class Node implements RunningNode {
  readonly counters: Counters;
  readonly clusterCounters = createClusterCounters();
  readonly gauges: Gauges;
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #makeBackplane: (dependencies: BackplaneDependencies) => Backplane;
  readonly #metrics: Metrics;
  readonly #ops: OpsServer | undefined;
  /** Ends the pauses between attempts. */
  readonly #leaving = new AbortController();
  #life: Incarnation | undefined;
  /** Where clients connect: of the first life, and so of all. */
  #port: number;
  #addresses: RunningNode['addresses'] | undefined;
  #state: 'starting' | 'ready' | 'rejoining' | 'draining' | 'stopped' = 'starting';
  #rejoining: Promise<void> | undefined;
  #drained: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(config: Config, { logger, backplane, counters, certificateUntilMs }: NodeDependencies) {
    this.#config = config;
    this.#logger = logger;
    this.#port = config.listen.port;
    this.#makeBackplane = backplane ?? createBackplane;
    this.counters = counters ?? createCounters();
    this.gauges = this.#makeGauges();
    const cluster = { counters: this.clusterCounters, gauges: () => this.#life?.backplane.gauges };
    this.#metrics = createMetrics(this.counters, this.gauges, cluster, { version: version(), certificateUntilMs });
    this.#ops = config.ops.enabled
      ? new OpsServer(config.ops, { isReady: () => this.#readiness(), metrics: this.#metrics }, logger)
      : undefined;
  }

  get addresses(): RunningNode['addresses'] {
    if (this.#addresses === undefined) throw new Error('the node has not been started');
    return this.#addresses;
  }

  async start(startTimeoutMs: number): Promise<void> {
    this.#logger.info({ version: version() }, 'node.starting');
    this.#metrics.start();
    // First, so that whoever watches the node sees that it is alive while it waits for the others.
    const ops = await this.#ops?.start();
    await this.#live(nowMs() + startTimeoutMs, isAboutOthers);
    const { host, path, tls } = this.#config.listen;
    const authority = `${authorityHost(host)}:${this.#port}`;
    this.#addresses = {
      ws: `${tls === undefined ? 'ws' : 'wss'}://${authority}${pathsOf(path)[0] ?? ''}`,
      ...(this.#config.demo.enabled ? { site: `${tls === undefined ? 'http' : 'https'}://${authority}/` } : {}),
      ...(ops === undefined ? {} : { ops: `http://${authorityHost(this.#config.ops.host)}:${ops.port}/` }),
    };
    this.#becomeReady();
    this.#life?.logger.info({ url: this.#addresses.ws }, 'node.started');
  }

  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #drain(): Promise<void> {
    this.#state = 'draining';
    this.#leaving.abort();
    await this.#rejoining;
    await this.#life?.drain();
  }

  async #stop(): Promise<void> {
    this.#state = 'stopped';
    this.#leaving.abort();
    await this.#life?.stop();
    await this.#rejoining;
    await this.#ops?.stop();
    this.#metrics.stop();
    (this.#life?.logger ?? this.#logger).info({}, 'node.stopped');
  }

  /** Begins a life, if need be after several attempts. Rejects with what the last one failed with. */
  async #live(untilMs: number, mayPass: (error: Error) => boolean): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    for (let attempt = 1; ; attempt++) {
      const life = this.#makeLife();
      this.#life = life;
      try {
        const { port } = await life.start();
        this.#port = port;
        if (!life.isFenced) return;
        throw new NodeStoppedError();
      } catch (error) {
        await life.stop();
        const isLast = this.#mustLeave() || nowMs() + pauseMs >= untilMs;
        if (isLast || !isOperational(error) || !mayPass(error)) throw error;
        life.logger.warn({ count: attempt, durationMs: pauseMs, error }, 'node.start_failed');
      }
      await this.#pause(pauseMs);
      if (this.#mustLeave()) throw new NodeStoppedError();
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }

  #makeLife(): Incarnation {
    const life: Incarnation = new Incarnation({
      config: this.#config,
      port: this.#port,
      backplane: this.#makeBackplane({
        config: this.#config,
        name: this.#config.node.name ?? hostname(),
        counters: this.clusterCounters,
        logger: this.#logger,
      }),
      counters: this.counters,
      logger: this.#logger,
      onFenced: () => {
        if (life === this.#life) this.#fenced(life);
      },
    });
    return life;
  }

  #fenced(life: Incarnation): void {
    life.logger.error({}, 'node.fenced');
    // A life that is beginning is given up by itself.
    if (this.#state === 'ready') this.#rejoining = this.#rejoin(life);
    else if (this.#state === 'draining') void life.dismiss();
  }

  async #rejoin(life: Incarnation): Promise<void> {
    this.#state = 'rejoining';
    await life.dismiss();
    if (this.#mustLeave()) return;
    try {
      // A port may be taken for a moment too: the clients wait for this node, and nothing is lost by trying.
      await this.#live(Infinity, () => true);
    } catch (error) {
      if (this.#mustLeave() && isOperational(error)) return;
      throw error;
    }
    this.#rejoining = undefined;
    this.#becomeReady();
    const { logger } = this.#life ?? life;
    logger.info({ url: this.addresses.ws }, 'node.started');
    logger.info({ peer: life.node }, 'node.rejoined');
  }

  #mustLeave(): boolean {
    return this.#leaving.signal.aborted;
  }

  #becomeReady(): void {
    if (!this.#mustLeave()) this.#state = 'ready';
  }

  async #pause(forMs: number): Promise<void> {
    try {
      await sleep(forMs, undefined, { signal: this.#leaving.signal });
    } catch {
      // Told to leave: the caller looks.
    }
  }

  #readiness(): Readiness {
    if (this.#state !== 'ready') return { ready: false, reason: NOT_READY[this.#state] };
    return this.#life?.isReachable === true
      ? { ready: true }
      : { ready: false, reason: 'other nodes cannot be reached' };
  }

  #makeGauges(): Gauges {
    const now = (of: keyof Gauges): (() => number) => {
      return () => this.#life?.gauges[of]() ?? 0;
    };
    return {
      connections: now('connections'),
      sockets: now('sockets'),
      pendingSockets: now('pendingSockets'),
      maxSockets: now('maxSockets'),
      sessions: now('sessions'),
      subscriptions: now('subscriptions'),
      registrations: now('registrations'),
      pendingCalls: now('pendingCalls'),
      abandonedInvocations: now('abandonedInvocations'),
      realms: now('realms'),
      unsentBytes: now('unsentBytes'),
      receiveBufferBytes: now('receiveBufferBytes'),
      narrowedConnections: now('narrowedConnections'),
      inboxBytes: now('inboxBytes'),
      inboxMessages: now('inboxMessages'),
    };
  }
}

const NOT_READY = {
  starting: 'starting',
  rejoining: 'the others declared this node dead while it was cut off: it is coming back under another id',
  draining: 'draining',
  stopped: 'stopped',
} as const;

/** They may answer in a while. All else that prevents a start needs somebody to mend it. */
function isAboutOthers(error: Error): boolean {
  return error instanceof BackplaneUnavailableError || error instanceof NodeStoppedError;
}

/** A host as it stands in a URL; one that means every address is shown as one that can be connected to. */
function authorityHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
