import { setTimeout as pause } from 'node:timers/promises';
import { Histogram } from '../measure/histogram.js';
import type { Activity } from './activity.js';
import type { LoadClient } from './client.js';
import { clientFrame } from './frame-template.js';
import type { Endpoint } from './endpoint.js';
import type { CrowdJob, Outcome, Plan } from './job.js';
import { inParallel, roles } from './session.js';
import { code, encode } from './wamp.js';
import { WebSocketClient } from './websocket.js';

const text = 0x81;
/** Connections of one process that open at the same time: of more, its clients would be late to answer the router. */
const openingWidth = 256;
/** A client that was refused tries again after a random time around this one. */
const retryMs = 1_000;
/** A client that is not back by then fails the run. */
const patienceMs = 180_000;

/** The router will not take this client, now or later. */
class Refusal extends Error {}

/**
 * Many cheap clients: joined sessions with one subscription each, or plain WebSockets on the relay. Each run drops
 * all of them at once and lets them come back, so many at a time as its window; with a window of 0 they stay away. A client
 * that the router closes, or does not answer, tries again.
 */
export class Crowd implements Activity {
  readonly #endpoint: Endpoint;
  readonly #job: CrowdJob;
  readonly #hello: Buffer;
  readonly #clients = new Set<LoadClient>();
  readonly #histogram = new Histogram();
  #opening = 0;
  readonly #queue: (() => void)[] = [];
  #attempts = 0;
  #failure: Error | null = null;

  constructor(endpoint: Endpoint, job: CrowdJob) {
    this.#endpoint = endpoint;
    this.#job = job;
    this.#hello = clientFrame(text, encode('json', [code.hello, endpoint.realm, { roles }]));
  }

  open(): Promise<void> {
    return Promise.resolve();
  }

  /** Latency: from the start of a client to its SUBSCRIBED, its repetitions included. `sent` counts the attempts. */
  async run({ pace }: Plan): Promise<Outcome> {
    if (pace.kind === 'open') throw new Error('a crowd comes as fast as the router takes it');
    this.#drop();
    this.#histogram.clear();
    this.#attempts = 0;
    const startMs = performance.now();
    const untilMs = startMs + patienceMs;
    await inParallel(this.#job.connections, pace.window, (index) => this.#enter(index, untilMs));
    return {
      messages: this.#clients.size,
      seconds: (performance.now() - startMs) / 1_000,
      cpuSeconds: null,
      sent: this.#attempts,
      latency: this.#histogram.summary(),
    };
  }

  verify(): Promise<void> {
    return this.#failure === null ? Promise.resolve() : Promise.reject(this.#failure);
  }

  remoteProgress(): void {
    throw new Error('a crowd receives nothing');
  }

  close(): Promise<void> {
    this.#drop();
    return Promise.resolve();
  }

  #drop(): void {
    for (const client of this.#clients) client.destroy();
    this.#clients.clear();
  }

  async #enter(index: number, untilMs: number): Promise<void> {
    const sinceMs = performance.now();
    for (;;) {
      this.#attempts += 1;
      try {
        const client = await this.#attempt(index);
        client.onFailure = (error) => {
          this.#failure ??= error;
        };
        this.#clients.add(client);
        this.#histogram.record(performance.now() - sinceMs);
        return;
      } catch (error) {
        if (error instanceof Refusal || performance.now() > untilMs) throw error;
      }
      await pause(retryMs * (0.5 + Math.random()));
    }
  }

  async #attempt(index: number): Promise<LoadClient> {
    const { addresses } = this.#job;
    const address = addresses[index % addresses.length] ?? null;
    if (this.#endpoint.wire === 'relay') return this.#connect(`${this.#endpoint.url}/idle`, 'relay', address);
    const client = await this.#connect(this.#endpoint.url, 'wamp.2.json', address);
    await this.#join(client, `${this.#job.prefix}.client${index}`);
    return client;
  }

  async #connect(url: string, protocol: string, address: string | null): Promise<LoadClient> {
    if (this.#opening >= openingWidth) await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#opening += 1;
    try {
      return await WebSocketClient.connect(url, protocol, address);
    } finally {
      this.#opening -= 1;
      this.#queue.shift()?.();
    }
  }

  /** HELLO, and SUBSCRIBE after WELCOME. Only the code of a message is read: decoding would cost the clients time. */
  #join(client: LoadClient, topic: string): Promise<void> {
    return new Promise((resolve, reject) => {
      client.onFailure = reject;
      client.onMessage = (buffer, start, end) => {
        const head = buffer.toString('latin1', start, Math.min(end, start + 4));
        if (head.startsWith(`[${code.welcome},`)) {
          client.write(clientFrame(text, encode('json', [code.subscribe, 1, {}, topic])));
        } else if (head.startsWith(`[${code.subscribed},`)) {
          resolve();
        } else {
          client.destroy();
          reject(new Refusal(`the router answered ${buffer.toString('utf8', start, end)}`));
        }
      };
      client.write(this.#hello);
    });
  }
}
