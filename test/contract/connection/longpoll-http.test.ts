import { connect } from 'node:net';
import { request } from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LpScene, type LpSceneOptions } from '../../support/lp-scene.js';

const scenes: LpScene[] = [];
async function open(options: LpSceneOptions = {}): Promise<LpScene> {
  const scene = await LpScene.open(options);
  scenes.push(scene);
  return scene;
}
afterEach(async () => {
  for (const scene of scenes.splice(0)) await scene.close();
});

const SECRET = 'a'.repeat(24);
const ORIGIN = { origin: 'https://app.example.com' };

/** A poll whose client can leave. */
function leavablePoll(scene: LpScene, id: string) {
  const poll = request(`${scene.url}/${id}/receive`, { method: 'POST' });
  poll.on('error', () => undefined);
  poll.end();
  return poll;
}

describe('opening', () => {
  it.each([
    ['wamp.2.json', 'json', false],
    ['wamp.2.msgpack.batched', 'msgpack', true],
    ['wamp.2.cbor', 'cbor', false],
  ])('takes %s and answers with an id that is a secret (LP-6)', async (name, serializer, isBatched) => {
    const scene = await open();
    const { status, headers, body } = await scene.post('/open?x=1', JSON.stringify({ protocols: ['mqtt', name] }));
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([
      200,
      'application/json; charset=utf-8',
      'no-store',
    ]);
    expect(JSON.parse(body.toString())).toEqual({
      protocol: name,
      transport: expect.stringMatching(/^here~[A-Za-z0-9_-]{24}$/) as unknown,
    });
    expect(scene.listeners[0]?.connection).toMatchObject({ transport: 'longpoll', serializer, isBatched });
    expect(JSON.stringify(scene.log.lines)).not.toContain('here~');
  });

  it.each(['', '[]', '{}', '{"protocols":"wamp.2.json"}', '{"protocols":["wamp.2.ubjson",1,null]}', '\xff', 'null'])(
    'refuses the body %j with 400, which names what is offered',
    async (body) => {
      const scene = await open({ serializers: ['json'] });
      const answer = await scene.post('/open', body);
      expect([answer.status, answer.body.toString()]).toEqual([
        400,
        expect.stringContaining('wamp.2.json, wamp.2.json.batched') as unknown,
      ]);
      expect(scene.listeners).toEqual([]);
    },
  );

  it('refuses a body that is too large or too slow', async () => {
    const scene = await open({ bodyTimeoutMs: 50 });
    expect((await scene.post('/open', ' '.repeat(5_000))).status).toBe(413);
    const socket = connect(scene.port, '127.0.0.1');
    socket.write('POST /lp/open HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n{');
    const [head] = await new Promise<Buffer[]>((resolve) => socket.once('data', (chunk: Buffer) => resolve([chunk])));
    expect(head?.toString()).toMatch(/^HTTP\/1\.1 408 /);
    socket.destroy();
    expect(scene.listeners).toEqual([]);
  });

  it('takes one place for each transport, and none for its requests', async () => {
    const scene = await open({ maxConnections: 2, maxConnectionsPerAddress: 2 });
    const [one, two] = [await scene.connect(), await scene.connect()];
    const third = await scene.post('/open', '{"protocols":["wamp.2.json"]}');
    expect([third.status, third.body.toString()]).toEqual([
      503,
      expect.stringContaining('limits.maxConnections') as unknown,
    ]);
    one.peer.send('still served');
    await one.listener.until(({ texts }) => texts.length === 1);
    two.peer.socket.close();
    await two.listener.until(({ isClosed }) => isClosed);
    await scene.connect();
    expect(scene.counters.connectionsRefused.connections).toBe(1);
  });

  it('counts at its listener, whose own bound applies to it', async () => {
    const scene = await open({ rules: { name: 'pages', maxConnectionsPerAddress: 1 } });
    const { peer, listener } = await scene.connect();
    const second = await scene.post('/open', '{"protocols":["wamp.2.json"]}');
    expect([second.status, second.body.toString()]).toEqual([
      503,
      expect.stringContaining('maxConnectionsPerAddress of this listener') as unknown,
    ]);
    expect(scene.counters.listeners['pages']).toEqual({ opened: 1, refused: 1, closed: 0 });
    peer.socket.close();
    await listener.until(({ isClosed }) => isClosed);
    await scene.connect();
    expect(scene.counters.listeners['pages']).toEqual({ opened: 2, refused: 1, closed: 1 });
  });

  it('is refused while the node drains; open transports go on', async () => {
    const scene = await open();
    const { peer, listener } = await scene.connect();
    scene.polls.stopListening();
    expect((await scene.post('/open', '{"protocols":["wamp.2.json"]}')).status).toBe(503);
    expect(scene.counters.connectionsRefused.draining).toBe(1);
    peer.send('still here');
    await listener.until(({ texts }) => texts.length === 1);
  });

  it('sets the secret cookie, or keeps the one that the client has', async () => {
    const scene = await open({ cookie: { name: 'login', sameSite: 'lax', secure: false, maxAgeSeconds: 60 } });
    const body = '{"protocols":["wamp.2.json"]}';
    const first = await scene.post('/open', body);
    const [cookie = ''] = first.headers['set-cookie'] ?? [];
    expect(cookie).toMatch(/^login=[A-Za-z0-9_-]{43}; .*HttpOnly/);
    const value = cookie.slice('login='.length, cookie.indexOf(';'));
    await scene.post('/open', body, { cookie: `login=${value}` });
    expect(scene.listeners.map(({ connection }) => connection.cookie)).toMatchObject([
      { fresh: value },
      { presented: value },
    ]);
  });
});

it('counts open transports, polls that wait, and requests by their place', async () => {
  const homes: string[] = [];
  const scene = await open({
    homeOf: (node) => {
      homes.push(node);
      return { receive: () => () => undefined, send: () => 'taken', overlong: () => undefined, close: () => 'taken' };
    },
  });
  const counts = () => [scene.polls.connectionCount, scene.polls.waitingCount];
  const id = await scene.openTransport();
  expect(counts()).toEqual([1, 0]);
  const poll = scene.post(`/${id}/receive`);
  await vi.waitFor(() => expect(counts()).toEqual([1, 1]), 30_000);
  scene.listeners[0]!.connection.write(Buffer.from('[1]'));
  await poll;
  expect(counts()).toEqual([1, 0]);
  await scene.post(`/${id}/close`);
  expect(counts()).toEqual([0, 0]);
  await scene.post(`/there~${SECRET}/send`, '[1]');
  await scene.post('/no-transport/send', '[1]');
  expect(homes).toEqual(['there']);
  expect(scene.counters.longPollRequests).toEqual({
    'receive,here': 1,
    'receive,elsewhere': 0,
    'send,here': 0,
    'send,elsewhere': 1,
    'close,here': 1,
    'close,elsewhere': 0,
  });
});

describe('pages of other origins (LP-7)', () => {
  it('are asked first, and may read what they get', async () => {
    const scene = await open({ allowedOrigins: ['https://*.example.com'] });
    const preflight = await fetch(`${scene.url}/open`, {
      method: 'OPTIONS',
      headers: { ...ORIGIN, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
    });
    expect(preflight.status).toBe(204);
    const allowed = {
      'access-control-allow-origin': ORIGIN.origin,
      'access-control-allow-credentials': 'true',
      vary: 'Origin',
      'cache-control': 'no-store',
    };
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      ...allowed,
      'access-control-allow-methods': 'POST, OPTIONS',
      'access-control-allow-headers': 'content-type',
      'access-control-max-age': '600',
    });
    const id = await scene.openTransport();
    for (const path of [`/${id}/send`, `/${id}/close`, '/nothing']) {
      const { headers } = await scene.post(path, '[]', ORIGIN);
      expect(headers).toMatchObject(allowed);
    }
  });

  it('are refused with 403 where they may not connect, before anything is done', async () => {
    const scene = await open({ allowedOrigins: ['https://*.example.com'] });
    const id = await scene.openTransport();
    const evil = { origin: 'https://evil.test' };
    for (const path of ['/open', `/${id}/send`, `/${id}/receive`, `/${id}/close`]) {
      const { status, headers } = await scene.post(path, '{"protocols":["wamp.2.json"]}', evil);
      expect([status, headers['access-control-allow-origin']]).toEqual([403, undefined]);
    }
    expect(scene.listeners).toHaveLength(1);
    expect(scene.listeners[0]?.events).toEqual([]);
  });

  it('get back no header name that is none', async () => {
    const scene = await open();
    const names = 'content-type, x y: z';
    const headers = { ...ORIGIN, 'access-control-request-headers': names };
    const preflight = await fetch(`${scene.url}/open`, { method: 'OPTIONS', headers });
    expect(preflight.headers.get('access-control-allow-headers')).toBe('content-type');
  });
});

describe('requests', () => {
  it('have the statuses that autobahn-js takes for success (LP-1)', async () => {
    const scene = await open({ receiveTimeoutMs: 100 });
    const id = await scene.openTransport();
    expect((await scene.post(`/${id}/send`, '[1]')).status).toBe(204);
    expect((await scene.post(`/${id}/receive`)).status).toBe(204);
    scene.listeners[0]!.connection.write(Buffer.from('[2]'));
    const { status, headers, body } = await scene.post(`/${id}/receive?x=2`);
    expect([status, headers['content-type'], body.toString()]).toEqual([200, 'application/json; charset=utf-8', '[2]']);
    expect((await scene.post(`/${id}/close`)).status).toBe(204);
    expect((await scene.post(`/${id}/close`)).status).toBe(204);
    expect((await scene.post(`/${id}/send`, '[1]')).status).toBe(404);
    expect((await scene.post(`/${id}/receive`)).status).toBe(404);
    expect(scene.listeners[0]!.texts).toEqual(['[1]']);
  });

  it('name the encoding of binary messages', async () => {
    const scene = await open();
    for (const [index, [name, type]] of [
      ['wamp.2.msgpack', 'application/x-msgpack'],
      ['wamp.2.cbor.batched', 'application/cbor'],
    ].entries()) {
      const id = await scene.openTransport(name);
      scene.listeners[index]!.connection.write(Buffer.from('x'));
      expect((await scene.post(`/${id}/receive`)).headers['content-type']).toBe(type);
    }
  });

  it.each([
    '',
    '/',
    '/receive',
    `/here~${SECRET}/receive`,
    `/here~${SECRET}/send`,
    `/here~${SECRET}/close`,
    `/there~${SECRET}/receive`,
    `/there~${SECRET}/close`,
    `/here~${SECRET}/other`,
    `/here~${SECRET}/receive/more`,
    `/%2e%2e~${SECRET}/receive`,
    `/${'x'.repeat(5_000)}/receive`,
    `//receive`,
  ])('get 404 at %j: there is no such transport (LP-6)', async (path) => {
    const scene = await open();
    expect((await scene.post(path)).status).toBe(404);
  });

  it('get 405 with another method', async () => {
    const scene = await open();
    const answer = await fetch(`${scene.url}/open`);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
  });

  it('answer the earlier of two polls with 204, and lose nothing (LP-4)', async () => {
    const scene = await open();
    const id = await scene.openTransport();
    const earlier = scene.post(`/${id}/receive`);
    await vi.waitFor(() => expect(scene.shared.sockets.count).toBe(1));
    const later = scene.post(`/${id}/receive`);
    expect((await earlier).status).toBe(204);
    scene.listeners[0]!.connection.write(Buffer.from('[1]'));
    expect((await later).body.toString()).toBe('[1]');
  });

  it('give no message to a client that has left its poll (LP-4)', async () => {
    const scene = await open();
    const id = await scene.openTransport();
    const poll = leavablePoll(scene, id);
    await vi.waitFor(() => expect(scene.shared.sockets.count).toBe(1));
    poll.destroy();
    await vi.waitFor(() => expect(scene.shared.sockets.count).toBe(0));
    scene.listeners[0]!.connection.write(Buffer.from('[1]'));
    expect((await scene.post(`/${id}/receive`)).body.toString()).toBe('[1]');
  });

  it('deliver what was written before the end, then get 404 (LP-9)', async () => {
    const scene = await open();
    const id = await scene.openTransport();
    const { connection } = scene.listeners[0]!;
    for (const text of ['[1]', '[2]', '[3]']) connection.write(Buffer.from(text));
    connection.close('goodbye');
    const answers = [];
    for (let poll = 0; poll < 4; poll++) answers.push(await scene.post(`/${id}/receive`));
    expect(answers.map(({ status, body }) => (status === 200 ? body.toString() : status))).toEqual([
      '[1]',
      '[2]',
      '[3]',
      404,
    ]);
    expect(scene.counters.connectionsClosed.goodbye).toBe(1);
    expect((await scene.post(`/${id}/close`)).status).toBe(204);
  });

  it('end a transport that nobody polls as idle (LP-3)', async () => {
    const scene = await open({ sessionTimeoutMs: 100 });
    const id = await scene.openTransport();
    await scene.listeners[0]!.until(({ isClosed }) => isClosed);
    expect(scene.counters.connectionsClosed.idle_timeout).toBe(1);
    expect((await scene.post(`/${id}/receive`)).status).toBe(404);
    expect(scene.polls.connectionCount).toBe(0);
  });

  it('put no batch between the parts of another, however slow its body (LP-5)', async () => {
    const scene = await open();
    const id = await scene.openTransport('wamp.2.json.batched');
    const slow = request(`${scene.url}/${id}/send`, { method: 'POST' });
    const ended = new Promise<number | undefined>((resolve) =>
      slow.once('response', (answer) => resolve(answer.resume().statusCode)),
    );
    slow.write('[1]\x1e[');
    await vi.waitFor(() => expect(scene.shared.sockets.count).toBe(1));
    expect((await scene.post(`/${id}/send`, '[3]\x1e[4]\x1e')).status).toBe(204);
    slow.end('2]\x1e');
    expect(await ended).toBe(204);
    expect(scene.listeners[0]!.texts).toEqual(['[3]', '[4]', '[1]', '[2]']);
  });

  it('abort the session for a message that is too long, however long it is', async () => {
    const scene = await open({ maxMessageBytes: 1_000 });
    for (const [index, length] of [1_001, 50_000, 5_000_000].entries()) {
      const id = await scene.openTransport();
      const listener = scene.listeners[index]!;
      listener.onMalformed = () => listener.connection.write(Buffer.from('ABORT'));
      await expect(
        scene.post(`/${id}/send`, 'x'.repeat(length)).then(
          ({ status }) => status,
          () => 413,
        ),
      ).resolves.toBe(413);
      expect(listener.events).toMatchObject([{ kind: 'malformed', cause: 'limit' }]);
      expect((await scene.post(`/${id}/send`, '[1]')).status).toBe(404);
      expect((await scene.post(`/${id}/receive`)).body.toString()).toBe('ABORT');
      expect((await scene.post(`/${id}/receive`)).status).toBe(404);
    }
    expect(scene.counters.limitsReached.message_bytes).toBe(3);
  });

  it('end with the server: polls that wait get what is left, then 404', async () => {
    const scene = await open();
    const id = await scene.openTransport();
    const poll = scene.post(`/${id}/receive`);
    await vi.waitFor(() => expect(scene.shared.sockets.count).toBe(1));
    await scene.polls.stop();
    expect((await poll).status).toBe(404);
    expect(scene.counters.connectionsClosed.shutdown).toBe(1);
  });

  it('with random paths and bodies get an answer each, and leave a session of another client alone', async () => {
    const scene = await open({ receiveTimeoutMs: 100, maxMessageBytes: 1_000 });
    const bystander = await scene.connect();
    const id = await scene.openTransport();
    let seed = 12;
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    const parts = [
      'open',
      id,
      'receive',
      'send',
      'close',
      '..',
      '%00',
      '~',
      `here~${SECRET}`,
      '',
      '?',
      '\u00e9',
      'x'.repeat(300),
    ];
    for (let round = 0; round < 300; round++) {
      const path = Array.from({ length: random(4) }, () => `/${encodeURI(parts[random(parts.length)]!)}`).join('');
      const body = Buffer.from(Array.from({ length: random(200) }, () => random(256)));
      const { status } = await scene.post(path, body);
      expect([200, 204, 400, 404, 405]).toContain(status);
    }
    bystander.peer.send('fence');
    await bystander.listener.until(({ texts }) => texts.includes('fence'));
    expect(bystander.listener.events).toHaveLength(1);
  });
});
