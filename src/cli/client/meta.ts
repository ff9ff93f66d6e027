import { ClientSession } from '../../client/session.js';
import { WampError } from '../../client/errors.js';
import { META_PROCEDURES } from '../../routing/meta/procedures.js';
import { ErrorUri } from '../../wamp/uris.js';
import { ExitCode } from '../exit-code.js';
import { UsageError } from '../usage-error.js';
import type { ClientCommand, ClientContext } from './context.js';
import type { Words } from './flags.js';
import { payloadFlags, payloadWords } from './payload-words.js';
import { joinOptions } from './settings.js';
import { toJsonText } from '../../client/wire.js';

const PREFIX = 'wamp.';
/** Sessions that are asked about at the same time. */
const MAX_IN_FLIGHT = 50;

export const META: ClientCommand = {
  name: 'meta',
  usage: 'sessions | PROCEDURE [ARGUMENT…]',
  words: ['sessions', ...Object.keys(META_PROCEDURES).map((uri) => uri.slice(PREFIX.length))],
  summary: 'asks the router about sessions, registrations and subscriptions of a realm',
  notes: [
    'sessions: a line of JSON for each session. PROCEDURE: a procedure of the router without "wamp.", such as',
    'session.count, session.list or session.get ID. A list is printed with one element in each line. The role',
    'of the client needs the permission to call these procedures.',
  ].join('\n'),
  flags: payloadFlags('CALL.Options').filter(({ name }) => name === 'kwarg'),
  run,
};

async function run(words: Words, context: ClientContext): Promise<ExitCode> {
  const [name, ...rest] = words.positionals;
  if (name === undefined) throw new UsageError('name a procedure: gantry meta sessions, or gantry meta session.count');
  const texts = [...rest, ...(words.rest ?? [])];
  if (name === 'sessions' && (texts.length > 0 || words.has('kwarg')))
    throw new UsageError('gantry meta sessions takes no argument');
  const values = await payloadWords(words, texts, context);
  const session = await ClientSession.join(joinOptions(words, context));
  try {
    if (name === 'sessions') await printSessions(session, context);
    else {
      const { args } = await session.call(`${PREFIX}${name}`, { ...values, signal: context.interrupted });
      const [first = null] = args;
      for (const one of Array.isArray(first) ? (first as unknown[]) : [first]) print(one, context);
    }
    return context.interrupted.aborted ? ExitCode.INTERRUPTED : ExitCode.DONE;
  } catch (error) {
    if (context.interrupted.aborted) return ExitCode.INTERRUPTED;
    throw error;
  } finally {
    await session.leave();
  }
}

/** Sessions that end meanwhile are left out. */
async function printSessions(session: ClientSession, context: ClientContext): Promise<void> {
  const { args } = await session.call('wamp.session.list', { signal: context.interrupted });
  const ids = Array.isArray(args[0]) ? (args[0] as unknown[]) : [];
  for (let from = 0; from < ids.length && !context.interrupted.aborted; from += MAX_IN_FLIGHT) {
    const part = ids.slice(from, from + MAX_IN_FLIGHT);
    const found = await Promise.all(part.map((id) => detailsOf(session, id)));
    for (const details of found) if (details !== undefined) print(details, context);
  }
}

async function detailsOf(session: ClientSession, id: unknown): Promise<unknown> {
  try {
    return (await session.call('wamp.session.get', { args: [id] })).args[0];
  } catch (error) {
    if (error instanceof WampError && error.uri === ErrorUri.NO_SUCH_SESSION) return undefined;
    throw error;
  }
}

function print(value: unknown, { output }: ClientContext): void {
  output.print(`${toJsonText(value)}\n`);
}
