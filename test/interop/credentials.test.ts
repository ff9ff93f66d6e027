import { spawn } from 'node:child_process';
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import autobahn from 'autobahn';
import { argon2id } from 'hash-wasm';
import { parse } from 'yaml';
import { afterAll, describe, expect, it } from 'vitest';
import { endingWithUs } from '../support/children.js';
import { gantry, GantryProcess, type Exit } from '../support/gantry-process.js';
import { root } from '../support/root.js';
import { joinAutobahn } from './clients/autobahn-client.js';

const REALM = 'com.example.app';
const SECRET = 'pässword: #1';
const folder = mkdtempSync(join(tmpdir(), 'gantry-credentials-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a command with a secret on standard input. */
async function made(words: readonly string[], secret = `${SECRET}\n`): Promise<Exit> {
  const command = new GantryProcess(words);
  command.child.stdin.on('error', () => undefined).end(secret);
  return command.exit;
}

type Fields = Readonly<Record<string, string | number>>;

async function fields(words: readonly string[]): Promise<Fields> {
  const { code, stdout, stderr } = await made(words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).not.toContain(SECRET);
  return parse(stdout) as Fields;
}

/** A client logs in as joe with the printed fields in the configuration. */
async function login(method: string, section: object, options: object): Promise<void> {
  const file = join(folder, 'gantry.json');
  const roles = [{ name: 'user', permissions: [] }];
  const realms = [{ name: REALM, anonymousRole: null, roles, auth: section }];
  writeFileSync(file, JSON.stringify({ realms, ops: { enabled: false }, demo: { enabled: false } }));
  const router = new GantryProcess(['start', '--config', file, '--port', '0']);
  try {
    const all = { realm: REALM, authmethods: [method], authid: 'joe', ...options };
    const client = await joinAutobahn(await router.ready(), 'json', all);
    await client.leave();
  } finally {
    router.signal('SIGTERM');
    await router.exit;
  }
}

const hmac = (key: string | Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();

interface ScramExtra {
  readonly nonce: string;
  readonly salt: string;
  readonly iterations: number;
  readonly memory: number;
}

/** The base64 of ClientKey XOR ClientSignature. */
function proofOf(salted: string | Uint8Array, message: string): string {
  const clientKey = hmac(salted, 'Client Key');
  const signature = hmac(createHash('sha256').update(clientKey).digest(), message);
  return Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!)).toString('base64');
}

describe('what is printed logs a client in', () => {
  it('gantry hash-ticket', async () => {
    const printed = await fields(['hash-ticket']);
    const principals = { joe: { ...printed, role: 'user' } };
    await login('ticket', { ticket: { principals } }, { onchallenge: () => SECRET });
  });

  it.each([[[]], [['--salt', "o'salt", '--iterations', '17', '--keylen', '16']]])('gantry cra-key %j', async (more) => {
    const printed = await fields(['cra-key', ...more]);
    const users = { joe: { ...printed, role: 'user' } };
    const onchallenge = (_session: unknown, _method: string, extra: Record<string, string>): string => {
      const { auth_cra: cra } = autobahn;
      const key = cra.derive_key(SECRET, extra['salt']!, Number(extra['iterations']), Number(extra['keylen']));
      return cra.sign(key, extra['challenge']!);
    };
    await login('wampcra', { wampcra: { users } }, { onchallenge });
  });

  it.each([
    ['pbkdf2', ['--iterations', '1000']],
    ['argon2id', ['--iterations', '2', '--memory-kib', '64', '--salt', '00112233445566778899']],
  ])('gantry scram-keys --dialect wamp-scram --kdf %s', async (kdf, more) => {
    const printed = await fields(['scram-keys', '--dialect', 'wamp-scram', '--kdf', kdf, ...more]);
    expect(printed['kdf']).toBe(kdf);
    const nonce = randomBytes(16).toString('base64');
    const onchallenge = async (_session: unknown, _method: string, extra: ScramExtra): Promise<unknown> => {
      const { nonce: full, salt, iterations, memory } = extra;
      const bytes = Buffer.from(salt, 'base64');
      const salted =
        kdf === 'pbkdf2' ? pbkdf2Sync(SECRET, bytes, iterations, 32, 'sha256') : await hash(bytes, iterations, memory);
      const message = `n=joe,r=${nonce},r=${full},s=${salt},i=${iterations},c=biws,r=${full}`;
      return [proofOf(salted, message), { nonce: full, channel_binding: null, cbind_data: null }];
    };
    const principals = { joe: { ...printed, role: 'user' } };
    await login('wamp-scram', { wampScram: { principals } }, { authextra: { nonce }, onchallenge });
  });

  it('gantry scram-keys --dialect scram', async () => {
    const printed = await fields(['scram-keys', '--dialect', 'scram', '--iterations', '2', '--memory-kib', '64']);
    const nonce = randomBytes(16).toString('base64');
    const onchallenge = async (_session: unknown, _method: string, extra: ScramExtra): Promise<string> => {
      const { nonce: full, salt, iterations, memory } = extra;
      const raw = await hash(Buffer.from(salt, 'base64'), iterations, memory);
      const message = `n=joe,r=${nonce},r=${full},s=${salt},i=${iterations},c=,r=${full}`;
      return proofOf(Buffer.from(raw).toString('base64').replace(/=+$/, ''), message);
    };
    const principals = { joe: { ...printed, role: 'user' } };
    await login('scram', { scram: { principals } }, { authextra: { nonce }, onchallenge });
  });

  it('gantry keygen, with the private key in a file that nobody else can read', async () => {
    const file = join(folder, 'device.key');
    const { code, stdout } = await made(['keygen', '--out', file]);
    expect(code).toBe(0);
    const seed = readFileSync(file, 'utf8').trim();
    expect(seed).toMatch(/^[0-9a-f]{64}$/);
    expect(stdout).not.toContain(seed);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const { publicKey } = parse(stdout) as { publicKey: string };
    await loginByKey(seed, publicKey);
    const again = await made(['keygen', '--out', file]);
    expect(again).toMatchObject({ code: 1, stdout: '', stderr: `gantry: cannot write ${file}: it exists\n` });
    expect(readFileSync(file, 'utf8').trim()).toBe(seed);
  });

  it('gantry keygen, with both keys on standard output', async () => {
    const { privateKey, publicKey } = parse((await made(['keygen'])).stdout) as Record<string, string>;
    await loginByKey(privateKey!, publicKey!);
  });
});

async function hash(salt: Uint8Array, iterations: number, memorySize: number): Promise<Uint8Array> {
  return argon2id({
    password: SECRET,
    salt,
    iterations,
    memorySize,
    parallelism: 1,
    hashLength: 32,
    outputType: 'binary',
  });
}

async function loginByKey(seed: string, publicKey: string): Promise<void> {
  const secretKey = Buffer.from(seed + publicKey, 'hex');
  const onchallenge = (_session: unknown, _method: string, extra: object): unknown =>
    autobahn.auth_cryptosign.sign_challenge({ secretKey }, extra);
  const principals = { joe: { authorizedKeys: [publicKey], role: 'user' } };
  await login('cryptosign', { cryptosign: { principals } }, { authextra: { pubkey: publicKey }, onchallenge });
}

describe('the secret', () => {
  it('never comes from the command line, and no message repeats it', async () => {
    const { code, stderr } = await made(['cra-key', 'sesame']);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr:
        'gantry: gantry cra-key takes no further argument: it reads secrets from standard input\ntry: gantry --help\n',
    });
  });

  it('is asked for twice at a terminal, which does not show it', async () => {
    const command = `${process.execPath} ${join(root, 'dist/main.js')} hash-ticket`;
    const terminal = endingWithUs(spawn('script', ['-qec', command, '/dev/null'], { stdio: 'pipe' }));
    let screen = '';
    terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
      screen += text;
    });
    const shows = async (words: string): Promise<void> => {
      while (!screen.includes(words)) await once(terminal.stdout, 'data');
    };
    await shows('ticket: ');
    terminal.stdin.write('sesamX\u007fe\r');
    await shows('ticket again: ');
    terminal.stdin.write('sesame\r');
    await once(terminal, 'close');
    expect(screen).not.toContain('sesam');
    expect(screen).toContain(`ticketSha256: '${createHash('sha256').update('sesame').digest('hex')}'`);
  });

  it('must not be empty', async () => {
    expect(await made(['hash-ticket'], '\n')).toMatchObject({ code: 1, stdout: '' });
  });
});

it('the example of docs/authentication.md prints what it shows', async () => {
  const page = readFileSync(join(root, 'docs/authentication.md'), 'utf8');
  const sessions = [...page.matchAll(/^\$ printf %s '([^']*)' \| gantry (.*)\n((?:[a-zA-Z0-9]+: .*\n)+)/gm)];
  expect(sessions.map(([, , words]) => words?.split(' ')[0])).toEqual(['hash-ticket', 'cra-key', 'scram-keys']);
  for (const [, secret = '', words = '', shown = ''] of sessions)
    expect((await made(words.replaceAll("'", '').split(' '), secret)).stdout).toBe(shown);
});

it('gantry --help names every command', async () => {
  const { stdout } = await gantry(['--help']);
  for (const command of ['hash-ticket', 'cra-key', 'scram-keys', 'keygen'])
    expect(stdout).toContain(`gantry ${command}`);
});
