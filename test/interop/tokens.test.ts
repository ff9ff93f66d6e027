import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gantry, GantryProcess } from '../support/gantry-process.js';
import { root } from '../support/root.js';
import { autobahnConnection, joinAutobahn, lastClosing } from './clients/autobahn-client.js';
import { joinWampy } from './clients/wampy-client.js';

const run = promisify(execFile);
const REALM = 'com.example.app';
const DENIED = 'wamp.error.authentication_denied';
const SECRET = 'a secret of more than thirty-two characters';
const provider = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const folder = mkdtempSync(join(tmpdir(), 'gantry-tokens-'));
const file = join(folder, 'gantry.json');
let router: GantryProcess;
let url: string;
let publisher: Server;
let isPublished = false;

const jwk = { ...provider.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' };

beforeAll(async () => {
  publisher = createServer((_, response) => {
    response.writeHead(isPublished ? 200 : 503).end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((done) => publisher.listen(0, '127.0.0.1', done));
  const { port } = publisher.address() as AddressInfo;
  writeFileSync(join(folder, 'secret'), `${SECRET}\n`);
  const permissions = [{ uri: 'gantry.session.renew', allow: { call: true } }];
  const config = {
    realms: [
      {
        name: REALM,
        anonymousRole: null,
        roles: [{ name: 'user', permissions }, { name: 'admin' }],
        auth: {
          jwt: [
            { keys: [{ algorithm: 'HS256', secretFile: 'secret' }], claims: { authextra: ['email'] } },
            {
              jwksUrl: `http://127.0.0.1:${port}/`,
              algorithms: ['ES256'],
              audience: REALM,
              claims: { role: 'access.roles' },
            },
          ],
        },
      },
    ],
    ops: { enabled: false },
    demo: { enabled: false },
  };
  writeFileSync(file, JSON.stringify(config));
  router = new GantryProcess(['start', '--config', file, '--port', '0']);
  url = await router.ready();
});

afterAll(async () => {
  router.signal('SIGTERM');
  await router.exit;
  await new Promise((done) => publisher.close(done));
  rmSync(folder, { recursive: true });
});

interface Claims {
  readonly sub?: string;
  readonly role?: string;
  readonly lifeS?: number;
}

function token({ sub = 'joe', role = 'user', lifeS = 60 }: Claims = {}): Promise<string> {
  const claims = new SignJWT({ sub, role, email: 'joe@example.com' }).setProtectedHeader({ alg: 'HS256' });
  return claims.setExpirationTime(Math.floor(Date.now() / 1_000) + lifeS).sign(Buffer.from(SECRET));
}

const withToken = (text: string) => ({
  realm: REALM,
  authmethods: ['jwt'],
  authid: 'anybody',
  onchallenge: () => text,
});

describe('a token', () => {
  it('lets autobahn-js join as the principal that it names (AUT-2)', async () => {
    const connection = autobahnConnection(url, 'json', withToken(await token()));
    const welcome = await new Promise<Record<string, unknown>>((resolve, reject) => {
      connection.onopen = (_session, details) => resolve(details);
      connection.onclose = (_how, { reason }) => (reject(new Error(String(reason))), true);
      connection.open();
    });
    expect(welcome).toMatchObject({
      authid: 'joe',
      authrole: 'user',
      authmethod: 'jwt',
      authprovider: 'jwt',
      authextra: { email: 'joe@example.com' },
    });
    connection.close();
  });

  it.each(['json', 'msgpack', 'cbor'] as const)('lets wampy join over %s', async (serializer) => {
    const text = await token();
    const client = await joinWampy(url, serializer, {
      realm: REALM,
      authid: 'anybody',
      authmethods: ['jwt'],
      onChallenge: () => text,
    });
    await client.leave();
  });

  it('may be sent as a ticket, which every library knows, with and without an authid', async () => {
    const text = await token();
    const client = await joinWampy(url, 'json', {
      realm: REALM,
      authid: 'anybody',
      authmethods: ['ticket'],
      onChallenge: () => text,
    });
    await client.leave();
    const withoutAuthid = { realm: REALM, authmethods: ['ticket'], onchallenge: () => text };
    await (await joinAutobahn(url, 'json', withoutAuthid)).leave();
    const wrong = { ...withoutAuthid, onchallenge: () => 'open sesame' };
    await expect(joinAutobahn(url, 'json', wrong)).rejects.toMatchObject({ uri: DENIED });
  });

  it('that is expired, of no role of the realm, or no token at all is refused alike (AUT-4)', async () => {
    const messages = new Set<unknown>();
    for (const text of [
      await token({ lifeS: -60 }),
      await token({ role: 'root' }),
      'open sesame',
      '',
      `${await token()}x`,
    ]) {
      const refusal: unknown = await joinAutobahn(url, 'json', withToken(text)).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ uri: DENIED });
      messages.add(JSON.stringify(refusal));
    }
    expect(messages.size).toBe(1);
  });

  it('is not refused while the keys of its issuer cannot be read: the client may try again', async () => {
    const claims = { sub: 'ann', access: { roles: ['unknown', 'admin'] }, aud: REALM };
    const made = new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'one' });
    const text = await made.setExpirationTime('1 minute').sign(provider.privateKey);
    const refused = joinAutobahn(url, 'json', { ...withToken(text), max_retries: 0 });
    await expect(refused).rejects.toThrow();
    expect(lastClosing(url)).toContain('1013');
    isPublished = true;
    // The router asks for the keys at most once in ten seconds.
    await expect
      .poll(
        () =>
          joinAutobahn(url, 'json', { ...withToken(text), max_retries: 0 }).then(
            (client) => client.leave().then(() => true),
            () => false,
          ),
        { timeout: 30_000, interval: 1_000 },
      )
      .toBe(true);
  });
});

describe('a session', () => {
  /** Joins with the token; resolves with the reason for which the session has ended. */
  function ended(text: string): Promise<[reason: unknown, hadJoined: boolean]> {
    const connection = autobahnConnection(url, 'json', withToken(text));
    return new Promise((resolve) => {
      let hadJoined = false;
      connection.onopen = () => (hadJoined = true);
      connection.onclose = (_how, details) => (resolve([details.reason, hadJoined]), true);
      connection.open();
    });
  }
  const EXPIRED = ['wamp.close.expired', true];

  it('ends when its token expires', async () => {
    expect(await ended(await token({ lifeS: 0 }))).toEqual(EXPIRED);
  });

  it('stays when the client renews its token in time, and for no other principal', async () => {
    const text = await token({ lifeS: 5 });
    const client = await joinAutobahn(url, 'json', withToken(text));
    const other = ended(text);
    const renew = async (text: unknown): Promise<unknown> =>
      (await client.call('gantry.session.renew', { args: [text] }).result).args;
    for (const wrong of [await token({ sub: 'ann' }), await token({ role: 'admin' }), 'x'])
      await expect(renew(wrong)).rejects.toMatchObject({ uri: 'wamp.error.not_authorized' });
    await expect(renew(7)).rejects.toMatchObject({ uri: 'wamp.error.invalid_argument' });
    await renew(await token());
    // Joined later, and with a token that was not renewed.
    expect(await other).toEqual(EXPIRED);
    await renew(await token());
    await client.leave();
  });
});

it('shows no secret in the effective configuration', async () => {
  const { stdout } = await gantry(['config', '--config', file]);
  expect(stdout).toContain('HS256');
  expect(stdout).not.toContain(SECRET);
});

it('is what docs/tokens.md shows', async () => {
  const page = readFileSync(join(root, 'docs/tokens.md'), 'utf8');
  const block = (language: string): string =>
    new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'ms').exec(page)?.[1] ?? '';
  const documented = join(folder, 'documented.yaml');
  writeFileSync(documented, block('yaml'));
  const shown = new GantryProcess(['start', '--config', documented, '--port', '0', '--ops-port', '0']);
  try {
    const address = await shown.ready();
    const claims = { sub: 'joe', roles: ['staff', 'editor'], iss: 'https://login.example.com', aud: REALM };
    const signed = new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('1 minute');
    const TOKEN = await signed.sign(Buffer.from(SECRET));
    // Node.js 20 has no WebSocket of its own.
    const prelude = "import WebSocket from 'ws';\nglobalThis.WebSocket ??= WebSocket;\n";
    const program = prelude + block('js').replace('ws://127.0.0.1:8080/ws', address);
    const argv = ['--input-type=module', '--eval', program];
    const { stdout } = await run(process.execPath, argv, { cwd: root, env: { ...process.env, TOKEN } });
    expect(stdout).toContain('joined as joe, editor');
  } finally {
    shown.signal('SIGTERM');
    await shown.exit;
  }
});
