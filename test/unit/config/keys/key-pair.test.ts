import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkKeyPair, datesFlaw } from '../../../../src/config/keys/key-pair.js';
import { parseConfig } from '../../../../src/config/load.js';
import { selfSigned } from '../../../support/certificate.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-tls-'));
  const own = selfSigned();
  for (const [name, content] of Object.entries({
    'cert.pem': own.cert,
    'key.pem': own.key,
    'other-key.pem': selfSigned().key,
    'junk.pem': 'junk',
  })) {
    writeFileSync(join(folder, name), content);
  }
  const locked = selfSigned('sesame');
  writeFileSync(join(folder, 'locked-cert.pem'), locked.cert);
  writeFileSync(join(folder, 'locked-key.pem'), locked.key);
});
afterAll(() => rmSync(folder, { recursive: true }));

function check(cert: string, key: string, passphrase?: string): void {
  const tls = { certFile: join(folder, cert), keyFile: join(folder, key) };
  checkKeyPair(parseConfig({ listen: { tls: passphrase === undefined ? tls : { ...tls, passphrase } } }));
}

it('accepts a certificate with its key, the passphrase included', () => {
  check('cert.pem', 'key.pem');
  check('locked-cert.pem', 'locked-key.pem', 'sesame');
  checkKeyPair(parseConfig({}));
});

it('gives the dates between which the certificate is valid, and reports what is wrong with them', () => {
  const tls = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
  const validity = checkKeyPair(parseConfig({ listen: { tls } }));
  expect(validity).toEqual({ fromMs: Date.UTC(2020, 0, 1), untilMs: Date.UTC(2049, 11, 31, 23, 59, 59) });
  expect(checkKeyPair(parseConfig({}))).toBeUndefined();
  const dates = { fromMs: 1_000, untilMs: 2_000 };
  expect(datesFlaw(dates, 1_500)).toBeUndefined();
  expect(datesFlaw(dates, 2_001)).toBe('the certificate expired at 1970-01-01T00:00:02.000Z: renew it');
  expect(datesFlaw(dates, 999)).toBe('the certificate is not valid before 1970-01-01T00:00:01.000Z');
});

it('names every file that cannot be read', () => {
  expect(() => check('absent.pem', '.')).toThrow(
    [
      'configuration is not usable:',
      `  listen.tls.certFile: ${join(folder, 'absent.pem')} cannot be read: there is no such file`,
      `  listen.tls.keyFile: ${folder} cannot be read: it is a directory`,
    ].join('\n'),
  );
});

it('refuses files that do not belong together, and never shows the passphrase', () => {
  for (const [cert, key, passphrase] of [
    ['cert.pem', 'other-key.pem'],
    ['junk.pem', 'key.pem'],
    ['cert.pem', 'junk.pem'],
    ['locked-cert.pem', 'locked-key.pem', 'wrong-word'],
    ['locked-cert.pem', 'locked-key.pem'],
  ] as const) {
    expect(() => check(cert, key, passphrase)).toThrow(/listen\.tls: .* cannot be used together: (?!.*wrong-word)\S/);
  }
});
