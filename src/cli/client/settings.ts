import { readText, reasonOf } from '../../config/file.js';
import { withoutLineEnd } from '../../config/secrets.js';
import { addressFlaw, isRaw } from '../../client/address.js';
import type { JoinOptions } from '../../client/joining.js';
import type { LoginMethod } from '../../client/login/login.js';
import { craLogin, cryptosignLogin, plainLogin, ticketLogin } from '../../client/login/logins.js';
import { scramLogin } from '../../client/login/scram.js';
import { SERIALIZER_IDS } from '../../wamp/payload.js';
import { version } from '../../node/version.js';
import { UsageError } from '../usage-error.js';
import { ClientError } from './client-error.js';
import type { ClientContext } from './context.js';
import type { CommandFlag, Words } from './flags.js';
import { readProfile } from './profiles.js';

const METHODS = [
  'anonymous',
  'ticket',
  'jwt',
  'wampcra',
  'wamp-scram',
  'scram',
  'cryptosign',
  'cookie',
  'tls',
] as const;

export const CONNECTION_FLAGS: readonly CommandFlag[] = [
  { name: 'url', value: 'URL', help: 'ws, wss, rs, rss, rs+unix, http or https address (ws://127.0.0.1:8080/ws)' },
  { name: 'realm', value: 'NAME', help: 'realm to join (realm1)' },
  { name: 'serializer', value: 'NAME', help: 'json, msgpack or cbor (json)', choices: SERIALIZER_IDS },
  { name: 'authmethod', value: 'NAME', help: `one of ${METHODS.join(', ')}`, choices: METHODS },
  { name: 'authid', value: 'NAME', help: 'the name to log in with' },
  { name: 'ticket', value: 'TEXT', help: 'ticket, or token of the method jwt' },
  { name: 'ticket-file', value: 'FILE', help: 'the same, in a file', isFile: true },
  { name: 'secret', value: 'TEXT', help: 'password of wampcra, wamp-scram and scram' },
  { name: 'secret-file', value: 'FILE', help: 'the same, in a file', isFile: true },
  { name: 'private-key', value: 'HEX', help: 'private key of cryptosign, 64 hexadecimal digits' },
  { name: 'private-key-file', value: 'FILE', help: 'the same, in a file (gantry keygen --out FILE)', isFile: true },
  { name: 'cookie', value: 'TEXT', help: 'header Cookie of the connection' },
  { name: 'cookie-file', value: 'FILE', help: 'the same, in a file', isFile: true },
  { name: 'ca-file', value: 'FILE', help: 'certificate authorities of the router (PEM)', isFile: true },
  { name: 'cert-file', value: 'FILE', help: 'client certificate (PEM)', isFile: true },
  { name: 'key-file', value: 'FILE', help: 'its private key (PEM)', isFile: true },
  { name: 'profile', value: 'NAME', help: 'a profile, which has these settings by name' },
  { name: 'profiles-file', value: 'FILE', help: 'file of profiles (~/.config/gantry/profiles.yaml)', isFile: true },
  { name: 'connect-timeout', value: 'SECONDS', help: 'time until there is a session (10)' },
];

/** Options that a profile does not set. */
const UNPROFILED = ['profile', 'profiles-file', 'connect-timeout'];

const MAX_SECRET_BYTES = 65_536;
const MAX_CONNECT_S = 3_600;

/** Where the settings of a connection come from: options, then variables, then a profile. */
type Layer = (name: string) => string | undefined;

/** The address, the realm and the login. Errors: UsageError, ClientError, LoginError. */
export function joinOptions(words: Words, context: ClientContext): JoinOptions {
  const sources = layersOf(words, context);
  const url = setting(sources, 'url') ?? 'ws://127.0.0.1:8080/ws';
  const flaw = addressFlaw(url);
  if (flaw !== undefined) throw new UsageError(flaw);
  const serializer = SERIALIZER_IDS.find((id) => id === (setting(sources, 'serializer') ?? 'json'));
  if (serializer === undefined) throw new UsageError('--serializer wants json, msgpack or cbor');
  const cookie = secretOf(sources, 'cookie');
  if (cookie !== undefined && isRaw(url))
    throw new UsageError('RawSocket has no cookies: use a ws://, wss://, http:// or https:// address');
  const [ca, cert, key] = (['ca-file', 'cert-file', 'key-file'] as const).map((name) => {
    const path = setting(sources, name);
    return path === undefined ? undefined : contentOf(path);
  });
  if ((cert === undefined) !== (key === undefined)) throw new UsageError('--cert-file and --key-file belong together');
  return {
    url,
    realm: setting(sources, 'realm') ?? 'realm1',
    serializers: [serializer],
    login: loginOf(sources),
    agent: `gantry-cli/${version()}`,
    timeoutMs: words.number('connect-timeout', 10, 0.1, MAX_CONNECT_S) * 1_000,
    signal: context.interrupted,
    ...(cookie !== undefined && { headers: { cookie } }),
    tls: {
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    },
  };
}

function loginOf(sources: readonly Layer[]): LoginMethod {
  const authid = setting(sources, 'authid');
  const [ticket, secret, key] = (['ticket', 'secret', 'private-key'] as const).map((name) => secretOf(sources, name));
  const given = [ticket, secret, key].filter((one) => one !== undefined).length;
  const named = setting(sources, 'authmethod');
  if (named === undefined && given > 1)
    throw new UsageError('there are several credentials: choose one with --authmethod');
  const usual =
    ticket !== undefined ? 'ticket' : secret !== undefined ? 'wampcra' : key !== undefined ? 'cryptosign' : 'anonymous';
  const method = METHODS.find((one) => one === (named ?? usual));
  switch (method) {
    case undefined:
      throw new UsageError(`--authmethod wants one of ${METHODS.join(', ')}`);
    case 'anonymous':
    case 'cookie':
    case 'tls':
      return plainLogin(method, authid);
    case 'ticket':
    case 'jwt':
      return ticketLogin(method, authid, wanted(method, 'ticket', ticket));
    case 'wampcra':
      return craLogin(wanted(method, 'authid', authid), wanted(method, 'secret', secret));
    case 'wamp-scram':
    case 'scram':
      return scramLogin(method, wanted(method, 'authid', authid), wanted(method, 'secret', secret));
    case 'cryptosign':
      return cryptosignLogin(authid, wanted(method, 'private-key', key).trim());
  }
}

function wanted(method: string, name: string, value: string | undefined): string {
  if (value !== undefined) return value;
  throw new UsageError(`the method ${method} wants --${name}, or ${variableOf(name)}`);
}

/** An empty variable counts as unset. */
function layersOf(words: Words, { environment, printError }: ClientContext): readonly Layer[] {
  const option: Layer = (name) => words.text(name);
  const variable: Layer = (name) => environment[variableOf(name)] || undefined;
  const profile = readProfile({
    name: setting([option, variable], 'profile'),
    file: setting([option, variable], 'profiles-file'),
    known: CONNECTION_FLAGS.map(({ name }) => name).filter((name) => !UNPROFILED.includes(name)),
    environment,
    warn: printError,
  });
  return [option, variable, (name) => profile.get(name)];
}

function setting(layers: readonly Layer[], name: string): string | undefined {
  for (const layer of layers) {
    const text = layer(name);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** The first layer with the secret or its file decides. */
function secretOf(layers: readonly Layer[], name: string): string | undefined {
  const file = `${name}-file`;
  for (const layer of layers) {
    const [text, path] = [layer(name), layer(file)];
    if (text !== undefined && path !== undefined)
      throw new UsageError(`${name} and ${file} are both there: choose one of them`);
    if (text !== undefined) return text;
    if (path !== undefined) return withoutLineEnd(contentOf(path));
  }
  return undefined;
}

function contentOf(path: string): string {
  try {
    return readText(path, MAX_SECRET_BYTES);
  } catch (error) {
    throw new ClientError(`${path} cannot be read: ${reasonOf(error)}`);
  }
}

function variableOf(name: string): string {
  return `GANTRY_CLIENT_${name.toUpperCase().replaceAll('-', '_')}`;
}
