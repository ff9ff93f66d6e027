import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scramKeys } from '../../src/cli/credentials/scram-keys.js';
import { CREDENTIALS } from '../support/auth-clients.js';
import { freePort } from '../support/free-port.js';
import { gantry, GantryProcess, type Exit } from '../support/gantry-process.js';
import { AppError, type AppClient, type AppInvocation, type Payload } from './clients/app-client.js';
import { joinAutobahn } from './clients/autobahn-client.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-call-'));
let router: GantryProcess;
let url: string;
let callee: AppClient;
let canceled = 0;

/** Answers after the caller has canceled, or never. */
function wait(): Promise<Partial<Payload>> {
  canceled++;
  return new Promise(() => undefined);
}

beforeAll(async () => {
  router = new GantryProcess(['start', '--port', '0', '--ops-port', '0', '--log-level', 'warn']);
  url = await router.ready();
  callee = await joinAutobahn(url, 'msgpack');
  await callee.register('com.example.echo', ({ args, kwargs }: AppInvocation) => ({ args, kwargs }));
  await callee.register('com.example.add', ({ args }) => ({
    args: [(args as number[]).reduce((sum, one) => sum + one)],
  }));
  await callee.register('com.example.steps', ({ progress }) => {
    for (const step of [1, 2]) progress({ args: [step] });
    return { args: ['done'] };
  });
  await callee.register('com.example.refuse', () => {
    throw new AppError('com.example.error.no', ['because'], { code: 7 });
  });
  await callee.register('com.example.wait', wait);
});

afterAll(async () => {
  await callee.leave();
  router.signal('SIGKILL');
  await router.exit;
  rmSync(folder, { recursive: true });
});

const call = (...words: string[]): Promise<Exit> => gantry(['call', '--url', url, ...words]);

async function result(...words: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await call(...words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^[^\n]+\n$/);
  return JSON.parse(stdout);
}

describe('gantry call', () => {
  it.each(['json', 'msgpack', 'cbor'])('prints the result as one line of JSON, by %s', async (serializer) => {
    const words = [
      '--serializer',
      serializer,
      '-k',
      'when=soon',
      '--kwarg',
      'n={"a":[1.5,null]}',
      'text',
      '-3',
      'true',
    ];
    expect(await result('com.example.echo', ...words)).toEqual({
      args: ['text', -3, true],
      kwargs: { when: 'soon', n: { a: [1.5, null] } },
    });
    expect(await result('com.example.add', '--serializer', serializer, '2', '3')).toEqual({ args: [5], kwargs: {} });
  });

  it('prints the first argument alone with --first', async () => {
    const words = ['call', '--first', 'com.example.echo', '"5"'];
    expect(await gantry(words, { GANTRY_CLIENT_URL: url })).toMatchObject({ code: 0, stdout: '5\n' });
    expect(await call('--first', 'com.example.echo', '[1,2]')).toMatchObject({ code: 0, stdout: '[1,2]\n' });
    expect(await call('--first', 'com.example.echo')).toMatchObject({ code: 0, stdout: 'null\n' });
  });

  it('refuses numbers that are too large to be sent', async () => {
    const { code, stderr } = await call('com.example.echo', '1e999');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^gantry: an argument begins like JSON and is none/);
  });

  it('reads an argument from standard input', async () => {
    const command = new GantryProcess(['call', '--url', url, 'com.example.echo', '1', '-']);
    command.child.stdin.end('{"from": "stdin"}\n');
    expect(await command.exit).toMatchObject({ code: 0, stdout: '{"args":[1,{"from":"stdin"}],"kwargs":{}}\n' });
  });

  it('prints progressive results', async () => {
    const { code, stdout } = await call('--progress', 'com.example.steps');
    expect(code).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { args: [1], kwargs: {}, progress: true },
      { args: [2], kwargs: {}, progress: true },
      { args: ['done'], kwargs: {} },
    ]);
    expect(await call('com.example.steps')).toMatchObject({ code: 0, stdout: '{"args":["done"],"kwargs":{}}\n' });
  });

  it('exits with 1 for a WAMP error, its URI first on standard error', async () => {
    expect(await call('com.example.refuse')).toEqual({
      code: 1,
      signal: null,
      stdout: '',
      stderr: 'com.example.error.no ["because"] {"code":7}\n',
    });
    const { code, stderr } = await call('com.example.absent');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^wamp\.error\.no_such_procedure/);
  });

  it('exits with 3 when there is no session', async () => {
    const refused = await gantry(['call', '--url', `ws://127.0.0.1:${await freePort()}/ws`, 'com.example.add']);
    expect(refused).toMatchObject({ code: 3, stdout: '' });
    expect(refused.stderr).toMatch(/^gantry: cannot connect to ws:.*nothing accepts connections at this address\n$/);
    const noRealm = await call('--realm', 'com.example.absent', 'com.example.add');
    expect(noRealm.code).toBe(3);
    expect(noRealm.stderr).toContain('wamp.error.no_such_realm');
  });

  it('names the path, or the refusal, when the server answers no WebSocket', async () => {
    const wrong = await gantry(['call', '--url', url.replace(/ws$/, 'wrong'), 'com.example.add']);
    expect(wrong).toMatchObject({ code: 3, stdout: '' });
    expect(wrong.stderr).toMatch(/no WebSocket at this path \(HTTP 404\): the path of a Gantry node is \/ws/);
    const noPath = await gantry(['call', '--url', url.replace(/ws$/, ''), 'com.example.add']);
    expect(noPath.stderr).toContain('no WebSocket at this path (HTTP 200)');
    const full = createServer((_, response) => response.writeHead(503).end()).listen(0, '127.0.0.1');
    await once(full, 'listening');
    const { port } = full.address() as AddressInfo;
    const refused = await gantry(['call', '--url', `ws://127.0.0.1:${port}/ws`, 'com.example.add']);
    full.close();
    expect(refused).toMatchObject({ code: 3, stdout: '' });
    expect(refused.stderr).toMatch(/: the server accepts no clients now \(HTTP 503\): try again later\n$/);
  });

  it('cancels the call after --timeout, and on SIGINT', async () => {
    const late = await call('--timeout', '0.2', 'com.example.wait');
    expect(late).toMatchObject({ code: 1, stdout: '' });
    expect(late.stderr).toBe('wamp.error.timeout ["no result within 0.2 s"]\n');
    const before = canceled;
    const command = new GantryProcess(['call', '--url', url, 'com.example.wait']);
    while (canceled === before) await call('com.example.add', '1');
    command.signal('SIGINT');
    expect(await command.exit).toMatchObject({ code: 130, stdout: '', stderr: '' });
  });

  it('explains wrong usage in one line, and exits with 2', async () => {
    for (const [words, message] of [
      [[], 'name the procedure: gantry call PROCEDURE [ARGUMENT…]'],
      [['a', '--relm', 'x'], 'there is no option "--relm", did you mean "--realm"?'],
      [['a', '--timeout', 'soon'], '--timeout wants a number from 0 to 86400'],
      [['a', '-k', 'b'], '--kwarg wants key=value'],
      [
        ['a', '--url', 'ftp://x'],
        'the address of the router is no URL such as ws://127.0.0.1:8080/ws, rs://127.0.0.1:8081, rs+unix:/path or http://127.0.0.1:8080/lp',
      ],
      [['a', '--url', 'http://x'], 'the address of HTTP long-poll wants its path: http://127.0.0.1:8080/lp'],
      [['a', '--authmethod', 'ticket'], 'the method ticket wants --ticket, or GANTRY_CLIENT_TICKET'],
    ] as const) {
      expect(await gantry(['call', ...words])).toEqual({
        code: 2,
        signal: null,
        stdout: '',
        stderr: `gantry: ${message}\ntry: gantry --help\n`,
      });
    }
  });

  it('prints its help', async () => {
    const { code, stdout } = await gantry(['call', '--help']);
    expect(code).toBe(0);
    for (const word of ['usage: gantry call PROCEDURE', '--kwarg KEY=VALUE', '--realm NAME'])
      expect(stdout).toContain(word);
  });
});

describe('credentials of clients', () => {
  const SEED = '4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510';
  const KEY = '1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d';
  const SECRET = 'correct horse';
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  let guarded: GantryProcess;
  let address: string;

  beforeAll(async () => {
    const kdf = { dialect: 'scram', kdf: 'argon2id', iterations: 1, memoryKiB: 64, salt: '00'.repeat(16) } as const;
    const argon = await scramKeys({ kind: 'scram-keys', ...kdf }, SECRET, new Uint8Array(0));
    const permissions = [{ uri: '', match: 'prefix', allow: { call: true } }];
    const auth = {
      ticket: { principals: { tina: { ticket: SECRET, role: 'user' } } },
      wampcra: {
        users: {
          carl: { secret: SECRET, role: 'user' },
          salted: { secret: SECRET, role: 'user', salt: 'salt', iterations: 100, keylen: 32 },
        },
      },
      wampScram: { principals: { sam: { ...CREDENTIALS.scram, role: 'user' } } },
      scram: { principals: { 'a,b=c': { ...argon, role: 'user' } } },
      cryptosign: { principals: { kim: { authorizedKeys: [KEY], role: 'user' } } },
    };
    const realms = [{ name: 'realm1', anonymousRole: null, roles: [{ name: 'user', permissions }], auth }];
    const path = file('auth.json', JSON.stringify({ realms, ops: { enabled: false }, demo: { enabled: false } }));
    guarded = new GantryProcess(['start', '--config', path, '--port', '0', '--log-level', 'warn']);
    address = await guarded.ready();
  });
  afterAll(async () => {
    guarded.signal('SIGKILL');
    await guarded.exit;
  });

  const attempt = (words: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Exit> =>
    gantry(['call', '--url', address, 'com.example.absent', ...words], variables);

  /** The session began: the router answered the call. */
  const admitted = { code: 1, stdout: '' };

  it.each([
    ['a ticket', ['--authid', 'tina', '--ticket', SECRET]],
    ['a password for wampcra', ['--authid', 'carl', '--secret', SECRET]],
    ['a salted password', ['--authid', 'salted', '--secret', SECRET]],
    ['SCRAM', ['--authid', 'sam', '--secret', SECRET, '--authmethod', 'wamp-scram']],
    [
      'SCRAM of Crossbar.io',
      ['--authid', 'a,b=c', '--secret', SECRET, '--authmethod', 'scram', '--serializer', 'cbor'],
    ],
    ['a private key', ['--authid', 'kim', '--private-key', SEED]],
    ['a private key without authid', ['--private-key', SEED]],
  ])('logs in with %s', async (_name, words) => {
    const exit = await attempt(words);
    expect(exit).toMatchObject(admitted);
    expect(exit.stderr).toMatch(/^wamp\.error\.no_such_procedure/);
  });

  it('takes them from files and variables', async () => {
    const key = file('key', `${SEED}\n`);
    const ticket = file('ticket', `${SECRET}\n`);
    expect(await attempt(['--private-key-file', key])).toMatchObject(admitted);
    expect(await attempt([], { GANTRY_CLIENT_PRIVATE_KEY_FILE: key })).toMatchObject(admitted);
    const variables = { GANTRY_CLIENT_AUTHID: 'tina', GANTRY_CLIENT_TICKET: 'wrong' };
    expect(await attempt([], variables)).toMatchObject({ code: 3 });
    expect(await attempt(['--ticket-file', ticket], variables)).toMatchObject(admitted);
    expect(await attempt(['--ticket', SECRET], variables)).toMatchObject(admitted);
  });

  it('never prints them, and exits with 3 when the router refuses them', async () => {
    for (const words of [
      ['--authid', 'tina', '--ticket', 'rotten egg'],
      ['--authid', 'carl', '--secret', 'rotten egg'],
      ['--authid', 'sam', '--authmethod', 'wamp-scram', '--secret', 'rotten egg'],
      ['--private-key', 'ab'.repeat(32)],
    ]) {
      const { code, stdout, stderr } = await attempt(words);
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr).toContain('wamp.error.authentication_denied');
      expect(stderr).not.toMatch(/rotten egg|abab/);
    }
    const malformed = await attempt(['--private-key', 'rotten egg']);
    expect(malformed).toMatchObject({ code: 2, stderr: 'gantry: the private key is not 64 hexadecimal digits\n' });
    const missing = await attempt(['--ticket-file', join(folder, 'none')]);
    expect(missing).toMatchObject({ code: 2 });
    expect(missing.stderr).toMatch(/none cannot be read: there is no such file\n$/);
  });
});
