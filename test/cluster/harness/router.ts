import { GantryProcess, type Exit } from '../../support/gantry-process.js';
import type { Delay } from './lateness.js';
import { parseMetrics, type Figures } from './metrics.js';

export interface LogLine {
  readonly ms: number;
  readonly level: string;
  readonly event: string;
  readonly node: string | undefined;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The answer of the operations endpoint at one time. */
export interface Sample {
  readonly ms: number;
  /** Undefined: it did not answer. */
  readonly ready: boolean | undefined;
  readonly reason: string | undefined;
  readonly figures: Figures | undefined;
}

const SAMPLE_MS = 250;
const PATIENCE_MS = 10_000;
/** An answer of the operations endpoint takes no longer where a process gets the processor when it wants it. */
const PROMPT_MS = 75;

/** One router process: its log, its operations endpoint and the signals it gets. */
export class Router {
  readonly name: string;
  readonly samples: Sample[] = [];
  readonly log: LogLine[] = [];
  /** Answers of the operations endpoint that were late though nobody had paused it. */
  readonly delays: Delay[] = [];
  readonly #process: GantryProcess;
  #url = '';
  #ops = '';
  #state: 'starting' | 'running' | 'paused' | 'draining' | 'over' = 'starting';
  #sampling: Promise<void> | undefined;
  #pauseCount = 0;
  #drainedAtMs = Infinity;

  constructor(name: string, words: readonly string[], variables: Readonly<Record<string, string>>) {
    this.name = name;
    this.#process = new GantryProcess(words, { ...variables, GANTRY_NODE_NAME: name, GANTRY_LOG_FORMAT: 'json' });
    let rest = '';
    this.#process.child.stderr.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#note(line);
    });
    void this.#process.exit.then(() => (this.#state = 'over'));
  }

  /** Rejects when it cannot start. */
  async ready(): Promise<void> {
    this.#url = await this.#process.ready();
    const [, ops = ''] = await this.#process.printed('stdout', /"ops":"([^"]+)"/);
    this.#ops = ops;
    this.#state = 'running';
    this.#sampling = this.#sample();
  }

  get url(): string {
    return this.#url;
  }

  /** NodeIds of its lives, the present one last: a node that was reaped comes back under another. */
  get lives(): readonly string[] {
    const started = this.log.filter(({ event, node }) => event === 'node.started' && node !== undefined);
    return [...new Set(started.map(({ node }) => node!))];
  }

  get node(): string {
    return this.lives.at(-1) ?? this.name;
  }

  /** Whose clients those were that joined at that time. Lives follow one another at the same address. */
  nodeAt(ms: number): string {
    const listened = this.logged('server.listening').filter((line) => line.ms <= ms);
    return listened.at(-1)?.node ?? this.node;
  }

  get takesClients(): boolean {
    return this.#state === 'running';
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  get exit(): Promise<Exit> {
    return this.#process.exit;
  }

  logged(event: string, fromMs = 0): LogLine[] {
    return this.log.filter((line) => line.event === event && line.ms >= fromMs);
  }

  async kill(): Promise<void> {
    this.#state = 'over';
    this.#process.signal('SIGKILL');
    await this.#process.exit;
  }

  pause(): void {
    this.#state = 'paused';
    this.#pauseCount++;
    this.#process.signal('SIGSTOP');
  }

  resume(): void {
    this.#process.signal('SIGCONT');
    this.#state = 'running';
  }

  /** Asks it to drain; resolves when it has ended. */
  async drain(): Promise<Exit> {
    this.#state = 'draining';
    this.#drainedAtMs = Date.now();
    this.#process.signal('SIGTERM');
    const exit = await this.#process.exit;
    await this.#sampling;
    return exit;
  }

  async readiness(): Promise<{ readonly ready: boolean; readonly reason: string | undefined }> {
    const response = await this.#get('readyz');
    const { reason } = (await response.json()) as { reason?: string };
    return { ready: response.status === 200, reason };
  }

  async figures(): Promise<Figures> {
    return parseMetrics(await (await this.#get('metrics')).text());
  }

  /** Samples from before it was asked to drain. */
  get working(): readonly Sample[] {
    return this.samples.filter(({ ms }) => ms < this.#drainedAtMs - SAMPLE_MS);
  }

  /** The last answer, if it gives no other. */
  get lastFigures(): Figures {
    return this.samples.findLast(({ figures }) => figures !== undefined)?.figures ?? new Map<string, number>();
  }

  async #sample(): Promise<void> {
    while (this.#state !== 'over') {
      const ms = Date.now();
      const pauseCount = this.#pauseCount;
      try {
        const [{ ready, reason }, figures] = await Promise.all([this.readiness(), this.figures()]);
        this.samples.push({ ms, ready, reason, figures });
        const toMs = Date.now();
        const lateMs = toMs - ms - PROMPT_MS;
        const wasPaused = pauseCount !== this.#pauseCount || this.#state === 'paused';
        if (lateMs > 0 && !wasPaused) this.delays.push({ fromMs: ms, toMs, lateMs });
      } catch {
        this.samples.push({ ms, ready: undefined, reason: undefined, figures: undefined });
      }
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    }
  }

  #get(path: string): Promise<Response> {
    return fetch(`${this.#ops}${path}`, { signal: AbortSignal.timeout(PATIENCE_MS) });
  }

  #note(line: string): void {
    let fields: Record<string, unknown>;
    try {
      fields = JSON.parse(line) as Record<string, unknown>;
    } catch {
      fields = { level: 'fatal', msg: 'unreadable', line };
    }
    const { level, time, msg, node, ...rest } = fields;
    this.log.push({
      ms: Date.parse(String(time)),
      level: String(level),
      event: String(msg),
      node: typeof node === 'string' ? node : undefined,
      fields: rest,
    });
  }
}
