import { existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { ConfigFault } from '../../config/faults.js';
import { readConfigFile } from '../../config/file.js';
import type { Environment } from '../../config/secrets.js';
import { didYouMean } from '../../config/suggest.js';
import { isDict } from '../../wamp/dict.js';
import { ClientError } from './client-error.js';

export interface ProfileRequest {
  /** Undefined: no profile is wanted. */
  readonly name: string | undefined;
  /** Undefined: the file in the folder for configurations of the user. */
  readonly file: string | undefined;
  /** Names of options. */
  readonly known: readonly string[];
  readonly environment: Environment;
  readonly warn: (text: string) => void;
}

const OTHERS_MAY_READ = 0o077;

/** The settings of one profile by the names of options; files are relative to the file of profiles. Errors: ClientError. */
export function readProfile({ name, file, known, environment, warn }: ProfileRequest): ReadonlyMap<string, string> {
  if (name === undefined) return new Map();
  const path = file ?? join(environment['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'gantry/profiles.yaml');
  if (!existsSync(path)) throw new ClientError(`there is no profile "${name}": ${path} does not exist`);
  const faults: ConfigFault[] = [];
  const profiles = readConfigFile(path, faults);
  const [fault] = faults;
  if (fault !== undefined) throw new ClientError(`${fault.path}: ${fault.message}`);
  if (!isDict(profiles)) throw new ClientError(`${path} has no profiles by name`);
  const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (!isDict(profile))
    throw new ClientError(`${path} has no profile "${name}"${didYouMean(name, Object.keys(profiles))}`);
  const settings = Object.entries(profile).map(([key, value]) => setting(path, name, known, key, value));
  const hasSecret = settings.some(([option]) => ['ticket', 'secret', 'private-key', 'cookie'].includes(option));
  if (hasSecret && process.platform !== 'win32' && (statSync(path).mode & OTHERS_MAY_READ) !== 0)
    warn(`gantry: other users may read the credentials in ${path}: chmod 600\n`);
  return new Map(settings);
}

/** `ticketFile` in the file is the option `ticket-file`. */
function setting(
  path: string,
  profile: string,
  known: readonly string[],
  key: string,
  value: unknown,
): readonly [string, string] {
  const option = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const at = `${path}: profile "${profile}"`;
  if (!known.includes(option)) throw new ClientError(`${at}: there is no setting "${key}"${didYouMean(option, known)}`);
  // Digits without quotes are a number in YAML.
  if (typeof value !== 'string' && typeof value !== 'number') throw new ClientError(`${at}: ${key} is no text`);
  const text = String(value);
  return [option, option.endsWith('-file') ? resolve(dirname(path), text) : text];
}
