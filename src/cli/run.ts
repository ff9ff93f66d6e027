import { hostname } from 'node:os';
import { ConfigUnusableError } from '../config/faults.js';
import { checkKeyPair, datesFlaw } from '../config/keys/key-pair.js';
import { configFile, loadConfig } from '../config/load.js';
import { renderConfig, renderVariables } from '../config/render.js';
import { jsonSchema } from '../config/settings.js';
import type { Environment } from '../config/secrets.js';
import type { LoadedConfig } from '../node/reload/config-reloader.js';
import { ParentLink } from '../processes/parent-link.js';
import { configOfProcess, placeIn, type Place } from '../processes/place.js';
import { processorCount } from '../processes/processor-count.js';
import { limitHeaders } from '../transport/opening/header-limit.js';
import { NativeLibraryError } from '../transport/native-library-error.js';
import { unreachable } from '../wamp/unreachable.js';
import { adviceOn } from './advice.js';
import { parseArguments, UsageError, type Command, type Sources } from './arguments.js';
import { makeCredential, type ReadSecret } from './credentials/commands.js';
import { convertFile } from './convert/command.js';
import type { Input, Output } from './client/context.js';
import { CredentialError } from './credentials/credential-error.js';
import { ExitCode } from './exit-code.js';
import { HELP } from './help.js';
import { interruption } from './signals.js';
import { version } from '../node/version.js';

const DROPPED =
  'gantry: something that decides who may do what was not converted: see the comments at the top of the output\n';

/** The inputs and outputs of a command. */
export interface RunDependencies {
  readonly environment: Environment;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
  readonly readSecret: ReadSecret;
  /** Standard input, for the commands that are clients. */
  readonly input: () => Input;
  readonly output: Output;
}

/** Runs one command to its end and returns the exit code of the process. Throws on a bug. */
export async function run(words: readonly string[], dependencies: RunDependencies): Promise<ExitCode> {
  try {
    return await execute(parseArguments(words), dependencies);
  } catch (error) {
    if (error instanceof UsageError) {
      dependencies.printError(`gantry: ${error.message}\ntry: gantry --help\n`);
      return ExitCode.USAGE;
    }
    if (error instanceof ConfigUnusableError) {
      dependencies.printError(`${error.message}\n`);
      return ExitCode.FAILED;
    }
    if (error instanceof CredentialError) {
      dependencies.printError(`gantry: ${error.message}\n`);
      return ExitCode.FAILED;
    }
    if (error instanceof NativeLibraryError) {
      dependencies.printError(`gantry: cannot start: ${error.message}\n`);
      return ExitCode.FAILED;
    }
    throw error;
  }
}

async function execute(command: Command, dependencies: RunDependencies): Promise<ExitCode> {
  const { print, environment } = dependencies;
  switch (command.kind) {
    case 'help':
      print(HELP);
      return ExitCode.DONE;
    case 'version':
      print(`${version()}\n`);
      return ExitCode.DONE;
    case 'check':
      await check(command.sources, dependencies);
      return ExitCode.DONE;
    case 'config':
      print(shown(command, environment));
      return ExitCode.DONE;
    case 'completion': {
      const { completionScript } = await import('./completion.js');
      const { COMPLETED_COMMANDS } = await import('./completed-commands.js');
      print(completionScript(command.shell, COMPLETED_COMMANDS));
      return ExitCode.DONE;
    }
    case 'convert': {
      const { text, code } = convertFile(command.file);
      print(text);
      if (code !== ExitCode.DONE) dependencies.printError(DROPPED);
      return code;
    }
    case 'start': {
      const place = placeIn(environment);
      const load = (): LoadedConfig => placed(loaded(command.sources, environment), place);
      const { config, ...about } = load();
      const file = configFile({ file: command.sources.file, environment });
      limitHeaders(config.limits.maxHeaderBytes);
      const options = { ...dependencies, ...about, file, load };
      const count = config.processes === 'auto' ? processorCount() : config.processes;
      if (place === undefined && count > 1) {
        const { startProcesses } = await import('./start-processes.js');
        return startProcesses(config, { ...options, count });
      }
      // Imported only now: the other commands need neither the native addon nor the router.
      await loadLayers();
      const { start } = await import('./start.js');
      return start(config, options, place === undefined ? undefined : new ParentLink());
    }
    case 'client':
      return runClient(command.name, command.words, dependencies);
    default:
      print(await makeCredential(command, dependencies.readSecret));
      return ExitCode.DONE;
  }
}

async function runClient(
  name: string,
  words: readonly string[],
  { environment, printError, input, output }: RunDependencies,
): Promise<ExitCode> {
  // Imported only now: a node needs no client.
  const { runClientCommand } = await import('./client/commands.js');
  const interrupted = interruption(process.stdout);
  return runClientCommand(name, words, { environment, printError, input, output, interrupted });
}

/** Loads one layer after the other: the loader of Node.js opens all files of an import at once, and a process may open few. */
async function loadLayers(): Promise<void> {
  await import('../session/endpoint.js');
  await import('../backplane/redis/redis-backplane.js');
  await import('../realm/realms.js');
}

/** The configuration of one of several processes. It has no advice: the parent has logged it. */
function placed(read: LoadedConfig, place: Place | undefined): LoadedConfig {
  if (place === undefined) return read;
  return { ...read, config: configOfProcess(read.config, place, hostname()), advice: [] };
}

/**
 * Prints advice on doubtful settings, and names the file that was read. An expired certificate is a fault here; a node only warns
 * of it. Rejects with a ConfigUnusableError.
 */
async function check(sources: Sources, { environment, print, printError }: RunDependencies): Promise<void> {
  const { config, validity, advice } = loaded(sources, environment);
  const flaw = validity && datesFlaw(validity, Date.now());
  if (flaw !== undefined) throw new ConfigUnusableError([{ path: 'listen.tls.certFile', message: flaw }]);
  const { checkDirectories, WebDirectoryError } = await import('../node/web.js');
  await checkDirectories(config).catch((error: unknown) => {
    if (!(error instanceof WebDirectoryError)) throw error;
    throw new ConfigUnusableError([{ path: error.setting, message: error.flaw }]);
  });
  for (const message of advice) printError(`warning: ${message}\n`);
  const file = configFile({ file: sources.file, environment });
  print(`${file === undefined ? '' : `${file}: `}configuration is usable\n`);
}

/** Reads and checks the configuration, the files of the certificate included. Errors: ConfigUnusableError. */
function loaded({ file, overrides }: Sources, environment: Environment): LoadedConfig {
  const config = loadConfig({ file, environment, overrides });
  return { config, validity: checkKeyPair(config), advice: adviceOn(config) };
}

function shown({ form, sources }: Extract<Command, { kind: 'config' }>, environment: Environment): string {
  switch (form) {
    case 'schema':
      return `${JSON.stringify(jsonSchema(), undefined, 2)}\n`;
    case 'env':
      return renderVariables();
    case 'effective':
      return renderConfig(loadConfig({ file: sources.file, environment, overrides: sources.overrides }));
    default:
      return unreachable(form);
  }
}
