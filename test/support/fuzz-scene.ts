import fc from 'fast-check';
import { expect } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.js';
import type { Gauges } from '../../src/telemetry/gauge-definitions.js';
import { startCluster, type TestCluster } from './cluster.js';
import { until } from './endings.js';
import { RawClient } from './raw-client.js';
import { RecordingLogger } from './recording-logger.js';
import { withWitness } from './witness.js';

/** All samples follow from the seed. A test has it in its name. */
export const FUZZ_SEED = Number(process.env['GANTRY_FUZZ_SEED'] ?? 20_261_202);
/** Runs this many times as many samples. */
const MULTIPLE = Number(process.env['GANTRY_FUZZ_RUNS'] ?? 1);

/** Gauges that are 0 again when all clients have left. */
const GAUGES: readonly (keyof Gauges)[] = [
  'connections',
  'sockets',
  'pendingSockets',
  'sessions',
  'subscriptions',
  'registrations',
  'pendingCalls',
  'abandonedInvocations',
  'unsentBytes',
  'inboxBytes',
  'inboxMessages',
  'waitingHandshakes',
  'heldBytes',
  'testamentBytes',
  'longPollTransports',
  'longPollWaiting',
];

/** Two nodes that receive bad input, and clients on both that must not notice it. */
export class FuzzScene {
  readonly cluster: TestCluster;
  readonly #log: RecordingLogger;

  private constructor(cluster: TestCluster, log: RecordingLogger) {
    this.cluster = cluster;
    this.#log = log;
  }

  static async open(config: ConfigInput): Promise<FuzzScene> {
    const log = new RecordingLogger();
    return new FuzzScene(await startCluster(2, config, undefined, log), log);
  }

  httpUrl(node: number, path: string): string {
    return `${this.cluster.url(node).replace(/^ws(.*)\/ws$/, 'http$1')}${path}`;
  }

  port(node: number): number {
    return Number(new URL(this.cluster.url(node)).port);
  }

  /** Judges each sample while a session calls another. Then nothing of the samples is left, and no log line is an error. */
  async run<Sample>(
    samples: fc.Arbitrary<Sample>,
    numRuns: number,
    judge: (sample: Sample) => Promise<void>,
  ): Promise<void> {
    const witnesses: RawClient[] = [];
    const joinAt = async (node: number): Promise<RawClient> => {
      const witness = await RawClient.join(this.cluster.url(node));
      witnesses.push(witness);
      return witness;
    };
    const judged = fc.asyncProperty(samples, judge);
    await withWitness({ joinAt }, () => fc.assert(judged, { numRuns: numRuns * MULTIPLE, seed: FUZZ_SEED }));
    for (const witness of witnesses) witness.drop();
    await until(() => this.#leftovers().length === 0, `no leftovers: ${this.#leftovers().join(', ')}`);
    expect(this.#log.lines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
  }

  async close(): Promise<void> {
    await this.cluster.stop();
  }

  #leftovers(): string[] {
    return this.cluster.nodes.flatMap(({ gauges }) =>
      GAUGES.filter((name) => gauges[name]() !== 0).map((name) => `${name} ${gauges[name]()}`),
    );
  }
}

/** Text that may stand in the target of a request: other characters become `%`. */
export function inTarget(text: string): string {
  return text.replace(/[^\x21-\x7e]|#/g, '%');
}
