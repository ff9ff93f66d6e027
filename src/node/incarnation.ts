import { setTimeout as sleep } from 'node:timers/promises';
import { BackplaneUnavailableError, type Backplane } from '../backplane/backplane.js';
import { version } from './version.js';
import { createCodecs } from '../codec/codecs.js';
import type { Config } from '../config/schema.js';
import { nowMs } from './clocks.js';
import { createAuthenticators } from './auth/authenticators.js';
import type { ReloadOutcome } from './reload/config-reloader.js';
import { logAuthorizerTroubles } from './auth/authorizer-troubles.js';
import { httpBridge } from './http-bridge.js';
import { Isolation } from './isolation.js';
import { Listeners } from './listeners.js';
import { cookieLogins, sharedAuthMethods } from './auth/shared-auth-methods.js';
import { CookieLogouts } from './auth/cookie-logouts.js';
import { createRouterProcedures, type RouterProcedureSources } from './router-procedures.js';
import { LiveLimits } from './reload/live-limits.js';
import { nodeAnswers } from './node-list.js';
import { NodeStoppedError } from './node-stopped-error.js';
import { createHandshakePacer, createTurns } from './pacing.js';
import { realmPlan, type AuthMethodsOf } from './realm-settings.js';
import { recheckSessions, subjectsOf, withdrawals } from './reload/withdrawal.js';
import { createRandomSource } from '../realm/random-source.js';
import { Delivery } from '../realm/delivery.js';
import { dismissSessions, drainSessions } from '../realm/drain.js';
import { Inbound, type InboundReports } from '../realm/inbound.js';
import type { Realm } from '../realm/realm.js';
import type { RealmDependencies } from '../realm/realm-dependencies.js';
import { Realms } from '../realm/realms.js';
import { TimerWheel } from '../realm/timer-wheel.js';
import { TurnClock } from '../realm/turn-clock.js';
import { HeldTotal } from '../routing/held-total.js';
import type { TurnMeter } from '../routing/turn-meter.js';
import { createEndpoint } from '../session/endpoint.js';
import type { EndpointDependencies } from '../session/endpoint-dependencies.js';
import type { HandshakePacer } from '../session/handshake-pacer.js';
import { InboxPool } from '../session/inbox.js';
import type { TurnScheduler } from '../session/turn-scheduler.js';
import { longWork } from '../session/turn-work.js';
import type { Counters, LimitName } from '../telemetry/counters.js';
import type { Logger } from '../telemetry/logger.js';
import { RecurringLines } from '../telemetry/recurring-lines.js';
import type { Gauges } from '../telemetry/metrics.js';
import type { NodeId } from '../wamp/ids.js';

export interface IncarnationOptions {
  readonly config: Config;
  /** See ListenersOptions. */
  readonly ports: readonly number[];
  /** See ListenersOptions. */
  readonly isPortShared: boolean;
  readonly backplane: Backplane;
  readonly counters: Counters;
  readonly logger: Logger;
  /** Methods by which sessions may join a realm. */
  readonly authMethodsOf: AuthMethodsOf;
  /** Reloads the configuration of the node. */
  readonly reload: () => Promise<ReloadOutcome>;
  /** The others have declared this incarnation dead: it must end. Called at most once, and not before `start`. */
  readonly onFenced: () => void;
}

const AGENT = `Gantry-${version()}`;
const FAREWELL_STEP_MS = 20;

/**
 * One incarnation: the life of a node under one NodeId, with its backplane, realms, sessions and listener. Everything
 * is created here once, started in order and stopped in reverse. An incarnation does not come back: the next one is
 * another object under another NodeId (G5).
 */
export class Incarnation {
  readonly node: NodeId;
  readonly logger: Logger;
  readonly gauges: Gauges;
  #config: Config;
  readonly #limits: LiveLimits;
  readonly #backplane: Backplane;
  readonly #sources: Pick<RouterProcedureSources, 'authMethodsOf' | 'reload' | 'authenticators'>;
  readonly #onFenced: () => void;
  readonly #wheel = new TimerWheel({ nowMs });
  readonly #answers: ReturnType<typeof nodeAnswers>;
  readonly #cookies: CookieLogouts;
  readonly #realms: Realms;
  readonly #totals = { sessionCount: 0, testamentBytes: 0 };
  readonly #meter: TurnMeter = { spent: 0 };
  readonly #isolation: Isolation;
  readonly #turns: TurnScheduler;
  readonly #pacer: HandshakePacer;
  readonly #inboxes: InboxPool;
  readonly #heldTotal: HeldTotal;
  readonly #listeners: Listeners;
  readonly #lostRequests = new RecurringLines({ nowMs });
  #isReachable = true;
  #downSinceMs = 0;
  #isFenced = false;
  #isStarted = false;
  #starting: Promise<readonly number[]> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: IncarnationOptions) {
    const { config, ports, isPortShared, backplane, counters, logger, authMethodsOf, reload, onFenced } = options;
    this.#config = config;
    this.#limits = new LiveLimits(config.limits);
    this.#backplane = backplane;
    this.#onFenced = onFenced;
    this.node = backplane.node;
    this.logger = logger.child({ node: this.node });
    const { maxNestingDepth: maxDepth, maxContainerEntries } = config.limits;
    const codecs = createCodecs({ maxDepth, maxContainerEntries });
    const after = (delayMs: number, action: () => void): (() => void) => this.#wheel.after(delayMs, action);
    this.#heldTotal = new HeldTotal(config.limits.maxTotalHeldBytes);
    const logins = cookieLogins(() => this.#config, backplane.expiring);
    const open: Realms['open'] = (realm) => this.#realms.open(realm);
    const authenticators = createAuthenticators(open, this.#limits.current, counters, this.logger);
    this.#sources = { authMethodsOf, reload, authenticators };
    const onLost = (operation: string, cause: unknown): void => this.#lostRequest(operation, cause);
    const onLimit = (limit: LimitName): number => counters.limitsReached[limit]++;
    const asking = { backplane, limits: this.#limits.current, onLimit };
    this.#cookies = new CookieLogouts({ logins, asking, onLost });
    this.#turns = this.#makeTurns(counters);
    this.#realms = this.#makeRealms(codecs, counters, after);
    this.#isolation = this.#makeIsolation(after);
    this.#pacer = createHandshakePacer(this.#limits.current, counters, () => this.#isolation.isHeld());
    this.#inboxes = new InboxPool(config.limits.maxTotalInboxBytes);
    const shared = { limits: this.#limits.current, cookies: logins, store: backplane.expiring, counters, after };
    const endpoint: EndpointDependencies = {
      codecs,
      after,
      realms: this.#realms,
      authMethodsOf: sharedAuthMethods(authMethodsOf, shared),
      authenticators,
      logout: (session) => this.#cookies.logout(session),
      limits: this.#limits.current,
      turns: this.#turns,
      pacer: this.#pacer,
      inboxes: this.#inboxes,
      counters,
      logger: this.logger,
      agent: AGENT,
    };
    this.#listeners = new Listeners({
      config,
      ports,
      isPortShared,
      accept: (connection) => createEndpoint(connection, endpoint),
      backplane,
      routesAt: httpBridge(config, endpoint, backplane.expiring, () => this.#isolation.isHeld()),
      hasLogin: (cookie) => logins.hasLogin(cookie),
      counters,
      logger: this.logger,
    });
    this.gauges = this.#makeGauges();
    this.#answers = nodeAnswers({ counters, gauges: this.gauges });
  }

  get backplane(): Backplane {
    return this.#backplane;
  }

  /** Other nodes can be reached. */
  get isReachable(): boolean {
    return this.#isReachable;
  }

  get isFenced(): boolean {
    return this.#isFenced;
  }

  /**
   * Resolves with the ports that clients connect to. Rejects with an operational error; then `stop` is still necessary.
   */
  start(): Promise<readonly number[]> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /**
   * Makes ready for a new configuration. The function that it resolves with puts it into effect in one step. Rejects with
   * an operational error, and changes nothing, when the cluster is unreachable.
   */
  async prepare(config: Config): Promise<() => void> {
    const plan = realmPlan(config);
    await this.#realms.prepare(plan);
    return () => {
      const verdictOn = withdrawals(this.#config, config);
      this.#config = config;
      this.#limits.apply(config.limits);
      this.#realms.apply(plan);
      this.#listeners.apply(config);
      recheckSessions(this.#realms.all.values(), verdictOn, subjectsOf(config));
    };
  }

  /** See UwsServer. */
  prepareCertificate(tls: NonNullable<Config['listen']['tls']>): Promise<() => void> {
    return this.#listeners.prepareCertificate(tls);
  }

  /** Refuses new connections and calls, then closes all sessions, distributed over time. */
  async drain(): Promise<void> {
    this.logger.info({ count: this.#totals.sessionCount }, 'node.draining');
    this.#listeners.stopListening();
    this.#realms.close();
    const { farewell, periodMs, deadlineMs } = this.#config.drain;
    const startMs = nowMs();
    await drainSessions(() => this.#realms.all.values(), { farewell, periodMs, deadlineMs, nowMs, wait: sleep });
    const leftMs = deadlineMs - (nowMs() - startMs);
    await this.#farewells(Math.min(leftMs, this.#config.limits.goodbyeTimeoutMs));
    this.logger.info({ count: this.#totals.sessionCount }, 'node.drained');
  }

  /** Closes every session at once, whatever it is doing, then stops. */
  async dismiss(): Promise<void> {
    this.#listeners.stopListening();
    this.#realms.close();
    const message = 'this node was cut off from the others for too long: connect again';
    dismissSessions(this.#realms.all.values(), this.#config.drain.farewell, message);
    this.#isolation.end();
    await this.#farewells(this.#config.limits.goodbyeTimeoutMs);
    await this.stop();
  }

  /** Closes everything that is left, at once. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #start(): Promise<readonly number[]> {
    const reports: InboundReports = {
      sessionsLost: (sessions) => this.#realms.sessionsLost(sessions),
      gap: (peer, reason) => this.logger.warn({ peer, reason }, 'backplane.gap'),
      answers: this.#answers,
      nodeGone: (peer) => this.logger.info({ peer }, 'backplane.node_gone'),
      reach: (isReachable, reason) => this.#reach(isReachable, reason),
      fenced: () => {
        this.#isFenced = true;
        this.#onFenced();
      },
    };
    await this.#backplane.start(new Inbound(this.#realms.all, this.#backplane.bus, reports, this.#listeners));
    this.#checkWanted();
    await this.#realms.start();
    this.#checkWanted();
    const bound = await this.#listeners.start();
    this.#isStarted = true;
    return bound;
  }

  async #stop(): Promise<void> {
    if (this.#starting !== undefined && !this.#isStarted) {
      // Everything that a start waits for ends with the backplane.
      await this.#stopBackplane();
      await this.#starting.catch(() => undefined);
    }
    await this.#listeners.stop(this.#config.drain.farewell === 'close' ? 'restart' : 'shutdown');
    this.#turns.stop();
    this.#realms.stop();
    await this.#stopBackplane();
    this.#wheel.stop();
  }

  /** An unreachable store gets no goodbye: the lease will run out. */
  async #stopBackplane(): Promise<void> {
    try {
      await this.#backplane.stop();
    } catch (error) {
      if (!(error instanceof BackplaneUnavailableError)) throw error;
      this.logger.warn({ reason: 'leaving the cluster', error }, 'backplane.request_failed');
    }
  }

  #checkWanted(): void {
    if (this.#stopped !== undefined || this.#isFenced) throw new NodeStoppedError();
  }

  /** Every session has been closed: gives the clients time to answer GOODBYE and to read what is left. */
  async #farewells(limitMs: number): Promise<void> {
    const untilMs = nowMs() + limitMs;
    while (this.#listeners.connectionCount > 0 && nowMs() < untilMs) await sleep(FAREWELL_STEP_MS);
  }

  #makeRealms(codecs: RealmDependencies['codecs'], counters: Counters, after: RealmDependencies['after']): Realms {
    const limits = this.#limits.current;
    const clock = new TurnClock(nowMs, setImmediate);
    return new Realms({
      ...realmPlan(this.#config),
      limits,
      logger: this.logger,
      shared: {
        backplane: this.#backplane,
        codecs,
        delivery: new Delivery(codecs, counters, this.#meter),
        counters,
        random: createRandomSource(),
        limits,
        heldTotal: this.#heldTotal,
        nowMs: () => clock.nowMs(),
        after,
        totals: this.#totals,
        longWork: longWork(this.#turns),
        keptWrites: { count: 0, bytes: 0, lastNumber: 0 },
        onLostRequest: (reason, error) => this.#lostRequest(reason, error),
        joined: (session) => this.#cookies.joined(session),
        procedures: createRouterProcedures({
          ...this.#sources,
          cookies: this.#cookies,
          node: this.node,
          agent: AGENT,
          realmOf: (uri) => this.#realms.all.get(uri),
          history: this.#backplane.history,
          counters,
          ask: (realm, subject, body, options) => this.#backplane.ask(realm, subject, body, options),
        }),
        authorizing: {
          pending: { count: 0, max: limits.maxPendingAuthorizations },
          onTrouble: logAuthorizerTroubles(this.logger, nowMs),
        },
        onProcedureFailure: (realm, procedure, error) =>
          this.logger.error({ realm, reason: procedure, error }, 'procedure.failed'),
      },
    });
  }

  #makeTurns(counters: Counters): TurnScheduler {
    return createTurns(this.#config.limits, this.#meter, {
      isHeld: () => this.#isolation.isHeld(),
      flush: () => this.#listeners.flush(),
      onExhausted: () => counters.turnsExhausted.all++,
      onFlooded: () => this.#listeners.relieve(),
    });
  }

  #makeIsolation(after: RealmDependencies['after']): Isolation {
    const { isolated: policy } = this.#config.backplane.cluster;
    return new Isolation({
      policy,
      after,
      standing: () => this.#backplane.standing(),
      began: () => this.logger.warn({ reason: policy }, 'node.isolated'),
      close: () => {
        const message = 'this node is cut off from the others: connect again';
        dismissSessions(this.#realms.all.values(), this.#config.drain.farewell, message);
      },
    });
  }

  #makeGauges(): Gauges {
    const sum = (of: (realm: Realm) => number): number => {
      let total = 0;
      for (const realm of this.#realms.all.values()) total += of(realm);
      return total;
    };
    return {
      connections: () => this.#listeners.connectionCount,
      sockets: () => this.#listeners.sockets.count,
      pendingSockets: () => this.#listeners.sockets.pendingCount,
      maxSockets: () => this.#listeners.sockets.maxCount,
      sessions: () => this.#totals.sessionCount,
      subscriptions: () => sum((realm) => realm.broker.subscriptionCount),
      registrations: () => sum((realm) => realm.dealer.sizes().localProcedures),
      pendingCalls: () => sum((realm) => realm.dealer.sizes().pendingCalls),
      abandonedInvocations: () => sum((realm) => realm.dealer.sizes().abandonedInvocations),
      realms: () => this.#realms.all.size,
      unsentBytes: () => this.#listeners.unsentBytes(),
      receiveBufferBytes: () => this.#listeners.receiveBufferBytes,
      narrowedConnections: () => this.#listeners.narrowedCount,
      inboxBytes: () => this.#inboxes.bytes,
      heldBytes: () => this.#heldTotal.bytes,
      testamentBytes: () => this.#totals.testamentBytes,
      inboxMessages: () => this.#inboxes.messages,
      waitingHandshakes: () => this.#pacer.waitingCount,
      longPollTransports: () => this.#listeners.longPollCount,
      longPollWaiting: () => this.#listeners.waitingPollCount,
    };
  }

  #reach(isReachable: boolean, message?: string): void {
    this.#isReachable = isReachable;
    if (isReachable) {
      this.#isolation.regained();
      this.logger.info({ durationMs: Math.round(nowMs() - this.#downSinceMs) }, 'backplane.up');
    } else {
      this.#downSinceMs = nowMs();
      this.#isolation.lost();
      this.logger.error({ message }, 'backplane.down');
    }
  }

  /** Logs failed requests, of which there may be many at once in an outage. */
  #lostRequest(reason: string, error: unknown): void {
    const about = error instanceof BackplaneUnavailableError ? { message: error.message } : { error };
    this.#lostRequests.log(reason, (omitted) =>
      this.logger.warn({ reason, ...about, ...omitted }, 'backplane.request_failed'),
    );
  }
}
