import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Latency } from '../load/job.js';
import { cpuSeconds } from '../measure/cpu.js';
import { Histogram } from '../measure/histogram.js';
import { lengthBytes, pack } from './pipe-batch.js';
import type { FromPipe, PipeOutcome, PipePlan, PipeRole, ToPipe } from './pipe-job.js';

export async function openPublisher(url: string, channel: string): Promise<PipeRole> {
  const redis = new Redis(url, { retryStrategy: () => null });
  const publisher = new Publisher(redis, channel);
  const server = createServer((socket) => {
    socket.on('data', (bytes) => publisher.send(bytes.length));
  });
  server.listen(0, '127.0.0.1');
  await Promise.all([redis.ping(), once(server, 'listening')]);
  return { port: (server.address() as AddressInfo).port, answer: (question) => answer(publisher, question) };
}

async function answer(publisher: Publisher, question: ToPipe): Promise<FromPipe> {
  switch (question.ask) {
    case 'run':
      return { outcome: await publisher.run(question.plan) };
    case 'settle':
      return { total: await publisher.settle(question.batches) };
    case 'ping':
      return { roundTrip: await publisher.ping(question.count) };
    default:
      throw new Error(`a publisher does not ${question.ask}`);
  }
}

class Publisher {
  readonly #redis: Redis;
  readonly #channel: string;
  #event = Buffer.alloc(1);
  #itemsPerBatch = 1;
  /** Batches and events of this run. */
  #runBatches = 0;
  #runItems = 0;
  #items = 0;
  #receipts = 0;
  #failure: unknown;

  constructor(redis: Redis, channel: string) {
    this.#redis = redis;
    this.#channel = channel;
  }

  async run({ itemsPerBatch, itemBytes, warmupMs, measureMs, watched }: PipePlan): Promise<PipeOutcome> {
    this.#event = Buffer.alloc(Math.max(1, Math.round(itemBytes) - lengthBytes), 'x');
    this.#itemsPerBatch = itemsPerBatch;
    this.#runBatches = 0;
    this.#runItems = 0;
    await pause(warmupMs);
    const start = this.#mark(watched);
    await pause(measureMs);
    const end = this.#mark(watched);
    return {
      items: end.items - start.items,
      seconds: (end.atMs - start.atMs) / 1000,
      watchedSeconds: end.watchedSeconds.map((seconds, index) => seconds - start.watchedSeconds[index]!),
    };
  }

  /** All batches of one turn leave in one write. */
  send(batches: number): void {
    const { stream } = this.#redis;
    stream.cork();
    for (let index = 0; index < batches; index += 1) {
      this.#redis.publish(this.#channel, this.#nextBatch()).then(
        () => (this.#receipts += 1),
        (error: unknown) => (this.#failure ??= error),
      );
    }
    process.nextTick(() => stream.uncork());
  }

  async settle(batches: number): Promise<number> {
    while (this.#receipts < batches) {
      if (this.#failure !== undefined) throw this.#failure as Error;
      await pause(1);
    }
    return this.#items;
  }

  /** One after the other. */
  async ping(count: number): Promise<Latency> {
    const histogram = new Histogram();
    for (let index = 0; index < count; index += 1) {
      const startMs = performance.now();
      await this.#redis.ping();
      histogram.record(performance.now() - startMs);
    }
    return histogram.summary()!;
  }

  #mark(watched: readonly number[]) {
    return { atMs: performance.now(), items: this.#items, watchedSeconds: watched.map(cpuSeconds) };
  }

  #nextBatch(): Buffer {
    this.#runBatches += 1;
    const count = Math.max(1, Math.floor(this.#runBatches * this.#itemsPerBatch) - this.#runItems);
    this.#runItems += count;
    this.#items += count;
    return pack(count, this.#event);
  }
}
