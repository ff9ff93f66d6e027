import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { MemoryHub } from '../../src/backplane/memory/hub.js';
import { parseConfig } from '../../src/config/load.js';
import type { ConfigInput } from '../../src/config/schema.js';
import { startNode, type RunningNode } from '../../src/node/node.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { Code } from '../../src/wamp/codes.js';
import type { NodeId } from '../../src/wamp/ids.js';
import { logIn, ticket } from '../support/auth-clients.js';
import { selfSigned, selfSignedFiles } from '../support/certificate.js';
import { lpPost } from '../support/lp-socket.js';
import { RawClient, type ConnectOptions } from '../support/raw-client.js';
import { upgrade } from '../support/upgrade.js';
import { joinAutobahn } from './clients/autobahn-client.js';

const ORIGIN = 'https://app.example.com';
const files = selfSignedFiles();
const certificate = { certFile: files.certFile, keyFile: files.keyFile };
const permissions = [
  { uri: '', match: 'prefix' as const, allow: { call: true, register: true, publish: true, subscribe: true } },
];
const realms: ConfigInput['realms'] = [
  {
    name: 'realm1',
    anonymousRole: 'anonymous',
    roles: [{ name: 'anonymous', permissions }],
    auth: { ticket: { principals: { ann: { ticket: 'a ticket', role: 'anonymous' } } } },
  },
];

/** Four ways in; `inside` and `devices` log in by ticket only. */
const configOf = (more: { readonly allowedOrigins?: string[]; readonly authMethods?: ['ticket'] } = {}) =>
  parseConfig({
    listen: { port: 0 },
    listeners: [
      {
        name: 'pages',
        type: 'websocket',
        port: 0,
        path: '/pages',
        serializers: ['cbor'],
        allowedOrigins: [ORIGIN],
        requireSubprotocol: true,
        cookie: { name: 'visitor' },
        ...more,
      },
      { name: 'inside', type: 'websocket', port: 0, authMethods: ['ticket'], maxConnectionsPerAddress: 2 },
      { name: 'secured', type: 'websocket', port: 0, tls: certificate },
      {
        name: 'devices',
        type: 'rawsocket',
        port: 0,
        serializers: ['msgpack'],
        authMethods: ['ticket'],
        maxConnectionsPerAddress: 2,
      },
    ],
    realms,
    ops: { port: 0 },
    demo: { enabled: false },
    drain: { periodMs: 0 },
  });

describe('listeners', () => {
  let node: RunningNode;
  let pages = '';
  let inside = '';
  let secured = '';
  let devices = '';
  let next = configOf();
  const clients: RawClient[] = [];

  const opened = async (url: string, options?: ConnectOptions): Promise<RawClient> => {
    const client = await RawClient.connect(url, options);
    clients.push(client);
    return client;
  };

  beforeAll(async () => {
    node = await startNode(next, {
      logger: silentLogger,
      backplane: () => new MemoryHub().join('n1' as NodeId),
      load: () => ({ config: next, validity: undefined, advice: [] }),
    });
    [pages = '', inside = '', secured = '', devices = ''] = node.addresses.listeners;
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close();
  });
  afterAll(async () => {
    await node.stop();
    files.remove();
  });

  it('have addresses of their own, and sessions of all of them call each other', async () => {
    expect([pages, inside, secured, devices].map((url) => url.replace(/\d+/g, '0'))).toEqual([
      'ws://0.0.0.0:0/pages',
      'ws://0.0.0.0:0/ws',
      'wss://0.0.0.0:0/ws',
      'rs://0.0.0.0:0',
    ]);
    const far = await joinAutobahn(node.addresses.ws, 'json');
    const near = await joinAutobahn(pages, 'cbor');
    await far.register('com.example.add', ({ args: [a, b] }) => ({ args: [(a as number) + (b as number)] }));
    expect(await near.call('com.example.add', { args: [2, 3] }).result).toMatchObject({ args: [5] });
    const device = await opened(devices, { serializer: 'msgpack' });
    expect((await logIn(device, { ...ticket('ann', 'a ticket') }))[0]).toBe(Code.WELCOME);
    const request = device.call('com.example.add', [40, 2]);
    expect(await device.receive()).toEqual([Code.RESULT, request, {}, [42]]);
    await near.leave();
    await far.leave();
  });

  it('have their own path, serializers, origins and cookie', async () => {
    const refusalOf = async (url: string, protocol: string, origin?: string): Promise<number | undefined> => {
      const outcome = await upgrade(url, [protocol], origin === undefined ? {} : { origin });
      if (outcome.kind === 'refused') return outcome.status;
      outcome.socket.terminate();
      return undefined;
    };
    expect(await refusalOf(pages, 'wamp.2.json')).toBe(400);
    expect(await refusalOf(pages.replace('/pages', '/ws'), 'wamp.2.cbor')).toBe(404);
    expect(await refusalOf(pages, 'wamp.2.cbor', 'https://elsewhere.example.com')).toBe(403);
    expect(await refusalOf(pages, 'wamp.2.cbor', ORIGIN)).toBeUndefined();
    expect(await refusalOf(node.addresses.ws, 'wamp.2.json', 'https://elsewhere.example.com')).toBeUndefined();
    const visitor = await opened(pages, { serializer: 'cbor', origin: ORIGIN });
    expect(visitor.setCookies[0]).toMatch(/^visitor=/);
    expect((await opened(node.addresses.ws)).setCookies).toEqual([]);
    await expect(RawClient.connect(devices, { serializer: 'json' })).rejects.toThrow('refused: 7f100000');
  });

  it('narrow the methods by which their clients may join', async () => {
    for (const [url, serializer] of [
      [inside, 'json'],
      [devices, 'msgpack'],
    ] as const) {
      const client = await opened(url, { serializer });
      client.send([Code.HELLO, 'realm1', { roles: { caller: {} } }]);
      expect(await client.receive()).toEqual([
        Code.ABORT,
        { message: 'authenticate by one of: ticket' },
        'wamp.error.authentication_required',
      ]);
      const answer = await logIn(await opened(url, { serializer }), ticket('ann', 'a ticket'));
      expect(answer[0]).toBe(Code.WELCOME);
    }
    await (await opened(node.addresses.ws)).hello();
  });

  it('bound the connections of one address, and count them by name', async () => {
    const before = structuredClone(node.counters.listeners);
    const [first] = [await opened(inside), await opened(inside)];
    expect(await upgrade(inside, ['wamp.2.json'])).toMatchObject({
      kind: 'refused',
      status: 503,
      body: expect.stringContaining('maxConnectionsPerAddress of this listener') as unknown,
    });
    await first.close();
    await expect.poll(() => node.counters.listeners['inside']!.closed - before['inside']!.closed).toBe(1);
    await opened(inside);
    const device = { serializer: 'msgpack' } as const;
    const [gone] = [await opened(devices, device), await opened(devices, device)];
    await expect(RawClient.connect(devices, device)).rejects.toThrow('refused: 7f400000');
    await gone.close();
    await expect.poll(() => node.counters.listeners['devices']!.closed - before['devices']!.closed).toBe(1);
    await opened(devices, device);
    // Another listener has room for the same address.
    await opened(node.addresses.ws);

    expect(node.counters.connectionsRefused.listener_connections_per_address).toBe(2);
    const change = (name: string) => {
      const [now, then] = [node.counters.listeners[name]!, before[name]!];
      return [now.opened - then.opened, now.refused - then.refused, now.closed - then.closed];
    };
    expect(['inside', 'devices', 'listen', 'pages'].map(change)).toEqual([
      [3, 1, 1],
      [3, 1, 1],
      [1, 0, 0],
      [0, 0, 0],
    ]);
    const page = await (await fetch(`${node.addresses.ops!}metrics`)).text();
    expect(page).toContain('gantry_listener_connections{listener="devices"} 2');
    expect(page).toContain('gantry_listener_connections{listener="secured"} 0');
    expect(page).toMatch(/gantry_listener_connections_opened_total\{listener="listen"\} \d/);
  });

  it('serve the certificate that is in their files, also when it has changed', async () => {
    const served = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = connect(Number(new URL(secured).port), '127.0.0.1', { rejectUnauthorized: false });
        socket.once('secureConnect', () => {
          resolve(socket.getPeerX509Certificate()?.toString() ?? '');
          socket.destroy();
        });
        socket.once('error', reject);
      });
    const before = await served();
    const other = selfSigned();
    writeFileSync(certificate.certFile, other.cert);
    writeFileSync(certificate.keyFile, other.key);
    await expect.poll(served, { timeout: 60_000, interval: 200 }).not.toBe(before);
  });

  it('take over other origins and methods without a restart, for clients that come after it', async () => {
    const there = await opened(pages, { serializer: 'cbor', origin: ORIGIN });
    next = configOf({ allowedOrigins: ['https://new.example.com'], authMethods: ['ticket'] });
    expect(await node.reload()).toMatchObject({
      changed: ['listeners[0].allowedOrigins', 'listeners[0].authMethods'],
      needsRestart: [],
    });
    await there.hello();
    expect(await upgrade(pages, ['wamp.2.cbor'], { origin: ORIGIN })).toMatchObject({ status: 403 });
    const after = await opened(pages, { serializer: 'cbor', origin: 'https://new.example.com' });
    after.send([Code.HELLO, 'realm1', { roles: { caller: {} } }]);
    expect((await after.receive())[2]).toBe('wamp.error.authentication_required');
  });

  it('end with the node: sessions of all of them, then new connections', async () => {
    const sessions = [
      await opened(node.addresses.ws),
      await opened(inside),
      await opened(devices, { serializer: 'msgpack' }),
    ];
    for (const session of sessions) await logIn(session, ticket('ann', 'a ticket'));
    await node.drain();
    const codes = await Promise.all(sessions.map(async ({ closed }) => (await closed).code));
    expect(codes).toEqual([1012, 1012, 1005]);
    for (const url of [pages, inside, devices]) await expect(RawClient.connect(url)).rejects.toThrow(/ECONNREFUSED/);
  });
});

it('the methods that listen allows hold for long-poll beside it too', async () => {
  const config = parseConfig({
    listen: { port: 0, authMethods: ['ticket'] },
    realms,
    ops: { enabled: false },
    demo: { enabled: false },
    drain: { periodMs: 0 },
  });
  const only = await startNode(config, {
    logger: silentLogger,
    backplane: () => new MemoryHub().join('n1' as NodeId),
  });
  onTestFinished(() => only.stop());
  const url = only.addresses.ws.replace(/^ws/, 'http').replace(/\/ws$/, '/lp');
  const { body } = await lpPost(`${url}/open`, JSON.stringify({ protocols: ['wamp.2.json'] }));
  const { transport } = JSON.parse(body.toString()) as { transport: string };
  const hello = [Code.HELLO, 'realm1', { roles: { caller: {} }, authmethods: ['anonymous'] }];
  expect((await lpPost(`${url}/${transport}/send`, JSON.stringify(hello))).status).toBe(204);
  const abort = JSON.parse((await lpPost(`${url}/${transport}/receive`)).body.toString()) as unknown[];
  expect([abort[0], abort[2]]).toEqual([Code.ABORT, 'wamp.error.no_matching_auth_method']);
});

it('a listener without methods serves pages, and no session joins there', async () => {
  const config = parseConfig({
    listen: { port: 0 },
    listeners: [
      {
        type: 'websocket',
        port: 0,
        authMethods: [],
        longPoll: {},
        web: { paths: { '/': { type: 'redirect', url: 'https://app.example.com/' } } },
      },
    ],
    realms,
    ops: { enabled: false },
    demo: { enabled: false },
    drain: { periodMs: 0 },
  });
  const node = await startNode(config, {
    logger: silentLogger,
    backplane: () => new MemoryHub().join('n1' as NodeId),
  });
  onTestFinished(() => node.stop());
  const [url = ''] = node.addresses.listeners;
  const page = url.replace(/^ws/, 'http').replace(/\/ws$/, '/');
  const { status, headers } = await fetch(page, { redirect: 'manual' });
  expect([status, headers.get('location')]).toEqual([302, 'https://app.example.com/']);
  const { body } = await lpPost(`${page}lp/open`, JSON.stringify({ protocols: ['wamp.2.json'] }));
  const { transport } = JSON.parse(body.toString()) as { transport: string };
  for (const details of [{}, { authmethods: ['ticket'], authid: 'ann' }]) {
    const client = await RawClient.connect(url);
    onTestFinished(() => client.close());
    client.send([Code.HELLO, 'realm1', { roles: { caller: {} }, ...details }]);
    expect(await client.receive()).toMatchObject([Code.ABORT, {}, 'wamp.error.no_matching_auth_method']);
  }
  const hello = [Code.HELLO, 'realm1', { roles: { caller: {} } }];
  await lpPost(`${page}lp/${transport}/send`, JSON.stringify(hello));
  const abort = JSON.parse((await lpPost(`${page}lp/${transport}/receive`)).body.toString()) as unknown[];
  expect([abort[0], abort[2]]).toEqual([Code.ABORT, 'wamp.error.no_matching_auth_method']);
  await (await RawClient.join(node.addresses.ws)).close();
});

describe('HTTP beside the WebSocket of a further listener', () => {
  let node: RunningNode;
  let directory = '';
  /** Addresses of `listen` and of the further listener. */
  let first = '';
  let further = '';

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'gantry-listeners-'));
    writeFileSync(join(directory, 'index.html'), '<!doctype html>');
    const service = { realm: 'realm1', role: 'anonymous' };
    const config = parseConfig({
      listen: { port: 0 },
      web: { paths: { '/page': { type: 'static', directory } }, maxFileBytes: 15 },
      listeners: [
        {
          name: 'pages',
          type: 'websocket',
          port: 0,
          serializers: ['json'],
          allowedOrigins: [ORIGIN],
          authMethods: ['ticket'],
          maxConnectionsPerAddress: 1,
          longPoll: { path: '/poll', receiveTimeoutMs: 100 },
          web: {
            paths: { '/': { type: 'static', directory }, '/config.json': { type: 'json', value: { realm: 'realm1' } } },
          },
        },
      ],
      httpBridge: [
        { ...service, type: 'caller', path: '/call', listeners: ['pages'] },
        { ...service, type: 'publisher', path: '/publish', listeners: ['listen', 'pages'] },
      ],
      realms,
      ops: { port: 0 },
      demo: { enabled: false },
      drain: { periodMs: 0 },
    });
    node = await startNode(config, {
      logger: silentLogger,
      backplane: () => new MemoryHub().join('n1' as NodeId),
    });
    const httpOf = (ws = ''): string => ws.replace(/^ws/, 'http').replace('0.0.0.0', '127.0.0.1').replace(/\/ws$/, '');
    [first = '', further = ''] = [node.addresses.ws, ...node.addresses.listeners].map(httpOf);
  });
  afterAll(async () => {
    await node.stop();
    rmSync(directory, { recursive: true });
  });

  const open = (url: string, headers: Record<string, string> = {}) =>
    lpPost(`${url}/open`, JSON.stringify({ protocols: ['wamp.2.cbor', 'wamp.2.json'] }), { headers });

  it('has the paths of web and the services of the bridge that are configured for it', async () => {
    const statusOf = async (url: string, body?: string): Promise<number> => {
      const headers = { 'content-type': 'application/json' };
      const init = body === undefined ? {} : { method: 'POST', body, headers };
      return (await fetch(url, init)).status;
    };
    expect(await (await fetch(`${further}/`)).text()).toBe('<!doctype html>');
    expect(await (await fetch(`${further}/config.json`)).json()).toEqual({ realm: 'realm1' });
    expect(await statusOf(`${first}/page/index.html`)).toBe(200);
    for (const missing of [`${first}/config.json`, `${further}/page/index.html`])
      expect(await statusOf(missing), missing).toBe(404);
    // The bounds of web hold at every listener.
    writeFileSync(join(directory, 'long.txt'), 'sixteen letters!');
    expect([await statusOf(`${first}/page/long.txt`), await statusOf(`${further}/long.txt`)]).toEqual([403, 403]);
    const call = JSON.stringify({ procedure: 'com.example.nothing' });
    expect([await statusOf(`${further}/call`, call), await statusOf(`${first}/call`, call)]).toEqual([200, 405]);
    const event = JSON.stringify({ topic: 'com.example.topic' });
    expect([await statusOf(`${further}/publish`, event), await statusOf(`${first}/publish`, event)]).toEqual([
      200, 200,
    ]);
  });

  it('has long-poll at its own path, with its serializers, methods, origins and bounds, counted by its name', async () => {
    const countsOf = (name: string): object => ({ ...node.counters.listeners[name] });
    const [pages, listen] = [countsOf('pages'), countsOf('listen')];
    expect([(await open(`${first}/poll`)).status, (await open(`${further}/lp`)).status]).toEqual([405, 405]);
    expect((await open(`${further}/poll`, { origin: 'https://elsewhere.example.com' })).status).toBe(403);
    const { status, body } = await open(`${further}/poll`, { origin: ORIGIN });
    const { protocol, transport } = JSON.parse(body.toString()) as { protocol: string; transport: string };
    expect([status, protocol]).toEqual([200, 'wamp.2.json']);
    const second = await open(`${further}/poll`);
    expect([second.status, second.body.toString()]).toEqual([503, expect.stringContaining('this listener')]);
    expect(countsOf('listen')).toEqual(listen);
    expect(countsOf('pages')).toEqual({ ...pages, opened: 1, refused: 2 });
    const metrics = await (await fetch(`${node.addresses.ops!}metrics`)).text();
    expect(metrics).toContain('gantry_listener_connections{listener="pages"} 1');

    // Nothing arrives, for as long as the listener of the transport sets; its requests may arrive at any listener.
    for (const address of [`${further}/poll`, `${first}/lp`])
      expect((await lpPost(`${address}/${transport}/receive`)).status, address).toBe(204);
    const hello = JSON.stringify([Code.HELLO, 'realm1', { roles: { caller: {} } }]);
    expect((await lpPost(`${further}/poll/${transport}/send`, hello)).status).toBe(204);
    const answer = JSON.parse((await lpPost(`${further}/poll/${transport}/receive`)).body.toString()) as unknown[];
    expect([answer[0], answer[2]]).toEqual([Code.ABORT, 'wamp.error.authentication_required']);
  });
});
