import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { afterAll, expect, it } from 'vitest';
import { loadConfig, parseConfig } from '../../../src/config/load.js';
import type { Config, ConfigInput } from '../../../src/config/schema.js';

const root = new URL('../../../', import.meta.url);
const FINGERPRINT = Array.from({ length: 32 }, () => 'B6').join(':');

const folder = mkdtempSync(join(tmpdir(), 'gantry-documented-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The piece of YAML of a page that contains this text. */
function piece(page: string, content: string): string {
  const text = readFileSync(new URL(page, root), 'utf8');
  const pieces = [...text.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, one = '']) => one);
  const found = pieces.filter((one) => one.includes(content));
  expect(found).toHaveLength(1);
  // Pages do not write fingerprints out.
  return (found[0] ?? '').replaceAll('B6:E5:0D:...', FINGERPRINT);
}

function dictOf(page: string, content: string): Record<string, unknown> {
  return parse(piece(page, content)) as Record<string, unknown>;
}

function realmWith(rules: object): ConfigInput {
  const roles = ['device', 'backend'].map((name) => ({ name }));
  return { realms: [{ name: 'com.example.app', anonymousRole: null, roles, ...rules }] };
}

const authOf = ({ realms }: Config): unknown => realms[0]?.auth;

it('is a configuration, where docs/authentication.md shows certificates', () => {
  const config = parseConfig(dictOf('docs/authentication.md', 'clientCertificate:'));
  const certificateSha256 = [FINGERPRINT.replaceAll(':', '').toLowerCase()];
  expect(authOf(config)).toMatchObject({
    tls: { principals: { device7: { certificateSha256 }, device8: { commonName: 'device8.example.com' } } },
  });
});

it('is a section of a realm, where docs/authentication.md shows secrets outside of the file', () => {
  const auth = dictOf('docs/authentication.md', 'ticketFile:');
  const file = join(folder, 'gantry.yaml');
  writeFileSync(file, stringify(realmWith({ auth })));
  mkdirSync(join(folder, 'secrets'));
  writeFileSync(join(folder, 'secrets/worker.ticket'), 'open sesame\n');
  const config = loadConfig({ file, environment: { MAILER_TICKET: 'open barley' } });
  expect(authOf(config)).toMatchObject({
    ticket: { principals: { worker: { ticket: 'open sesame' }, mailer: { ticket: 'open barley' } } },
  });
});

it('is a section of a role, where docs/authorization.md shows trust levels', () => {
  const role = { name: 'user', ...dictOf('docs/authorization.md', 'trustLevel:') };
  const { realms } = parseConfig({ realms: [{ name: 'a', anonymousRole: 'user', roles: [role] }] });
  expect(realms[0]?.roles[0]?.permissions.map(({ trustLevel }) => trustLevel)).toEqual([1, 5]);
});

it('is a section of a realm, where docs/authenticators.md shows certificates and tokens', () => {
  const listen: ConfigInput['listen'] = {
    trustProxyHeader: 'x-forwarded-for',
    trustedProxies: ['10.0.3.7'],
    clientCertificate: { header: 'x-client-cert', format: 'der' },
  };
  const config = parseConfig({ listen, ...realmWith(dictOf('docs/authenticators.md', 'jwksUrl:')) });
  const authenticator = 'com.example.authenticate';
  expect(authOf(config)).toMatchObject({ tls: [{ type: 'static' }, { authenticator }], jwt: [{ authenticator }] });
});

it.each([
  ['allowedOrigins:', { listen: { host: '0.0.0.0' }, limits: { maxMessageBytes: 262_144 } }],
  ['sentinels:', { backplane: { redis: { sentinels: { master: 'gantry' } } } }],
  ['rediss:', { backplane: { redis: { username: 'gantry', prefix: 'votes' } } }],
])('is a configuration, where README.md shows %s', (content, expected) => {
  expect(parseConfig(dictOf('README.md', content) as ConfigInput)).toMatchObject(expected);
});
