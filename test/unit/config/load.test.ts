import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigUnusableError } from '../../../src/config/faults.js';
import { loadConfig, parseConfig, type ConfigSources } from '../../../src/config/load.js';
import type { ConfigInput } from '../../../src/config/schema.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-config-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: string | Uint8Array, name = 'gantry.yaml'): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** The lines below the headline. */
function faultsOf(sources: ConfigSources): string[] {
  try {
    loadConfig(sources);
  } catch (error) {
    if (!(error instanceof ConfigUnusableError)) throw error;
    const [headline, ...lines] = error.message.split('\n');
    expect(headline).toBe('configuration is not usable:');
    return lines.map((line) => line.replace(/^ {2}/, '').replaceAll(folder, '.'));
  }
  throw new Error('the configuration was accepted');
}

describe('defaults', () => {
  it('makes a usable configuration of nothing: one open realm on loopback', () => {
    const config = loadConfig({});
    expect(config.listen).toMatchObject({ host: '127.0.0.1', port: 8080, path: '/ws', allowedOrigins: ['*'] });
    expect(config.listen.serializers).toEqual(['json', 'msgpack', 'cbor']);
    expect(config.ops).toEqual({ enabled: true, host: '127.0.0.1', port: 9090 });
    expect(config.backplane.url).toBe('memory');
    expect(config.realmTemplate).toBeUndefined();
    expect(config.realms).toHaveLength(1);
    expect(config.realms[0]).toMatchObject({ name: 'realm1', anonymousRole: 'anonymous', uriCheck: 'loose' });
    expect(config.realms[0]?.roles[0]?.permissions).toEqual([
      {
        uri: '',
        match: 'prefix',
        allow: { call: true, register: true, publish: true, subscribe: true },
        disclose: { caller: false, publisher: false },
      },
    ]);
  });

  it('is deeply frozen', () => {
    const pending: unknown[] = [loadConfig({}), parseConfig({ realms: [{ name: 'a', roles: [{ name: 'b' }] }] })];
    let seen = 0;
    for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
      if (typeof value !== 'object' || value === null) continue;
      seen++;
      expect(Object.isFrozen(value)).toBe(true);
      pending.push(...(Object.values(value) as unknown[]));
    }
    expect(seen).toBeGreaterThan(20);
  });

  it('allows nothing that a permission does not name', () => {
    const config = parseConfig({ realms: [{ name: 'a', roles: [{ name: 'b', permissions: [{ uri: 'c' }] }] }] });
    expect(config.realms[0]?.roles[0]?.permissions[0]).toEqual({
      uri: 'c',
      match: 'exact',
      allow: { call: false, register: false, publish: false, subscribe: false },
      disclose: { caller: false, publisher: false },
    });
  });
});

describe('anonymousRole', () => {
  const roleGiven = (realm: Partial<NonNullable<ConfigInput['realms']>[number]>, ...roles: string[]) =>
    parseConfig({ realms: [{ name: 'a', roles: roles.map((name) => ({ name })), ...realm }] }).realms[0]?.anonymousRole;

  it('is "anonymous" where the realm has that role', () => {
    expect(roleGiven({}, 'backend', 'anonymous')).toBe('anonymous');
  });
  it('is nobody where it has not, or where it is null', () => {
    expect(roleGiven({}, 'backend')).toBeNull();
    expect(roleGiven({ anonymousRole: null }, 'anonymous')).toBeNull();
  });
  it('is the one that is named', () => {
    expect(roleGiven({ anonymousRole: 'visitor' }, 'visitor', 'anonymous')).toBe('visitor');
  });
  it('must exist', () => {
    expect(() => roleGiven({ anonymousRole: 'ghost' }, 'visitor')).toThrow(
      'realms[0].anonymousRole: There is no role "ghost" in this realm',
    );
  });
});

describe('precedence', () => {
  it('puts flags over environment over file over defaults, setting by setting', () => {
    const config = loadConfig({
      file: file('listen: { port: 1001, path: /file, host: 127.0.0.2 }\nlog: { level: debug }\n'),
      environment: { GANTRY_LISTEN_PORT: '1002', GANTRY_LISTEN_PATH: '/environment' },
      overrides: [{ path: 'listen.port', text: '1003', flag: '--port' }],
    });
    expect(config.listen).toMatchObject({ port: 1003, path: '/environment', host: '127.0.0.2', compression: 'off' });
    expect(config.log).toMatchObject({ level: 'debug', format: 'auto' });
  });

  it('lets a later flag win', () => {
    const overrides = ['1', '2'].map((text) => ({ path: 'listen.port', text, flag: '--set listen.port' }));
    expect(loadConfig({ overrides }).listen.port).toBe(2);
  });

  it('prefers the variable of a setting to that of its section', () => {
    const environment = { GANTRY_OPS_PORT: '7', GANTRY_OPS: '{"port": 8, "enabled": false}' };
    expect(loadConfig({ environment }).ops).toMatchObject({ port: 7, enabled: false });
  });

  it('replaces lists as a whole', () => {
    const path = file('listen: { serializers: [json, cbor] }');
    expect(
      loadConfig({ file: path, environment: { GANTRY_LISTEN_SERIALIZERS: '["msgpack"]' } }).listen.serializers,
    ).toEqual(['msgpack']);
  });

  it('takes the file from GANTRY_CONFIG, unless another is named', () => {
    const environment = { GANTRY_CONFIG: file('listen: { port: 1 }', 'variable.yaml') };
    expect(loadConfig({ environment }).listen.port).toBe(1);
    expect(loadConfig({ environment, file: file('listen: { port: 2 }', 'flag.yaml') }).listen.port).toBe(2);
  });
});

describe('faults', () => {
  it('reports all at once, each with where the value came from', () => {
    const path = file(
      [
        'listen: { prot: 1, tls: { certFile: a } }',
        'limits: { idleTimeoutMs: 8500 }',
        'realms:',
        '  - { name: a, roles: [{ name: x }, { name: x }] }',
        '  - { name: b, roles: [] }',
        'backplane: { url: "redis://u:sesame@127.0.0.1/x", cluster: { renewMs: 2400 } }',
      ].join('\n'),
    );
    const environment = { GANTRY_OPS_PORT: 'x', GANTRY_LISTEN_PORT: '70000', GANTRY_LISTEN_PROT: '1' };
    const overrides = [{ path: 'demo.enabled', text: 'maybe', flag: '--set demo.enabled' }];
    expect(faultsOf({ file: path, environment, overrides }).sort()).toEqual([
      'GANTRY_LISTEN_PROT: Unknown variable, did you mean "GANTRY_LISTEN_PORT"?',
      'backplane.url: Invalid URL: expected a database number after the host (from ./gantry.yaml)',
      'demo.enabled: Invalid input: expected boolean, received string (from --set demo.enabled)',
      'limits.idleTimeoutMs: Invalid number: must be a multiple of 1000 (from ./gantry.yaml)',
      'listen.port: Too big: expected number to be <=65535 (from GANTRY_LISTEN_PORT)',
      'listen.tls.keyFile: Missing: expected string (from ./gantry.yaml)',
      'listen: Unrecognized key: "prot", did you mean "port"? (from ./gantry.yaml)',
      'ops.port: Invalid input: expected number, received string (from GANTRY_OPS_PORT)',
      'realms[0].roles[1].name: There is another role "x" in this realm (from ./gantry.yaml)',
      'realms[1].roles: Too small: expected a list to have >=1 items (from ./gantry.yaml)',
    ]);
  });

  it('refuses an unknown key at any depth and reports what was meant', () => {
    const permission = '{ uri: a, alow: { call: true } }';
    const path = file(`limit: {}\nrealms: [{ name: a, roles: [{ name: b, permissions: [${permission}] }] }]`);
    expect(faultsOf({ file: path })).toEqual([
      'realms[0].roles[0].permissions[0]: Unrecognized key: "alow", did you mean "allow"? (from ./gantry.yaml)',
      'configuration: Unrecognized key: "limit", did you mean "limits"? (from ./gantry.yaml)',
    ]);
  });

  it('names the command that translates a configuration of Crossbar.io', () => {
    expect(faultsOf({ file: file('version: 2\ncontroller: {}\nworkers: []') })).toEqual([
      'configuration: Unrecognized key: "version" (from ./gantry.yaml)',
      ...['controller', 'workers'].map(
        (key) =>
          `configuration: Unrecognized key: "${key}", which is of Crossbar.io: ` +
          'gantry convert crossbar FILE translates its configuration (from ./gantry.yaml)',
      ),
    ]);
    expect(faultsOf({ file: file('listen: { workers: 1 }') })).toEqual([
      'listen: Unrecognized key: "workers" (from ./gantry.yaml)',
    ]);
  });

  it('describes what is wanted in the words of the pages', () => {
    const realm = '{ name: a, roles: [{ name: b }], auth: { ticket: {}, wampcra: [] } }';
    expect(faultsOf({ file: file(`listen: []\nweb: { paths: [] }\nrealms: [${realm}]`) })).toEqual(
      expect.arrayContaining([
        'listen: Invalid input: expected settings by name, received a list (from ./gantry.yaml)',
        'web.paths: Invalid input: expected entries by name, received a list (from ./gantry.yaml)',
        'realms[0].auth.ticket.principals: Missing: expected entries by name (from ./gantry.yaml)',
      ]),
    );
  });

  it('refuses prototype keys wherever they stand, and no prototype changes', () => {
    const path = file('{"__proto__": {"a": 1}, "listen": {"__proto__": {"port": 1}, "constructor": 1}}', 'proto.json');
    expect(faultsOf({ file: path }).sort()).toEqual([
      'configuration: Unrecognized key: "__proto__" (from ./proto.json)',
      'listen: Unrecognized key: "__proto__" (from ./proto.json)',
      'listen: Unrecognized key: "constructor" (from ./proto.json)',
    ]);
    expect(faultsOf({ environment: { GANTRY_LOG: '{"__proto__": {"level": "debug"}}' } })).toEqual([
      'log: Unrecognized key: "__proto__" (from GANTRY_LOG)',
    ]);
    expect(faultsOf({ overrides: [{ path: '__proto__.a', text: '1', flag: '--set __proto__.a' }] })).toEqual([
      '--set __proto__.a: Unknown setting "__proto__.a"',
    ]);
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
  });

  it('does not let a variable hide that the file has something else where a section belongs', () => {
    expect(faultsOf({ file: file('listen: 5'), environment: { GANTRY_LISTEN_PORT: '1' } })).toEqual([
      'listen: Invalid input: expected settings by name, received number (from GANTRY_LISTEN_PORT)',
    ]);
  });

  it('blames nobody for a default', () => {
    expect(faultsOf({ environment: { GANTRY_LISTEN_PORT: '9090', GANTRY_OPS_ENABLED: 'true' } })).toEqual([
      'ops.port: Port 9090 is that of listen.port too: give them different ones',
    ]);
  });

  it('carries a stable code and the faults as values', () => {
    let thrown: unknown;
    try {
      parseConfig({ listen: { port: -1 } });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({
      code: 'CONFIG_UNUSABLE',
      faults: [{ path: 'listen.port', message: 'Too small: expected number to be >=0', source: 'input' }],
    });
  });
});

describe('file', () => {
  it('reads JSON too, indented with tabs or not', () => {
    expect(loadConfig({ file: file('{\n\t"listen": {\n\t\t"port": 1\n\t}\n}\n', 'a.json') }).listen.port).toBe(1);
  });
  it('reads an empty file, a byte order mark and a section without content', () => {
    expect(loadConfig({ file: file('') }).listen.port).toBe(8080);
    expect(loadConfig({ file: file('\uFEFFlisten: {port: 1}') }).listen.port).toBe(1);
    expect(loadConfig({ file: file('listen:\n  # port: 1\n  tls:\n    # certFile: a\n') }).listen.port).toBe(8080);
  });
  it('reads `off` as a word, not as false', () => {
    expect(loadConfig({ file: file('listen: { compression: off }') }).listen.compression).toBe('off');
  });

  const flawed: [what: string, content: string | Uint8Array, fault: RegExp][] = [
    ['bad syntax, with the line', 'listen:\n  port: [1\n', /line 3/],
    ['a key that is there twice', 'log: {}\nlog: {}\n', /Map keys must be unique at line 2/],
    ['several documents', 'log: {}\n---\nlog: {}\n', /multiple documents/],
    ['a tag it does not know', 'log: !!js/function a\n', /Unresolved tag/],
    ['a key that is not a word', '? { a: 1 }\n: 2\n', /string/],
    ['a list', '- a\n', /expected settings by name/],
    ['text', 'nonsense', /expected settings by name/],
    ['aliases that multiply', bomb(), /alias/],
    ['nesting without end', '['.repeat(100_000), /nested too deeply|line 1/],
    ['bytes that are not UTF-8', new Uint8Array([0x61, 0x3a, 0xff]), /UTF-8/],
    ['more than 1 MiB', `# ${'x'.repeat(1_048_576)}`, /more than 1048576 bytes/],
  ];
  for (const [what, content, fault] of flawed) {
    it(`refuses ${what}`, () => {
      const faults = faultsOf({ file: file(content) });
      expect(faults[0]).toMatch(/^\.\/gantry\.yaml: /);
      expect(faults[0]).toMatch(fault);
      expect(faults.join('').length).toBeLessThan(2_000);
    });
  }

  it('reports what is wrong with a file that cannot be read, and goes on with the rest', () => {
    const environment = { GANTRY_OPS_PORT: 'x' };
    expect(faultsOf({ file: join(folder, 'absent.yaml'), environment })).toEqual([
      './absent.yaml: cannot be read: there is no such file',
      'ops.port: Invalid input: expected number, received string (from GANTRY_OPS_PORT)',
    ]);
    expect(faultsOf({ file: folder })).toEqual(['.: cannot be read: it is a directory']);
  });
});

function bomb(): string {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let level = 1; level < 9; level++) {
    lines.push(
      `a${level}: &a${level} [${Array<string>(10)
        .fill(`*a${level - 1}`)
        .join(', ')}]`,
    );
  }
  return lines.join('\n');
}
