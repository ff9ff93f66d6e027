import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.js';
import { Code } from '../../src/wamp/codes.js';
import { cleanups, startCluster, startRedisCluster, type TestCluster } from '../support/cluster.js';
import { RawClient, type Message } from '../support/raw-client.js';

const DENIED = 'wamp.error.authentication_denied';
const REVOKE = 'gantry.cookie.revoke';
const LOGOUT = 'wamp.close.logout';
const ORIGIN = 'https://app.example.com';
const CONFIG: ConfigInput = {
  listen: { cookie: {}, allowedOrigins: [ORIGIN] },
  realms: ['realm1', 'realm2'].map((name) => ({
    name,
    anonymousRole: 'user',
    roles: [
      { name: 'user', permissions: [] },
      { name: 'admin', permissions: [{ uri: REVOKE, allow: { call: true } }] },
    ],
    auth: {
      cookie: {},
      ticket: {
        principals: {
          peter: { ticket: 'right', role: 'user' },
          mary: { ticket: 'right', role: 'user' },
          root: { ticket: 'right', role: 'admin' },
        },
      },
    },
  })),
};
const after = cleanups();

const TOPOLOGIES: readonly [string, () => Promise<TestCluster>][] = [
  ['one node', () => startCluster(1, CONFIG)],
  ['three nodes in process', () => startCluster(3, CONFIG)],
  ['three nodes over Redis', () => startRedisCluster(3, CONFIG)],
];

describe.each(TOPOLOGIES)('login by cookie: %s', (_name, start) => {
  let cluster: TestCluster;
  let index = 0;
  beforeAll(async () => {
    cluster = await start();
  });
  afterAll(() => cluster.stop());

  /** A connection to the next node. `cookie`: as the browser sends it. */
  const connect = async (cookie?: string): Promise<RawClient> => {
    const headers = cookie === undefined ? {} : { headers: { Cookie: cookie } };
    const client = await RawClient.connect(cluster.url(index++), { origin: ORIGIN, ...headers });
    after(() => client.drop());
    return client;
  };
  const cookieOf = ({ setCookies }: RawClient): string => setCookies[0]!.split(';')[0]!;
  /** All cookies, as the browser sends them next time. */
  const jarOf = ({ setCookies }: RawClient): string => setCookies.map((line) => line.split(';')[0]).join('; ');
  const hello = async (
    client: RawClient,
    authmethods: string[],
    authid = 'peter',
    realm = 'realm1',
  ): Promise<Message> => {
    client.send([Code.HELLO, realm, { roles: { caller: {} }, authmethods, authid }]);
    const answer = await client.receive();
    if (answer[0] !== Code.CHALLENGE) return answer;
    client.send([Code.AUTHENTICATE, 'right', {}]);
    return client.receive();
  };
  /** The cookie of a client that has logged in with its ticket. */
  const loggedIn = async (authid = 'peter'): Promise<string> => {
    const client = await connect();
    expect((await hello(client, ['ticket'], authid))[0]).toBe(Code.WELCOME);
    return cookieOf(client);
  };
  const identity = async (cookie: string | undefined, realm?: string): Promise<unknown> => {
    const answer = await hello(await connect(cookie), ['cookie'], 'ignored', realm);
    if (answer[0] !== Code.WELCOME) return answer[2];
    const { authid, authrole, authmethod, authprovider } = answer[2] as Record<string, unknown>;
    return [authid, authrole, authmethod, authprovider];
  };
  const PETER = ['peter', 'user', 'cookie', 'cookie'];

  it('needs the credential once: every node knows the cookie afterwards', async () => {
    const cookie = await loggedIn();
    for (let i = 0; i < 4; i++) expect(await identity(cookie)).toEqual(PETER);
    expect(await identity(`theme=dark; ${cookie}; other=1`)).toEqual(PETER);
  });

  it('sets a cookie that scripts cannot read, and prolongs the one that is presented', async () => {
    const client = await connect();
    expect(client.setCookies).toHaveLength(1);
    expect(client.setCookies[0]).toMatch(/^gantry=[A-Za-z0-9_-]{43}; Path=\/; Max-Age=604800; HttpOnly; SameSite=Lax$/);
    const cookie = cookieOf(client);
    expect(cookieOf(await connect(cookie))).toBe(cookie);
    expect(cookieOf(await connect())).not.toBe(cookie);
    for (const odd of [
      'gantry=',
      'gantry=short',
      `gantry=${'x'.repeat(44)}`,
      `other${cookie}`,
      ';;=',
      `gantry="${'x'.repeat(43)}"`,
    ])
      expect(cookieOf(await connect(odd))).not.toContain('x'.repeat(43));
  });

  it('is only for clients that offer it, and leaves others to the next method of their offer', async () => {
    const cookie = await loggedIn();
    expect((await hello(await connect(cookie), ['ticket']))[2]).toMatchObject({ authmethod: 'ticket' });
    expect((await hello(await connect(cookie), ['anonymous']))[2]).toMatchObject({ authmethod: 'anonymous' });
    const fresh = await connect();
    expect((await hello(fresh, ['cookie', 'ticket']))[2]).toMatchObject({ authmethod: 'ticket', authid: 'peter' });
    expect(await identity(cookieOf(fresh))).toEqual(PETER);
    expect((await hello(await connect(), ['cookie', 'anonymous']))[2]).toMatchObject({ authmethod: 'anonymous' });
  });

  it('admits nobody by a cookie that no login has bound, in this realm', async () => {
    const anonymous = await connect();
    await hello(anonymous, ['anonymous']);
    expect(await identity(cookieOf(anonymous))).toBe(DENIED);
    expect(await identity(undefined)).toBe(DENIED);
    const failed = await connect();
    failed.send([Code.HELLO, 'realm1', { roles: { caller: {} }, authmethods: ['ticket'], authid: 'peter' }]);
    await failed.expect(Code.CHALLENGE);
    failed.send([Code.AUTHENTICATE, 'wrong', {}]);
    await failed.expect(Code.ABORT);
    expect(await identity(cookieOf(failed))).toBe(DENIED);
    expect(await identity(await loggedIn(), 'realm2')).toBe(DENIED);
  });

  it('is exchanged at a login: who has planted a cookie cannot use it afterwards', async () => {
    const planted = await loggedIn('mary');
    const victim = await connect(planted);
    expect(victim.setCookies).toHaveLength(2);
    expect((await hello(victim, ['ticket'], 'peter'))[0]).toBe(Code.WELCOME);
    expect(await identity(planted)).toBe(DENIED);
    const jar = jarOf(victim);
    expect(await identity(jar)).toEqual(PETER);
    const next = await connect(jar);
    const [first, second] = next.setCookies.map((line) => line.split(';')[0]!);
    expect(first!.split('=')[1]).toBe(jar.split('gantry-next=')[1]);
    expect(second).toMatch(/^gantry-next=/);
    for (let i = 0; i < 3; i++) expect(await identity(jarOf(next))).toEqual(PETER);
    expect(await identity(first)).toEqual(PETER);
  });

  it('stands for the principal that has logged in last, and keeps logins in other realms', async () => {
    const client = await connect(await loggedIn('mary'));
    await hello(client, ['ticket'], 'peter', 'realm2');
    const other = await connect(jarOf(client));
    await hello(other, ['ticket'], 'peter');
    const jar = jarOf(other);
    expect(await identity(jar)).toEqual(PETER);
    expect(await identity(jar, 'realm2')).toEqual(PETER);
  });

  it('ends with a logout, and not with another goodbye', async () => {
    const cookie = await loggedIn();
    for (const [reason, expected] of [
      ['wamp.close.close_realm', PETER],
      ['wamp.close.logout', DENIED],
    ] as const) {
      const client = await connect(cookie);
      await hello(client, ['cookie']);
      client.send([Code.GOODBYE, {}, reason]);
      await client.expect(Code.GOODBYE);
      // The router may answer before the store has forgotten the cookie.
      while (JSON.stringify(await identity(cookie)) !== JSON.stringify(expected));
    }
  });

  it('ends the sessions of its login on every node, and no others, with a logout', async () => {
    const first = await connect();
    await hello(first, ['ticket']);
    const cookie = cookieOf(first);
    const tabs = [await connect(cookie), await connect(cookie), await connect(cookie)];
    for (const tab of tabs) await hello(tab, ['cookie']);
    const other = await connect(await loggedIn());
    await hello(other, ['cookie']);
    const leaving = await connect(cookie);
    await hello(leaving, ['cookie']);
    leaving.send([Code.GOODBYE, {}, LOGOUT]);
    expect(await leaving.receive()).toEqual([Code.GOODBYE, {}, 'wamp.close.goodbye_and_out']);
    for (const client of [first, ...tabs]) expect((await client.expect(Code.GOODBYE))[2]).toBe(LOGOUT);
    other.send([Code.SUBSCRIBE, 1, {}, 'com.example.fence']);
    await other.expect(Code.ERROR);
  });

  it('ends the sessions of the logins of an authid that is revoked, and no others', async () => {
    const cookie = await loggedIn('mary');
    const gone = [await connect(cookie), await connect(await loggedIn('mary')), await connect(cookie)];
    for (const client of gone) await hello(client, ['cookie']);
    const peter = await connect(await loggedIn('peter'));
    await hello(peter, ['cookie']);
    const admin = await connect();
    await hello(admin, ['ticket'], 'root');
    admin.send([Code.CALL, 1, {}, REVOKE, ['mary']]);
    expect((await admin.expect(Code.RESULT))[3]).toEqual([expect.any(Number)]);
    for (const client of gone) expect((await client.expect(Code.GOODBYE))[2]).toBe(LOGOUT);
    admin.send([Code.CALL, 2, {}, REVOKE, ['root']]);
    await admin.expect(Code.RESULT);
    peter.send([Code.SUBSCRIBE, 1, {}, 'com.example.fence']);
    await peter.expect(Code.ERROR);
  });

  it('ends for all cookies of an authid that is revoked, and begins anew with its next login', async () => {
    const cookies = [await loggedIn('mary'), await loggedIn('mary')];
    const others = await loggedIn('peter');
    const admin = await connect();
    await hello(admin, ['ticket'], 'root');
    admin.send([Code.CALL, 1, {}, REVOKE, ['mary']]);
    await admin.expect(Code.RESULT);
    for (const cookie of cookies) expect(await identity(cookie)).toBe(DENIED);
    expect(await identity(others)).toEqual(PETER);
    expect(await identity(await loggedIn('mary'))).toEqual(['mary', 'user', 'cookie', 'cookie']);
    admin.send([Code.CALL, 2, {}, REVOKE, [7]]);
    await admin.expect(Code.ERROR);
  });

  it('shows the cookie nowhere but in its header', async () => {
    const client = await connect();
    const welcome = await hello(client, ['ticket']);
    expect(JSON.stringify(welcome)).not.toContain(cookieOf(client).split('=')[1]);
  });
});
