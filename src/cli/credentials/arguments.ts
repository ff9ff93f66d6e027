import type { CredentialCommand } from './commands.js';
import { UsageError } from '../usage-error.js';

/** Options of the commands that make credentials. */
export const CREDENTIAL_OPTIONS = {
  out: { type: 'string' },
  dialect: { type: 'string' },
  kdf: { type: 'string' },
  salt: { type: 'string' },
  iterations: { type: 'string' },
  keylen: { type: 'string' },
  'memory-kib': { type: 'string' },
} as const;

type Option = keyof typeof CREDENTIAL_OPTIONS;
type Values = Readonly<Partial<Record<Option, string>>>;

const OPTIONS_OF = {
  keygen: ['out'],
  'cra-key': ['salt', 'iterations', 'keylen'],
  'scram-keys': ['dialect', 'kdf', 'salt', 'iterations', 'memory-kib'],
  'hash-ticket': [],
} as const satisfies Record<CredentialCommand['kind'], readonly Option[]>;

export const CREDENTIAL_COMMANDS = Object.keys(OPTIONS_OF) as readonly CredentialCommand['kind'][];

/** Clients of JavaScript derive the key in JavaScript, at each login. */
const CRA_ITERATIONS = 10_000;
const CRA_KEYLEN = 32;
/** The recommendation of OWASP for PBKDF2 with SHA-256. */
const PBKDF2_ITERATIONS = 600_000;
/** The second recommendation of RFC 9106, for one lane. */
const ARGON2_ITERATIONS = 3;
const ARGON2_MEMORY_KIB = 65_536;

/** `rest`: the words behind the command. They may be a password, so no message repeats them. Errors: UsageError. */
export function credentialCommand(
  kind: CredentialCommand['kind'],
  rest: readonly string[],
  values: Values,
): CredentialCommand {
  if (rest.length > 0)
    throw new UsageError(`gantry ${kind} takes no further argument: it reads secrets from standard input`);
  switch (kind) {
    case 'keygen':
      return { kind, out: values.out };
    case 'cra-key': {
      if (values.salt !== undefined && !/^[\x20-\x7e]{1,255}$/.test(values.salt))
        throw new UsageError('--salt of cra-key wants 1 to 255 printable characters of ASCII');
      const keylen = number(values, 'keylen', CRA_KEYLEN, 4, 64);
      if (keylen % 4 !== 0) throw new UsageError('--keylen wants a multiple of 4');
      return {
        kind,
        salt: values.salt,
        iterations: number(values, 'iterations', CRA_ITERATIONS, 1, 10_000_000),
        keylen,
      };
    }
    case 'scram-keys':
      return scramCommand(values);
    case 'hash-ticket':
      return { kind };
  }
}

/** Refuses options that belong to other commands. `command`: any command of gantry. */
export function checkCredentialOptions(command: string, values: Values): void {
  const own: readonly string[] = Object.hasOwn(OPTIONS_OF, command)
    ? OPTIONS_OF[command as keyof typeof OPTIONS_OF]
    : [];
  for (const option of Object.keys(CREDENTIAL_OPTIONS) as Option[]) {
    if (values[option] === undefined || own.includes(option)) continue;
    const owners = CREDENTIAL_COMMANDS.filter((name) => (OPTIONS_OF[name] as readonly Option[]).includes(option));
    throw new UsageError(`--${option} belongs to: ${owners.map((name) => `gantry ${name}`).join(', ')}`);
  }
}

function scramCommand(values: Values): CredentialCommand {
  const { dialect, salt } = values;
  if (dialect !== 'wamp-scram' && dialect !== 'scram')
    throw new UsageError(
      'name the dialect: --dialect wamp-scram, or --dialect scram for autobahn-python and Crossbar.io',
    );
  const kdf = values.kdf ?? (dialect === 'scram' ? 'argon2id' : 'pbkdf2');
  if (kdf !== 'pbkdf2' && kdf !== 'argon2id') throw new UsageError('--kdf wants pbkdf2 or argon2id');
  if (dialect === 'scram' && kdf === 'pbkdf2') throw new UsageError('clients of the dialect scram know argon2id only');
  if (kdf === 'pbkdf2' && values['memory-kib'] !== undefined) throw new UsageError('--memory-kib belongs to argon2id');
  if (salt !== undefined && !/^([0-9a-fA-F]{2}){8,64}$/.test(salt))
    throw new UsageError('--salt of scram-keys wants 8 to 64 bytes as hexadecimal digits');
  const common = { kind: 'scram-keys', dialect, kdf, salt } as const;
  const iterations = (usual: number): number => number(values, 'iterations', usual, 1, 10_000_000);
  if (kdf === 'pbkdf2') return { ...common, iterations: iterations(PBKDF2_ITERATIONS), memoryKiB: undefined };
  const memoryKiB = number(values, 'memory-kib', ARGON2_MEMORY_KIB, 8, 2_097_152);
  return { ...common, iterations: iterations(ARGON2_ITERATIONS), memoryKiB };
}

function number(values: Values, option: Option, usual: number, least: number, most: number): number {
  const text = values[option];
  if (text === undefined) return usual;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`--${option} wants a whole number from ${least} to ${most}`);
}
