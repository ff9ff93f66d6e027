import type { Draft } from './draft.js';
import type { ConfigFault } from './faults.js';
import { hasDuplicateKeys, readText, reasonOf } from './file.js';
import { withoutLineEnd, type Environment, type SecretReader } from './secrets.js';
import {
  DEFAULTS_VARIABLE,
  FILE_VARIABLE,
  PATHS,
  secretOfFileVariable,
  settingAt,
  settingOfVariable,
  VARIABLE_PREFIX,
  VARIABLES,
  type Setting,
} from './settings.js';
import { didYouMean } from './suggest.js';

/** A setting given on the command line. */
export interface Override {
  /** Dotted: `listen.port`. */
  readonly path: string;
  readonly text: string;
  /** The flag as it was written. */
  readonly flag: string;
}

/** Reads the secrets that JSON in a variable or flag of this name refers to. */
export type SecretsOf = (name: string) => SecretReader;

/**
 * Writes every GANTRY_ variable into the draft. An empty one counts as unset; an unknown one is a fault. A secret may be
 * in a file instead, which `GANTRY_…_FILE` names.
 */
export function writeEnvironment(
  environment: Environment,
  draft: Draft,
  secretsOf: SecretsOf,
  faults: ConfigFault[],
): void {
  const words: { setting: Setting; text: string }[] = [];
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(VARIABLE_PREFIX) || text === undefined || text === '') continue;
    if (variable === FILE_VARIABLE || variable === DEFAULTS_VARIABLE || isForeign(variable, text)) continue;
    const setting = settingOfVariable(variable);
    const secret = setting ?? secretOfFileVariable(variable);
    if (setting !== undefined) words.push({ setting, text });
    else if (secret === undefined)
      faults.push({ path: variable, message: `Unknown variable${didYouMean(variable, VARIABLES)}` });
    else if ((environment[secret.variable] ?? '') !== '')
      faults.push({ path: variable, message: `${secret.variable} is set too: set one of them` });
    else readSecret(variable, text, faults, (value) => words.push({ setting: secret, text: value }));
  }
  // GANTRY_LISTEN before GANTRY_LISTEN_PORT, so that what is more exact wins.
  words.sort((left, right) => left.setting.path.length - right.setting.path.length);
  for (const { setting, text } of words)
    writeWord({ setting, text, source: setting.variable }, draft, secretsOf, faults);
}

function readSecret(variable: string, file: string, faults: ConfigFault[], take: (value: string) => void): void {
  try {
    take(withoutLineEnd(readText(file)));
  } catch (error) {
    faults.push({ path: variable, message: `${file} cannot be read: ${reasonOf(error)}` });
  }
}

/** Writes the settings of the command line, in their order. */
export function writeOverrides(
  overrides: readonly Override[],
  draft: Draft,
  secretsOf: SecretsOf,
  faults: ConfigFault[],
): void {
  for (const { path, text, flag } of overrides) {
    const setting = settingAt(path);
    if (setting !== undefined) writeWord({ setting, text, source: flag }, draft, secretsOf, faults);
    else faults.push({ path: flag, message: `Unknown setting "${path}"${didYouMean(path, PATHS)}` });
  }
}

function writeWord(
  { setting, text, source }: { setting: Setting; text: string; source: string },
  draft: Draft,
  secretsOf: SecretsOf,
  faults: ConfigFault[],
): void {
  const isList = setting.kind === 'list' || (setting.kind === 'string or list' && text.trimStart().startsWith('['));
  if (!isList && !['section', 'map', 'section or list'].includes(setting.kind)) {
    draft.write(setting.path, scalar(setting, text), source);
    return;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const example = isList ? '["a", "b"]' : '{"key": "value"}';
    faults.push({ path: setting.path.join('.'), message: `Invalid input: expected JSON such as ${example}`, source });
    return;
  }
  if (hasDuplicateKeys(text))
    faults.push({ path: setting.path.join('.'), message: 'Invalid input: a key is there twice', source });
  draft.write(setting.path, secretsOf(source).read(value, setting.path), source);
}

/** A text that cannot be read as its kind stays text, which the schema refuses with its own message. */
function scalar(setting: Setting, text: string): unknown {
  if (setting.kind === 'number') return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
  if (setting.kind === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  if (setting.kind === 'nullable string') return text === 'null' ? null : text;
  return text;
}

/**
 * Kubernetes and Docker describe a service called "gantry" in variables with our prefix
 * (GANTRY_PORT=tcp://10.0.0.1:8080, GANTRY_SERVICE_HOST …). The client commands, the processes of one machine and the tests have
 * variables of their own.
 */
function isForeign(variable: string, text: string): boolean {
  return (
    /_SERVICE_(HOST|PORT)(_|$)|_PORT_\d+_(TCP|UDP|SCTP)(_|$)/.test(variable) ||
    (/_PORT$/.test(variable) && /^(tcp|udp|sctp):\/\//.test(text)) ||
    /^GANTRY_(CLIENT|TEST|BENCH|PROCESS)_/.test(variable)
  );
}
