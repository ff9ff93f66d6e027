import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.js';
import { gantry, GantryProcess, type Exit } from '../support/gantry-process.js';

const SECRET = 'correct horse';
const folder = mkdtempSync(join(tmpdir(), 'gantry-settings-'));
let router: GantryProcess;
let url: string;
let operations: string;

beforeAll(async () => {
  const roles = [{ name: 'user', permissions: [{ uri: '', match: 'prefix', allow: { call: true } }] }];
  const auth = { ticket: { principals: { tina: { ticket: SECRET, role: 'user' } } } };
  const file = join(folder, 'router.json');
  const realms = [{ name: 'com.example.realm', anonymousRole: null, roles, auth }];
  writeFileSync(file, JSON.stringify({ realms, demo: { enabled: false } }));
  const words = ['start', '--config', file, '--port', '0', '--ops-port', '0', '--log-level', 'warn'];
  router = new GantryProcess(words);
  url = await router.ready();
  const [, health = ''] = await router.printed('stdout', /operations +(\S+)/);
  operations = new URL('/', health).href;
});
afterAll(async () => {
  router.signal('SIGKILL');
  await router.exit;
  rmSync(folder, { recursive: true });
});

describe('profiles', () => {
  const write = (text: string): string => {
    const file = join(folder, 'profiles.yaml');
    writeFileSync(file, text);
    chmodSync(file, 0o600);
    return file;
  };
  const call = (words: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Exit> =>
    gantry(['call', 'com.example.absent', ...words], variables);
  const joined = { code: 1, stderr: expect.stringMatching(/^wamp\.error\.no_such_procedure/) };

  it('have the settings of a connection, below variables and options', async () => {
    writeFileSync(join(folder, 'ticket'), `${SECRET}\n`);
    const file = write(`
      stage: { url: '${url}', realm: com.example.realm, authid: tina, ticketFile: ticket }
      wrong: { url: '${url}', realm: com.example.realm, authid: tina, ticket: wrong }
    `);
    const at = ['--profiles-file', file];
    expect(await call([...at, '--profile', 'stage'])).toMatchObject(joined);
    expect(await call([], { GANTRY_CLIENT_PROFILES_FILE: file, GANTRY_CLIENT_PROFILE: 'stage' })).toMatchObject(joined);
    expect(await call([...at, '--profile', 'wrong'])).toMatchObject({ code: 3 });
    expect(await call([...at, '--profile', 'wrong'], { GANTRY_CLIENT_TICKET: SECRET })).toMatchObject(joined);
    expect(await call([...at, '--profile', 'wrong', '--ticket', SECRET])).toMatchObject(joined);
    expect(await call([...at, '--profile', 'stage', '--realm', 'com.example.none'])).toMatchObject({ code: 3 });
  });

  it('stand in the folder of the user, and are not used unless they are named', async () => {
    const home = join(folder, 'home');
    mkdirSync(join(home, 'gantry'), { recursive: true });
    const file = join(home, 'gantry/profiles.yaml');
    writeFileSync(file, `a: { url: '${url}', realm: com.example.realm, authid: tina, ticket: ${SECRET} }`);
    chmodSync(file, 0o644);
    const exit = await call(['--profile', 'a'], { XDG_CONFIG_HOME: home });
    expect(exit.stderr).toMatch(/^gantry: other users may read the credentials in .*: chmod 600\nwamp\.error\.no_such/);
    expect(exit.stderr).not.toContain(SECRET);
    expect(await call(['--url', url], { XDG_CONFIG_HOME: home })).toMatchObject({ code: 3 });
  });

  it('are refused with their fault, which shows no value', async () => {
    const file = write('a: { tiket: topsecret }\nb: [topsecret]\nc: { url: { topsecret: 1 } }\n');
    for (const [name, message] of [
      ['a', 'profile "a": there is no setting "tiket", did you mean "ticket"?'],
      ['b', 'has no profile "b"'],
      ['c', 'profile "c": url is no text'],
      ['d', 'has no profile "d"'],
    ] as const) {
      const { code, stderr } = await call(['--profiles-file', file, '--profile', name]);
      expect(code).toBe(2);
      expect(stderr).toContain(message);
      expect(stderr).not.toContain('topsecret');
    }
    expect(await call(['--profiles-file', join(folder, 'none'), '--profile', 'a'])).toMatchObject({ code: 2 });
  });
});

describe('gantry top', () => {
  it('prints a table of nodes, and goes on while one does not answer', async () => {
    const absent = `http://127.0.0.1:${await freePort()}`;
    const { code, stdout, stderr } = await gantry(['top', operations, absent, '--count', '2', '--interval', '0.1']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(5);
    expect(lines[0]).toMatch(/^NODE +SESSIONS +SUBSCR .*CALLS\/s/);
    expect(lines[3]).toMatch(/^127\.0\.0\.1:\d+ +0 +0 +0 +0 +\d+ +\d+ +\d+ +\d+ +\d+ +\d+$/);
    expect(lines[4]).toMatch(/does not answer$/);
  });

  it('prints lines of JSON', async () => {
    const { stdout } = await gantry(['top', operations, '--json', '--count', '1']);
    expect(JSON.parse(stdout)).toMatchObject({ isUp: true, sessions: 0, callsPerSecond: null });
  });

  it('ends on SIGINT, and exits with 3 when no node answers', async () => {
    const command = new GantryProcess(['top', operations, '--interval', '0.1']);
    await command.printed('stdout', /NODE[^]*\n.*\n.*\n/);
    command.signal('SIGINT');
    expect(await command.exit).toMatchObject({ code: 0, stderr: '' });
    expect(await gantry(['top', url.replace('ws:', 'http:')])).toMatchObject({ code: 3, stdout: '' });
    expect(await gantry(['top', 'ftp://x'])).toMatchObject({ code: 2 });
  });
});

describe('gantry completion', () => {
  it('prints a script', async () => {
    expect((await gantry(['completion', 'bash'])).stdout).toContain('complete -o default -F _gantry gantry');
    expect(await gantry(['completion', 'tcsh'])).toMatchObject({ code: 2 });
  });
});
