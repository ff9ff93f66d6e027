import { UnencodableError, WampError } from '../../client/errors.js';
import type { ReceivedInvocation } from '../../client/invocations.js';
import type { Values } from '../../codec/payload-values.js';
import { ClientSession } from '../../client/session.js';
import { readJson } from '../../client/wire.js';
import { ErrorUri } from '../../wamp/uris.js';
import { ExitCode } from '../exit-code.js';
import { UsageError } from '../usage-error.js';
import type { ClientCommand, ClientContext } from './context.js';
import type { Words } from './flags.js';
import { jsonLine, PatientOutput, payloadFields } from './output.js';
import { optionFlag } from './payload-words.js';
import { runCommand } from './run-command.js';
import { joinOptions } from './settings.js';
import { dictOf } from './values.js';

const MAX_CONCURRENCY = 1_000;
const MAX_GRACE_S = 3_600;

export const REGISTER: ClientCommand = {
  name: 'register',
  usage: 'PROCEDURE [-- COMMAND [WORD…]]',
  summary: 'answers calls by running a command, until SIGINT',
  notes: [
    'The command receives {"args":…,"kwargs":…,"details":…} on standard input. Its standard output is the result:',
    'one JSON value, or text. A command that exits with another code than 0 fails the call. Without a command each',
    'call is printed and answered with its own arguments.',
  ].join('\n'),
  flags: [
    {
      name: 'match',
      value: 'POLICY',
      help: 'exact, prefix or wildcard (exact)',
      choices: ['exact', 'prefix', 'wildcard'],
    },
    {
      name: 'invoke',
      value: 'POLICY',
      help: 'single, roundrobin, random, first or last (single)',
      choices: ['single', 'roundrobin', 'random', 'first', 'last'],
    },
    { name: 'concurrency', value: 'N', help: 'commands at the same time (4)' },
    { name: 'grace', value: 'SECONDS', help: 'time that running commands have after SIGINT (10)' },
    optionFlag('REGISTER.Options'),
  ],
  run,
};

async function run(words: Words, context: ClientContext): Promise<ExitCode> {
  const [procedure, extra] = words.positionals;
  if (procedure === undefined || extra !== undefined)
    throw new UsageError('name one procedure: gantry register PROCEDURE -- COMMAND');
  if (words.rest?.length === 0) throw new UsageError('name a command behind --');
  const concurrency = words.count('concurrency', 4, MAX_CONCURRENCY);
  const graceMs = words.number('grace', 10, 0, MAX_GRACE_S) * 1_000;
  const policies = (['match', 'invoke'] as const).flatMap((name) => {
    const policy = words.text(name);
    return policy === undefined ? [] : [[name, policy] as const];
  });
  const options = { concurrency, ...dictOf('--option', words.list('option')), ...Object.fromEntries(policies) };
  const session = await ClientSession.join(joinOptions(words, context));
  const output = new PatientOutput(session, context.output);
  const answers = new Answers(concurrency, (invocation) =>
    words.rest === undefined ? echo(invocation, procedure, output) : answer(invocation, words.rest, context),
  );
  try {
    const revoked = new Promise<never>((_, reject) => {
      void session.lost.then(reject);
      const ended = (): void => reject(new WampError(ErrorUri.NO_SUCH_REGISTRATION, ['the router revoked it']));
      session
        .register(procedure, options, { invoked: (invocation) => answers.take(invocation), revoked: ended })
        .then((registration) => {
          context.printError(`gantry: registered ${procedure}\n`);
          answers.registration = registration;
        }, reject);
    });
    await Promise.race([revoked, aborted(context.interrupted)]);
    if (answers.registration !== undefined) await Promise.race([revoked, session.unregister(answers.registration)]);
    await Promise.race([revoked, answers.finish(graceMs)]);
    return ExitCode.DONE;
  } finally {
    await session.leave();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Prints a call, and answers it with its own arguments. */
function echo(
  { args, kwargs, details }: ReceivedInvocation,
  procedure: string,
  output: PatientOutput,
): Promise<Values> {
  return Promise.resolve().then(() => {
    output.print(jsonLine({ procedure, ...payloadFields({ args, kwargs }), details }));
    return { args, kwargs };
  });
}

async function answer(
  { args, kwargs, details, signal }: ReceivedInvocation,
  [file = '', ...words]: readonly string[],
  { environment, printError }: ClientContext,
): Promise<Partial<Values>> {
  // The command does not receive the credentials of this client.
  const inherited = Object.entries(environment).filter(([name]) => !name.startsWith('GANTRY_CLIENT_'));
  const command = { file, words, environment: Object.fromEntries(inherited), printError };
  const text = await runCommand(command, jsonLine({ args, kwargs, details }), signal);
  if (text.trim() === '') return {};
  const read = readJson(text);
  return { args: [typeof read === 'string' ? text.replace(/\r?\n$/, '') : read.value] };
}

/** The calls that are being answered. */
class Answers {
  registration: number | undefined;
  readonly #concurrency: number;
  readonly #answer: (invocation: ReceivedInvocation) => Promise<Partial<Values>>;
  readonly #running = new Set<Promise<void>>();

  constructor(concurrency: number, answer: (invocation: ReceivedInvocation) => Promise<Partial<Values>>) {
    this.#concurrency = concurrency;
    this.#answer = answer;
  }

  take(invocation: ReceivedInvocation): void {
    // The router keeps to the option `concurrency`, if it knows it.
    if (this.#running.size >= this.#concurrency) {
      invocation.fail(new WampError(ErrorUri.NO_AVAILABLE_CALLEE, ['as many commands run as may']));
      return;
    }
    const done = this.#answer(invocation)
      .then((values) => invocation.succeed(values))
      .catch((error: unknown) => {
        if (error instanceof WampError) invocation.fail(error);
        else if (error instanceof UnencodableError)
          invocation.fail(new WampError(ErrorUri.INVALID_ARGUMENT, [error.message]));
        else throw error;
      })
      .finally(() => this.#running.delete(done));
    this.#running.add(done);
  }

  /** Resolves when all are answered, or the time is over. */
  async finish(graceMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, graceMs)));
    await Promise.race([Promise.all(this.#running), late]);
    clearTimeout(timer);
  }
}
