import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { adviceOn } from '../../../../src/cli/advice.js';
import { convertFile } from '../../../../src/cli/convert/command.js';
import { convertCrossbar } from '../../../../src/cli/convert/crossbar.js';
import { firstRealm, folder, output, result, results } from './converted.js';

describe('a converted configuration', () => {
  it('is there for each example, and a node can use it', () => {
    expect(results.size).toBeGreaterThanOrEqual(10);
    for (const { config } of results.values()) expect(config.realms.length).toBeGreaterThan(0);
  });

  it('exits with 2 exactly when something was dropped that decides who may do what', () => {
    const codes = Object.fromEntries([...results].map(([number, { code }]) => [number, code]));
    expect(codes).toEqual({
      '01': 0,
      '02': 0,
      '03': 2,
      '04': 2,
      '05': 0,
      '06': 0,
      '07': 2,
      '08': 0,
      '09': 2,
      '10': 2,
      '11': 2,
      '12': 2,
      '13': 2,
      '14': 2,
      '15': 2,
    });
    for (const { code, security } of results.values()) expect(security.length > 0).toBe(code === 2);
  });

  it('gives no role more than it had: no warning about what anonymous clients may do', () => {
    for (const number of ['02', '03', '04', '08', '09', '10', '11'])
      expect(result(number).config.realms.map(({ anonymousRole }) => anonymousRole)).not.toContain('anonymous');
    expect(adviceOn(result('01').config)).toEqual([]);
  });
});

describe('realms, roles and permissions', () => {
  it('keep their names, patterns and disclosure', () => {
    expect(firstRealm('01')).toMatchObject({
      name: 'greenhouse',
      anonymousRole: 'anonymous',
      roles: [{ permissions: [{ uri: '', match: 'prefix', allow: { call: true, subscribe: true } }] }],
    });
    expect(firstRealm('02').roles.map(({ permissions }) => permissions[0])).toMatchObject([
      { uri: 'io.harbour.crane.', match: 'prefix', allow: { register: true, publish: true, call: false } },
      { uri: 'io.harbour.', match: 'prefix', allow: { call: true, register: false }, disclose: { caller: true } },
    ]);
    expect(firstRealm('04').roles[0]?.permissions[0]).toMatchObject({ uri: 'net.meter..read', match: 'wildcard' });
  });
  it('may ask an authorizer', () => {
    expect(result('05').config.realms[1]?.roles[0]?.authorizer?.procedure).toBe('org.stage.may');
  });
  it('lose what has no counterpart, with a note', () => {
    const { security, config } = result('11');
    expect(security).toEqual(
      expect.arrayContaining([
        'version',
        'workers[0].realms[0].roles[0].permissions[0]',
        'workers[0].realms[0].roles[0].permissions[1].call',
        'workers[0].realms[0].roles[0].permissions[2].allow.erase',
        'workers[0].realms[0].roles[1]',
      ]),
    );
    expect(config.realms[0]?.roles[0]?.permissions.map(({ uri }) => uri)).toEqual(['lab.stop', 'lab.arm']);
    expect(config.realms[0]?.roles[0]?.permissions[0]?.allow.call).toBe(false);
    expect(config.realms[1]).toMatchObject({ name: 'empty', anonymousRole: null, roles: [{ permissions: [] }] });
  });
  it('come from all routers, each realm once', () => {
    const { config, security, others } = result('12');
    expect(config.realms.map(({ name, uriCheck }) => [name, uriCheck])).toEqual([
      ['railway', 'strict'],
      ['tramway', 'loose'],
    ]);
    expect(security).toEqual(['workers[1].realms[0]']);
    expect(others).toEqual(expect.arrayContaining(['workers[0].rlinks', 'controller']));
  });
});

describe('the history of a realm', () => {
  it('keeps its topics and numbers of events', () => {
    expect(firstRealm('12').history).toMatchObject([{ uri: 'rail.signal', match: 'exact', limit: 100 }]);
    expect(firstRealm('13').history).toMatchObject([
      { uri: 'bakery.bread', match: 'exact', limit: 50 },
      { uri: 'bakery.', match: 'prefix', limit: 7 },
    ]);
  });
  it('has notes of what Gantry has not', () => {
    const at = 'workers[0].realms[0].store';
    expect(result('13').others).toEqual(expect.arrayContaining([`${at}.event-history[2]`, `${at}.call-queue`]));
  });
});

describe('further WebSockets', () => {
  it('are paths of the same port, or listeners, where they have principals of the first', () => {
    const { config } = result('14');
    expect(config.listen).toMatchObject({ port: 8080, path: ['/ws', '/old'], cookie: {} });
    expect(config.listeners).toMatchObject([
      { type: 'websocket', host: '127.0.0.1', port: 9000, path: '/', authMethods: ['ticket'] },
      { type: 'websocket', port: 9001, path: '/ws', tls: { certFile: join(folder, 'cert.pem') }, cookie: {} },
    ]);
  });
  it('are left out where they would admit others, or serve without TLS', () => {
    const [at, { security, others }] = ['workers[0].transports', result('14')];
    expect(security).toEqual([
      `${at}[0].paths.cbor`,
      `${at}[0].paths.guests`,
      `${at}[2].paths.more`,
      `${at}[3].endpoint.tls`,
      `${at}[3]`,
    ]);
    expect(others).toEqual([`${at}[0].endpoint.backlog`, `${at}[1].options`]);
    expect(result('14').config.listeners[1]).toMatchObject({ web: { paths: { '/': { type: 'json', value: 1 } } } });
  });
});

describe('RawSocket', () => {
  it('is a listener where it has principals of the WebSocket, with their methods', () => {
    const { config } = result('13');
    expect(config.listen.port).toBe(8080);
    expect(config.listeners).toMatchObject([
      {
        type: 'rawsocket',
        path: join(folder, 'oven.sock'),
        mode: '0600',
        serializers: ['cbor'],
        authMethods: ['ticket'],
      },
      {
        type: 'rawsocket',
        host: '10.0.0.1',
        port: 8443,
        tls: {
          certFile: '/etc/bakery/cert.pem',
          keyFile: join(folder, 'key.pem'),
          clientCaFile: join(folder, 'shops.pem'),
          requireClientCertificate: true,
        },
      },
    ]);
    expect(config.listeners[1]).not.toHaveProperty('authMethods');
    expect(config.realms[0]).toMatchObject({ anonymousRole: 'shop', auth: { ticket: { principals: { o1: {} } } } });
  });
  it('is left out where it would admit others, or serve without TLS', () => {
    const [at, { security, others }] = ['workers[0].transports', result('13')];
    expect(security).toEqual([`${at}[3]`, `${at}[4].endpoint.tls`, `${at}[4]`]);
    expect(others).toEqual(
      expect.arrayContaining([`${at}[0].endpoint.backlog`, `${at}[0].serializers`, `${at}[2].options`]),
    );
    expect(result('09').config.listeners).toEqual([]);
  });
});

describe('workers and transports that are left out', () => {
  const role = { name: 'anonymous', permissions: [{ uri: '', match: 'prefix', allow: { call: true } }] };
  const open = { type: 'router', realms: [{ name: 'open', roles: [role] }], transports: [{ type: 'websocket' }] };
  const closed = { type: 'router', realms: [{ name: 'closed', roles: [role] }] };
  const realmsOf = (workers: unknown[]): unknown => convertCrossbar({ version: 2, workers }, '.').config['realms'];

  it('do not open a realm to the clients of another worker', () => {
    const inside = { ...closed, transports: [{ type: 'rawsocket', endpoint: { type: 'unix', path: 'socket' } }] };
    expect(realmsOf([open, inside])).toMatchObject([
      { name: 'open', anonymousRole: 'anonymous' },
      { name: 'closed', anonymousRole: null },
    ]);
  });

  const auth = { ticket: { type: 'static', principals: { x: { ticket: 't', role: 'anonymous' } } } };
  it.each([
    [{ ...closed, transports: [{ type: 'rawsocket', auth }] }, 'workers[1].transports[0]'],
    [{ ...closed, transports: [{ type: 'universal', rawsocket: { auth } }] }, 'workers[1].transports[0].rawsocket'],
    [
      { ...closed, transports: [{ type: 'web', paths: { inner: { type: 'path', paths: {} } } }] },
      'workers[1].transports[0].paths.inner',
    ],
    [{ type: 'proxy', transports: [{ type: 'websocket', auth }] }, 'workers[1]'],
  ])('count as security where they have principals: %j', (worker, path) => {
    const { notes } = convertCrossbar({ version: 2, workers: [open, worker] }, '.');
    expect(notes.filter(({ isSecurity }) => isSecurity).map((note) => note.path)).toEqual([path]);
  });
});

describe('transports', () => {
  it('keep address, path, serializers and options', () => {
    expect(result('01').config.listen).toMatchObject({ host: '0.0.0.0', port: 9001, path: '/bus' });
    expect(result('02').config.listen).toMatchObject({
      host: '127.0.0.1',
      port: 8443,
      path: '/bus',
      serializers: ['json', 'msgpack', 'cbor'],
    });
    expect(result('04').config.listen.host).toBe('::');
    expect(result('06').config.listen).toMatchObject({ path: '/live', serializers: ['json'] });
    const { listen, limits } = result('07').config;
    expect(listen).toMatchObject({
      allowedOrigins: ['https://market.example', 'http://*.market.example:*'],
      compression: 'shared',
    });
    expect(limits).toMatchObject({ maxMessageBytes: 262_144, idleTimeoutMs: 15_000, handshakeTimeoutMs: 2_500 });
    expect(result('07').security).toEqual(['workers[0].transports[0].paths.ws.options.allowed_origins']);
  });
  it('have the files, values and redirects beside the WebSocket', () => {
    expect(result('07').config.web.paths).toMatchObject({
      '/': { type: 'redirect', url: 'https://market.example/', status: 302 },
      '/motd': { type: 'json', value: { open: true } },
    });
    expect(result('02').config.web.paths).toMatchObject({
      '/': { type: 'static', directory: join(folder, '../site') },
    });
    expect(result('02').others.filter((path) => path.includes('.paths./'))).toEqual([]);
  });
  it('name certificates from the folder of the file, unless their path is absolute', () => {
    expect(result('10').raw.listen).toMatchObject({
      tls: { certFile: join(folder, 'cert.pem'), keyFile: '/etc/quay/key.pem' },
    });
  });
  it('list what is not a WebSocket', () => {
    const at = 'workers[0].transports[0]';
    expect(result('06').others).toEqual(
      expect.arrayContaining([`${at}.rawsocket`, `${at}.mqtt`, `${at}.web.paths./`, `${at}.endpoint.shared`]),
    );
    expect(result('07').others).toEqual(expect.arrayContaining(['push', 'hook'].map((path) => `${at}.paths.${path}`)));
    expect(result('09').others).toEqual(
      expect.arrayContaining(['workers[1]', 'workers[2]', 'workers[0].components', 'workers[0].transports[2]']),
    );
  });
});

describe('what is no configuration', () => {
  it.each([
    [null],
    [[]],
    ['text'],
    [7],
    [{}],
    [{ workers: 1 }],
    [{ workers: [1, null, []] }],
    [{ version: 2, workers: {} }],
  ])('never opens a node: %j', (input) => {
    const { config, notes } = convertCrossbar(input, '.');
    expect(notes.some(({ isSecurity }) => isSecurity)).toBe(true);
    expect(config).toMatchObject({ listen: { host: '127.0.0.1' }, realms: [] });
  });
  it('cannot end a comment', () => {
    const file = join(output, 'evil.json');
    const key = 'a\nrealms: [{name: evil}]\u2028b';
    writeFileSync(file, JSON.stringify({ version: 2, workers: [], [key]: 1 }));
    const { text } = convertFile(file);
    expect(parse(text)).toMatchObject({ realms: [] });
    expect(text).toContain('# - a realms: [{name: evil}] b: ');
  });
});
