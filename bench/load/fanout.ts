import type { Activity } from './activity.js';
import type { LoadClient } from './client.js';
import { source } from './fanout-wire.js';
import { fanoutWires } from './fanout-wires.js';
import type { PreparedFrame } from './frame-template.js';
import { FrameWriter } from './frame-writer.js';
import type { Endpoint, Serializer } from './endpoint.js';
import type { FanoutJob, Outcome, Plan } from './job.js';
import type { Driver, Meter } from './meter.js';
import { inParallel } from './session.js';

const connectWidth = 32;
const reportEveryMs = 10;

interface Subscriber {
  readonly client: LoadClient;
  /** The sequence number due next. */
  next: number;
}

/** One publisher, many subscribers of one topic: each must get every event, once, in order, its payload intact. */
export class Fanout implements Activity {
  readonly #endpoint: Endpoint;
  readonly #job: FanoutJob;
  readonly #meter: Meter;
  readonly #report: (received: number) => void;
  readonly #subscribers: Subscriber[] = [];
  readonly #remoteReceived: number[];
  #publisher: Publisher | null = null;
  #window = 0;
  #lastReportMs = 0;
  #reporting: NodeJS.Timeout | null = null;

  constructor(endpoint: Endpoint, job: FanoutJob, meter: Meter, report: (received: number) => void) {
    this.#endpoint = endpoint;
    this.#job = job;
    this.#meter = meter;
    this.#report = report;
    this.#remoteReceived = job.remoteSubscribers.map(() => 0);
  }

  async open(): Promise<void> {
    const { subscribers, publisher } = this.#job;
    await inParallel(subscribers.length, connectWidth, async (index) => this.#openSubscriber(subscribers[index]!));
    if (publisher !== null) this.#publisher = await Publisher.open(this.#endpoint, this.#job, publisher, this.#meter);
    else this.#reporting = setInterval(() => this.#report(this.#meter.received), reportEveryMs);
  }

  async run(plan: Plan): Promise<Outcome> {
    const publisher = this.#publisher;
    if (publisher === null) return this.#meter.observe(plan);
    this.#window = plan.pace.kind === 'closed' ? plan.pace.window : 0;
    const driver: Driver = {
      send: (count) => publisher.publish(count),
      isSettled: () => this.#everywhere() === this.#meter.sent,
    };
    return this.#meter.run(plan, driver);
  }

  async verify(sent: number): Promise<void> {
    await this.#meter.settle(() => this.#subscribers.every(({ next }) => next === sent));
  }

  remoteProgress(remote: number, received: number): void {
    this.#remoteReceived[remote] = received;
    this.#refill();
  }

  finish(): void {
    this.#meter.finish();
  }

  close(): Promise<void> {
    if (this.#reporting !== null) clearInterval(this.#reporting);
    for (const { client } of this.#subscribers) client.destroy();
    this.#publisher?.client.destroy();
    return Promise.resolve();
  }

  async #openSubscriber(serializer: Serializer): Promise<void> {
    const endpoint = this.#job.audience ?? this.#endpoint;
    const wire = fanoutWires[endpoint.wire];
    const client = await wire.subscribe(endpoint, serializer, this.#job.topic);
    const subscriber: Subscriber = { client, next: 0 };
    const meter = this.#meter;
    const checked = wire.check(this.#job, serializer);
    let isNewRead = true;
    client.onFailure = (error) => meter.fail(error);
    client.onMessage = (buffer, start, end) => {
      if (isNewRead) meter.tick();
      isNewRead = false;
      checked.expect(buffer, checked.locate(buffer, start, end), source, subscriber.next);
      meter.recordLatency(subscriber.next);
      subscriber.next += 1;
      meter.received += 1;
    };
    client.onReadEnd = () => {
      isNewRead = true;
      this.#refill();
    };
    this.#subscribers.push(subscriber);
  }

  /** Publications that have arrived everywhere: of the local ones an average, which is exact when all have settled. */
  #everywhere(): number {
    let least = this.#subscribers.length === 0 ? Infinity : Math.floor(this.#meter.received / this.#subscribers.length);
    for (let remote = 0; remote < this.#remoteReceived.length; remote += 1) {
      const arrived = Math.floor(this.#remoteReceived[remote]! / this.#job.remoteSubscribers[remote]!);
      if (arrived < least) least = arrived;
    }
    return least;
  }

  #refill(): void {
    const meter = this.#meter;
    if (this.#publisher === null) {
      this.#reportSoon();
      return;
    }
    if (!meter.isSending || this.#window === 0) return;
    const credit = this.#window - (meter.sent - this.#everywhere());
    // Small writes would cost the generator a system call each.
    if (credit < this.#window / 4) return;
    meter.tick();
    this.#publisher.publish(credit);
  }

  #reportSoon(): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastReportMs < 1) return;
    this.#lastReportMs = nowMs;
    this.#report(this.#meter.received);
  }
}

class Publisher {
  readonly client: LoadClient;
  readonly #writer: FrameWriter;
  readonly #frame: PreparedFrame;
  readonly #meter: Meter;

  private constructor(client: LoadClient, frame: PreparedFrame, meter: Meter) {
    this.client = client;
    this.#writer = new FrameWriter(client);
    this.#frame = frame;
    this.#meter = meter;
    client.onFailure = (error) => meter.fail(error);
  }

  static async open(endpoint: Endpoint, job: FanoutJob, serializer: Serializer, meter: Meter): Promise<Publisher> {
    const { client, frame } = await fanoutWires[endpoint.wire].publisher(endpoint, job, serializer);
    return new Publisher(client, frame, meter);
  }

  publish(count: number): void {
    const meter = this.#meter;
    const writer = this.#writer;
    for (let index = 0; index < count; index += 1) {
      writer.reserve(this.#frame.sizeLimit);
      writer.offset = this.#frame.write(writer.buffer, writer.offset, meter.sent + 1, meter.sent);
      meter.stamp(meter.sent);
      meter.sent += 1;
    }
    writer.flush();
  }
}
