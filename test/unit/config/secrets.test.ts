import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigUnusableError } from '../../../src/config/faults.js';
import { loadConfig } from '../../../src/config/load.js';
import { renderConfig } from '../../../src/config/render.js';
import { jsonSchema, keysAt, SETTINGS } from '../../../src/config/settings.js';
import { staticAuth } from '../../support/static-auth.js';

const folder = mkdtempSync(join(tmpdir(), 'gantry-secrets-'));
mkdirSync(join(folder, 'secrets'));
afterAll(() => rmSync(folder, { recursive: true }));

const SECRET = 'open-sesame';
const KEY = 'ab'.repeat(32);

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** A configuration file with one realm. */
function fileWith(auth: object, rest: object = {}): string {
  const roles = [{ name: 'user', permissions: [] }];
  return write('gantry.json', JSON.stringify({ realms: [{ name: 'a', anonymousRole: null, roles, auth }], ...rest }));
}

function faultsOf(load: () => unknown): readonly string[] {
  try {
    load();
  } catch (error) {
    if (error instanceof ConfigUnusableError) return error.faults.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
}

describe('a secret in a file', () => {
  it('stands in the place of the key without File, relative to the configuration file, without the last line end', () => {
    write('secrets/ticket', `${SECRET}\n`);
    write('secrets/crlf', `${SECRET}\r\n`);
    write('secrets/two', `${SECRET}\n\n`);
    write('secrets/key', KEY);
    const keys = { kdf: 'pbkdf2', iterations: 1, salt: KEY, storedKeyFile: 'secrets/key', serverKey: KEY };
    const file = fileWith({
      ticket: {
        principals: {
          joe: { ticketFile: 'secrets/ticket', role: 'user' },
          ann: { ticketFile: 'secrets/two', role: 'user' },
        },
      },
      wampcra: {
        users: {
          joe: { secretFile: join(folder, 'secrets/crlf'), role: 'user' },
          ann: { derivedKeyFile: 'secrets/ticket', salt: 's', role: 'user' },
        },
      },
      wampScram: { principals: { joe: { ...keys, role: 'user' } } },
    });
    const auth = staticAuth(loadConfig({ file }));
    expect(auth.ticket?.principals['joe']).toEqual({ ticket: SECRET, role: 'user' });
    expect(auth.ticket?.principals['ann']?.ticket).toBe(`${SECRET}\n`);
    expect(auth.wampcra?.users['joe']?.secret).toBe(SECRET);
    expect(auth.wampcra?.users['ann']?.derivedKey).toBe(SECRET);
    expect(auth.wampScram?.principals['joe']?.storedKey).toBe(KEY);
  });

  it('works for settings outside of lists too, and yields to a variable', () => {
    write('secrets/passphrase', `${SECRET}\n`);
    const tls = { certFile: 'c', keyFile: 'k', passphraseFile: 'secrets/passphrase' };
    const file = write('tls.json', JSON.stringify({ listen: { tls } }));
    expect(loadConfig({ file }).listen.tls?.passphrase).toBe(SECRET);
    const environment = { GANTRY_LISTEN_TLS_PASSPHRASE: 'other' };
    expect(loadConfig({ file, environment }).listen.tls?.passphrase).toBe('other');
  });

  it.each<[why: string, principal: object, fault: string]>([
    ['is missing', { ticketFile: 'secrets/none' }, 'ticketFile: secrets/none cannot be read: there is no such file'],
    ['is a folder', { ticketFile: 'secrets' }, 'ticketFile: secrets cannot be read: it is a directory'],
    ['has no name', { ticketFile: '' }, 'ticketFile: Invalid input: expected the name of a file'],
    ['is no text', { ticketFile: 7 }, 'ticketFile: Invalid input: expected the name of a file'],
    ['stands beside the secret', { ticketFile: 'x', ticket: SECRET }, 'ticketFile: ticket is set too: set one of them'],
    ['is empty', { ticketFile: 'empty' }, 'ticket: Too small: expected string to have >=1 characters'],
    ['is long', { ticketFile: 'long' }, 'ticketFile: long cannot be read: it has more than 65536 bytes'],
  ])('is one fault, by its path, where the file %s', (_, principal, fault) => {
    write('empty', '\n');
    write('long', 'x'.repeat(65_537));
    const file = fileWith({ ticket: { principals: { joe: { ...principal, role: 'user' } } } });
    expect(faultsOf(() => loadConfig({ file }))).toEqual([`realms[0].auth.ticket.principals.joe.${fault}`]);
  });

  it('is one fault where the schema requires the secret', () => {
    const keys = { kdf: 'pbkdf2', iterations: 1, salt: KEY, storedKeyFile: 'none', serverKey: KEY, role: 'user' };
    const file = fileWith({ scram: { principals: { joe: keys } } });
    expect(faultsOf(() => loadConfig({ file }))).toEqual([
      'realms[0].auth.scram.principals.joe.storedKeyFile: none cannot be read: there is no such file',
    ]);
  });

  it('leaves an authid of that name alone', () => {
    const file = fileWith({ ticket: { principals: { ticketFile: { ticket: SECRET, role: 'user' } } } });
    expect(staticAuth(loadConfig({ file })).ticket?.principals['ticketFile']?.ticket).toBe(SECRET);
  });
});

describe('a secret in the environment', () => {
  const file = (): string =>
    fileWith(
      { ticket: { principals: { joe: { ticket: '${JOES_TICKET}', role: 'user' } } } },
      { backplane: { url: '${STORE}' } },
    );

  it('stands in the place of ${NAME}', () => {
    const config = loadConfig({ file: file(), environment: { JOES_TICKET: SECRET, STORE: 'redis://a:b@c' } });
    expect(staticAuth(config).ticket?.principals['joe']?.ticket).toBe(SECRET);
    expect(config.backplane.url).toBe('redis://a:b@c');
  });

  it('is a fault that names the variable where there is none', () => {
    expect(faultsOf(() => loadConfig({ file: file(), environment: { JOES_TICKET: '' } }))).toEqual([
      'realms[0].auth.ticket.principals.joe.ticket: the environment variable JOES_TICKET is not set',
      'backplane.url: the environment variable STORE is not set',
    ]);
  });

  it('is found in JSON of a variable, and not in a text of one', () => {
    const realms = [
      {
        name: 'a',
        roles: [{ name: 'user' }],
        auth: { ticket: { principals: { joe: { ticket: '${T}', role: 'user' } } } },
      },
    ];
    const environment = { GANTRY_REALMS: JSON.stringify(realms), GANTRY_BACKPLANE_URL: 'memory', T: SECRET };
    expect(staticAuth(loadConfig({ environment })).ticket?.principals['joe']?.ticket).toBe(SECRET);
    const literal = { GANTRY_BACKPLANE_REDIS_PASSWORD: '${T}', GANTRY_BACKPLANE_URL: 'redis://a', T: SECRET };
    expect(loadConfig({ environment: literal }).backplane.redis.password).toBe('${T}');
  });

  it.each(['a${T}', '${T}b', '$T', '${}', '${T} ', '${1}'])('leaves %s as it is: only a whole value counts', (text) => {
    const literal = fileWith({ ticket: { principals: { joe: { ticket: text, role: 'user' } } } });
    const config = loadConfig({ file: literal, environment: { T: SECRET } });
    expect(staticAuth(config).ticket?.principals['joe']?.ticket).toBe(text);
  });

  it('leaves what is no secret as it is', () => {
    const named = write('named.json', JSON.stringify({ realms: [{ name: 'a', roles: [{ name: '${T}' }] }] }));
    expect(loadConfig({ file: named, environment: { T: SECRET } }).realms[0]?.roles[0]?.name).toBe('${T}');
  });
});

describe('secrets are not shown', () => {
  it('by gantry config, wherever they come from', () => {
    write('secrets/ticket', SECRET);
    const principals = { joe: { ticketFile: 'secrets/ticket', role: 'user' }, ann: { ticket: '${T}', role: 'user' } };
    const file = fileWith({ ticket: { principals } });
    const text = renderConfig(loadConfig({ file, environment: { T: SECRET } }));
    expect(text).not.toContain(SECRET);
    expect(text.match(/ticket: "?\*{8}"?\n/g)).toHaveLength(2);
  });

  it.each([
    `realms: *${SECRET}`,
    `realms: !${SECRET} x`,
    `realms: |${SECRET}`,
    `a: {ticket: ${SECRET}, ticket: b}`,
    `- a\nb: ${SECRET}`,
    `a: '${SECRET}' ${SECRET}`,
    `"${SECRET}`,
    `[${SECRET}`,
  ])('by a fault of syntax: %s', (text) => {
    const faults = faultsOf(() => loadConfig({ file: write('broken.yaml', text) }));
    expect(faults.length).toBeGreaterThan(0);
    expect(faults.join('\n')).not.toContain(SECRET);
  });

  it('by a fault of any secret setting', () => {
    for (const principal of [
      { ticket: [SECRET], role: 'user' },
      { ticket: { [KEY]: SECRET }, role: 'user' },
      { ticket: SECRET.repeat(1_000), role: 'user' },
      { ticket: SECRET, ticketSha256: SECRET, role: 'nobody' },
      { ticketSha256: SECRET, role: 'user' },
    ]) {
      const file = fileWith({
        ticket: { principals: { joe: principal } },
        scram: {
          principals: {
            joe: { kdf: 'pbkdf2', iterations: 1, salt: KEY, storedKey: SECRET, serverKey: SECRET, role: 'user' },
          },
        },
      });
      const faults = faultsOf(() => loadConfig({ file }));
      expect(faults.length).toBeGreaterThan(1);
      expect(faults.join('\n')).not.toContain(SECRET);
    }
  });
});

describe('an authid that is there twice', () => {
  const principals = '{"joe": {"ticket": "a", "role": "user"}, "joe": {"ticket": "b", "role": "user"}}';
  const realms = `[{"name": "a", "roles": [{"name": "user"}], "auth": {"ticket": {"principals": ${principals}}}}]`;

  it('is a fault in a file', () => {
    const file = write('twice.yaml', `realms: ${realms}`);
    expect(faultsOf(() => loadConfig({ file }))[0]).toMatch(/twice\.yaml: Map keys must be unique at line 1/);
  });

  it('is a fault in JSON of a variable', () => {
    expect(faultsOf(() => loadConfig({ environment: { GANTRY_REALMS: realms } }))).toEqual([
      'realms: Invalid input: a key is there twice',
    ]);
  });
});

it('the schema of the file has a File key for each secret, and no variable of its own for it', () => {
  expect(keysAt(['realms', 0, 'auth', 'ticket', 'principals', 'joe'])).toContain('ticketFile');
  expect(keysAt(['realms', 0, 'auth', 'ticket', 'principals', 'joe', 'constructor'])).toEqual([]);
  expect(SETTINGS.map(({ variable }) => variable)).not.toContain('GANTRY_LISTEN_TLS_PASSPHRASE_FILE');
  expect(jsonSchema().properties?.['listen']?.properties?.['tls']?.properties).toHaveProperty('passphraseFile');
});
