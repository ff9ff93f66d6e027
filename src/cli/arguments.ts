import { parseArgs } from 'node:util';
import { PATHS } from '../config/settings.js';
import { didYouMean } from '../config/suggest.js';
import type { Override } from '../config/overrides.js';
import { SHELLS, type Shell } from './completion.js';
import { CLIENT_COMMANDS, type ClientCommandName } from './client/names.js';
import {
  checkCredentialOptions,
  CREDENTIAL_COMMANDS,
  CREDENTIAL_OPTIONS,
  credentialCommand,
} from './credentials/arguments.js';
import type { CredentialCommand } from './credentials/commands.js';
import { UsageError } from './usage-error.js';

/** The configuration settings of the command line. */
export interface Sources {
  readonly file: string | undefined;
  readonly overrides: readonly Override[];
}

export type Command =
  | { readonly kind: 'start' | 'check'; readonly sources: Sources }
  | { readonly kind: 'config'; readonly form: 'effective' | 'schema' | 'env'; readonly sources: Sources }
  | { readonly kind: 'help' | 'version' }
  | { readonly kind: 'convert'; readonly file: string }
  | { readonly kind: 'completion'; readonly shell: Shell }
  | { readonly kind: 'client'; readonly name: ClientCommandName; readonly words: readonly string[] }
  | CredentialCommand;

export { UsageError };

const OPTIONS = {
  config: { type: 'string', short: 'c' },
  host: { type: 'string' },
  port: { type: 'string' },
  'ops-port': { type: 'string' },
  'log-level': { type: 'string' },
  processes: { type: 'string' },
  set: { type: 'string', multiple: true },
  schema: { type: 'boolean' },
  env: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
  ...CREDENTIAL_OPTIONS,
} as const;

const SHORTCUTS = {
  host: 'listen.host',
  port: 'listen.port',
  'ops-port': 'ops.port',
  'log-level': 'log.level',
  processes: 'processes',
} as const;

const COMMANDS = [
  'start',
  'check',
  'config',
  'convert',
  'completion',
  'help',
  'version',
  ...CREDENTIAL_COMMANDS,
] as const;
const ALL_COMMANDS = [...COMMANDS, ...CLIENT_COMMANDS];

/** Reads the arguments after the program's name. Errors: UsageError. */
export function parseArguments(words: readonly string[]): Command {
  const client = CLIENT_COMMANDS.find((name) => name === words[0]);
  if (client !== undefined) return { kind: 'client', name: client, words: words.slice(1) };
  const { values, positionals } = parse(words);
  if (values.help === true) return { kind: 'help' };
  if (values.version === true) return { kind: 'version' };
  const [name = 'start', ...rest] = positionals;
  const kind = COMMANDS.find((command) => command === name);
  if (kind === undefined) {
    if (ALL_COMMANDS.includes(name as ClientCommandName))
      throw new UsageError(`"${name}" comes before its options: gantry ${name} …`);
    throw new UsageError(`there is no command "${name}"${didYouMean(name, ALL_COMMANDS)}`);
  }
  if (kind !== 'config' && (values.schema ?? values.env) === true) {
    throw new UsageError('--schema and --env belong to: gantry config');
  }
  if (values.schema === true && values.env === true) throw new UsageError('choose one of --schema and --env');
  checkCredentialOptions(kind, values);
  const overrides = overridesIn(values);
  switch (kind) {
    case 'help':
    case 'version':
      return { kind };
    case 'check':
      return { kind, sources: { file: checkedFile(rest, values.config), overrides } };
    case 'config': {
      none(rest);
      const form = values.schema === true ? 'schema' : values.env === true ? 'env' : 'effective';
      return { kind, form, sources: { file: values.config, overrides } };
    }
    case 'convert':
      if (overrides.length > 0 || values.config !== undefined)
        throw new UsageError(`gantry ${kind} reads no configuration but the one that it converts`);
      return { kind, file: convertedFile(rest) };
    case 'completion':
      return { kind, shell: completedShell(rest) };
    case 'start':
      none(rest);
      return { kind, sources: { file: values.config, overrides } };
    default:
      if (overrides.length > 0 || values.config !== undefined)
        throw new UsageError(`gantry ${kind} reads no configuration`);
      return credentialCommand(kind, rest, values);
  }
}

type Values = ReturnType<typeof parse>['values'];

function parse(words: readonly string[]) {
  try {
    return parseArgs({ args: [...words], options: OPTIONS, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(explain(error));
  }
}

function explain(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const unknown = /^Unknown option '(--?[^']*)'/.exec(message)?.[1];
  if (unknown === undefined) return (message.split('\n', 1)[0] ?? '').replace(/\.$/, '');
  const flags = Object.keys(OPTIONS).map((flag) => `--${flag}`);
  const path = unknown.replace(/^-+/, '');
  const hint = PATHS.includes(path) ? `, write: --set ${path}=VALUE` : didYouMean(unknown, flags);
  return `there is no option "${unknown}"${hint}`;
}

function overridesIn(values: Values): Override[] {
  const overrides: Override[] = [];
  for (const assignment of values.set ?? []) {
    const [path = '', ...text] = assignment.split('=');
    if (path === '' || text.length === 0) throw new UsageError(`--set wants path=value, got "${assignment}"`);
    overrides.push({ path, text: text.join('='), flag: `--set ${path}` });
  }
  for (const flag of Object.keys(SHORTCUTS) as (keyof typeof SHORTCUTS)[]) {
    const text = values[flag];
    if (text !== undefined) overrides.push({ path: SHORTCUTS[flag], text, flag: `--${flag}` });
  }
  return overrides;
}

function checkedFile([file, ...rest]: readonly string[], config: string | undefined): string | undefined {
  none(rest);
  if (file !== undefined && config !== undefined) throw new UsageError('name the file once: gantry check FILE');
  return file ?? config;
}

function convertedFile([from, file, ...rest]: readonly string[]): string {
  none(rest);
  if (from !== 'crossbar' || file === undefined) throw new UsageError('write: gantry convert crossbar FILE');
  return file;
}

function completedShell([name, ...rest]: readonly string[]): Shell {
  none(rest);
  const shell = SHELLS.find((one) => one === name);
  if (shell === undefined) throw new UsageError(`write: gantry completion ${SHELLS.join('|')}`);
  return shell;
}

function none([word]: readonly string[]): void {
  if (word !== undefined) throw new UsageError(`"${word}" is one argument too many`);
}
