import { NotConnectedError, UnencodableError, WampError } from '../../client/errors.js';
import { LoginError } from '../../client/login/login.js';
import { toJsonText } from '../../client/wire.js';
import { ExitCode } from '../exit-code.js';
import { oneLine } from '../one-line.js';
import { BENCH } from './bench.js';
import { CALL } from './call.js';
import { ClientError } from './client-error.js';
import type { ClientCommand, ClientContext } from './context.js';
import { parseWords, type CommandFlag } from './flags.js';
import { helpOf } from './help.js';
import { META } from './meta.js';
import { PUBLISH } from './publish.js';
import { REGISTER } from './register.js';
import { CONNECTION_FLAGS } from './settings.js';
import { SUBSCRIBE } from './subscribe.js';
import { TOP } from './top.js';

export const ALL_CLIENT_COMMANDS: readonly ClientCommand[] = [CALL, PUBLISH, SUBSCRIBE, REGISTER, META, TOP, BENCH];

const HELP_FLAG: CommandFlag = { name: 'help', short: 'h', help: 'print this' };

/** Runs a client command to its end. Errors: UsageError. Throws on a bug. */
export async function runClientCommand(
  name: string,
  words: readonly string[],
  context: ClientContext,
): Promise<ExitCode> {
  const command = ALL_CLIENT_COMMANDS.find((one) => one.name === name);
  if (command === undefined) throw new Error(`${name} is no client command`);
  const shared = command.isLocal === true ? [HELP_FLAG] : [...CONNECTION_FLAGS, HELP_FLAG];
  const parsed = parseWords(words, [...command.flags, ...shared]);
  if (parsed.has('help')) {
    context.output.print(helpOf(command, shared));
    return ExitCode.DONE;
  }
  try {
    return await command.run(parsed, context);
  } catch (error) {
    return reported(error, context);
  }
}

/** Prints a WAMP error as its URI and its payload. Routers and callees write these texts: they must not control a terminal. */
function reported(error: unknown, { printError, interrupted }: ClientContext): ExitCode {
  if (interrupted.aborted && error instanceof NotConnectedError) return ExitCode.INTERRUPTED;
  if (error instanceof WampError) {
    const { uri, args, kwargs } = error;
    const parts = [args, kwargs].filter((part) => Object.keys(part).length > 0).map((part) => ` ${toJsonText(part)}`);
    printError(`${oneLine(`${uri}${parts.join('')}`)}\n`);
    return ExitCode.FAILED;
  }
  if (error instanceof NotConnectedError) {
    printError(`gantry: ${oneLine(error.message)}\n`);
    return ExitCode.NOT_CONNECTED;
  }
  if (error instanceof UnencodableError) {
    printError(`gantry: ${error.message}\n`);
    return ExitCode.FAILED;
  }
  if (error instanceof ClientError || error instanceof LoginError) {
    printError(`gantry: ${error.message}\n`);
    return ExitCode.USAGE;
  }
  throw error;
}
