import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { convertCrossbar } from '../../../../src/cli/convert/crossbar.js';
import { parseConfig } from '../../../../src/config/load.js';
import { firstRealm, folder, result } from './converted.js';

describe('authentication', () => {
  it('keeps tickets, also those of the environment', () => {
    expect(firstRealm('02').auth?.ticket).toMatchObject({
      principals: {
        'crane-4': { ticket: 'from the environment', role: 'crane' },
        desk: { ticket: 'open sesame, please', role: 'office' },
      },
    });
    expect(result('02').text).toContain('${CRANE_TICKET}');
  });
  it('takes a salted secret for the derived key where it can be one, and reports it', () => {
    const { raw, security, others } = result('03');
    expect(raw.realms[0]?.auth?.['wampcra']).toEqual({
      users: {
        ann: { secret: 'plain words', role: 'picker' },
        bob: {
          derivedKey: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=',
          salt: 'pepper',
          iterations: 2000,
          keylen: 32,
          role: 'picker',
        },
        cid: { secret: 'a password', salt: 'thyme', iterations: 500, keylen: 16, role: 'picker' },
      },
    });
    const at = 'workers[0].transports[0].auth.wampcra.users';
    expect(others).toEqual([`${at}.bob.secret`, `${at}.cid.secret`]);
    expect(security).toEqual([`${at}.dot`, `${at}.dot`]);
  });
  it('admits a principal to its realm, or to those that have its role', () => {
    const [a, b] = result('04').raw.realms;
    expect(Object.keys((a?.auth?.['cryptosign'] as { principals: object }).principals)).toEqual(['m1', 'm2']);
    expect(Object.keys((b?.auth?.['cryptosign'] as { principals: object }).principals)).toEqual(['m2']);
    expect(a?.auth?.['scram']).toBeUndefined();
    expect(b?.auth?.['scram']).toMatchObject({ principals: { r1: { kdf: 'argon2id', memoryKiB: 512 } } });
  });
  it('asks the same procedures', () => {
    const [gate, stage] = result('05').config.realms;
    expect(gate?.auth?.ticket).toMatchObject({ authenticator: 'org.gate.check', authenticatorRealm: 'gate' });
    expect([gate?.anonymousRole, stage?.anonymousRole]).toEqual([null, 'actor']);
  });
  it('lets cookies stand for a login', () => {
    expect(result('08').config.listen.cookie).toMatchObject({
      name: 'libcard',
      sameSite: 'strict',
      maxAgeSeconds: 7200,
    });
    expect(firstRealm('08').auth?.cookie).toBeDefined();
  });
  it('leaves out what cannot be converted, rather than admitting more', () => {
    const { security, config } = result('11');
    const at = 'workers[0].transports[0].auth';
    expect(security).toEqual(
      expect.arrayContaining([
        `${at}.ticket`,
        `${at}.anonymous`,
        `${at}.kerberos`,
        `${at}.wampcra.users.x9`,
        `${at}.wampcra.users.y1`,
      ]),
    );
    expect(config.realms[0]).toMatchObject({
      anonymousRole: null,
      auth: { wampcra: { users: { r2: { role: 'robot' } } } },
    });
    expect(Object.keys(config.realms[0]?.auth ?? {})).toEqual(['wampcra']);
    expect(result('10').security).toEqual(
      expect.arrayContaining([
        'workers[0].transports[0].endpoint.tls.ca_certificates',
        'workers[0].transports[0].auth.tls',
      ]),
    );
  });
  it('knows a certificate by SHA-256 if a file of authorities has it, and admits nobody by one without a proxy', () => {
    const { config, security, raw } = result('10');
    const [, pem = ''] = readFileSync(join(folder, '../certificates/clients.pem'), 'utf8').split(/^(?=-----BEGIN)/m);
    const { fingerprint256: sha256 } = new X509Certificate(pem);
    expect(firstRealm('10').auth).toMatchObject({
      tls: { principals: { t1: { certificateSha256: [sha256.replaceAll(':', '').toLowerCase()], role: 'teller' } } },
      ticket: { principals: { t2: { role: 'teller' } } },
    });
    expect(raw.realms[0]?.auth?.['tls']).toEqual({
      principals: { t1: { certificateSha256: [sha256], role: 'teller' } },
    });
    expect(config.listen).toMatchObject({ trustedProxies: [], clientCertificate: { header: 'x-client-cert' } });
    expect(security).toContain('workers[0].transports[0].auth.tls.principals.t3');
  });
  it('asks the same procedure about certificates, also at a RawSocket that verifies them', () => {
    const auth = { tls: { type: 'dynamic', authenticator: 'org.gate.check' } };
    const realm = { name: 'gate', roles: [{ name: 'guest', permissions: [] }] };
    const secured = { certificate: 'cert.pem', key: 'key.pem', ca_certificates: ['clients.pem'] };
    const transports = [
      { type: 'websocket', auth: { ...auth, anonymous: { type: 'static', role: 'guest' } } },
      { type: 'rawsocket', auth, endpoint: { type: 'tcp', port: 8081, tls: secured } },
    ];
    const input = { version: 2, workers: [{ type: 'router', realms: [realm], transports }] };
    const { config, notes } = convertCrossbar(input, '.');
    expect(parseConfig(config).realms[0]?.auth?.tls).toMatchObject({
      type: 'dynamic',
      authenticator: 'org.gate.check',
    });
    expect(parseConfig(config).listeners).toMatchObject([
      { tls: { clientCaFile: 'clients.pem' }, authMethods: ['tls'] },
    ]);
    expect(notes.filter(({ isSecurity }) => isSecurity).map(({ path }) => path)).toEqual([
      'workers[0].transports[0].auth.tls',
    ]);
  });
  it('does not open the first door to those who had to use another one', () => {
    const { config, security } = result('09');
    expect(config.listen.port).toBe(8080);
    expect(config.realms[0]).toMatchObject({ anonymousRole: null, auth: { ticket: { principals: { panel1: {} } } } });
    expect(security).toEqual(['workers[0].transports[1]']);
  });
});
