import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.js';
import { MetaTopic } from '../../src/routing/meta/topics.js';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import {
  anonymous,
  cra,
  CRA_SALT,
  CREDENTIALS,
  cryptosign,
  logIn,
  PUBLIC_KEY,
  scram,
  ticket,
  type Login,
} from '../support/auth-clients.js';
import { describeConformance, type Router } from '../support/conformance.js';
import { expectClosed } from '../support/endings.js';
import { metaResult } from '../support/meta.js';
import { Gatekeeper, type Answer, type AuthDetails } from '../support/gatekeeper.js';

const PROCEDURE = 'com.example.authenticate';
const ALL = { call: true, register: true, publish: true, subscribe: true };
const everything = { uri: '', match: 'prefix' as const, allow: ALL };
const dynamic = { type: 'dynamic' as const, authenticator: PROCEDURE, timeoutMs: 3_000 };
const { scram: scramKeys } = CREDENTIALS;

const config: ConfigInput = {
  limits: { handshakeTimeoutMs: 20_000 },
  realms: [
    {
      name: 'realm1',
      roles: [
        { name: 'user', permissions: [everything] },
        { name: 'gate', permissions: [{ uri: PROCEDURE, allow: { register: true } }] },
      ],
      auth: {
        ticket: [
          dynamic,
          {
            principals: {
              gatekeeper: { ticket: 'gate', role: 'gate' },
              joe: { ticket: CREDENTIALS.ticket, role: 'user' },
            },
          },
        ],
        wampcra: [
          { users: { joe: { secret: CREDENTIALS.password, role: 'user' } } },
          { users: { jane: { derivedKey: CREDENTIALS.derivedKey, ...CRA_SALT, role: 'user' } } },
          dynamic,
        ],
        wampScram: [{ principals: { joe: { ...scramKeys, role: 'user' } } }, dynamic],
        scram: [{ principals: { joe: { ...scramKeys, role: 'user' } } }, dynamic],
        cryptosign: [{ principals: { joe: { authorizedKeys: [PUBLIC_KEY], role: 'user' } } }, dynamic],
        anonymous: dynamic,
      },
    },
    { name: 'realm2', anonymousRole: null, roles: [{ name: 'guest', permissions: [everything] }] },
  ],
};

/** An authenticator on the first node; clients log in on the second, if there is one. */
async function gatekeeper(
  router: Router,
  answer: (realm: string, authid: string | null, details: AuthDetails) => Answer,
): Promise<Gatekeeper> {
  const client = await router.connectAt(0);
  expect((await logIn(client, ticket('gatekeeper', 'gate')))[0]).toBe(Code.WELCOME);
  return Gatekeeper.at(client, PROCEDURE, answer);
}

const LOGINS: readonly (readonly [name: string, login: Login, result: unknown])[] = [
  ['ticket', ticket('ann'), { role: 'user' }],
  ['ticket, by the name of a role', ticket('ann'), 'user'],
  ['wampcra', cra('ann'), { role: 'user', secret: CREDENTIALS.password }],
  ['wampcra, salted', cra('ann'), { role: 'user', secret: CREDENTIALS.password, ...CRA_SALT }],
  ['wampcra, derived', cra('ann'), { role: 'user', derivedKey: CREDENTIALS.derivedKey, ...CRA_SALT }],
  ['wamp-scram', scram('wamp-scram', 'ann'), { role: 'user', ...scramKeys }],
  [
    'scram',
    scram('scram', 'ann'),
    { ...scramKeys, 'stored-key': scramKeys.storedKey, 'server-key': scramKeys.serverKey, role: 'user' },
  ],
  ['cryptosign', cryptosign('ann'), { role: 'user', pubkey: PUBLIC_KEY }],
];

describeConformance(
  'dynamic authentication',
  (router) => {
    it.each(LOGINS)('admits by %s', async (_name, login, result) => {
      const gate = await gatekeeper(router(), () => ({ result }));
      const client = await router().connectAt(1);
      const [code, session, details] = await logIn(client, login);
      expect(code).toBe(Code.WELCOME);
      expect(details).toMatchObject({
        realm: 'realm1',
        authid: 'ann',
        authrole: 'user',
        authmethod: login.method,
        authprovider: 'dynamic',
      });
      expect(gate.asked).toHaveLength(1);
      const [realm, authid, asked] = gate.asked[0]!;
      expect([realm, authid]).toEqual(['realm1', 'ann']);
      expect(asked).toMatchObject({
        session,
        authmethod: login.method,
        authid: 'ann',
        authextra: login.authextra ?? null,
        transport: {
          type: router().transport,
          channel_type: router().transport,
          channel_serializer: router().serializer,
        },
      });
      expect(asked.ticket).toBe(login.method === 'ticket' ? CREDENTIALS.ticket : undefined);
      expect(JSON.stringify(asked.transport)).not.toMatch(/cookie|authorization/i);
    });

    it.each([
      ['ticket', ticket('joe')],
      ['wampcra', cra('joe')],
      ['wampcra, of the second entry', cra('jane')],
      ['wamp-scram', scram('wamp-scram', 'joe')],
      ['scram', scram('scram', 'joe')],
      ['cryptosign', cryptosign('joe')],
    ] as const)('admits principals of the configuration first, by %s', async (_name, login) => {
      const gate = await gatekeeper(router(), () => ({ error: 'com.example.no' }));
      const [code, , details] = await logIn(await router().connectAt(1), login);
      expect([code, details]).toMatchObject([Code.WELCOME, { authid: login.authid, authprovider: 'static' }]);
      expect(gate.asked).toEqual([]);
    });

    it('admits anonymous clients as the authenticator decides', async () => {
      await gatekeeper(router(), () => ({ result: { role: 'user', extra: { plan: 'free' } } }));
      const [code, , details] = await logIn(await router().connectAt(1), anonymous);
      expect([code, details]).toMatchObject([
        Code.WELCOME,
        { authrole: 'user', authmethod: 'anonymous', authprovider: 'dynamic', authextra: { plan: 'free' } },
      ]);
      expect((details as { authid: string }).authid).toMatch(/^[0-9a-f-]{36}$/);
    });

    it.each([
      ['ticket', ticket('ann'), {}],
      ['wamp-scram', scram('wamp-scram', 'ann'), scramKeys],
    ] as const)(
      'lets others see the extra of the result, and no proof of the router, by %s (SMA-6)',
      async (_name, login, keys) => {
        const extra = { plan: 'free', groups: ['a', { b: 1 }] };
        await gatekeeper(router(), () => ({ result: { role: 'user', extra, ...keys } }));
        const watcher = await router().connectAt(2);
        await logIn(watcher, cra('joe'));
        await watcher.subscribe(MetaTopic.SESSION_JOINED);
        const client = await router().connectAt(1);
        const [, session, welcome] = await logIn(client, login);
        expect(welcome).toMatchObject({ authextra: extra });
        const [, , , , joined] = await watcher.expect(Code.EVENT);
        expect(joined).toMatchObject([{ session, authextra: extra }]);
        const details = await metaResult(watcher, 'wamp.session.get', [session]);
        expect(joined).toEqual([details]);
        expect(details).toHaveProperty('authextra', extra);
      },
    );

    it('names the principal as the result does', async () => {
      await gatekeeper(router(), () => ({ result: { role: 'user', authid: 'user-7' } }));
      const client = await router().connectAt(1);
      await logIn(client, { method: 'ticket', answer: () => ['a token', {}] });
      expect(client.welcome).toMatchObject({ authid: 'user-7', authprovider: 'dynamic' });
    });

    it.each(LOGINS)('refuses by an application error, without its text, by %s', async (_name, login) => {
      await gatekeeper(router(), () => ({ error: 'com.example.blocked' }));
      const [code, details, reason] = await logIn(await router().connectAt(1), login);
      expect([code, reason]).toEqual([Code.ABORT, ErrorUri.AUTHENTICATION_DENIED]);
      expect(JSON.stringify(details)).not.toMatch(/secret|blocked|authenticate/);
    });

    it.each<[string, unknown]>([
      ['nothing', null],
      ['a number', 7],
      ['a list', ['user']],
      ['no role', { authid: 'ann' }],
      ['an unknown role', { role: 'emperor' }],
      ['a role that is no text', { role: { name: 'user' } }],
      ['another realm, which it may not choose', { role: 'guest', realm: 'realm2' }],
      ['extra that is no dict', { role: 'user', extra: 'x' }],
    ])('closes with 1013 and without ABORT when the result is %s', async (_name, result) => {
      await gatekeeper(router(), () => ({ result }));
      const client = await router().connectAt(1);
      const before = router().counted(({ authenticatorCalls }) => authenticatorCalls.invalid);
      await expect(logIn(client, ticket('ann'))).rejects.toThrow('closed');
      await expectClosed(client, 1013);
      expect(router().counted(({ authenticatorCalls }) => authenticatorCalls.invalid)).toBe(before + 1);
    });

    it.each([ticket('ann'), cra('ann'), scram('wamp-scram', 'ann'), cryptosign('ann'), anonymous])(
      'closes with 1013 when no authenticator is registered, by $method',
      async (login) => {
        const gate = await gatekeeper(router(), () => 'silence');
        await gate.client.close();
        const client = await router().connectAt(1);
        await expect(logIn(client, login)).rejects.toThrow('closed');
        await expectClosed(client, 1013);
      },
    );

    it.each<[string, object]>([
      ['role', { role: '\0user' }],
      ['authid', { role: 'user', authid: '\0ann' }],
      ['extra', { role: 'user', extra: { text: '\0' } }],
    ])(
      'takes no result whose %s begins with U+0000, in any serializer of the authenticator (SER-3)',
      async (_key, result) => {
        const keeper = await router().connectAt(0, { serializer: 'msgpack' });
        await logIn(keeper, ticket('gatekeeper', 'gate'));
        await Gatekeeper.at(keeper, PROCEDURE, () => ({ result }));
        const client = await router().connectAt(1);
        const before = router().counted(({ authenticatorCalls }) => authenticatorCalls.invalid);
        await expect(logIn(client, ticket('ann'))).rejects.toThrow('closed');
        await expectClosed(client, 1013);
        expect(router().counted(({ authenticatorCalls }) => authenticatorCalls.invalid)).toBe(before + 1);
      },
    );

    it.each<[string, Login, string]>([
      ['authid', ticket('\0ann'), ErrorUri.PROTOCOL_VIOLATION],
      ['ticket', ticket('ann', '\0secret'), ErrorUri.PROTOCOL_VIOLATION],
      ['authextra', { ...ticket('ann'), authextra: { text: '\0!!' } }, ErrorUri.AUTHENTICATION_FAILED],
    ])('refuses a client whose %s begins with U+0000, and asks nobody (SER-3)', async (_what, login, error) => {
      const gate = await gatekeeper(router(), () => ({ result: 'user' }));
      const client = await router().connectAt(1, { serializer: 'msgpack' });
      const before = router().counted(({ authenticatorCalls }) => authenticatorCalls.failed);
      const [code, , reason] = await logIn(client, login);
      expect([code, reason]).toEqual([Code.ABORT, error]);
      expect(gate.asked).toEqual([]);
      expect(router().counted(({ authenticatorCalls }) => authenticatorCalls.failed)).toBe(before);
    });

    it('closes with 1013 when the authenticator dies in the call', async () => {
      const gate: Gatekeeper = await gatekeeper(router(), () => {
        gate.client.drop();
        return 'silence';
      });
      const client = await router().connectAt(1);
      await expect(logIn(client, cra('ann'))).rejects.toThrow('closed');
      await expectClosed(client, 1013);
      expect(gate.asked).toHaveLength(1);
    });

    it('closes with 1013 when the authenticator fails with an exception', async () => {
      await gatekeeper(router(), () => ({ error: 'wamp.error.runtime_error' }));
      const client = await router().connectAt(1);
      await expect(logIn(client, cra('ann'))).rejects.toThrow('closed');
      await expectClosed(client, 1013);
    });

    it('closes with 1013 when the authenticator hangs, and interrupts it', async () => {
      const gate = await gatekeeper(router(), () => 'silence');
      const client = await router().connectAt(1);
      const before = router().counted(({ authenticatorCalls }) => authenticatorCalls.timeout);
      await expect(logIn(client, cra('ann'))).rejects.toThrow('closed');
      await expectClosed(client, 1013);
      expect(router().counted(({ authenticatorCalls }) => authenticatorCalls.timeout)).toBe(before + 1);
      await until(() => gate.interruptCount === 1);
    });

    it('cancels the call when the client goes', async () => {
      const gate = await gatekeeper(router(), () => 'silence');
      const client = await router().connectAt(1);
      void logIn(client, cra('ann')).catch(() => undefined);
      await until(() => gate.asked.length === 1);
      client.drop();
      await until(() => gate.interruptCount === 1);
    });

    it('lets no ordinary session call or register the authenticator', async () => {
      const gate = await gatekeeper(router(), () => ({ result: 'user' }));
      const client = await router().connectAt(1);
      await logIn(client, ticket('joe'));
      client.call(PROCEDURE, ['realm1', 'joe', {}]);
      expect((await client.receive())[4]).toBe(ErrorUri.NOT_AUTHORIZED);
      for (const [uri, match] of [
        [PROCEDURE, 'exact'],
        ['com.example.', 'prefix'],
        ['com..authenticate', 'wildcard'],
      ]) {
        client.request(Code.REGISTER, { match }, uri);
        expect((await client.receive())[4]).toBe(ErrorUri.NOT_AUTHORIZED);
      }
      expect(gate.asked).toEqual([]);
    });
  },
  config,
);

const realms = config.realms!;
describeConformance(
  'dynamic authentication that chooses the realm',
  (router) => {
    it('joins another realm that the router serves, and no other', async () => {
      await gatekeeper(router(), (_realm, authid) => ({ result: { role: 'guest', realm: authid } }));
      const client = await router().connectAt(1);
      await logIn(client, { ...cra('realm2'), method: 'ticket', answer: () => ['x', {}] });
      expect(client.welcome).toMatchObject({ realm: 'realm2', authrole: 'guest', authprovider: 'dynamic' });
      const subscription = await client.subscribe('com.example.topic');
      expect(subscription).toBeGreaterThan(0);
      const other = await router().connectAt(1);
      const aborted = await logIn(other, ticket('realm3'));
      expect(aborted[0]).toBe(Code.ABORT);
      expect(aborted[2]).toBe(ErrorUri.AUTHENTICATION_FAILED);
    });
  },
  {
    ...config,
    realms: [
      {
        ...realms[0]!,
        auth: {
          ticket: [
            { principals: { gatekeeper: { ticket: 'gate', role: 'gate' } } },
            { ...dynamic, mayChooseRealm: true, onUnavailable: 'abort' as const },
          ],
        },
      },
      realms[1]!,
    ],
  },
);

async function until(isSo: () => boolean): Promise<void> {
  for (let waitedMs = 0; !isSo(); waitedMs += 10) {
    if (waitedMs > 30_000) throw new Error('it did not happen');
    await sleep(10);
  }
}
