import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { BackplaneUnavailableError, type Backplane } from '../backplane/backplane.js';
import { addressesOf, type NodeAddresses } from './addresses.js';
import { createBackplane, type BackplaneDependencies } from './create-backplane.js';
import { nowMs } from './clocks.js';
import { version } from './version.js';
import { fingerprint } from '../config/keys/fingerprint.js';
import type { CertificateValidity } from '../config/keys/key-pair.js';
import { planReload, type ReloadPlan } from '../config/reload.js';
import type { Config } from '../config/schema.js';
import { Incarnation } from './incarnation.js';
import { NodeStoppedError } from './node-stopped-error.js';
import { ServedCertificate } from './served-certificate.js';
import { RealmAuthMethods } from './realm-settings.js';
import { ConfigReloader, type LoadedConfig, type ReloadOutcome } from './reload/config-reloader.js';
import { isOperational } from './operational-error.js';
import { createClusterCounters, type ClusterCounters } from '../telemetry/cluster-counters.js';
import { createCounters, type Counters } from '../telemetry/counters.js';
import type { Logger } from '../telemetry/logger.js';
import { createMetrics, type ConfigFacts, type Gauges, type Metrics } from '../telemetry/metrics.js';
import { OpsServer, type Readiness } from '../transport/ops-server.js';

export interface NodeDependencies {
  readonly logger: Logger;
  /** Creates a backplane for each incarnation of the node. Default: the configured one. */
  readonly backplane?: (dependencies: BackplaneDependencies) => Backplane;
  /** Counters shared with others, such as the logger. Default: the node's own. */
  readonly counters?: Counters;
  /** Validity of the certificate of `listen.tls`, for the metric. Absent without TLS. */
  readonly validity?: CertificateValidity | undefined;
  /** Reads the configuration again, for `reload`. Absent: this node does not reload. */
  readonly load?: () => LoadedConfig;
  /** Other processes listen at the same ports. Default: none. */
  readonly isPortShared?: boolean;
  /** How long to retry the start while other nodes cannot be reached. Default: one attempt. */
  readonly startTimeoutMs?: number;
  /** Aborts a start in progress. */
  readonly abort?: AbortSignal;
}

/** The same object in every incarnation of the node, except for the NodeId in its log. */
export interface RunningNode {
  readonly addresses: NodeAddresses;
  readonly counters: Counters;
  readonly clusterCounters: ClusterCounters;
  readonly gauges: Gauges;
  readiness(): Readiness;
  metricsPage(): Promise<string>;
  /** Reads the configuration again and puts it into effect: all of it that needs no restart, or nothing. */
  reload(): Promise<ReloadOutcome>;
  /**
   * Leaves gracefully: no new connections or calls, then all sessions are closed, distributed over time. Idempotent.
   */
  drain(): Promise<void>;
  /** Closes everything that is left, at once. Idempotent. */
  stop(): Promise<void>;
}

/** Pauses between attempts to start an incarnation: doubled from the first to the last. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Builds one node and starts it. When it cannot start, closes everything again and rejects with an operational error.
 */
export async function startNode(config: Config, dependencies: NodeDependencies): Promise<RunningNode> {
  if (dependencies.abort?.aborted === true) throw new NodeStoppedError();
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
 * The composition root. It owns what outlasts an incarnation: the operations endpoint, the counters, the ports. An
 * incarnation ends when the node is asked to leave, or when the others have declared it dead: then the next one begins
 * (G5).
 */
class Node implements RunningNode {
  readonly counters: Counters;
  readonly clusterCounters = createClusterCounters();
  readonly gauges: Gauges;
  #config: Config;
  readonly #logger: Logger;
  readonly #makeBackplane: (dependencies: BackplaneDependencies) => Backplane;
  #facts: ConfigFacts;
  readonly #certificate: ServedCertificate;
  readonly #isPortShared: boolean;
  #authMethods: RealmAuthMethods;
  readonly #reloader: ConfigReloader | undefined;
  readonly #metrics: Metrics;
  readonly #ops: OpsServer | undefined;
  /** Ends the pauses between attempts. */
  readonly #leaving = new AbortController();
  #incarnation: Incarnation | undefined;
  /** The ports that clients connect to, the same in every incarnation. */
  #ports: readonly number[];
  #addresses: NodeAddresses | undefined;
  #state: 'starting' | 'ready' | 'rejoining' | 'draining' | 'stopped' = 'starting';
  #starting: Promise<void> | undefined;
  #rejoining: Promise<void> | undefined;
  #drained: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(config: Config, { logger, backplane, counters, validity, load, isPortShared }: NodeDependencies) {
    this.#config = config;
    this.#logger = logger;
    this.#isPortShared = isPortShared === true;
    this.#ports = [config.listen, ...config.listeners].map(({ port }) => port ?? 0);
    this.#makeBackplane = backplane ?? createBackplane;
    this.#facts = factsOf(config, 0, validity);
    this.#certificate = new ServedCertificate({
      config: () => this.#config,
      prepare: (tls) => this.#incarnation?.prepareCertificate(tls),
      onRenewed: ({ untilMs }) => {
        this.#facts = { ...this.#facts, certificateUntilMs: untilMs };
      },
      logger,
    });
    this.#authMethods = new RealmAuthMethods(config, logger);
    this.counters = counters ?? createCounters();
    this.#reloader =
      load && new ConfigReloader({ load, apply: (next) => this.#apply(next), counters: this.counters, logger });
    this.gauges = this.#makeGauges();
    const cluster = { counters: this.clusterCounters, gauges: () => this.#incarnation?.backplane.gauges };
    this.#metrics = createMetrics(this.counters, this.gauges, cluster, {
      version: version(),
      config: () => this.#facts,
    });
    this.#ops = config.ops.enabled
      ? new OpsServer(config.ops, { isReady: () => this.readiness(), metrics: this.#metrics }, logger)
      : undefined;
  }

  get addresses(): NodeAddresses {
    if (this.#addresses === undefined) throw new Error('the node has not been started');
    return this.#addresses;
  }

  /** Once. Rejects with an operational error; then `stop` is still necessary. */
  start(startTimeoutMs: number): Promise<void> {
    this.#starting = this.#start(startTimeoutMs);
    return this.#starting;
  }

  readiness(): Readiness {
    if (this.#state !== 'ready') return { ready: false, reason: NOT_READY[this.#state] };
    return this.#incarnation?.isReachable === true
      ? { ready: true }
      : { ready: false, reason: 'other nodes cannot be reached' };
  }

  metricsPage(): Promise<string> {
    return this.#metrics.page();
  }

  reload(): Promise<ReloadOutcome> {
    if (this.#reloader === undefined) throw new Error('this node was given no configuration to read again');
    return this.#reloader.reload();
  }

  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #start(startTimeoutMs: number): Promise<void> {
    this.#logger.info({ version: version() }, 'node.starting');
    this.#metrics.start();
    // First, so that a monitor sees that the node is alive while it waits for the others.
    const ops = await this.#ops?.start();
    await this.#startIncarnation(nowMs() + startTimeoutMs, isAboutOthers);
    this.#addresses = addressesOf(this.#config, this.#ports, ops?.port);
    this.#certificate.watch();
    this.#becomeReady();
    this.#incarnation?.logger.info({ url: this.#addresses.ws }, 'node.started');
  }

  async #drain(): Promise<void> {
    this.#state = 'draining';
    this.#leaving.abort();
    await this.#rejoining;
    await this.#incarnation?.drain();
  }

  async #apply(loaded: LoadedConfig): Promise<ReloadPlan> {
    await this.#rejoining;
    if (this.#state !== 'ready') throw new NodeStoppedError('the node leaves: it puts no configuration into effect');
    const plan = planReload(this.#config, loaded.config);
    const authMethods = new RealmAuthMethods(plan.config, this.#logger, this.#authMethods);
    const incarnation = this.#incarnation;
    const useCertificate = await this.#certificate.prepare(plan.config);
    const commit = await incarnation?.prepare(plan.config);
    // Meanwhile the others may have declared this node dead, or it was asked to leave.
    const isSame = this.#is('ready') && incarnation === this.#incarnation;
    if (!isSame || commit === undefined) return this.#apply(loaded);
    this.#config = plan.config;
    this.#authMethods = authMethods;
    this.#facts = factsOf(plan.config, plan.needsRestart.length, loaded.validity);
    commit();
    useCertificate?.();
    this.#logger.setLevel(plan.config.log.level);
    if (useCertificate === undefined || plan.changed.some((path) => path.startsWith('listen.tls.'))) return plan;
    return { ...plan, changed: [...plan.changed, 'the certificate in listen.tls.certFile'] };
  }

  async #stop(): Promise<void> {
    this.#state = 'stopped';
    this.#leaving.abort();
    await this.#incarnation?.stop();
    // It ends by itself, but may be about to open a port.
    await this.#starting?.catch(() => undefined);
    await this.#rejoining;
    await this.#ops?.stop();
    this.#certificate.stop();
    this.#metrics.stop();
    (this.#incarnation?.logger ?? this.#logger).info({}, 'node.stopped');
  }

  /** Starts an incarnation, with several attempts if necessary. Rejects with the error of the last one. */
  async #startIncarnation(untilMs: number, mayPass: (error: Error) => boolean): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    for (let attempt = 1; ; attempt++) {
      if (this.#mustLeave()) throw new NodeStoppedError();
      const incarnation = this.#createIncarnation();
      this.#incarnation = incarnation;
      try {
        this.#ports = await incarnation.start();
        if (!incarnation.isFenced) return;
        throw new NodeStoppedError();
      } catch (error) {
        await incarnation.stop();
        const isLast = this.#mustLeave() || nowMs() + pauseMs >= untilMs;
        if (isLast || !isOperational(error) || !mayPass(error)) throw error;
        incarnation.logger.warn({ count: attempt, durationMs: pauseMs, error }, 'node.start_failed');
      }
      await this.#pause(pauseMs);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }

  #createIncarnation(): Incarnation {
    this.#certificate.wasRead();
    const incarnation: Incarnation = new Incarnation({
      config: this.#config,
      ports: this.#ports,
      isPortShared: this.#isPortShared,
      backplane: this.#makeBackplane({
        config: this.#config,
        name: this.#config.node.name ?? hostname(),
        counters: this.clusterCounters,
        logger: this.#logger,
      }),
      counters: this.counters,
      logger: this.#logger,
      authMethodsOf: (realm) => this.#authMethods.of(realm),
      reload: () => this.reload(),
      onFenced: () => {
        if (incarnation === this.#incarnation) this.#fenced(incarnation);
      },
    });
    return incarnation;
  }

  #fenced(incarnation: Incarnation): void {
    incarnation.logger.error({}, 'node.fenced');
    // An incarnation that is starting ends by itself.
    if (this.#state === 'ready') this.#rejoining = this.#rejoin(incarnation);
    else if (this.#state === 'draining') void incarnation.dismiss();
  }

  async #rejoin(incarnation: Incarnation): Promise<void> {
    this.#state = 'rejoining';
    await incarnation.dismiss();
    if (this.#mustLeave()) return;
    try {
      // The port may be in use for a moment too: the clients wait for this node, and trying again costs nothing.
      await this.#startIncarnation(Infinity, () => true);
    } catch (error) {
      if (this.#mustLeave() && isOperational(error)) return;
      throw error;
    }
    this.#rejoining = undefined;
    this.#becomeReady();
    const { logger } = this.#incarnation ?? incarnation;
    logger.info({ url: this.addresses.ws }, 'node.started');
    logger.info({ peer: incarnation.node }, 'node.rejoined');
  }

  #mustLeave(): boolean {
    return this.#leaving.signal.aborted;
  }

  // A method, because the compiler would not see that the state may change in an await.
  #is(state: 'ready'): boolean {
    return this.#state === state;
  }

  #becomeReady(): void {
    if (!this.#mustLeave()) this.#state = 'ready';
  }

  async #pause(forMs: number): Promise<void> {
    try {
      await sleep(forMs, undefined, { signal: this.#leaving.signal });
    } catch {
      // The node was asked to leave: the caller checks.
    }
  }

  #makeGauges(): Gauges {
    const now = (of: keyof Gauges): (() => number) => {
      return () => this.#incarnation?.gauges[of]() ?? 0;
    };
    return {
      connections: now('connections'),
      sockets: now('sockets'),
      pendingSockets: now('pendingSockets'),
      maxSockets: now('maxSockets'),
      sessions: now('sessions'),
      testamentBytes: now('testamentBytes'),
      subscriptions: now('subscriptions'),
      registrations: now('registrations'),
      pendingCalls: now('pendingCalls'),
      abandonedInvocations: now('abandonedInvocations'),
      realms: now('realms'),
      unsentBytes: now('unsentBytes'),
      receiveBufferBytes: now('receiveBufferBytes'),
      narrowedConnections: now('narrowedConnections'),
      inboxBytes: now('inboxBytes'),
      heldBytes: now('heldBytes'),
      inboxMessages: now('inboxMessages'),
      waitingHandshakes: now('waitingHandshakes'),
      longPollTransports: now('longPollTransports'),
      longPollWaiting: now('longPollWaiting'),
    };
  }
}

function factsOf(config: Config, pendingCount: number, validity: CertificateValidity | undefined): ConfigFacts {
  return { loadedMs: Date.now(), hash: fingerprint(config), pendingCount, certificateUntilMs: validity?.untilMs };
}

const NOT_READY = {
  starting: 'starting',
  rejoining: 'the others declared this node dead while it was cut off: it is coming back under another id',
  draining: 'draining',
  stopped: 'stopped',
} as const;

/** Errors that may end by themselves. For every other error at the start, the operator has to act. */
function isAboutOthers(error: Error): boolean {
  return error instanceof BackplaneUnavailableError || error instanceof NodeStoppedError;
}
