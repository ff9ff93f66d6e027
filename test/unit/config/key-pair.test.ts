import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkKeyPair } from '../../../src/config/key-pair.js';
import { parseConfig } from '../../../src/config/load.js';
import { selfSigned } from '../../support/certificate.js';

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
