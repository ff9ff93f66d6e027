import type { Exit } from '../../support/gantry-process.js';
import type { Evidence } from '../checker/judge.js';
import type { Door, Entrance } from './member.js';
import { Lateness, longest } from './lateness.js';
import { figure } from './metrics.js';
import { Router } from './router.js';
import { timingSettings } from './timings.js';

export interface FleetOptions {
  readonly routerCount: number;
  /** What joins the routers: `memory`, or the store as the router with that index is to reach it. */
  readonly backplane: (index: number) => string;
  readonly prefix: string;
  /** More settings: `drain.periodMs=100`. */
  readonly settings?: readonly string[];
  /** How nodes watch each other: as short as in `timings.ts`, or by default settings. */
  readonly timings?: 'short' | 'default';
  /** More of the environment. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** How far from a moment a delay may be that explains what was late there, and how many may have come one after the other. */
const NEAR_MS = 2_000;
const IN_A_ROW = 4;

/** The routers of one cluster, living and dead, and the way in for clients. */
export class Fleet implements Entrance {
  /** At each place the one that runs there, or ran there last. */
  readonly routers: Router[] = [];
  readonly #options: FleetOptions;
  readonly #all: Router[] = [];
  readonly #lateness = new Lateness();

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Those that were replaced too. */
  get all(): readonly Router[] {
    return this.#all;
  }

  get living(): readonly Router[] {
    return this.routers.filter(({ isOver }) => !isOver);
  }

  async start(): Promise<void> {
    this.#lateness.start();
    await Promise.all(Array.from({ length: this.#options.routerCount }, (_, index) => this.startAt(index)));
  }

  /** A new process at that place. */
  async startAt(index: number): Promise<Router> {
    const { backplane, prefix, settings = [], timings = 'short', variables: given = {} } = this.#options;
    const url = backplane(index);
    const watching = timings === 'short' ? timingSettings(prefix) : [`backplane.redis.prefix=${prefix}`];
    const store = url === 'memory' ? [] : watching;
    const words = ['listen.port=0', 'ops.port=0', 'demo.enabled=false', ...store, ...settings];
    const variables = url === 'memory' ? given : { ...given, GANTRY_BACKPLANE_URL: url };
    const router = new Router(`n${index}`, ['start', ...words.flatMap((word) => ['--set', word])], variables);
    this.#all.push(router);
    await router.ready();
    this.routers[index] = router;
    return router;
  }

  /** As a rolling upgrade does it: the new one is ready before the old one is asked to go. Gives how the old one ended. */
  async replace(index: number): Promise<Exit> {
    const old = this.routers[index]!;
    await this.startAt(index);
    return old.drain();
  }

  doorFor(home: number): Door {
    const { routers } = this;
    for (let step = 0; step < routers.length; step++) {
      const router = routers[(home + step) % routers.length];
      if (router?.takesClients === true) return { url: router.url, nodeAt: (ms) => router.nodeAt(ms) };
    }
    throw new Error('no router takes clients');
  }

  /** SIGTERM to all that run; resolves when they have ended. */
  async stop(): Promise<void> {
    const running = this.living;
    const exits = await Promise.all(running.map((router) => router.drain()));
    exits.forEach(({ code, stderr }, index) => {
      if (code !== 0) throw new Error(`${running[index]!.name} ended with code ${code}:\n${stderr.slice(-4_000)}`);
    });
  }

  /** For the end of a test, whatever became of it. */
  async kill(): Promise<void> {
    this.#lateness.stop();
    await Promise.all(this.#all.filter(({ isOver }) => !isOver).map((router) => router.kill()));
  }

  /** The losses that the routers themselves reported. */
  evidence(): Evidence {
    const count = (node: string, name: string): number => {
      const router = this.#all.find(({ lives }) => lives.includes(node));
      return router === undefined ? 0 : (figure(router.lastFigures, name) ?? 0);
    };
    const gaps = new Map<string, number[]>();
    for (const { log } of this.#all)
      for (const { event, node, fields, ms } of log) {
        if (event !== 'backplane.gap') continue;
        const key = `${node ?? ''} ${String(fields['peer'])}`;
        gaps.set(key, [...(gaps.get(key) ?? []), ms]);
      }
    const delays = [...this.#lateness.delays, ...this.#all.flatMap((router) => router.delays)];
    return {
      latenessMs: (fromMs, toMs) => IN_A_ROW * longest(delays, fromMs - NEAR_MS, toMs + NEAR_MS),
      gapsMs: (at, from) => gaps.get(`${at} ${from}`) ?? [],
      refusedCount: (node) => count(node, 'gantry_events_dropped_total{reason="node_unreachable"}'),
      drainsFromMs: (node) => {
        const draining = this.#all.flatMap((router) => router.logged('node.draining'));
        return draining.find((line) => line.node === node)?.ms ?? Infinity;
      },
      reroutedCount: (node) => count(node, 'gantry_routing_discards_total{reason="call_rerouted"}'),
    };
  }
}
