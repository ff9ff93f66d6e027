import type { RedisServer } from '../../support/redis.js';
import type { RedisShards } from '../../support/redis-shards.js';
import { judge, type Terms, type Trouble } from '../checker/judge.js';
import { endOf, endOfHolding, Journal, matches, type CallRecord, type PublicationRecord } from '../checker/journal.js';
import { Fleet, type FleetOptions } from './fleet.js';
import type { Load } from './load.js';
import { startMeddlingRelay, type Meddle, type Relay } from './meddling-relay.js';
import type { Door, Entrance } from './member.js';
import { figure } from './metrics.js';
import { judgeGone, judgeReadiness } from './reports.js';
import type { Router } from './router.js';
import { leftOver, nodesIn, tracesOf, type RowStore } from './store.js';
import { ANSWERED_MS, REAPED_MS } from './timings.js';
import { BUSY_FACTOR, within } from './wait.js';

export interface ClusterOptions extends Partial<Pick<FleetOptions, 'timings' | 'variables' | 'settings'>> {
  readonly routerCount?: number;
  /** How the router at that place reaches the store; absent: directly. */
  readonly storeFor?: (index: number) => string;
  /** A Redis Cluster, instead of a store. */
  readonly shards?: RedisShards;
  /** After this long it is over, busy machine or not, if not everything works for the first time. */
  readonly joinMs?: number;
  /** After this long it is over, busy machine or not, if not all that was asked is answered. */
  readonly settleMs?: number;
  /** What becomes of the messages of the only router. */
  readonly meddle?: Meddle;
}

const JOIN_MS = 15_000;
/** Of the first attempt; each later one may take as much more. */
const ATTEMPT_MS = 2_000;
const SETTLE_MS = 12_000;
const KEPT_VIOLATIONS = 40;
const METRICS_MS = 2_000;

export type GivenTerms = Partial<Pick<Terms, 'noticeMs' | 'endingMs' | 'ghostMs' | 'answerMs' | 'losesNoCall'>>;

/** One cluster under load, a fault, and the judgement. */
export class ClusterScene<Clients extends Load> {
  readonly journal = new Journal();
  readonly fleet: Fleet;
  readonly load: Clients;
  readonly prefix = 'load';
  /** The one that holds the rows now. */
  redis: RedisServer | undefined;
  readonly #shards: RedisShards | undefined;
  readonly #troubles: Trouble[] = [];
  readonly #sacrificed = new Set<string>();
  readonly #joinMs: number;
  readonly #settleMs: number;
  readonly #meddle: Meddle | undefined;
  #relay: Relay | undefined;

  constructor(
    redis: RedisServer | undefined,
    options: ClusterOptions,
    load: (journal: Journal, entrance: Entrance) => Clients,
  ) {
    const { routerCount = 3, storeFor, settings = [], timings, variables, shards } = options;
    this.#joinMs = options.joinMs ?? JOIN_MS * BUSY_FACTOR;
    this.#settleMs = options.settleMs ?? SETTLE_MS * BUSY_FACTOR;
    this.#meddle = options.meddle;
    this.redis = redis;
    this.#shards = shards;
    this.fleet = new Fleet({
      routerCount,
      prefix: this.prefix,
      settings: ['drain.periodMs=300', 'drain.deadlineMs=8000', ...settings],
      backplane: storeFor ?? (() => shards?.url ?? redis?.url ?? 'memory'),
      ...(timings !== undefined && { timings }),
      variables: { ...variables, ...(shards !== undefined && variablesOf(shards)) },
    });
    const doorFor = (home: number): Door => ({
      ...this.fleet.doorFor(home),
      ...(this.#relay && { url: this.#relay.url }),
    });
    this.load = load(this.journal, { doorFor });
  }

  async start(): Promise<void> {
    await this.fleet.start();
    if (this.#meddle !== undefined) this.#relay = await startMeddlingRelay(this.router(0).url, this.#meddle);
    this.load.join();
    await this.sweep(this.#joinMs, 1);
    this.load.run();
  }

  /** What holds the rows. */
  get store(): RowStore {
    const store = this.#shards ?? this.redis;
    if (store === undefined) throw new Error('this scene has no store');
    return store;
  }

  router(index: number): Router {
    return this.fleet.routers[index]!;
  }

  /** The clients of this router's present life may lose their sessions, and requests that need it may fail until its end is reported. */
  sacrifice(router: Router): void {
    this.#sacrificed.add(router.node);
  }

  /**
   * From now until `over` is called, what needs these routers may fail by name; without any: whatever leaves a node.
   * Those that were sacrificed before may be declared dead.
   */
  trouble(...routers: readonly Router[]): { over: () => void } {
    const nodes = routers.map(({ node }) => node);
    const isMortal = nodes.some((node) => this.#sacrificed.has(node));
    return this.#begin(nodes.length === 0 ? {} : { nodes, isMortal });
  }

  /** As `trouble`; what needs them takes longer, and nothing fails. */
  delay(...routers: readonly Router[]): { over: () => void } {
    return this.#begin({ nodes: routers.map(({ node }) => node), isDelay: true });
  }

  #begin(what: Omit<Trouble, 'fromMs' | 'toMs'>): { over: () => void } {
    const fromMs = Date.now();
    const at = this.#troubles.push({ ...what, fromMs, toMs: Infinity }) - 1;
    return { over: () => (this.#troubles[at] = { ...what, fromMs, toMs: Date.now() }) };
  }

  /**
   * Everything works, from every node to every node: each topic and each procedure. Tries until then, at most that
   * long, while no client does anything but publish and call (G6). Gives how long it took.
   */
  async sweep(limitMs: number, busyFactor = BUSY_FACTOR): Promise<number> {
    const startMs = Date.now();
    await within(limitMs, 'everybody is there', () => this.load.missing, busyFactor);
    for (let attempt = 1; ; attempt++) {
      const missing = await this.#attempt(attempt * ATTEMPT_MS);
      const tookMs = Date.now() - startMs;
      if (missing.length === 0) return tookMs;
      if (tookMs > limitMs * busyFactor)
        throw new Error(`not everything works after ${tookMs} ms:\n  ${missing.slice(0, 20).join('\n  ')}`);
    }
  }

  /** The store knows the nodes that run and no other (G5). */
  async directoryShows(limitMs: number): Promise<void> {
    await within(limitMs, 'the directory shows the nodes that run', async () => {
      const expected = this.fleet.living.map(({ node }) => node).sort();
      const { alive, leases } = await nodesIn(this.store, this.prefix);
      const isRight = [alive, leases].every((nodes) => nodes.join() === expected.join());
      return isRight ? [] : [`alive ${alive.join()}`, `leases ${leases.join()}`, `running ${expected.join()}`];
    });
  }

  /** Nothing of that node is left, and each of these has received once that it is gone (G5). */
  async forgotten(node: string, limitMs: number, survivors: readonly Router[] = this.fleet.living): Promise<void> {
    await within(limitMs, `nothing is left of ${node}`, () => tracesOf(this.store, this.prefix, node));
    await within(limitMs, `all have received that ${node} is gone`, () =>
      survivors.filter((router) => this.goneCount(router, node) === 0).map(({ name }) => name),
    );
  }

  /** Waits until /readyz of each answers this. */
  async readinessBecomes(ready: boolean, limitMs: number, ...routers: readonly Router[]): Promise<void> {
    await within(limitMs, `/readyz answers ${ready ? 'ready' : 'not ready'}`, async () => {
      const answers = await Promise.all(routers.map((router) => router.readiness()));
      return routers.filter((_, index) => answers[index]?.ready !== ready).map(({ name }) => name);
    });
  }

  /** The nodes that these have reaped, by their metrics. */
  async reapedCount(routers: readonly Router[] = this.fleet.living): Promise<number> {
    const pages = await Promise.all(routers.map((router) => router.figures()));
    return pages.reduce((sum, page) => sum + (figure(page, 'gantry_cluster_nodes_reaped_total') ?? NaN), 0);
  }

  goneCount(router: Router, node: string): number {
    return router.logged('backplane.node_gone').filter(({ fields }) => fields['peer'] === node).length;
  }

  /** The load stops, everything settles and works, the routers stop, nothing is left, and nothing is held against them. */
  async finish(terms: GivenTerms = {}): Promise<void> {
    const violations = await this.conclude(terms);
    if (violations.length > 0)
      throw new Error(`${violations.length} violations:\n${violations.slice(0, KEPT_VIOLATIONS).join('\n')}`);
  }

  /** As `finish`; gives what is held against them. */
  async conclude(terms: GivenTerms = {}): Promise<string[]> {
    this.load.pause();
    await within(this.#settleMs, 'all is answered', () => this.#pending(), 1).catch(() => undefined);
    await this.sweep(SETTLE_MS);
    const violations = await this.#checkMetrics();
    await this.load.leave();
    await this.fleet.stop();
    if (this.redis !== undefined || this.#shards !== undefined)
      violations.push(...(await leftOver(this.store, this.prefix)).map((key) => `G5: ${key} is left`));
    const all = { noticeMs: 3_000, endingMs: 1_000, ghostMs: REAPED_MS, answerMs: ANSWERED_MS, ...terms };
    const given = { ...all, troubles: this.#troubles, sacrificed: this.#sacrificed };
    violations.push(...judge(this.journal, this.fleet.evidence(), given));
    violations.push(...judgeGone(this.fleet.all), ...judgeReadiness(this.fleet.all, given));
    return violations;
  }

  async kill(): Promise<void> {
    this.load.pause();
    this.#relay?.stop();
    await this.fleet.kill();
  }

  report(): void {
    console.error(this.history());
  }

  /** What one needs to find out what happened. */
  history(): string {
    const { publications, calls, sessions } = this.journal;
    const lines = [`${publications.length} publications, ${calls.length} calls, ${sessions.length} sessions`];
    lines.push(...this.#unfinished());
    for (const router of this.fleet.all) {
      lines.push(`--- ${router.name}: ${router.lives.join(' then ')}`);
      for (const { ms, level, event, fields } of router.log.slice(-60))
        lines.push(`${new Date(ms).toISOString()} ${level} ${event} ${JSON.stringify(fields)}`);
    }
    return lines.join('\n');
  }

  /** Work in the hands of sessions that are there. */
  #unfinished(): string[] {
    const { calls, invocations } = this.journal;
    return [
      ...calls
        .filter((call) => call.session.ended === undefined && endOf(call) === undefined)
        .map(({ number, session, procedure }) => `unanswered: call ${number} of ${session.member} to ${procedure}`),
      ...invocations
        .filter(({ session, answered, interrupted }) => session.ended === undefined && !answered && !interrupted)
        .map(
          ({ call, session, ms }) => `at work: ${session.member} on call ${call} since ${new Date(ms).toISOString()}`,
        ),
    ];
  }

  async #attempt(limitMs: number): Promise<string[]> {
    const publications = this.load.publishEverywhere();
    const calls = this.load.callEverywhere();
    let missing: string[] = [];
    const startMs = Date.now();
    const isDecided = (): boolean => {
      missing = [...this.#undelivered(publications), ...unanswered(calls)];
      const isHopeless = calls.some((call) => (endOf(call)?.error ?? '') !== '');
      return missing.length === 0 || (isHopeless && Date.now() > startMs + 200);
    };
    await within(limitMs, 'sweep', isDecided, 1).catch(() => undefined);
    const isWhole = publications.length === this.load.sweepCount && calls.length > 0;
    return isWhole ? missing : [...missing, 'a publisher has no session'];
  }

  #undelivered(publications: readonly PublicationRecord[]): string[] {
    const open = this.journal.subscriptions.filter(
      (subscription) => subscription.from !== undefined && endOfHolding(subscription) === undefined,
    );
    const missing: string[] = [];
    const since = publications[0]?.at ?? Infinity;
    for (const subscription of open) {
      const { session, topic, match } = subscription;
      const got = new Set<number>();
      for (let at = session.events.length - 1; at >= 0 && session.events[at]!.at > since; at--)
        if (session.events[at]!.subscription === subscription) got.add(session.events[at]!.publication);
      for (const publication of publications)
        if (publication.session !== session && matches(publication.topic, topic, match) && !got.has(publication.number))
          missing.push(`${session.member} has no publication ${publication.number} of ${publication.session.member}`);
    }
    for (const { number, answers, session } of publications)
      if (answers[0]?.error !== '')
        missing.push(`publication ${number} of ${session.member}: ${answers[0]?.error ?? 'no answer'}`);
    return missing;
  }

  #pending(): string[] {
    const { calls, publications } = this.journal;
    const isOpen = ({ session }: CallRecord | PublicationRecord): boolean => session.ended === undefined;
    return [
      ...calls.filter((call) => isOpen(call) && endOf(call) === undefined).map(({ number }) => `call ${number}`),
      ...publications
        .filter((one) => isOpen(one) && one.acknowledge && one.answers.length === 0)
        .map(({ number }) => `publication ${number}`),
    ];
  }

  /** Do the metrics agree with the records? */
  async #checkMetrics(): Promise<string[]> {
    let violations: string[] = [];
    const areRight = async (): Promise<boolean> => (violations = await this.#wrongMetrics()).length === 0;
    await within(METRICS_MS, 'the metrics agree with the records', areRight).catch(() => undefined);
    return violations;
  }

  async #wrongMetrics(): Promise<string[]> {
    const violations: string[] = [];
    for (const router of this.fleet.living) {
      const figures = await router.figures();
      const sessions = this.journal.sessions.filter(
        ({ node, ended }) => node === router.node && ended === undefined,
      ).length;
      const expected: [name: string, value: number][] = [
        ['gantry_sessions', sessions],
        ['gantry_pending_calls', 0],
        ['gantry_protocol_violations_total', 0],
      ];
      if (this.redis !== undefined || this.#shards !== undefined)
        expected.push(
          ['gantry_cluster_up', 1],
          ['gantry_cluster_nodes', this.fleet.living.length],
          ['gantry_cluster_nodes_unreachable', 0],
          ['gantry_cluster_pending_barriers', 0],
          ['gantry_cluster_lane_gaps_total', router.logged('backplane.gap').length],
        );
      for (const [name, value] of expected) {
        const actual = figure(figures, name);
        if (actual !== value)
          violations.push(`metrics: ${router.name} shows ${name} as ${actual ?? 'nothing'}, not ${value}`);
      }
    }
    return violations;
  }
}

function unanswered(calls: readonly CallRecord[]): string[] {
  return calls.flatMap((call) => {
    const error = endOf(call)?.error;
    return error === ''
      ? []
      : [`call ${call.number} of ${call.session.member} to ${call.procedure}: ${error ?? 'no end'}`];
  });
}

function variablesOf({ nodes }: RedisShards): Readonly<Record<string, string>> {
  return { GANTRY_BACKPLANE_REDIS_CLUSTER_NODES: JSON.stringify(nodes) };
}
