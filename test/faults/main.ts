import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../support/root.js';
import { keep, keptIn } from './kept.js';
import { play, type Played } from './play.js';
import { KINDS_OF_FAULTS, scheduleOf, type Choice, type Schedule } from './schedule.js';
import { shortest } from './shrink.js';
import { Tally } from './tally.js';

const USAGE = `usage: npm run test:faults -- [options]

  --minutes N       begin no round after this many minutes (5)
  --seed S          what everything is drawn from (drawn itself if absent)
  --round R         that round alone
  --schedule FILE   the schedule in that file alone
  --nodes N         3 to 5 nodes in each round
  --shards          over a Redis Cluster of three primaries with a replica each
  --only A,B        faults of these kinds alone: ${KINDS_OF_FAULTS.join(', ')}
  --markdown FILE   write the table there too
  --no-shrink       do not look for the shortest beginning of a schedule that fails
  --no-kept         do not begin with the schedules that have failed before, and keep no new ones
`;

const KEPT = join(root, 'test/faults/kept.json');
const SHOWN_VIOLATIONS = 20;

interface Options extends Choice {
  readonly minutes: number;
  readonly seed: number;
  readonly round: number | undefined;
  readonly schedule: string | undefined;
  readonly markdown: string | undefined;
  readonly shrinks: boolean;
  readonly keeps: boolean;
}

function readOptions(): Options | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const { values } = parseArgs({
    options: {
      minutes: text,
      seed: text,
      round: text,
      schedule: text,
      nodes: text,
      shards: flag,
      only: text,
      markdown: text,
      'no-shrink': flag,
      'no-kept': flag,
      help: flag,
    },
  });
  if (values.help === true) return undefined;
  const number = (word: string | undefined): number | undefined => {
    if (word !== undefined && !/^\d+(\.\d+)?$/.test(word)) throw new Error(`"${word}" is no number`);
    return word === undefined ? undefined : Number(word);
  };
  const only = values.only?.split(',').map((word) => {
    const kind = KINDS_OF_FAULTS.find((known) => known === word);
    if (kind === undefined) throw new Error(`"${word}" is no kind of fault`);
    return kind;
  });
  const nodeCount = number(values.nodes);
  return {
    minutes: number(values.minutes) ?? 5,
    seed: number(values.seed) ?? Date.now() % 1_000_000,
    round: number(values.round),
    schedule: values.schedule,
    markdown: values.markdown,
    shrinks: values['no-shrink'] !== true,
    keeps: values['no-kept'] !== true,
    ...(nodeCount !== undefined && { nodeCount }),
    ...(values.shards === true && { isSharded: true }),
    ...(only !== undefined && { only }),
  };
}

function* schedulesOf(options: Options): Generator<Schedule> {
  const { schedule, round, seed, minutes, keeps } = options;
  if (schedule !== undefined) {
    yield JSON.parse(readFileSync(schedule, 'utf8')) as Schedule;
    return;
  }
  if (round !== undefined) {
    yield scheduleOf(seed, round, options);
    return;
  }
  const endMs = Date.now() + minutes * 60_000;
  if (keeps) for (const kept of keptIn(KEPT)) if (Date.now() < endMs) yield kept.schedule;
  for (let next = 0; Date.now() < endMs; next++) yield scheduleOf(seed, next, options);
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options === undefined) {
    process.stdout.write(USAGE);
    return;
  }
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const tally = new Tally();
  let failureCount = 0;
  print(`seed ${options.seed}`);
  for (const schedule of schedulesOf(options)) {
    const played = await playAndPrint(schedule, print);
    tally.add(played);
    if (played.violations.length === 0) continue;
    failureCount++;
    const shown = options.shrinks && schedule.blows.length > 0 ? await shortest(played, quietly(print)) : played;
    report(shown, options, print);
  }
  print(`\n${tally.table}\n\n${tally.summary}, ${failureCount} rounds with violations`);
  if (options.markdown !== undefined) writeFileSync(options.markdown, `${tally.table}\n\n${tally.summary}.\n`);
  if (failureCount > 0) process.exitCode = 1;
}

async function playAndPrint(schedule: Schedule, print: (line: string) => void): Promise<Played> {
  const { seed, round, nodeCount, blows, isSharded } = schedule;
  const texts = blows.map(({ fault, beside }) => [fault, ...(beside === undefined ? [] : [beside])]);
  const faults = texts.map((pair) => pair.map((fault) => JSON.stringify(fault)).join('+')).join(' ');
  print(`--seed ${seed} --round ${round} --nodes ${nodeCount}${isSharded === true ? ' --shards' : ''}: ${faults}`);
  const played = await play(schedule, print);
  const { operationCount, eventCount, violations, tookMs } = played;
  const figures = `${operationCount} operations, ${eventCount} events in ${Math.round(tookMs / 1_000)} s`;
  print(`  ${figures}: ${violations.length} violations`);
  for (const violation of violations.slice(0, SHOWN_VIOLATIONS)) print(`    ${violation}`);
  return played;
}

function quietly(print: (line: string) => void): (schedule: Schedule) => Promise<Played> {
  return (schedule) => {
    print(`  shrinking: the first ${schedule.blows.length} faults`);
    return playAndPrint(schedule, print);
  };
}

function report({ schedule, violations, history }: Played, { keeps }: Options, print: (line: string) => void): void {
  const folder = join(root, '.cache/faults');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `failed-${schedule.seed}-${schedule.round}.json`);
  writeFileSync(file, `${JSON.stringify(schedule, null, 2)}\n`);
  if (history !== undefined) writeFileSync(file.replace(/json$/, 'log'), history);
  if (keeps) keep(KEPT, { why: violations[0] ?? '', schedule });
  print(`  again: npm run test:faults -- --schedule ${file}`);
}

// Routers and stores end with this process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(2));

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 2;
}
// Connections to routers that were frozen may hang for a while yet.
process.exit();
