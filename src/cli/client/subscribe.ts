import { ClientSession, type WampEvent } from '../../client/session.js';
import { UnencodableError, WampError } from '../../client/errors.js';
import { ErrorUri } from '../../wamp/uris.js';
import { ExitCode } from '../exit-code.js';
import { UsageError } from '../usage-error.js';
import type { ClientCommand, ClientContext } from './context.js';
import type { Words } from './flags.js';
import { jsonLine, payloadFields, PatientOutput } from './output.js';
import { optionFlag } from './payload-words.js';
import { joinOptions } from './settings.js';
import { dictOf } from './values.js';

const MAX_EVENTS = 1_000_000_000;

export const SUBSCRIBE: ClientCommand = {
  name: 'subscribe',
  usage: 'TOPIC',
  summary: 'prints the events of a topic, one line of JSON each, until SIGINT',
  flags: [
    {
      name: 'match',
      value: 'POLICY',
      help: 'exact, prefix or wildcard (exact)',
      choices: ['exact', 'prefix', 'wildcard'],
    },
    { name: 'count', value: 'N', help: 'ends after N events' },
    optionFlag('SUBSCRIBE.Options'),
  ],
  run,
};

async function run(words: Words, context: ClientContext): Promise<ExitCode> {
  const [topic, extra] = words.positionals;
  if (topic === undefined || extra !== undefined) throw new UsageError('name one topic: gantry subscribe TOPIC');
  const match = words.text('match');
  const options = { ...dictOf('--option', words.list('option')), ...(match !== undefined && { match }) };
  const most = words.count('count', MAX_EVENTS, MAX_EVENTS);
  const session = await ClientSession.join(joinOptions(words, context));
  const output = new PatientOutput(session, context.output);
  try {
    await new Promise<void>((resolve, reject) => {
      let count = 0;
      const receive = (event: WampEvent): void => {
        if (count === most) return;
        count++;
        output.print(lineOf(event, topic, context));
        if (count === most) resolve();
      };
      context.interrupted.addEventListener('abort', () => resolve(), { once: true });
      void session.lost.then(reject);
      const revoked = (reason?: string): void => {
        const message = reason === undefined ? 'the router revoked it' : `the router revoked it: ${reason}`;
        reject(new WampError(ErrorUri.NO_SUCH_SUBSCRIPTION, [message]));
      };
      session
        .subscribe(topic, options, { received: receive, revoked })
        .then(() => context.printError(`gantry: subscribed to ${topic}\n`), reject);
    });
    return ExitCode.DONE;
  } finally {
    await session.leave();
  }
}

/** Empty where JSON cannot represent the event. */
function lineOf({ publication, details, args, kwargs }: WampEvent, topic: string, context: ClientContext): string {
  try {
    return jsonLine({ topic, publication, ...payloadFields({ args, kwargs }), details });
  } catch (error) {
    if (!(error instanceof UnencodableError)) throw error;
    context.printError(`gantry: publication ${publication} ${error.message}\n`);
    return '';
  }
}
