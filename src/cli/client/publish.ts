import { ClientSession } from '../../client/session.js';
import type { Values } from '../../codec/payload-values.js';
import { ExitCode } from '../exit-code.js';
import { UsageError } from '../usage-error.js';
import { ClientError } from './client-error.js';
import type { ClientCommand, ClientContext } from './context.js';
import type { Words } from './flags.js';
import { inputLines } from './input.js';
import { payloadFlags, payloadWords } from './payload-words.js';
import { joinOptions } from './settings.js';
import { dictOf, payloadOfLine } from './values.js';

/** Publications of --lines that wait for their acknowledgement, or without one for the system to take them. */
const MAX_IN_FLIGHT = 100;

export const PUBLISH: ClientCommand = {
  name: 'publish',
  usage: 'TOPIC [ARGUMENT…]',
  summary: 'publishes an event; done when the router has acknowledged it',
  flags: [
    ...payloadFlags('PUBLISH.Options'),
    { name: 'lines', help: 'publishes each line of standard input: a JSON list, dict or value' },
  ],
  run,
};

async function run(words: Words, context: ClientContext): Promise<ExitCode> {
  const [topic, ...rest] = words.positionals;
  if (topic === undefined) throw new UsageError('name the topic: gantry publish TOPIC [ARGUMENT…]');
  const texts = [...rest, ...(words.rest ?? [])];
  const hasPayload = texts.length > 0 || words.has('kwarg');
  if (words.has('lines') && hasPayload) throw new UsageError('with --lines the arguments come from standard input');
  const options = dictOf('--option', words.list('option'));
  const settings = joinOptions(words, context);
  const values = words.has('lines') ? undefined : await payloadWords(words, texts, context);
  const session = await ClientSession.join(settings);
  const ended = new AbortController();
  void session.lost.then(() => ended.abort());
  try {
    const publish = (one: Values): Promise<unknown> => session.publish(topic, one, options);
    if (values !== undefined) await publish(values);
    else await publishLines(inputLines(context.input(), AbortSignal.any([context.interrupted, ended.signal])), publish);
    if (ended.signal.aborted) throw await session.lost;
    return context.interrupted.aborted ? ExitCode.INTERRUPTED : ExitCode.DONE;
  } finally {
    await session.leave();
  }
}

/** Publishes in the order of the lines. Rejects with the first failure. */
async function publishLines(
  lines: AsyncIterable<string>,
  publish: (values: Values) => Promise<unknown>,
): Promise<void> {
  const inFlight: Promise<unknown>[] = [];
  let number = 0;
  for await (const line of lines) {
    number++;
    if (line.trim() === '') continue;
    const values = payloadOfLine(line);
    if (values === undefined) throw new ClientError(`line ${number} of standard input is not JSON`);
    const published = publish(values);
    published.catch(() => undefined);
    inFlight.push(published);
    if (inFlight.length >= MAX_IN_FLIGHT) await inFlight.shift();
  }
  await Promise.all(inFlight);
}
