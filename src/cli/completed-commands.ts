import { ALL_CLIENT_COMMANDS } from './client/commands.js';
import { CONNECTION_FLAGS } from './client/settings.js';
import { SHELLS, type CompletedCommand, type CompletedOption } from './completion.js';

const option = (name: string, help: string, more: Partial<CompletedOption> = {}): CompletedOption => ({
  name,
  help,
  hasValue: true,
  isFile: false,
  choices: [],
  ...more,
});

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

const CONFIGURATION: readonly CompletedOption[] = [
  option('config', 'configuration file', { isFile: true }),
  option('host', 'address to accept clients at'),
  option('port', 'port to accept clients at'),
  option('ops-port', 'port of health and metrics'),
  option('log-level', 'least level of log lines', { choices: LEVELS }),
  option('processes', 'processes that share the port'),
  option('set', 'any setting: PATH=VALUE'),
];

const flag = (name: string, help: string): CompletedOption => option(name, help, { hasValue: false });

/** Every command with its options. */
export const COMPLETED_COMMANDS: readonly CompletedCommand[] = [
  { name: 'start', summary: 'run a router node', options: CONFIGURATION },
  { name: 'check', summary: 'check a configuration', options: CONFIGURATION },
  {
    name: 'config',
    summary: 'print the configuration in effect',
    options: [...CONFIGURATION, flag('schema', 'the JSON schema'), flag('env', 'every environment variable')],
  },
  { name: 'convert', summary: 'translate a configuration of Crossbar.io', options: [], words: ['crossbar'] },
  ...ALL_CLIENT_COMMANDS.map(({ name, summary, flags, words, isLocal }): CompletedCommand => ({
    name,
    summary,
    words: words ?? [],
    options: [...flags, ...(isLocal === true ? [] : CONNECTION_FLAGS)].map(
      ({ name: own, help, value, isFile, choices }) =>
        option(own, help, { hasValue: value !== undefined, isFile: isFile === true, choices: choices ?? [] }),
    ),
  })),
  { name: 'hash-ticket', summary: 'SHA-256 of a ticket', options: [] },
  {
    name: 'cra-key',
    summary: 'key of a WAMP-CRA user',
    options: [option('salt', 'the salt'), option('iterations', 'rounds'), option('keylen', 'bytes of the key')],
  },
  {
    name: 'scram-keys',
    summary: 'keys of a SCRAM principal',
    options: [
      option('dialect', 'kind of SCRAM', { choices: ['wamp-scram', 'scram'] }),
      option('kdf', 'function for the key', { choices: ['pbkdf2', 'argon2id'] }),
      option('salt', 'the salt, hexadecimal'),
      option('iterations', 'rounds'),
      option('memory-kib', 'memory of argon2id'),
    ],
  },
  { name: 'keygen', summary: 'a key pair for cryptosign', options: [option('out', 'private key', { isFile: true })] },
  { name: 'completion', summary: 'completion for a shell', options: [], words: SHELLS },
  { name: 'help', summary: 'print the help', options: [] },
  { name: 'version', summary: 'print the version', options: [] },
];
