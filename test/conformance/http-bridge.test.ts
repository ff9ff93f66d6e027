import { createHmac } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { expect, it, vi } from 'vitest';
import type { ConfigInput } from '../../src/config/schema.js';
import { Code } from '../../src/wamp/codes.js';
import { describeConformance, type Router } from '../support/conformance.js';
import { signedQuery } from '../support/signed-request.js';

const KEY = { key: 'app', secret: 'kkjH68GiuUZ' };
const TOKEN_SECRET = 'a secret of more than thirty-two characters';

const config: ConfigInput = {
  listen: { allowedOrigins: ['https://pages.example'] },
  limits: { maxNestingDepth: 16 },
  realms: [
    {
      name: 'realm1',
      anonymousRole: 'anonymous',
      roles: [
        {
          name: 'anonymous',
          permissions: [
            { uri: '', match: 'prefix', allow: { call: true, register: true, publish: true, subscribe: true } },
          ],
        },
        {
          name: 'web',
          permissions: [
            {
              uri: 'com.example.',
              match: 'prefix',
              allow: { call: true, publish: true },
              disclose: { caller: true, publisher: true },
            },
            { uri: 'wamp.session.', match: 'prefix', allow: { call: true } },
            { uri: 'gantry.session.renew', allow: { call: true } },
          ],
        },
        { name: 'nothing' },
      ],
      auth: { jwt: { keys: [{ algorithm: 'HS256', secret: TOKEN_SECRET }] } },
    },
  ],
  httpBridge: [
    { type: 'publisher', path: '/publish', realm: 'realm1', role: 'web', keys: [KEY] },
    {
      type: 'caller',
      path: '/call',
      realm: 'realm1',
      role: 'web',
      keys: [KEY, { ...KEY, key: 'weak', role: 'nothing' }],
      callTimeoutMs: 600,
    },
    {
      type: 'caller',
      path: '/open/call',
      realm: 'realm1',
      role: 'web',
      errorStatus: 'http',
      maxBodyBytes: 2_000,
      callTimeoutMs: 60_000,
      maxPending: 4,
    },
    { type: 'publisher', path: '/open/publish', realm: 'realm1', role: 'web' },
    {
      type: 'webhook',
      path: '/hook',
      realm: 'realm1',
      role: 'web',
      topic: 'com.example.hook',
      signature: { header: 'x-hub-signature-256', prefix: 'sha256=', secret: 's3cr3t' },
    },
    { type: 'webhook', path: '/open/hook', realm: 'realm1', role: 'nothing', topic: 'com.example.hook' },
    { type: 'caller', path: '/token/call', realm: 'realm1', role: 'web', bearer: true },
  ],
};

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Headers;
}

const JSON_TYPE = { 'content-type': 'application/json' };

async function post(
  router: Router,
  node: number,
  path: string,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = JSON_TYPE,
): Promise<Answer> {
  const response = await fetch(httpUrl(router, node, path), { method: 'POST', body, headers });
  const text = await response.text();
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
  return {
    status: response.status,
    body: text === '' ? undefined : (JSON.parse(text) as unknown),
    headers: response.headers,
  };
}

function httpUrl(router: Router, node: number, path: string): string {
  return `${router.cluster.url(node).replace('ws:', 'http:').replace(/\/ws$/, '')}${path}`;
}

function signed(path: string, body: string, key = KEY): string {
  return `${path}?${signedQuery(body, key)}`;
}

function token(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'HS256' })}.${part({ exp: Date.now() / 1_000 + 600, sub: 'joe', role: 'web', ...claims })}`;
  return `${text}.${createHmac('sha256', TOKEN_SECRET).update(text).digest('base64url')}`;
}

describeConformance(
  'the HTTP bridge',
  (router) => {
    it('publishes what a signed request asks for, to subscribers at every node', async () => {
      const subscriber = await router().join();
      await subscriber.subscribe('com.example.topic');
      const body = '{"topic":"com.example.topic","args":["hi",2,1.0],"kwargs":{"big":9007199254740993}}';
      for (let node = 0; node < router().nodeCount; node++) {
        const { status, body: answer } = await post(router(), node, signed('/publish', body), body);
        expect(status).toBe(200);
        const [, , publication, , args, kwargs] = await subscriber.expect(Code.EVENT);
        expect(answer).toEqual({ id: publication });
        expect(args).toEqual(['hi', 2, 1]);
        // The other serializers of the tests cannot hold it.
        if (router().serializer === 'cbor') expect(kwargs).toEqual({ big: 9007199254740993n });
      }
    });

    it('applies the options that a request may have', async () => {
      const subscriber = await router().join();
      await subscriber.subscribe('com.example.options');
      const publish = (options: object) =>
        post(router(), 0, '/open/publish', JSON.stringify({ topic: 'com.example.options', args: [options], options }));
      expect(await publish({ exclude: [subscriber.session], acknowledge: false })).toMatchObject({ status: 200 });
      expect(await publish({ eligible_authrole: ['other'] })).toMatchObject({ status: 200 });
      for (const options of [{ forward_for: [] }, { disclose_me: true }, { x: 1 }, { exclude: 1 }, { ppt_scheme: 'x' }])
        expect(await publish(options)).toMatchObject({ status: 400 });
      expect(await publish({ eligible: [subscriber.session] })).toMatchObject({ status: 200 });
      expect((await subscriber.expect(Code.EVENT))[4]).toEqual([{ eligible: [subscriber.session] }]);
    });

    it('calls, and answers with the result or the error', async () => {
      const callee = await router().join();
      await callee.register('com.example.echo');
      for (let node = 0; node < router().nodeCount; node++) {
        const body = '{"procedure":"com.example.echo","args":[1,"é"],"kwargs":{"procedure":true}}';
        const answer = post(router(), node, signed('/call', body), body);
        const invocation = await callee.expect(Code.INVOCATION);
        expect(invocation[3]).toMatchObject({ caller_authid: 'app', caller_authrole: 'web' });
        expect(invocation.slice(4)).toEqual([[1, 'é'], { procedure: true }]);
        callee.send([Code.YIELD, invocation[1], {}, [1, 'é'], { a: 1 }]);
        expect(await answer).toMatchObject({ status: 200, body: { args: [1, 'é'], kwargs: { a: 1 } } });
        expect((await answer).headers.get('content-type')).toBe('application/json; charset=utf-8');
        expect((await answer).headers.get('cache-control')).toBe('no-store');
      }
      for (const [path, status] of [
        ['/call', 200],
        ['/open/call', 422],
      ] as const) {
        const body = '{"procedure":"com.example.echo"}';
        const answer = post(router(), 0, path === '/call' ? signed(path, body) : path, body);
        const [, request] = await callee.expect(Code.INVOCATION);
        callee.send([Code.ERROR, Code.INVOCATION, request, {}, 'com.example.broken', [7]]);
        expect(await answer).toMatchObject({ status, body: { error: 'com.example.broken', args: [7], kwargs: {} } });
      }
    });

    it('gives each error its status, where the configuration wants it', async () => {
      const call = async (path: string, procedure: string): Promise<unknown[]> => {
        const body = JSON.stringify({ procedure });
        const answer = await post(router(), 0, path === '/call' ? signed(path, body) : path, body);
        return [answer.status, (answer.body as { error: string }).error];
      };
      for (const [path, statuses] of [
        ['/call', [200, 200, 200]],
        ['/open/call', [404, 403, 400]],
      ] as const) {
        expect(await call(path, 'com.example.nothing')).toEqual([statuses[0], 'wamp.error.no_such_procedure']);
        expect(await call(path, 'com.elsewhere.x')).toEqual([statuses[1], 'wamp.error.not_authorized']);
        expect(await call(path, 'com.example..x')).toEqual([statuses[2], 'wamp.error.invalid_uri']);
      }
    });

    it('carries out with the role of the key, which may do less', async () => {
      const body = '{"procedure":"com.example.nothing"}';
      const answer = await post(router(), 0, signed('/call', body, { ...KEY, key: 'weak' }), body);
      expect(answer).toMatchObject({ status: 200, body: { error: 'wamp.error.not_authorized' } });
    });

    it('carries out a signed request once, whichever node receives it again', async () => {
      const body = '{"topic":"com.example.replay"}';
      const path = signed('/publish', body);
      expect(await post(router(), 0, path, body)).toMatchObject({ status: 200 });
      for (let node = 0; node < router().nodeCount; node++) {
        expect(await post(router(), node, path, body)).toMatchObject({
          status: 401,
          body: { error: expect.stringContaining('sent before') },
        });
        // Nor at another service that has the key.
        expect(await post(router(), node, path.replace('/publish', '/call'), body)).toMatchObject({ status: 401 });
      }
      expect(router().counted(({ httpBridge }) => httpBridge['publisher,replayed'])).toBe(router().nodeCount);
    });

    it('refuses what nobody has signed', async () => {
      const body = '{"topic":"com.example.topic"}';
      expect(await post(router(), 0, '/publish', body)).toMatchObject({ status: 400, body: { args: [], kwargs: {} } });
      const path = signed('/publish', body);
      expect(await post(router(), 0, path, `${body} `)).toMatchObject({ status: 401 });
      expect(await post(router(), 0, signed('/publish', body, { ...KEY, secret: 'x' }), body)).toMatchObject({
        status: 401,
      });
      expect(
        await post(
          router(),
          0,
          signed('/publish', body, { ...KEY, timestamp: '2020-01-01T00:00:00Z' } as typeof KEY),
          body,
        ),
      ).toMatchObject({ status: 400 });
    });

    it('takes tokens as sessions do', async () => {
      const callee = await router().join();
      await callee.register('com.example.who');
      const call = (bearer: string | undefined) =>
        post(router(), 0, '/token/call', '{"procedure":"com.example.who"}', {
          ...JSON_TYPE,
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        });
      const answer = call(token({ sub: 'ann' }));
      const [, request, , details] = await callee.expect(Code.INVOCATION);
      expect(details).toMatchObject({ caller_authid: 'ann', caller_authrole: 'web' });
      callee.send([Code.YIELD, request, {}, ['you']]);
      expect(await answer).toMatchObject({ status: 200, body: { args: ['you'] } });
      expect(await call(token({ role: 'nothing' }))).toMatchObject({ body: { error: 'wamp.error.not_authorized' } });
      for (const wrong of [undefined, 'x', token({ exp: 1 }), `${token({})}x`, token({ role: 'root' })]) {
        const refused = await call(wrong);
        expect(refused.status).toBe(401);
        expect(refused.headers.get('www-authenticate')).toBe('Bearer');
      }
    });

    it('cancels the call when the client leaves', async () => {
      const callee = await router().join();
      await callee.register('com.example.slow');
      const sending = httpRequest(httpUrl(router(), 0, '/open/call'), { method: 'POST' });
      sending.on('error', () => undefined);
      sending.end('{"procedure":"com.example.slow"}');
      const [, request] = await callee.expect(Code.INVOCATION);
      sending.destroy();
      expect((await callee.expect(Code.INTERRUPT))[1]).toBe(request);
      await vi.waitFor(() =>
        expect(router().counted(({ httpBridge }) => httpBridge['caller,gone'])).toBeGreaterThan(0),
      );
    });

    it('ends a call that takes too long', async () => {
      const callee = await router().join();
      await callee.register('com.example.never');
      const body = '{"procedure":"com.example.never"}';
      const answer = await post(router(), 0, signed('/call', body), body);
      expect(answer).toMatchObject({ status: 504, body: { error: 'wamp.error.timeout' } });
    });

    it('has a bound on requests in flight', async () => {
      const callee = await router().join();
      await callee.register('com.example.wait');
      const answers = Array.from({ length: 4 }, () =>
        post(router(), 0, '/open/call', '{"procedure":"com.example.wait"}'),
      );
      const requests = [];
      for (let count = 0; count < 4; count++) requests.push((await callee.expect(Code.INVOCATION))[1]);
      expect(await post(router(), 0, '/open/call', '{"procedure":"com.example.wait"}')).toMatchObject({
        status: 503,
        body: { error: expect.stringContaining('maxPending') },
      });
      for (const request of requests) callee.send([Code.YIELD, request, {}]);
      for (const answer of answers) expect(await answer).toMatchObject({ status: 200, body: {} });
    });

    it.each([
      ['no JSON', 'hello'],
      ['nothing', ''],
      ['a list', '[]'],
      ['two objects', '{}{}'],
      ['an object and more', '{},{}'],
      ['a text', '"x"'],
      ['a truncated object', '{"procedure":'],
      ['no procedure', '{}'],
      ['a procedure that is no text', '{"procedure":1}'],
      ['args that are no list', '{"procedure":"com.example.x","args":{}}'],
      ['kwargs that are no object', '{"procedure":"com.example.x","kwargs":[]}'],
      ['too deep a value', `{"procedure":"com.example.x","args":${'['.repeat(50)}${']'.repeat(50)}}`],
      ['an end of another list', '{}],[{}'],
    ])('refuses a body that is %s with 400', async (_, body) => {
      expect(await post(router(), 0, '/open/call', body)).toMatchObject({
        status: 400,
        body: { args: [], kwargs: {} },
      });
    });

    it('refuses bytes that are not UTF-8, other types, and bodies that are too large', async () => {
      expect(await post(router(), 0, '/open/call', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]))).toMatchObject({
        status: 400,
      });
      const body = '{"procedure":"com.example.nothing"}';
      for (const [type, status] of [
        ['text/plain', 400],
        ['application/json; charset=latin1', 400],
        ['application/x-www-form-urlencoded', 400],
        ['application/json; charset=UTF-8', 404],
        ['application/json', 404],
      ] as const)
        expect(await post(router(), 0, '/open/call', body, { 'content-type': type })).toMatchObject({ status });
      expect(await post(router(), 0, '/open/call', ' '.repeat(2_001))).toMatchObject({ status: 413 });
    });

    it('lets only pages of allowed origins use it', async () => {
      const body = '{"procedure":"com.example.nothing"}';
      const allowed = await post(router(), 0, '/open/call', body, { ...JSON_TYPE, origin: 'https://pages.example' });
      expect(allowed.status).toBe(404);
      expect(allowed.headers.get('access-control-allow-origin')).toBe('https://pages.example');
      expect(allowed.headers.get('access-control-allow-credentials')).toBe(null);
      const refused = await post(router(), 0, '/open/call', body, { ...JSON_TYPE, origin: 'https://evil.example' });
      expect(refused.status).toBe(403);
      expect(refused.headers.get('access-control-allow-origin')).toBe(null);
      const asked = await fetch(httpUrl(router(), 0, '/open/call'), {
        method: 'OPTIONS',
        headers: { origin: 'https://pages.example' },
      });
      expect(asked.status).toBe(200);
      expect(asked.headers.get('access-control-allow-methods')).toContain('POST');
      const wrongMethod = await fetch(httpUrl(router(), 0, '/open/call'));
      expect([wrongMethod.status, (await wrongMethod.text()).trim()]).toEqual([
        405,
        'Only POST, PUT and OPTIONS are answered here.',
      ]);
    });

    it('publishes a webhook, with the headers that may be known, and only what its sender has signed', async () => {
      const subscriber = await router().join();
      await subscriber.subscribe('com.example.hook');
      const body = '{"a":1}';
      const send = async (
        path: string,
        headers: Readonly<Record<string, string>>,
        sent: string | Uint8Array = body,
      ) => {
        const response = await fetch(httpUrl(router(), 0, path), { method: 'POST', body: sent, headers });
        return [response.status, (await response.text()).trim()];
      };
      const signature = 'sha256=d42927434049e0b8c73ce887062238cc1c6bb6644bfe66e66d8dd0f30b85679e';
      const headers = { authorization: 'secret', cookie: 'secret', 'x-github-event': 'push', ...JSON_TYPE };
      expect(await send('/hook', headers)).toEqual([400, expect.stringContaining('missing')]);
      expect(await send('/hook', { ...headers, 'x-hub-signature-256': signature }, '{"a":2}')).toEqual([
        400,
        expect.stringContaining('wrong'),
      ]);
      expect(await send('/open/hook', headers)).toEqual([500, 'NOT OK']);
      expect(await send('/open/hook', headers, Buffer.from([0xff]))).toEqual([400, expect.stringContaining('UTF-8')]);
      // In JSON it would mean bytes (SER-3).
      expect(await send('/open/hook', headers, '\0bytes')).toEqual([400, expect.stringContaining('U+0000')]);
      expect(await send('/hook', { ...headers, 'x-hub-signature-256': signature })).toEqual([202, 'OK']);
      const expected = { 'content-type': ['application/json'], 'x-github-event': ['push'] };
      expect((await subscriber.expect(Code.EVENT))[4]).toEqual([{ headers: expected, body }]);
    });

    it.each([
      ['wamp.session.add_testament', ['com.example.bye', [], {}]],
      ['wamp.session.flush_testaments', []],
      ['gantry.session.renew', ['a token']],
    ])('refuses %s: the session ends with the answer (TST-1, TST-2)', async (procedure, args) => {
      const { status, body } = await post(router(), 0, '/open/call', JSON.stringify({ procedure, args }));
      const why = expect.stringContaining('the session of an HTTP request ends with its answer') as string;
      expect([status, body]).toEqual([400, { error: 'wamp.error.invalid_argument', args: [why], kwargs: {} }]);
    });

    it('shows no session to the meta API', async () => {
      const watcher = await router().join();
      const count = async (): Promise<unknown> => {
        watcher.call('wamp.session.count');
        return (await watcher.expect(Code.RESULT))[3];
      };
      const before = await count();
      await post(router(), 0, '/open/publish', '{"topic":"com.example.topic"}');
      expect(await count()).toEqual(before);
    });
  },
  config,
);
