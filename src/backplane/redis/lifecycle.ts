import type { NodeId } from '../../wamp/ids.js';
import { BackplaneUnavailableError, type BackplaneEvents } from '../backplane.js';
import type { Questions } from '../questions.js';
import type { Keys } from './keys.js';
import type { Lanes } from './lanes/lanes.js';
import type { Membership } from './membership/membership.js';
import type { RingWatch } from './membership/ring-watch.js';
import type { ClusterTimings } from './options.js';
import type { StoreLink } from './ports.js';
import type { Hold } from './reachability/hold.js';
import type { OutageLog } from './reachability/outage-log.js';
import type { Prober } from './reachability/prober.js';
import type { Reachability } from './reachability/reachability.js';
import type { ServedRealms } from './realm/served-realms.js';
import type { SessionsDirectory } from './sessions/session-directory.js';
import type { NodeStanding } from './standing.js';
import type { Surroundings } from './surroundings.js';
import { within } from './within.js';

export interface LifecycleOptions {
  readonly node: NodeId;
  readonly timings: ClusterTimings;
  readonly keys: Keys;
  readonly connections: StoreLink;
  readonly membership: Membership;
  readonly ringWatch: RingWatch;
  readonly lanes: Lanes;
  readonly realms: ServedRealms;
  readonly sessions: SessionsDirectory;
  readonly questions: Questions;
  readonly prober: Prober;
  readonly reachability: Reachability;
  readonly hold: Hold;
  readonly outages: OutageLog;
  readonly standing: NodeStanding;
  readonly after: Surroundings['after'];
}

/** How long a node that stops waits for the receipts of what it has sent. */
const FAREWELL_MS = 2_000;

/** One incarnation of this node in the cluster, from entering to leaving or being fenced. */
export class Lifecycle {
  readonly #options: LifecycleOptions;
  #cancelTick: (() => void) | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: LifecycleOptions) {
    this.#options = options;
  }

  /** Enters the cluster. Rejects when that fails or takes too long; then the node has stopped. */
  async start(): Promise<void> {
    const { node, timings, standing, outages, after } = this.#options;
    const reasonOf = (): string => {
      const failure = outages.failedAttempt;
      return failure === undefined ? '' : `; no connection to Redis (backplane.url): ${failure}`;
    };
    try {
      await within(after, timings.startTimeoutMs, 'start', this.#enter(), reasonOf);
    } catch (cause) {
      await this.stop();
      throw cause;
    }
    if (this.#stopping !== undefined) throw new BackplaneUnavailableError(`start: node ${node} is ${standing.state}`);
    standing.enter();
    this.#tick();
  }

  /** Leaves the cluster. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Ends all sending, receiving and writing. Idempotent. */
  end(): void {
    const { reachability, outages, hold, lanes, realms, sessions, questions, standing } = this.#options;
    standing.end();
    this.#cancelTick?.();
    reachability.stop();
    outages.stop();
    hold.discard();
    lanes.cutOff(true);
    realms.stop();
    sessions.stop();
    questions.stop();
  }

  /** The other nodes have declared this one dead, and its rows are removed. */
  fenced(events: BackplaneEvents): void {
    if (this.#stopping !== undefined) return;
    this.#stopping = this.#options.connections.stop();
    events.fenced();
  }

  async #enter(): Promise<void> {
    const { node, connections, keys, membership } = this.#options;
    await connections.start();
    await Promise.all([keys.channels.inbox(node), keys.channels.nodes].map((name) => connections.subscribe(name)));
    await this.#probe();
    await membership.enter();
  }

  /** A connection that is lost takes the probe with it: the next one carries another. */
  async #probe(): Promise<void> {
    const { prober, timings, after } = this.#options;
    while (this.#stopping === undefined) {
      const arrival = within(after, timings.heartbeatMs, 'receive the own probe', prober.round());
      const hasArrived = await arrival.then(
        () => true,
        () => false,
      );
      if (hasArrived) return;
    }
  }

  async #stop(): Promise<void> {
    const { lanes, realms, sessions, questions, membership, connections, outages, standing, after } = this.#options;
    const wasUp = standing.isUp;
    standing.end();
    outages.ignoreFailures();
    this.#cancelTick?.();
    // The other nodes are to receive what was sent before they learn that this node has left.
    if (wasUp) await within(after, FAREWELL_MS, 'stop', lanes.settle()).catch(() => undefined);
    // Before the rows are removed: a row that is written later would stay for ever.
    realms.stop();
    sessions.stop();
    questions.stop();
    await membership.leave();
    this.end();
    await connections.stop();
  }

  /** About every second: probes, heartbeats, a look at the neighbours, and one whether the process has slept. */
  #tick(): void {
    const { prober, connections, lanes, ringWatch, standing, timings, after } = this.#options;
    // After a sleep the probes may still be waiting in the socket: their time does not count.
    const hasSlept = standing.tick();
    if (hasSlept) prober.reset();
    if (connections.isConnected) prober.tick();
    connections.tick?.(hasSlept);
    if (standing.sendPolicy() === 'now') {
      lanes.heartbeat();
      if (connections.isConnected) ringWatch.tick();
    }
    if (standing.isLive) this.#cancelTick = after(timings.heartbeatMs, () => this.#tick());
  }
}
