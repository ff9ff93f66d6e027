import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import type { Latency } from '../load/job.js';
import { loadCores, pinned, routerCores } from '../routers/process.js';
import type { FromPipe, PipeOutcome, PipePlan, ToPipe } from './pipe-job.js';

const entry = fileURLToPath(new URL('./pipe-process.js', import.meta.url));
const channel = 'bench-pipe';
const arrivalTimeoutMs = 15_000;

/** CPU time of each process for one event, in microseconds. */
export interface PipeCost {
  readonly publisher: number;
  readonly subscriber: number;
  readonly redis: number;
}

/**
 * Publisher process → Redis → subscriber process, on the core of the routers: what a backplane is measured against.
 * A driver on the core of the load wakes the publisher.
 */
export class Pipe {
  readonly #redisPid: number;
  readonly #publisher: PipeEnd;
  readonly #subscriber: PipeEnd;
  readonly #driver: PipeEnd;

  private constructor(redisPid: number, publisher: PipeEnd, subscriber: PipeEnd, driver: PipeEnd) {
    this.#redisPid = redisPid;
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    this.#driver = driver;
  }

  static async start(redisUrl: string, redisPid: number): Promise<Pipe> {
    const [publisher, subscriber] = await Promise.all([
      PipeEnd.start(routerCores, ['publisher', redisUrl, channel]),
      PipeEnd.start(routerCores, ['subscriber', redisUrl, channel]),
    ]);
    const driver = await PipeEnd.start(loadCores, ['driver', redisUrl, channel, String(publisher.port)]);
    return new Pipe(redisPid, publisher, subscriber, driver);
  }

  async run(batchesPerSecond: number, plan: Omit<PipePlan, 'watched'>): Promise<PipeCost> {
    const watched = [this.#publisher.pid, this.#subscriber.pid, this.#redisPid];
    await this.#driver.ask({ ask: 'drive', perSecond: batchesPerSecond });
    const reply = await this.#publisher.ask({ ask: 'run', plan: { ...plan, watched } });
    const batches = totalOf(await this.#driver.ask({ ask: 'rest' }));
    await this.#arrival(totalOf(await this.#publisher.ask({ ask: 'settle', batches })));
    if (!('outcome' in reply)) throw new Error('the pipe did not run');
    return costOf(reply.outcome);
  }

  /** PING and its reply, one after the other. */
  async ping(count: number): Promise<Latency> {
    const reply = await this.#publisher.ask({ ask: 'ping', count });
    if (!('roundTrip' in reply)) throw new Error('the pipe did not ping');
    return reply.roundTrip;
  }

  stop(): void {
    this.#publisher.stop();
    this.#subscriber.stop();
    this.#driver.stop();
  }

  async #arrival(sent: number): Promise<void> {
    const deadline = performance.now() + arrivalTimeoutMs;
    for (;;) {
      const received = totalOf(await this.#subscriber.ask({ ask: 'received' }));
      if (received === sent) return;
      if (performance.now() > deadline) throw new Error(`the pipe lost events: ${received} of ${sent} arrived`);
      await pause(5);
    }
  }
}

function totalOf(reply: FromPipe): number {
  if (!('total' in reply)) throw new Error('the pipe did not count');
  return reply.total;
}

function costOf({ items, watchedSeconds }: PipeOutcome): PipeCost {
  const [publisher = NaN, subscriber = NaN, redis = NaN] = watchedSeconds.map((seconds) => (seconds / items) * 1e6);
  return { publisher, subscriber, redis };
}

/** One process of the pipe; it is asked one thing at a time. */
class PipeEnd {
  readonly #child: ChildProcess;
  #port = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(cores: string, words: readonly string[]): Promise<PipeEnd> {
    const [command, ...rest] = pinned(cores, [process.execPath, entry, ...words]);
    const end = new PipeEnd(spawn(command!, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
    const reply = await end.#next();
    if ('port' in reply) end.#port = reply.port;
    return end;
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  async ask(question: ToPipe): Promise<FromPipe> {
    const replied = this.#next();
    this.#child.send(question);
    const reply = await replied;
    if ('error' in reply) throw new Error(`the pipe failed: ${reply.error}`);
    return reply;
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #next(): Promise<FromPipe> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`the pipe ended with ${code}`));
      this.#child.once('exit', ended);
      this.#child.once('message', (message: FromPipe) => {
        this.#child.off('exit', ended);
        resolve(message);
      });
    });
  }
}
