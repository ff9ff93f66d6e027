import { Histogram } from '../measure/histogram.js';
import type { Activity } from './activity.js';
import type { Endpoint } from './endpoint.js';
import type { ChurnJob, IdleJob, Outcome, Plan, SubscriptionsJob } from './job.js';
import { inParallel, Session } from './session.js';
import type { LoadClient } from './client.js';
import { WebSocketClient } from './websocket.js';

const connectWidth = 64;

/** Connections that send nothing: joined sessions, or plain WebSockets on the relay. */
export class Idle implements Activity {
  readonly #endpoint: Endpoint;
  readonly #job: IdleJob;
  readonly #clients: LoadClient[] = [];
  #failure: Error | null = null;

  constructor(endpoint: Endpoint, job: IdleJob) {
    this.#endpoint = endpoint;
    this.#job = job;
  }

  async open(): Promise<void> {
    await inParallel(this.#job.connections, connectWidth, async () => {
      const client =
        this.#endpoint.wire === 'relay'
          ? await WebSocketClient.connect(`${this.#endpoint.url}/idle`, 'relay')
          : (await Session.join(this.#endpoint, this.#job.serializer)).client;
      client.onFailure = (error) => {
        this.#failure ??= error;
      };
      this.#clients.push(client);
    });
  }

  run(): Promise<null> {
    return Promise.resolve(null);
  }

  verify(): Promise<void> {
    return this.#failure === null ? Promise.resolve() : Promise.reject(this.#failure);
  }

  remoteProgress(): void {
    throw new Error('idle connections receive nothing');
  }

  close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    return Promise.resolve();
  }
}

/** The topic of an exact subscription of that number. */
export function subscribedTopic(prefix: string, index: number): string {
  return `${prefix}.sensor${index}.temperature`;
}

/** Sessions with many subscriptions, each to a topic or pattern of its own. */
export class Subscriptions implements Activity {
  readonly #endpoint: Endpoint;
  readonly #job: SubscriptionsJob;
  readonly #sessions: Session[] = [];
  readonly #histogram = new Histogram();
  #retainedCount = 0;

  constructor(endpoint: Endpoint, job: SubscriptionsJob) {
    this.#endpoint = endpoint;
    this.#job = job;
  }

  async open(): Promise<void> {
    for (let index = 0; index < this.#job.sessions; index += 1) {
      const session = await Session.join(this.#endpoint, this.#job.serializer);
      if (this.#job.getsRetained === true) session.onEvent = () => (this.#retainedCount += 1);
      this.#sessions.push(session);
    }
  }

  /** Subscribes everything. Latency: from SUBSCRIBE to SUBSCRIBED. */
  async run(): Promise<Outcome> {
    const { sessions, subscriptionsPerSession, outstanding } = this.#job;
    const count = sessions * subscriptionsPerSession;
    const startMs = performance.now();
    await inParallel(count, outstanding, async (index) => {
      const askedMs = performance.now();
      await this.#subscribe(index);
      this.#histogram.record(performance.now() - askedMs);
    });
    const seconds = (performance.now() - startMs) / 1000;
    return { messages: count, seconds, cpuSeconds: null, sent: count, latency: this.#histogram.summary() };
  }

  verify(sent: number): Promise<void> {
    if (this.#job.getsRetained !== true || this.#retainedCount === sent) return Promise.resolve();
    return Promise.reject(new Error(`${this.#retainedCount} retained events came for ${sent} subscriptions`));
  }

  remoteProgress(): void {
    throw new Error('nobody publishes to these subscriptions');
  }

  close(): Promise<void> {
    for (const { client } of this.#sessions) client.destroy();
    return Promise.resolve();
  }

  #subscribe(index: number): Promise<number> {
    const { prefix, match, getsRetained } = this.#job;
    const session = this.#sessions[index % this.#sessions.length]!;
    if (match === 'exact') return session.subscribe(subscribedTopic(prefix, index), match, getsRetained);
    // Half of either kind; none of them matches what is published meanwhile.
    if (index % 2 === 0) return session.subscribe(`${prefix}.area${index}.`, 'prefix');
    return session.subscribe(`${prefix}..sensor${index}`, 'wildcard');
  }
}

/** Sessions that come and go. Each run does the job's number of cycles. */
export class Churn implements Activity {
  readonly #endpoint: Endpoint;
  readonly #job: ChurnJob;
  #done = 0;

  constructor(endpoint: Endpoint, job: ChurnJob) {
    this.#endpoint = endpoint;
    this.#job = job;
  }

  open(): Promise<void> {
    return Promise.resolve();
  }

  async run(_plan: Plan): Promise<Outcome> {
    const startMs = performance.now();
    await inParallel(this.#job.cycles, this.#job.concurrency, async () => this.#cycle());
    const seconds = (performance.now() - startMs) / 1000;
    return { messages: this.#job.cycles, seconds, cpuSeconds: null, sent: this.#job.cycles, latency: null };
  }

  verify(): Promise<void> {
    return Promise.resolve();
  }

  remoteProgress(): void {
    throw new Error('nobody publishes here');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #cycle(): Promise<void> {
    this.#done += 1;
    const session = await Session.join(this.#endpoint, this.#job.serializer, this.#localAddress());
    await session.subscribe(`com.bench.churn.topic${this.#done % 1000}`);
    await session.leave();
  }

  #localAddress(): string | null {
    const block = this.#job.addressBlock;
    return block === null ? null : `127.${block}.0.${1 + (this.#done % 200)}`;
  }
}
