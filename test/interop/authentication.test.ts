import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import autobahn from 'autobahn';
import * as craOfWampy from 'wampy/wampcra.js';
import * as cryptosignOfWampy from 'wampy/cryptosign.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gantry, GantryProcess } from '../support/gantry-process.js';
import { findPython } from '../support/python.js';
import { root } from '../support/root.js';
import { autobahnConnection, joinAutobahn } from './clients/autobahn-client.js';
import { joinWampy, wampy, type WampyOptions } from './clients/wampy-client.js';

const run = promisify(execFile);
const PYTHON = findPython();
/** Programs of the page by method, and their output. */
const PYTHON_PROGRAMS = [
  ['ticket', 'joined as worker, backend'],
  ['wampcra', 'joined as joe, user'],
  ['cryptosign', 'joined as device7, backend'],
] as const;

const REALM = 'com.example.app';
const DENIED = 'wamp.error.authentication_denied';
const SEED = '4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510';
const PASSWORD = 'secret123';
const SCRAM_SALT = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const SCRAM_ITERATIONS = 4_096;

/** Seeds of two Ed25519 keys, with the public key behind each: what libraries call a secret key. */
const SECRET_KEY = `${SEED}1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d`;
const OTHER_SECRET_KEY =
  'd511fe78e23934b3dadb52fcd022974b80bd92bccc7c5cf404e46cc0a8a2f5cd' +
  '6ed32739ff04a6074044ff0b0e3bfc7c856bc9d5f1d25efc57363bda0af3a8b0';
const pubkey = SECRET_KEY.slice(64);

const CONFIG = {
  realms: [
    {
      name: REALM,
      anonymousRole: null,
      roles: [
        { name: 'user', permissions: [{ uri: '', match: 'prefix', allow: { call: true, register: true } }] },
        { name: 'backend', permissions: [{ uri: '', match: 'prefix', allow: { call: true, register: true } }] },
      ],
      auth: {
        ticket: {
          principals: {
            plain: { ticket: PASSWORD, role: 'user' },
            hashed: { ticketSha256: createHash('sha256').update(PASSWORD).digest('hex'), role: 'backend' },
          },
        },
        wampcra: {
          users: {
            plain: { secret: PASSWORD, role: 'user' },
            salted: { secret: PASSWORD, salt: 'salt123', iterations: 100, keylen: 16, role: 'user' },
            derived: {
              derivedKey: 'Eu7CQLfR+/Ffb+275A4s9/6H/RGKYxM4s6IMrsNKzC8=',
              salt: 'salt123',
              iterations: 1_000,
              keylen: 32,
              role: 'backend',
            },
          },
        },
        wampScram: {
          principals: {
            'kim=,kim': {
              kdf: 'pbkdf2',
              iterations: SCRAM_ITERATIONS,
              salt: SCRAM_SALT.toString('hex'),
              storedKey: '067d67f2156c4fc8493f89deb769787ad14b4c90d3ac71686c9036996e279b1a',
              serverKey: '9aa8460a1fceae068297a71e2cf04edbee1234c54dbd56af7ae87cde3dce2d9c',
              role: 'user',
            },
          },
        },
        cryptosign: { principals: { device7: { authorizedKeys: [pubkey.toUpperCase()], role: 'user' } } },
      },
    },
  ],
  ops: { enabled: false },
  demo: { enabled: false },
};

const folder = mkdtempSync(join(tmpdir(), 'gantry-auth-'));
const file = join(folder, 'gantry.json');
let router: GantryProcess;
let url: string;

beforeAll(async () => {
  writeFileSync(file, JSON.stringify(CONFIG));
  router = new GantryProcess(['start', '--config', file, '--port', '0']);
  url = await router.ready();
});

afterAll(async () => {
  router.signal('SIGTERM');
  await router.exit;
  rmSync(folder, { recursive: true });
});

interface Login {
  readonly authid?: string;
  readonly authextra?: object;
  readonly answer: (extra: Record<string, unknown>) => unknown;
}

interface CraExtra {
  readonly challenge: string;
  readonly salt?: string;
  readonly iterations: number;
  readonly keylen: number;
}

/** How an application logs in with each method. */
function logins(password: string): readonly (readonly [method: string, authid: string, role: string, login: Login])[] {
  const cra = (extra: Record<string, unknown>): string => {
    const { challenge, salt, iterations, keylen } = extra as unknown as CraExtra;
    const key = salt === undefined ? password : autobahn.auth_cra.derive_key(password, salt, iterations, keylen);
    return autobahn.auth_cra.sign(key, challenge);
  };
  const ticket = (): string => password;
  return [
    ['ticket', 'plain', 'user', { authid: 'plain', answer: ticket }],
    ['ticket', 'hashed', 'backend', { authid: 'hashed', answer: ticket }],
    ['wampcra', 'plain', 'user', { authid: 'plain', answer: cra }],
    ['wampcra', 'salted', 'user', { authid: 'salted', answer: cra }],
    ['wampcra', 'derived', 'backend', { authid: 'derived', answer: cra }],
    ['wamp-scram', 'kim=,kim', 'user', scramLogin('kim=,kim', password)],
    ['cryptosign', 'device7', 'user', cryptosignLogin('device7', password)],
    ['cryptosign', 'device7', 'user', cryptosignLogin(undefined, password)],
  ];
}

function cryptosignLogin(authid: string | undefined, password: string): Login {
  const secretKey = Buffer.from(password === PASSWORD ? SECRET_KEY : OTHER_SECRET_KEY, 'hex');
  return {
    ...(authid === undefined ? undefined : { authid }),
    authextra: { pubkey, channel_binding: null },
    answer: (extra) => autobahn.auth_cryptosign.sign_challenge({ secretKey }, extra),
  };
}

function scramLogin(authid: string, password: string): Login {
  const nonce = randomBytes(16).toString('base64');
  const hmac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  return {
    authid,
    authextra: { nonce, channel_binding: null },
    answer: (extra) => {
      const { nonce: full, salt, iterations } = extra as { nonce: string; salt: string; iterations: number };
      const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), iterations, 32, 'sha256');
      const name = authid.replaceAll('=', '=3D').replaceAll(',', '=2C');
      const message = `n=${name},r=${nonce},r=${full},s=${salt},i=${iterations},c=biws,r=${full}`;
      const clientKey = hmac(salted, 'Client Key');
      const signature = hmac(createHash('sha256').update(clientKey).digest(), message);
      const proof = clientKey.map((byte, index) => byte ^ signature[index]!);
      return [Buffer.from(proof).toString('base64'), { nonce: full, channel_binding: null, cbind_data: null }];
    },
  };
}

function withAutobahn(method: string, { authid, authextra, answer }: Login): object {
  return {
    realm: REALM,
    authmethods: [method],
    authid,
    authextra,
    onchallenge: (_session: unknown, _method: string, extra: Record<string, unknown>) => answer(extra),
  };
}

describe('autobahn-js', () => {
  it.each(logins(PASSWORD))('joins by %s as %s', async (method, authid, authrole, login) => {
    const connection = autobahnConnection(url, 'json', withAutobahn(method, login));
    const welcome = await new Promise<Record<string, unknown>>((resolve, reject) => {
      connection.onopen = (_session, details) => resolve(details);
      connection.onclose = (_how, { reason }) => (reject(new Error(String(reason))), true);
      connection.open();
    });
    expect(welcome).toMatchObject({ authid, authrole, authmethod: method, authprovider: 'static', realm: REALM });
    connection.close();
  });

  it.each(logins('secret124'))(
    'is refused by %s as %s with the wrong secret (AUT-4)',
    async (method, _id, _role, login) => {
      await expect(joinAutobahn(url, 'json', withAutobahn(method, login))).rejects.toMatchObject({ uri: DENIED });
    },
  );

  it('is refused as somebody who does not exist in the same words (AUT-4)', async () => {
    for (const [method, , , login] of logins(PASSWORD).filter(([name]) => name !== 'cryptosign')) {
      const unknown = withAutobahn(method, { ...login, authid: 'nobody' });
      await expect(joinAutobahn(url, 'json', unknown)).rejects.toMatchObject({ uri: DENIED });
    }
  });

  it('learns which methods there are when it offers none of them (AUT-1)', async () => {
    await expect(joinAutobahn(url, 'json', { realm: REALM })).rejects.toMatchObject({
      uri: 'wamp.error.authentication_required',
    });
    const others = { realm: REALM, authmethods: ['kerberos', 'tls'], authid: 'plain' };
    await expect(joinAutobahn(url, 'json', others)).rejects.toMatchObject({
      uri: 'wamp.error.no_matching_auth_method',
    });
  });

  it('has the first of its methods that the realm has, whatever else it offers (AUT-1)', async () => {
    const options = withAutobahn('ticket', { authid: 'plain', answer: () => PASSWORD });
    const client = await joinAutobahn(url, 'json', { ...options, authmethods: ['kerberos', 'ticket', 'wampcra'] });
    await client.leave();
  });
});

describe('wampy', () => {
  const plugins = (password: string) => ({
    ticket: () => password,
    wampcra: craOfWampy.sign(password),
    cryptosign: cryptosignOfWampy.sign(password === PASSWORD ? SECRET_KEY : OTHER_SECRET_KEY),
  });
  const users = [
    ['ticket', 'plain'],
    ['ticket', 'hashed'],
    ['wampcra', 'plain'],
    ['wampcra', 'salted'],
    ['wampcra', 'derived'],
    ['cryptosign', 'device7'],
  ] as const;
  const options = (method: string, authid: string, password: string): WampyOptions => ({
    realm: REALM,
    authid,
    authmethods: [method],
    authextra: { pubkey },
    authMode: 'auto',
    authPlugins: plugins(password) as unknown as NonNullable<WampyOptions['authPlugins']>,
  });

  it.each(users)('joins by %s as %s, over every serializer', async (method, authid) => {
    for (const serializer of ['json', 'msgpack', 'cbor'] as const) {
      const client = await joinWampy(url, serializer, options(method, authid, PASSWORD));
      await client.leave();
    }
  });

  it.each(users)('is refused by %s as %s with the wrong secret (AUT-4)', async (method, authid) => {
    const refused = joinWampy(url, 'json', options(method, authid, 'secret124'));
    await expect(refused).rejects.toMatchObject({ uri: DENIED });
  });

  it('does what its role may do', async () => {
    const client = wampy(url, 'json', options('ticket', 'plain', PASSWORD));
    await client.connect();
    await client.register('com.example.add', ({ argsList }) => ({ argsList: [Number(argsList?.[0]) + 1] }));
    expect((await client.call('com.example.add', [1])).argsList).toEqual([2]);
    await expect(client.subscribe('com.example.news', () => undefined)).rejects.toMatchObject({
      errorUri: 'wamp.error.not_authorized',
    });
    await client.disconnect();
  });
});

it('shows no secret in the effective configuration', async () => {
  const { stdout } = await gantry(['config', '--config', file]);
  expect(stdout).toContain('device7');
  for (const secret of [PASSWORD, 'Eu7CQLfR', '067d67f2', '9aa8460a']) expect(stdout).not.toContain(secret);
});

describe('what docs/authentication.md shows', () => {
  const page = readFileSync(join(root, 'docs/authentication.md'), 'utf8');
  const blocks = (language: string): string[] =>
    [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text = '']) => text);
  const programs = blocks('js').filter((text) => text.includes('autobahn'));
  let documented: GantryProcess;
  let address: string;

  beforeAll(async () => {
    const [yaml = ''] = blocks('yaml');
    writeFileSync(join(folder, 'documented.yaml'), yaml);
    documented = new GantryProcess([
      'start',
      '--config',
      join(folder, 'documented.yaml'),
      '--port',
      '0',
      '--ops-port',
      '0',
    ]);
    address = await documented.ready();
  });

  afterAll(async () => {
    documented.signal('SIGTERM');
    await documented.exit;
  });

  it('is three programs that join', async () => {
    expect(programs).toHaveLength(3);
    const expected = ['joined as worker, backend', 'joined as joe, user', 'joined as device7, backend'];
    for (const [index, program] of programs.entries()) {
      // Node.js 20 has no WebSocket of its own.
      const prelude = "import WebSocket from 'ws';\nglobalThis.WebSocket ??= WebSocket;\n";
      const text = prelude + program.replace('ws://127.0.0.1:8080/ws', address);
      const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', text], { cwd: root });
      expect(stdout).toContain(expected[index]);
    }
  });

  it.each(PYTHON === undefined ? [] : PYTHON_PROGRAMS)(
    'is a program in Python that joins: %s',
    async (name, greeting) => {
      const text = blocks('python').find((one) => one.includes(`"${name}":`)) ?? '';
      const { stdout } = await run(PYTHON ?? '', ['-c', text.replace('ws://127.0.0.1:8080/ws', address)]);
      expect(stdout).toContain(greeting);
    },
  );

  it('is a program that makes keys', async () => {
    const [program = ''] = blocks('js').filter((text) => !text.includes('autobahn'));
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program]);
    expect(stdout).toMatch(/^salt: [0-9a-f]{32}\nstoredKey: [0-9a-f]{64}\nserverKey: [0-9a-f]{64}\n$/);
  });
});
