import { ClientSession } from '../../client/session.js';
import { WampError } from '../../client/errors.js';
import type { CallResult } from '../../client/requests.js';
import { ErrorUri } from '../../wamp/uris.js';
import { ExitCode } from '../exit-code.js';
import { UsageError } from '../usage-error.js';
import type { ClientCommand, ClientContext } from './context.js';
import type { Words } from './flags.js';
import { firstValue, jsonLine, PatientOutput, payloadFields } from './output.js';
import { payloadFlags, payloadWords } from './payload-words.js';
import { joinOptions } from './settings.js';
import { dictOf } from './values.js';

const MAX_TIMEOUT_S = 86_400;

export const CALL: ClientCommand = {
  name: 'call',
  usage: 'PROCEDURE [ARGUMENT…]',
  summary: 'calls a procedure and prints its result',
  flags: [
    ...payloadFlags('CALL.Options'),
    { name: 'timeout', value: 'SECONDS', help: 'cancels the call after this time (none)' },
    { name: 'progress', help: 'asks for progressive results and prints each' },
    { name: 'first', help: 'prints only the first argument of the result; text without quotes' },
  ],
  run,
};

async function run(words: Words, context: ClientContext): Promise<ExitCode> {
  const [procedure, ...rest] = words.positionals;
  if (procedure === undefined) throw new UsageError('name the procedure: gantry call PROCEDURE [ARGUMENT…]');
  const timeoutS = words.number('timeout', 0, 0, MAX_TIMEOUT_S);
  const settings = joinOptions(words, context);
  const values = await payloadWords(words, [...rest, ...(words.rest ?? [])], context);
  const session = await ClientSession.join(settings);
  const output = new PatientOutput(session, context.output);
  const print = (result: CallResult, isProgress: boolean): void => {
    if (words.has('first')) output.print(firstValue(result));
    else output.print(jsonLine({ ...payloadFields(result), ...(isProgress && { progress: true }) }));
  };
  const deadline = timeoutS === 0 ? undefined : AbortSignal.timeout(timeoutS * 1_000);
  const signals = [context.interrupted, ...(deadline === undefined ? [] : [deadline])];
  try {
    const result = await session.call(procedure, {
      ...values,
      options: dictOf('--option', words.list('option')),
      signal: AbortSignal.any(signals),
      ...(words.has('progress') && { progress: (part: CallResult) => print(part, true) }),
    });
    print(result, false);
    return ExitCode.DONE;
  } catch (error) {
    if (context.interrupted.aborted) return ExitCode.INTERRUPTED;
    if (deadline?.aborted === true && error instanceof WampError && error.uri === ErrorUri.CANCELED)
      throw new WampError(ErrorUri.TIMEOUT, [`no result within ${timeoutS} s`]);
    throw error;
  } finally {
    await session.leave();
  }
}
