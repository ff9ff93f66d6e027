import { setTimeout as pause } from 'node:timers/promises';
import { Histogram } from '../measure/histogram.js';
import type { Activity } from './activity.js';
import { clientFrame } from './frame-template.js';
import type { Endpoint } from './endpoint.js';
import type { InnocentsJob, Outcome, Plan } from './job.js';
import { Session } from './session.js';
import { code, decode, encode } from './wamp.js';
import type { LoadClient } from './client.js';

const topic = 'com.bench.innocent.topic';
const procedure = 'com.bench.innocent.procedure';
/** How long an answer may be overdue when the run ends before it counts as lost. */
const patienceMs = 30_000;

/**
 * Two ordinary sessions that exchange one event or one call at a fixed rate, whatever others do to the router. Latency
 * counts from the time a message was meant to leave. A message that is not answered by the end counts with its age, so
 * that a router that stands still cannot hide it.
 */
export class Innocents implements Activity {
  readonly #endpoint: Endpoint;
  readonly #job: InnocentsJob;
  readonly #histogram = new Histogram();
  /** Intended departure, by request id, of what has not come back. */
  readonly #waiting = new Map<number, number>();
  #sender: LoadClient | undefined;
  #receiver: LoadClient | undefined;
  #received = 0;
  #sent = 0;
  #isCut = false;
  #endMs = 0;
  #finish: () => void = () => undefined;

  constructor(endpoint: Endpoint, job: InnocentsJob) {
    this.#endpoint = endpoint;
    this.#job = job;
  }

  async open(): Promise<void> {
    const receiving = await Session.join(this.#endpoint, 'json');
    const sending = await Session.join(this.#endpoint, 'json');
    if (this.#job.what === 'event') await receiving.subscribe(topic);
    else await receiving.register(procedure);
    this.#receiver = receiving.client;
    this.#sender = sending.client;
    for (const client of [this.#receiver, this.#sender]) client.onFailure = () => (this.#isCut = true);
    this.#receiver.onMessage = (buffer, start, end) => {
      const message = decode('json', buffer.subarray(start, end));
      if (message[0] === code.event) this.#arrived((message[4] as [number])[0]);
      else if (message[0] === code.invocation) write(this.#receiver, [code.yield, message[1], {}, message[4]]);
    };
    this.#sender.onMessage = (buffer, start, end) => {
      const message = decode('json', buffer.subarray(start, end));
      if (message[0] === code.result) this.#arrived(Number(message[1]));
    };
  }

  async run({ pace, measureMs }: Plan): Promise<Outcome> {
    if (pace.kind !== 'open') throw new Error('innocent sessions keep a fixed rate');
    const startMs = performance.now();
    this.#endMs = startMs + measureMs;
    const finished = new Promise<void>((resolve) => {
      this.#finish = () => {
        this.#endMs = 0;
        resolve();
      };
    });
    this.#histogram.clear();
    const sentBefore = this.#sent;
    const receivedBefore = this.#received;
    while (performance.now() < this.#endMs && !this.#isCut) {
      const due = sentBefore + Math.floor(((performance.now() - startMs) * pace.perSecond) / 1_000) + 1;
      while (this.#sent < due) this.#send(startMs + ((this.#sent - sentBefore) * 1_000) / pace.perSecond);
      await Promise.race([pause(1_000 / pace.perSecond / 2), finished]);
    }
    await this.#settle();
    const nowMs = performance.now();
    for (const intendedMs of this.#waiting.values()) this.#histogram.record(nowMs - intendedMs);
    this.#waiting.clear();
    return {
      messages: this.#received - receivedBefore,
      seconds: (nowMs - startMs) / 1_000,
      cpuSeconds: null,
      sent: this.#sent - sentBefore,
      latency: this.#histogram.summary(),
    };
  }

  /** Messages that are lost are a figure here, no failure. */
  verify(): Promise<void> {
    return Promise.resolve();
  }

  remoteProgress(): void {
    throw new Error('innocent sessions are alone in their process');
  }

  finish(): void {
    this.#finish();
  }

  close(): Promise<void> {
    this.#sender?.destroy();
    this.#receiver?.destroy();
    return Promise.resolve();
  }

  #send(intendedMs: number): void {
    this.#sent += 1;
    this.#waiting.set(this.#sent, intendedMs);
    if (this.#job.what === 'event') write(this.#sender, [code.publish, this.#sent, {}, topic, [this.#sent]]);
    else write(this.#sender, [code.call, this.#sent, {}, procedure, [this.#sent]]);
  }

  #arrived(sequence: number): void {
    const intendedMs = this.#waiting.get(sequence);
    if (intendedMs === undefined) return;
    this.#waiting.delete(sequence);
    this.#received += 1;
    this.#histogram.record(performance.now() - intendedMs);
  }

  async #settle(): Promise<void> {
    const untilMs = performance.now() + patienceMs;
    while (this.#waiting.size > 0 && !this.#isCut && performance.now() < untilMs) await pause(5);
  }
}

function write(client: LoadClient | undefined, message: readonly unknown[]): void {
  client?.write(clientFrame(0x81, encode('json', message)));
}
