import { randomBytes } from 'node:crypto';
import { ClientSession } from '../../client/session.js';
import { ExitCode } from '../exit-code.js';
import { UsageError } from '../usage-error.js';
import type { ClientCommand, ClientContext } from './context.js';
import type { Words } from './flags.js';
import { Latencies } from './latencies.js';
import { jsonLine } from './output.js';
import { joinOptions } from './settings.js';

const KINDS = ['call', 'publish'] as const;
type Kind = (typeof KINDS)[number];

export const BENCH: ClientCommand = {
  name: 'bench',
  usage: '[call|publish]',
  words: KINDS,
  summary: 'measures calls, or acknowledged publications, and prints one line of JSON',
  flags: [
    { name: 'seconds', value: 'SECONDS', help: 'how long to measure (5)' },
    { name: 'sessions', value: 'N', help: 'sessions that send requests, besides the one that receives them (4)' },
    { name: 'concurrency', value: 'N', help: 'requests of each session that wait for their answer (16)' },
    { name: 'bytes', value: 'N', help: 'length of the text that each request has as its argument (16)' },
    { name: 'prefix', value: 'URI', help: 'begin of the procedure or topic; its end is random (com.example.bench)' },
  ],
  notes: 'It runs in one process, which may be the bound: several of them at once show more.',
  run,
};

/** The sender's part of a measurement, and how many requests the receiver has had. */
interface Measured {
  readonly send: (session: ClientSession) => Promise<unknown>;
  readonly received: () => number;
}

/** How much is sent. */
interface Load {
  readonly seconds: number;
  readonly sessions: number;
  readonly concurrency: number;
  readonly bytes: number;
}

async function run(words: Words, context: ClientContext): Promise<ExitCode> {
  const [word = 'call', ...more] = words.positionals;
  const kind = KINDS.find((one) => one === word);
  if (kind === undefined || more.length > 0) throw new UsageError('gantry bench measures either call or publish');
  const load = {
    seconds: words.number('seconds', 5, 0.1, 3_600),
    sessions: words.count('sessions', 4, 500),
    concurrency: words.count('concurrency', 16, 1_000),
    bytes: words.count('bytes', 16, 1_000_000),
  };
  const uri = `${words.text('prefix') ?? 'com.example.bench'}.${randomBytes(8).toString('hex')}`;
  const settings = joinOptions(words, context);
  const joined: ClientSession[] = [];
  const join = async (): Promise<ClientSession> => {
    const session = await ClientSession.join(settings);
    joined.push(session);
    return session;
  };
  try {
    const measured = await receive(kind, await join(), uri, 'x'.repeat(load.bytes));
    const senders: ClientSession[] = [];
    while (senders.length < load.sessions) senders.push(await join());
    const figures = await measure(measured, senders, load, context.interrupted);
    context.output.print(jsonLine({ kind, ...load, ...figures, received: measured.received() }));
    return context.interrupted.aborted ? ExitCode.INTERRUPTED : ExitCode.DONE;
  } finally {
    await Promise.all(joined.map((session) => session.leave()));
  }
}

async function measure(
  { send }: Measured,
  senders: readonly ClientSession[],
  { seconds, concurrency }: Load,
  interrupted: AbortSignal,
): Promise<Readonly<Record<string, number | null>>> {
  const latencies = new Latencies();
  const startedMs = performance.now();
  const isOver = (): boolean => interrupted.aborted || performance.now() - startedMs >= seconds * 1_000;
  const places = senders.flatMap((session) => Array.from({ length: concurrency }, () => session));
  await Promise.all(places.map((session) => sendUntil(isOver, () => send(session), latencies)));
  return figuresOf(latencies, (performance.now() - startedMs) / 1_000);
}

async function receive(kind: Kind, receiver: ClientSession, uri: string, text: string): Promise<Measured> {
  let count = 0;
  const args = [text];
  if (kind === 'publish') {
    await receiver.subscribe(uri, {}, { received: () => count++ });
    return { send: (session) => session.publish(uri, { args }), received: () => count };
  }
  await receiver.register(
    uri,
    {},
    {
      invoked: (invocation) => {
        count++;
        invocation.succeed({ args: invocation.args });
      },
    },
  );
  return { send: (session) => session.call(uri, { args }), received: () => count };
}

/** One request after the other. Rejects with the first failure. */
async function sendUntil(isOver: () => boolean, send: () => Promise<unknown>, latencies: Latencies): Promise<void> {
  while (!isOver()) {
    const sentMs = performance.now();
    await send();
    latencies.add(performance.now() - sentMs);
  }
}

function figuresOf(latencies: Latencies, seconds: number): Readonly<Record<string, number | null>> {
  const rounded = (value: number): number | null => (Number.isFinite(value) ? Math.round(value * 100) / 100 : null);
  const { count, maxMs } = latencies;
  return {
    seconds: rounded(seconds),
    count,
    perSecond: Math.round(count / seconds),
    medianMs: rounded(latencies.within(0.5)),
    p99Ms: rounded(latencies.within(0.99)),
    maxMs: rounded(maxMs),
  };
}
