import { parse } from 'yaml';
import { expect, it } from 'vitest';
import { loadConfig, parseConfig } from '../../../src/config/load.js';
import { renderConfig, renderVariables } from '../../../src/config/render.js';
import { jsonSchema, VARIABLES } from '../../../src/config/settings.js';

it('shows a configuration that can be loaded again and means the same', () => {
  const config = parseConfig({
    listen: { tls: { certFile: 'c', keyFile: 'k' }, compression: 'off' },
    realms: [{ name: 'a', roles: [{ name: 'b', permissions: [{ uri: '', match: 'prefix' }] }] }],
    realmTemplate: { names: [{ uri: 'x.', match: 'prefix' }], roles: [{ name: 'anonymous' }], idleMs: 5_000 },
    limits: { maxCallTimeoutMs: 10 },
    node: { name: 'n1' },
  });
  expect(parseConfig(parse(renderConfig(config)))).toEqual(config);
});

it('masks secrets, and leaves the configuration as it was', () => {
  const config = parseConfig({ listen: { tls: { certFile: 'c', keyFile: 'k', passphrase: 'sesame' } } });
  const text = renderConfig(config);
  expect(text).not.toContain('sesame');
  expect(text).toMatch(/passphrase: "?\*{8}"?/);
  expect(config.listen.tls?.passphrase).toBe('sesame');
});

it('masks what is secret about the backplane, and leaves the rest to be seen', () => {
  const config = parseConfig({
    backplane: {
      url: 'rediss://gantry:sesame@redis.example:6380/2',
      redis: { username: 'u', password: 'barley', sentinels: { master: 'm', nodes: ['a:1'], password: 'rye' } },
    },
  });
  const text = renderConfig(config);
  expect(text).not.toMatch(/sesame|barley|rye/);
  expect(text).toContain('url: rediss://gantry:********@redis.example:6380/2');
  expect(parse(text)).toMatchObject({
    backplane: { redis: { username: 'u', password: '********', sentinels: { nodes: ['a:1'], password: '********' } } },
  });
  expect(config.backplane.redis.password).toBe('barley');
});

it.each([
  ['redis://:p@h', 'redis://:********@h'],
  ['redis://u:p%40%3A@h:1/2', 'redis://u:********@h:1/2'],
  ['redis://u@h', 'redis://u@h'],
  ['redis://h:6379/1', 'redis://h:6379/1'],
  ['unix:/run/redis.sock', 'unix:/run/redis.sock'],
  ['memory', 'memory'],
])('shows %s as %s', (url, shown) => {
  expect(renderConfig(parseConfig({ backplane: { url } }))).toContain(`url: ${shown}\n`);
});

it('lists every variable once, with type, default and meaning', () => {
  const text = renderVariables();
  for (const variable of VARIABLES) {
    const isSection =
      /^GANTRY_(LISTEN|LONG_POLL|LIMITS|OPS|LOG|DEMO|CONSOLE|DRAIN|BACKPLANE|BACKPLANE_REDIS|BACKPLANE_CLUSTER|NODE|WEB)$/.test(
        variable,
      );
    expect(text.split(`#${variable}=\n`)).toHaveLength(isSection ? 1 : 2);
  }
  expect(text).toContain(
    '# Port to accept clients at; 0: any free one.\n# integer 0–65535; default 8080\n#GANTRY_LISTEN_PORT=',
  );
  expect(text).toContain('# secret string; no default\n#GANTRY_LISTEN_TLS_PASSPHRASE=');
});

it('has a JSON schema that knows every key, refuses others and carries the defaults', () => {
  const schema = jsonSchema();
  const { listen, realms } = schema.properties ?? {};
  expect(schema['additionalProperties']).toBe(false);
  expect(Object.keys(schema.properties ?? {}).sort()).toEqual([...Object.keys(loadConfig({})), 'realmTemplate'].sort());
  expect(listen?.properties?.['port']).toMatchObject({ type: 'integer', default: 8080, maximum: 65_535 });
  expect(realms?.items).toMatchObject({ required: ['name', 'roles'], additionalProperties: false });
  expect(listen?.properties?.['tls']?.properties?.['passphrase']?.writeOnly).toBe(true);
});
