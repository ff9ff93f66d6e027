import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Backplane } from './backplane/backplane.js';
import { MemoryHub } from './backplane/memory-hub.js';
import { version } from './cli/version.js';
import { createCodecs } from './codec/codecs.js';
import type { Config } from './config/schema.js';
import { anonymousRoles, configuredRealms, realmTemplate } from './realm-settings.js';
import { systemChance } from './realm/chance.js';
import { Delivery } from './realm/delivery.js';
import { drainSessions } from './realm/drain.js';
import { Inbound } from './realm/inbound.js';
import type { RealmSurroundings } from './realm/realm.js';
import { Realms } from './realm/realms.js';
import { TimerWheel } from './realm/timer-wheel.js';
import { TurnClock } from './realm/turn-clock.js';
import { createAnonymous } from './session/auth/anonymous.js';
import { createEndpoint, type EndpointDeps } from './session/endpoint.js';
import { createCounters, type Counters } from './telemetry/counters.js';
import type { Logger } from './telemetry/logger.js';
import { createMetrics, type Gauges, type Metrics } from './telemetry/metrics.js';
import { OpsServer } from './transport/ops-server.js';
import type { SiteOptions } from './transport/transport-options.js';
import { UwsServer } from './transport/uws-server.js';
import type { NodeId } from './wamp/ids.js';

export interface NodeDependencies {
  readonly logger: Logger;
  /** Default: a cluster of one. */
  readonly backplane?: Backplane;
  /** For whoever else counts in them, as the logger does. Default: the node's own. */
  readonly counters?: Counters;
}

export interface RunningNode {
  readonly addresses: { readonly ws: string; readonly site?: string; readonly ops?: string };
  readonly counters: Counters;
  readonly gauges: Gauges;
  /** Leaves gently: no new connections or calls, then GOODBYE to every session, spread over time. Idempotent. */
  drain(): Promise<void>;
  /** Closes what is left, at once. Idempotent. */
  stop(): Promise<void>;
}

const FAREWELL_STEP_MS = 20;

const nowMs = (): number => performance.now();

/** Builds one node and starts it. Rejects with an operational error, everything closed again, when it cannot. */
export async function startNode(config: Config, dependencies: NodeDependencies): Promise<RunningNode> {
  const node = new Node(config, dependencies);
  try {
    await node.start();
  } catch (error) {
    await node.stop();
    throw error;
  }
  return node;
}

/** The composition root: everything is made here once, started in order and stopped in reverse. */
class Node implements RunningNode {
  readonly counters: Counters;
  readonly gauges: Gauges;
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #backplane: Backplane;
  readonly #wheel: TimerWheel;
  readonly #realms: Realms;
  readonly #census = { sessionCount: 0 };
  readonly #metrics: Metrics;
  readonly #server: UwsServer;
  readonly #ops: OpsServer | undefined;
  #addresses: RunningNode['addresses'] | undefined;
  #state: 'starting' | 'ready' | 'draining' | 'stopped' = 'starting';
  #isReachable = true;
  #drained: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(config: Config, { logger, backplane, counters }: NodeDependencies) {
    this.#config = config;
    this.counters = counters ?? createCounters();
    this.#backplane = backplane ?? new MemoryHub().join(`${config.node.name ?? hostname()}-${randomUUID()}` as NodeId);
    this.#logger = logger.child({ node: this.#backplane.node });
    this.#wheel = new TimerWheel({ nowMs });
    const codecs = createCodecs({
      maxDepth: config.limits.maxNestingDepth,
      maxContainerEntries: config.limits.maxContainerEntries,
    });
    const after = (delayMs: number, action: () => void): (() => void) => this.#wheel.after(delayMs, action);
    this.#realms = this.#makeRealms(codecs, after);
    const endpoint: EndpointDeps = {
      codecs,
      after,
      realms: this.#realms,
      authMethods: [createAnonymous({ roleIn: anonymousRoles(config), randomAuthid: randomUUID })],
      limits: config.limits,
      counters: this.counters,
      logger: this.#logger,
      agent: `Gantry-${version()}`,
    };
    this.#server = new UwsServer(
      {
        ...config.listen,
        ...config.limits,
        ...(config.demo.enabled ? { site: demoSite(config) } : {}),
      },
      (connection) => createEndpoint(connection, endpoint),
      this.counters,
      this.#logger,
    );
    this.gauges = this.#makeGauges();
    this.#metrics = createMetrics(this.counters, this.gauges);
    this.#ops = config.ops.enabled
      ? new OpsServer(config.ops, { isReady: () => this.#readiness(), metrics: this.#metrics }, this.#logger)
      : undefined;
  }

  get addresses(): RunningNode['addresses'] {
    if (this.#addresses === undefined) throw new Error('the node has not been started');
    return this.#addresses;
  }

  async start(): Promise<void> {
    this.#logger.info({ version: version() }, 'node.starting');
    this.#metrics.start();
    const inbound = new Inbound(this.#realms.all, this.#backplane.bus, {
      gap: (peer, reason) => this.#logger.warn({ peer, reason }, 'backplane.gap'),
      nodeGone: (peer) => this.#logger.info({ peer }, 'backplane.node_gone'),
      reach: (isReachable) => this.#reach(isReachable),
      fenced: () => undefined,
    });
    await this.#backplane.start(inbound);
    await this.#realms.start();
    const ops = await this.#ops?.start();
    const { port } = await this.#server.start();
    const { host, path, tls } = this.#config.listen;
    const authority = `${authorityHost(host)}:${port}`;
    this.#addresses = {
      ws: `${tls === undefined ? 'ws' : 'wss'}://${authority}${path}`,
      ...(this.#config.demo.enabled ? { site: `${tls === undefined ? 'http' : 'https'}://${authority}/` } : {}),
      ...(ops === undefined ? {} : { ops: `http://${authorityHost(this.#config.ops.host)}:${ops.port}/` }),
    };
    this.#state = 'ready';
    this.#logger.info({ url: this.#addresses.ws }, 'node.started');
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
    this.#logger.info({ count: this.#census.sessionCount }, 'node.draining');
    this.#server.stopListening();
    this.#realms.close();
    const { periodMs, deadlineMs } = this.#config.drain;
    const startMs = nowMs();
    await drainSessions(() => this.#realms.all.values(), { periodMs, deadlineMs, nowMs, wait: sleep });
    const leftMs = deadlineMs - (nowMs() - startMs);
    await this.#farewells(Math.min(leftMs, this.#config.limits.goodbyeTimeoutMs));
    this.#logger.info({ count: this.#census.sessionCount }, 'node.drained');
  }

  /** GOODBYE has been said: gives the clients time to answer it and close. */
  async #farewells(limitMs: number): Promise<void> {
    const untilMs = nowMs() + limitMs;
    while (this.#server.connectionCount > 0 && nowMs() < untilMs) await sleep(FAREWELL_STEP_MS);
  }

  async #stop(): Promise<void> {
    this.#state = 'stopped';
    await this.#server.stop();
    this.#realms.stop();
    await this.#backplane.stop();
    await this.#ops?.stop();
    this.#metrics.stop();
    this.#wheel.stop();
    this.#logger.info({}, 'node.stopped');
  }

  #makeRealms(codecs: RealmSurroundings['codecs'], after: RealmSurroundings['after']): Realms {
    const { limits, realmTemplate: template } = this.#config;
    const clock = new TurnClock(nowMs, setImmediate);
    return new Realms({
      configured: configuredRealms(this.#config),
      ...(template === undefined ? {} : { template: realmTemplate(template, limits) }),
      maxRealms: limits.maxRealms,
      logger: this.#logger,
      shared: {
        backplane: this.#backplane,
        codecs,
        delivery: new Delivery(codecs, this.counters),
        counters: this.counters,
        chance: systemChance(),
        limits,
        nowMs: () => clock.nowMs(),
        after,
        census: this.#census,
        onLostRequest: (reason, error) => this.#logger.warn({ reason, error }, 'backplane.request_failed'),
      },
    });
  }

  #makeGauges(): Gauges {
    const sum = (of: (realm: ReturnType<Realms['all']['get']> & object) => number): number => {
      let total = 0;
      for (const realm of this.#realms.all.values()) total += of(realm);
      return total;
    };
    return {
      connections: () => this.#server.connectionCount,
      sessions: () => this.#census.sessionCount,
      subscriptions: () => sum((realm) => realm.broker.subscriptionCount),
      registrations: () => sum((realm) => realm.dealer.sizes().registrations),
      pendingCalls: () => sum((realm) => realm.dealer.sizes().pendingCalls),
      realms: () => this.#realms.all.size,
      unsentBytes: () => this.#server.unsentBytes(),
    };
  }

  #readiness(): { ready: boolean; reason?: string } {
    if (this.#state !== 'ready') return { ready: false, reason: this.#state };
    return this.#isReachable ? { ready: true } : { ready: false, reason: 'other nodes cannot be reached' };
  }

  #reach(isReachable: boolean): void {
    this.#isReachable = isReachable;
    if (isReachable) this.#logger.info({}, 'backplane.up');
    else this.#logger.error({}, 'backplane.down');
  }
}

/** Pages of the votes demo, with the address they connect to. */
function demoSite({ listen, realms }: Config): SiteOptions {
  return {
    directory: fileURLToPath(new URL('./demo/public', import.meta.url)),
    made: { '/settings.json': JSON.stringify({ path: listen.path, realm: realms[0]?.name ?? 'realm1' }) },
  };
}

/** A host as it stands in a URL; one that means every address is shown as one that can be connected to. */
function authorityHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
