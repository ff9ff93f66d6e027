import { performance } from 'node:perf_hooks';
import { setTimeout as after } from 'node:timers/promises';
import { NotConnectedError } from '../../client/errors.js';
import { ExitCode } from '../exit-code.js';
import { UsageError } from '../usage-error.js';
import type { ClientCommand, ClientContext } from './context.js';
import type { Words } from './flags.js';
import { jsonLine } from './output.js';
import { COLUMNS, readSamples, rowOf, type Samples } from './samples.js';

const DEFAULT_ADDRESS = 'http://127.0.0.1:9090';
const MAX_NODES = 100;
const MAX_ROUNDS = 1_000_000_000;
const MAX_PAGE_BYTES = 16_777_216;
const TIMEOUT_MS = 5_000;
const NAME_WIDTH = 24;
/** Moves the cursor to the top and clears the screen. */
const CLEAR = '\u001b[H\u001b[J';

export const TOP: ClientCommand = {
  name: 'top',
  usage: '[URL…]',
  summary: 'shows sessions and rates of nodes, from the operations port of each, until SIGINT',
  isLocal: true,
  notes: `URL: the operations port of a node (${DEFAULT_ADDRESS}). Several are the nodes of a cluster.`,
  flags: [
    { name: 'interval', value: 'SECONDS', help: 'time between two rounds (2)' },
    { name: 'count', value: 'N', help: 'ends after N rounds' },
    { name: 'json', help: 'prints a line of JSON for each node and round' },
  ],
  run,
};

interface Scrape {
  readonly samples: Samples;
  readonly atMs: number;
}

/** One node, as the last two scrapes show it. */
interface NodeRow {
  readonly name: string;
  /** Undefined: the node did not answer. */
  readonly values: readonly number[] | undefined;
}

async function run(words: Words, context: ClientContext): Promise<ExitCode> {
  const addresses = words.positionals.length === 0 ? [DEFAULT_ADDRESS] : words.positionals;
  if (addresses.length > MAX_NODES) throw new UsageError(`gantry top shows at most ${MAX_NODES} nodes`);
  const pages = addresses.map(pageOf);
  const intervalMs = words.number('interval', 2, 0.1, 3_600) * 1_000;
  const rounds = words.count('count', MAX_ROUNDS, MAX_ROUNDS);
  const { output, interrupted } = context;
  let before: readonly (Scrape | undefined)[] = [];
  for (let round = 0; round < rounds; round++) {
    if (round > 0) await after(intervalMs, undefined, { signal: interrupted }).catch(() => undefined);
    if (interrupted.aborted) break;
    const scrapes = await Promise.all(pages.map((page) => scrape(page, interrupted)));
    const rows = scrapes.map((one, index): NodeRow => rowOfScrape(pages[index]?.host ?? '', one, before[index]));
    if (round === 0 && rows.every(({ values }) => values === undefined) && !isOver(interrupted))
      throw new NotConnectedError(`no operations port answers at ${addresses.join(', ')}`);
    output.print(words.has('json') ? rows.map(jsonOf).join('') : table(rows, output.isTerminal, round === 0));
    before = scrapes;
  }
  return ExitCode.DONE;
}

function isOver({ aborted }: AbortSignal): boolean {
  return aborted;
}

function pageOf(address: string): URL {
  if (!/^https?:\/\/[^/]/.test(address) || !URL.canParse(address))
    throw new UsageError(`an address is no URL such as ${DEFAULT_ADDRESS}`);
  return new URL('/metrics', address);
}

/** Undefined: the node does not answer, or not with metrics. */
async function scrape(page: URL, interrupted: AbortSignal): Promise<Scrape | undefined> {
  try {
    const response = await fetch(page, { signal: AbortSignal.any([interrupted, AbortSignal.timeout(TIMEOUT_MS)]) });
    const parts: string[] = [];
    let length = 0;
    const decoder = new TextDecoder();
    for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      length += part.length;
      if (length > MAX_PAGE_BYTES) return undefined;
      parts.push(decoder.decode(part, { stream: true }));
    }
    const samples = readSamples(parts.join(''));
    return samples.has('gantry_sessions') ? { samples, atMs: performance.now() } : undefined;
  } catch {
    return undefined;
  }
}

function rowOfScrape(name: string, now: Scrape | undefined, before: Scrape | undefined): NodeRow {
  if (now === undefined) return { name, values: undefined };
  const seconds = before === undefined ? NaN : (now.atMs - before.atMs) / 1_000;
  return { name, values: rowOf(now.samples, before?.samples, seconds) };
}

function jsonOf({ name, values }: NodeRow): string {
  const entries = COLUMNS.map(({ key }, index): [string, number | null] => {
    const value = values?.[index] ?? NaN;
    return [key, Number.isFinite(value) ? Math.round(value * 10) / 10 : null];
  });
  return jsonLine({ node: name, isUp: values !== undefined, ...Object.fromEntries(entries) });
}

/** In a terminal the screen is drawn anew; elsewhere rows follow rows, under one head. */
function table(rows: readonly NodeRow[], isTerminal: boolean, isFirst: boolean): string {
  const head = `${'NODE'.padEnd(NAME_WIDTH)}${COLUMNS.map(({ title }) => title.padStart(10)).join('')}\n`;
  const lines = rows.map(({ name, values }) => {
    const cells = values?.map((value) => (Number.isFinite(value) ? Math.round(value).toString() : '-').padStart(10));
    return `${name.padEnd(NAME_WIDTH)}${cells?.join('') ?? '  does not answer'}\n`;
  });
  if (isTerminal) return `${CLEAR}${head}${lines.join('')}`;
  return `${isFirst ? head : ''}${lines.join('')}`;
}
