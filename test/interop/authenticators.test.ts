import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import autobahn from 'autobahn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endingWithUs } from '../support/children.js';
import { GantryProcess } from '../support/gantry-process.js';
import { findPython } from '../support/python.js';
import { root } from '../support/root.js';
import { autobahnConnection, joinAutobahn } from './clients/autobahn-client.js';

const PYTHON = findPython();
const page = readFileSync(join(root, 'docs/authenticators.md'), 'utf8');
const block = (language: string): string => new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'ms').exec(page)?.[1] ?? '';

const folder = mkdtempSync(join(tmpdir(), 'gantry-authenticators-'));
let router: GantryProcess;
let url: string;

beforeAll(async () => {
  const file = join(folder, 'gantry.yaml');
  writeFileSync(file, block('yaml'));
  router = new GantryProcess(['start', '--config', file, '--port', '0', '--ops-port', '0']);
  url = await router.ready();
});

afterAll(async () => {
  router.signal('SIGTERM');
  await router.exit;
  rmSync(folder, { recursive: true });
});

/** A program of the page, with the address of this router. */
function programIn(language: 'js' | 'python'): ChildProcess {
  const text = block(language).replace('ws://127.0.0.1:8080/ws', url);
  // Node.js 20 has no WebSocket of its own.
  const prelude = "import WebSocket from 'ws';\nglobalThis.WebSocket ??= WebSocket;\n";
  const words =
    language === 'js'
      ? [process.execPath, '--input-type=module', '--eval', prelude + text]
      : [PYTHON ?? '', '-c', text];
  const [program = '', ...rest] = words;
  return endingWithUs(spawn(program, rest, { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] }));
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (data: Buffer) => {
      text += data.toString();
      if (text.includes('ready')) resolve();
    });
    child.stderr?.on('data', (data: Buffer) => (text += data.toString()));
    child.once('exit', () => reject(new Error(text)));
  });
}

const ticket = (authid: string, text: string): object => ({
  realm: 'com.example.app',
  authmethods: ['ticket'],
  authid,
  onchallenge: () => text,
});
const cra = (authid: string, password: string): object => ({
  realm: 'com.example.app',
  authmethods: ['wampcra'],
  authid,
  onchallenge: (_session: unknown, _method: string, { challenge }: { challenge: string }) =>
    autobahn.auth_cra.sign(password, challenge),
});

function welcomeOf(options: object): Promise<Record<string, unknown>> {
  const connection = autobahnConnection(url, 'json', options);
  return new Promise((resolve, reject) => {
    connection.onopen = (_session, details) => {
      resolve(details);
      connection.close();
    };
    connection.onclose = (_how, { reason }) => (reject(new Error(String(reason))), true);
    connection.open();
  });
}

const languages = PYTHON === undefined ? (['js'] as const) : (['js', 'python'] as const);

describe.each(languages)('the authenticator in %s that docs/authenticators.md shows', (language) => {
  let child: ChildProcess;

  beforeAll(async () => {
    child = programIn(language);
    await ready(child);
  });

  afterAll(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  });

  it('admits its users', async () => {
    expect(await welcomeOf(ticket('ann', 'secret2'))).toMatchObject({
      authid: 'ann',
      authrole: 'user',
      authmethod: 'ticket',
      authprovider: 'dynamic',
      authextra: { greeting: 'hello ann' },
    });
    expect(await welcomeOf(cra('joe', 'secret1'))).toMatchObject({ authid: 'joe', authprovider: 'dynamic' });
  });

  it.each([
    ['an unknown user, by ticket', ticket('bob', 'secret1')],
    ['a wrong ticket', ticket('joe', 'secret2')],
    ['an unknown user, by wampcra', cra('bob', 'secret1')],
    ['a wrong password', cra('joe', 'secret2')],
  ])('refuses %s in the same words', async (_who, options) => {
    await expect(joinAutobahn(url, 'json', options)).rejects.toMatchObject({
      uri: 'wamp.error.authentication_denied',
    });
  });
});
