import { createHash, createHmac, randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.js';
import { Code } from '../../src/wamp/codes.js';
import { CloseUri, ErrorUri } from '../../src/wamp/uris.js';
import { logIn, type Login } from '../support/auth-clients.js';
import { describeConformance, type Router } from '../support/conformance.js';
import { Gatekeeper } from '../support/gatekeeper.js';
import type { RawClient } from '../support/raw-client.js';

const SECRET = 'a secret of more than thirty-two characters';
const HEADER = 'x-client-certificate';
const PROCEDURE = 'com.example.decide';
const fingerprintOf = (name: string): string => createHash('sha256').update(name).digest('hex');

const config: ConfigInput = {
  limits: { maxFailedAuthenticationsPerAuthid: 0 },
  listen: {
    trustProxyHeader: 'x-forwarded-for',
    trustedProxies: ['127.0.0.1', '::1'],
    clientCertificate: { header: HEADER, format: 'sha256' },
    headersForAuthenticators: ['user-agent', 'x-tenant'],
  },
  realms: [
    {
      name: 'realm1',
      anonymousRole: null,
      roles: [
        { name: 'user', permissions: [{ uri: 'gantry.session.renew', allow: { call: true } }] },
        { name: 'admin' },
        { name: 'device' },
      ],
      auth: {
        jwt: {
          keys: [{ algorithm: 'HS256', secret: SECRET }],
          issuer: 'https://login.example.com',
          audience: 'realm1',
          clockToleranceS: 0,
          claims: { authextra: ['email'] },
        },
        ticket: { principals: { ann: { ticket: 'of ann', role: 'user' } } },
        tls: { principals: { device7: { certificateSha256: [fingerprintOf('device7')], role: 'device' } } },
      },
    },
    {
      name: 'realm2',
      anonymousRole: null,
      roles: [
        { name: 'user', permissions: [{ uri: 'gantry.session.renew', allow: { call: true } }] },
        { name: 'gate', permissions: [{ uri: PROCEDURE, allow: { register: true } }] },
      ],
      auth: {
        ticket: { principals: { gatekeeper: { ticket: 'gate', role: 'gate' } } },
        tls: { type: 'dynamic', authenticator: PROCEDURE },
        jwt: { keys: [{ algorithm: 'HS256', secret: SECRET }], authenticator: PROCEDURE, clockToleranceS: 0 },
      },
    },
  ],
};

const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1_000) + seconds;
const usual = { iss: 'https://login.example.com', aud: 'realm1', sub: 'joe', role: 'user' };

/** A token as an issuer makes it, written down apart from the router. */
function token(claims: object, algorithm = 'HS256', key = SECRET): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: algorithm })}.${part({ ...usual, exp: inSeconds(600), ...claims })}`;
  const signature = algorithm === 'none' ? '' : createHmac('sha256', key).update(text).digest('base64url');
  return `${text}.${signature}`;
}

const byToken = (text: string, method = 'jwt', authid?: string): Login => ({
  method,
  ...(authid === undefined ? {} : { authid }),
  answer: () => [text, {}],
});

/** `certificate`: several for as many lines. */
const connectWith = (router: Router, certificate: string | string[]): Promise<RawClient> =>
  router.connect({ headers: { 'x-forwarded-for': '203.0.113.7', [HEADER]: certificate } });

describeConformance(
  'tokens and certificates',
  (router, transport) => {
    it('admits the bearer of a token, with the role and the claims that it names', async () => {
      const client = await router().connect();
      const answer = await logIn(client, byToken(token({ email: 'joe@example.com' })));
      expect(answer[0]).toBe(Code.WELCOME);
      expect(client.welcome).toMatchObject({
        authid: 'joe',
        authrole: 'user',
        authmethod: 'jwt',
        authextra: { email: 'joe@example.com' },
      });
    });

    it('admits the bearer of a token by the method ticket, which every library has', async () => {
      const client = await router().connect();
      const answer = await logIn(client, byToken(token({ role: 'admin' }), 'ticket', 'joe'));
      expect(answer[0]).toBe(Code.WELCOME);
      expect(client.welcome).toMatchObject({ authid: 'joe', authrole: 'admin', authmethod: 'ticket' });
      const other = await router().connect();
      expect((await logIn(other, byToken('of ann', 'ticket', 'ann')))[0]).toBe(Code.WELCOME);
    });

    it.each([
      ['has expired', token({ exp: inSeconds(-600) })],
      ['is not valid yet', token({ nbf: inSeconds(600) })],
      ['is for another audience', token({ aud: 'realm2' })],
      ['has another issuer', token({ iss: 'https://elsewhere.example.com' })],
      ['names a role that the realm does not have', token({ role: 'root' })],
      ['has no subject', token({ sub: undefined })],
      ['is signed with another secret', token({}, 'HS256', `${SECRET}!`)],
      ['is not signed', token({}, 'none')],
      ['names another algorithm', token({}, 'HS512')],
      ['is no token', 'abc'],
      ['is empty', ''],
    ])('refuses a token that %s', async (_flaw, text) => {
      for (const method of ['jwt', 'ticket']) {
        const client = await router().connect();
        const answer = await logIn(client, byToken(text, method, 'joe'));
        expect(answer).toMatchObject({ 0: Code.ABORT, 2: ErrorUri.AUTHENTICATION_DENIED });
      }
    });

    it('closes the session when the token expires, unless it is renewed', async () => {
      const [expiring, renewed] = [await router().connect(), await router().connect()];
      for (const client of [expiring, renewed])
        expect((await logIn(client, byToken(token({ exp: inSeconds(2), jti: randomUUID() }))))[0]).toBe(Code.WELCOME);
      renewed.send([Code.CALL, 1, {}, 'gantry.session.renew', [token({})]]);
      expect(await renewed.receive()).toMatchObject({ 0: Code.RESULT, 1: 1 });
      expect(await expiring.receive()).toMatchObject({ 0: Code.GOODBYE, 2: CloseUri.EXPIRED });
      renewed.send([Code.CALL, 2, {}, 'gantry.session.renew', [token({})]]);
      expect(await renewed.receive()).toMatchObject({ 0: Code.RESULT, 1: 2 });
    });

    it('an authenticator on another node decides on the claims of a token, also when it is renewed', async () => {
      const gate = await gatekeeper(router(), (_realm, _authid, { claims }) =>
        claims?.['plan'] === 'gold' ? { result: 'user' } : { error: 'com.example.no_plan' },
      );
      for (const method of ['jwt', 'ticket']) {
        const client = await router().connectAt(1);
        const gold = token({ plan: 'gold', exp: inSeconds(600) });
        expect((await logIn(client, byToken(gold, method, 'ignored'), 'realm2'))[0]).toBe(Code.WELCOME);
        expect(client.welcome).toMatchObject({
          authid: 'joe',
          authrole: 'user',
          authmethod: method,
          authprovider: 'jwt',
        });
        client.send([Code.CALL, 1, {}, 'gantry.session.renew', [token({ plan: 'gold' })]]);
        expect(await client.receive()).toMatchObject({ 0: Code.RESULT });
        client.send([Code.CALL, 2, {}, 'gantry.session.renew', [token({ plan: 'tin' })]]);
        expect(await client.receive()).toMatchObject({ 0: Code.ERROR, 4: ErrorUri.NOT_AUTHORIZED });
        const other = await router().connectAt(1);
        expect(await logIn(other, byToken(token({ plan: 'tin' }), method, 'joe'), 'realm2')).toMatchObject({
          0: Code.ABORT,
          2: ErrorUri.AUTHENTICATION_DENIED,
        });
      }
      const asked = gate.asked.length;
      const forged = await router().connectAt(1);
      await logIn(forged, byToken(token({ plan: 'gold' }, 'HS256', `${SECRET}!`)), 'realm2');
      expect(gate.asked).toHaveLength(asked);
      expect(JSON.stringify(gate.asked[0])).not.toContain(token({ plan: 'gold' }).split('.')[2]!);
    });

    if (transport === 'websocket') declareProxied(router);
  },
  config,
);

/** The authenticator of realm2, on the first node. */
async function gatekeeper(router: Router, answer: Parameters<typeof Gatekeeper.at>[2]): Promise<Gatekeeper> {
  const client = await router.connectAt(0);
  const login: Login = { method: 'ticket', authid: 'gatekeeper', answer: () => ['gate', {}] };
  expect((await logIn(client, login, 'realm2'))[0]).toBe(Code.WELCOME);
  return Gatekeeper.at(client, PROCEDURE, answer);
}

/** The header of a proxy: only HTTP has such. */
function declareProxied(router: () => Router): void {
  it('an authenticator decides on a certificate, and receives the headers that the configuration names', async () => {
    const gate = await gatekeeper(router(), (_realm, _authid, { transport }) => {
      const { sha256 } = transport['peer_cert'] as { sha256: string };
      const isKnown = sha256.replaceAll(':', '').toLowerCase() === fingerprintOf('device9');
      return isKnown ? { result: { role: 'user', authid: 'device9' } } : { error: 'com.example.unknown' };
    });
    const client = await router().connect({
      headers: { [HEADER]: fingerprintOf('device9'), 'x-tenant': 'blue', authorization: 'secret', cookie: 'a=secret' },
    });
    expect((await logIn(client, { method: 'tls' }, 'realm2'))[0]).toBe(Code.WELCOME);
    expect(client.welcome).toMatchObject({ authid: 'device9', authmethod: 'tls', authprovider: 'dynamic' });
    expect(gate.asked[0]?.[2].transport).toMatchObject({
      is_secure: false,
      http_headers_received: { 'x-tenant': 'blue' },
    });
    expect(JSON.stringify(gate.asked)).not.toContain('secret');
    const other = await connectWith(router(), fingerprintOf('device8'));
    expect(await logIn(other, { method: 'tls' }, 'realm2')).toMatchObject({
      0: Code.ABORT,
      2: ErrorUri.AUTHENTICATION_DENIED,
    });
  });

  it('admits the owner of a certificate that the proxy has verified', async () => {
    const client = await connectWith(router(), fingerprintOf('device7'));
    expect((await logIn(client, { method: 'tls' }))[0]).toBe(Code.WELCOME);
    expect(client.welcome).toMatchObject({ authid: 'device7', authrole: 'device', authmethod: 'tls' });
  });

  it.each([
    ['another certificate', fingerprintOf('device8')],
    ['what is no fingerprint', 'device7'],
    ['two certificates', `${fingerprintOf('device7')},${fingerprintOf('device8')}`],
    ['none, when the proxy sends an empty header', ''],
    ['none, with a header of the client behind the empty one of the proxy', ['', fingerprintOf('device7')]],
    ['none, with a header of the client before the empty one of the proxy', [fingerprintOf('device7'), '']],
  ])('refuses the owner of %s', async (_flaw, certificate) => {
    const client = await connectWith(router(), certificate);
    expect(await logIn(client, { method: 'tls' })).toMatchObject({
      0: Code.ABORT,
      2: ErrorUri.AUTHENTICATION_DENIED,
    });
  });
}
