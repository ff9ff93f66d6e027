import { describe, expect, it } from 'vitest';
import { ConfigUnusableError } from '../../../../src/config/faults.js';
import { listenerNames } from '../../../../src/config/listener-places.js';
import { parseConfig } from '../../../../src/config/load.js';
import type { ConfigInput } from '../../../../src/config/schema.js';

const raw = { type: 'rawsocket' } as const;
const web = { type: 'websocket' } as const;
const redirect = { type: 'redirect', url: '/new' } as const;
const tls = { certFile: 'c.pem', keyFile: 'k.pem' };

function faultsOf(listeners: ConfigInput['listeners'], more: ConfigInput = {}): string {
  try {
    parseConfig({ ...more, listeners });
  } catch (error) {
    if (error instanceof ConfigUnusableError) return error.lines.join('\n');
    throw error;
  }
  return '';
}

describe('listeners', () => {
  it.each([
    [[raw], 'either "port" or "path"'],
    [[{ ...raw, port: 8081, path: '/run/x' }], 'either "port" or "path"'],
    [[{ ...raw, path: '/run/x', tls }], 'a Unix socket has no TLS'],
    [
      [
        { ...raw, path: '/run/x' },
        { ...raw, path: '/run/x' },
      ],
      'Another listener has this path too',
    ],
    [
      [
        { ...raw, name: 'a', port: 1 },
        { ...raw, name: 'a', port: 2 },
      ],
      'Another listener is called "a" too',
    ],
    [
      [
        { ...raw, port: 8081 },
        { ...raw, port: 8081 },
      ],
      'Port 8081 is that of listeners[0].port too',
    ],
    [[{ ...raw, port: 8080 }], 'Port 8080 is that of listen.port too'],
    [[{ ...raw, host: '0.0.0.0', port: 9090 }], 'Port 9090 is that of ops.port too'],
    [[{ ...raw, port: 8081, tls: { ...tls, requireClientCertificate: true } }], 'Needs clientCaFile'],
    [[{ ...raw, path: '/run/x', mode: '660' }], 'Invalid mode'],
    [[{ ...raw, name: 'listen', port: 1 }], 'Another listener is called "listen" too'],
    [
      [
        { ...raw, port: 0 },
        { ...raw, port: 0 },
        { ...web, name: 'rawsocket-0-1', port: 8082 },
      ],
      'listeners[2].name: Another listener is called "rawsocket-0-1" too',
    ],
    [[{ ...web, port: 8080 }], 'Port 8080 is that of listen.port too'],
    [
      [
        { ...raw, port: 8081 },
        { ...web, port: 8081 },
      ],
      'Port 8081 is that of listeners[0].port too',
    ],
    [[{ ...raw, path: '/run/x', proxyProtocol: { trustedProxies: ['10.0.0.1'] } }], 'no address that could be trusted'],
    [
      [{ ...raw, port: 1, proxyProtocol: { trustedProxies: [] } }],
      'listeners[0].proxyProtocol.trustedProxies: Too small',
    ],
    [
      [{ ...web, port: 1, proxyProtocol: { trustedProxies: ['10.0.0.1'] } } as never],
      'listeners[0].proxyProtocol: Invalid: only RawSocket listeners read PROXY headers',
    ],
    [[web as never], 'listeners[0].port: Missing: expected number'],
    [[{ ...web, port: 1, mode: '0660' } as never], 'listeners[0]: Unrecognized key: "mode"'],
    [[{ ...raw, port: 1, allowedOrigins: ['*'] } as never], 'listeners[0]: Unrecognized key: "allowedOrigins"'],
    [[{ type: 'telnet', port: 1 } as never], 'listeners[0].type: Invalid input: expected "websocket" or "rawsocket"'],
    [[{ ...web, port: 1, authMethods: ['password'] } as never], 'listeners[0].authMethods[0]: Invalid option'],
    [[{ ...raw, port: 1, authMethods: [] }], 'listeners[0].authMethods: Too small'],
    [[{ ...web, port: 1, authMethods: ['tls', 'tls'] } as never], 'listeners[0].authMethods: Invalid list'],
    [[{ ...web, port: 1, longPoll: { receiveTimeoutMs: 1 } }], 'listeners[0].longPoll.receiveTimeoutMs: Too small'],
    [[{ ...web, port: 1, web: { maxFileBytes: 1 } } as never], 'listeners[0].web: Unrecognized key: "maxFileBytes"'],
    [[{ ...raw, port: 1, longPoll: {} } as never], 'listeners[0]: Unrecognized key: "longPoll"'],
    [
      [{ ...web, port: 1, longPoll: {}, web: { paths: { '/lp/x': redirect } } }],
      'listeners[0].web.paths./lp/x: Path "/lp/x" is that of listeners[0].longPoll.path',
    ],
    [
      [{ ...web, port: 1, web: { paths: { '/ws': redirect } } }],
      'listeners[0].web.paths./ws: Path "/ws" is that of listeners[0].path',
    ],
    [
      [{ ...web, port: 1, clientCertificate: { header: 'c', format: 'pem' as const } }],
      'set listeners[0].trustProxyHeader, and name the proxies in listeners[0].trustedProxies',
    ],
    [
      [{ ...web, port: 1, cookie: { sameSite: 'none' as const } }],
      'listeners[0].cookie.sameSite: Invalid: browsers take "none" only with listeners[0].cookie.secure',
    ],
  ])('finds the fault in %j', (listeners, fault) => {
    expect(faultsOf(listeners)).toContain(fault);
  });

  it('have long-poll, files and services of the bridge only where that is configured', () => {
    const service = { type: 'caller', path: '/call', realm: 'realm1', role: 'anonymous' } as const;
    const paths = { '/': redirect, '/call': redirect, '/lp': redirect };
    const listeners = [{ ...web, name: 'pages', port: 1, web: { paths } }];
    expect(faultsOf(listeners, { httpBridge: [service] })).toBe('');
    const both = { ...service, listeners: ['listen', 'pages'] };
    expect(faultsOf(listeners, { httpBridge: [both] })).toContain(
      'listeners[0].web.paths./call: Path "/call" is that of httpBridge[0]',
    );
    expect(parseConfig({ listeners: [{ ...web, port: 1, longPoll: {} }] }).listeners[0]).toMatchObject({
      longPoll: { enabled: true, path: '/lp' },
    });
  });

  it('may share a port at different addresses, or have any free ones', () => {
    expect(faultsOf([{ ...raw, host: '::1', port: 8080 }])).toBe('');
    expect(
      faultsOf([
        { ...raw, port: 0 },
        { ...raw, port: 0 },
      ]),
    ).toBe('');
  });

  it('has a name from its type and place, with its number where two would have the same', () => {
    const { listeners } = parseConfig({
      listeners: [
        { ...raw, port: 0 },
        { ...web, port: 8443 },
        { ...raw, port: 0 },
        { ...raw, path: '/run/x' },
        { ...web, name: 'inside', port: 0 },
      ],
    });
    expect(listenerNames(listeners)).toEqual([
      'rawsocket-0-0',
      'websocket-8443',
      'rawsocket-0-2',
      'rawsocket-/run/x',
      'inside',
    ]);
  });

  it('of any WebSocket listener may set the cookie that logs clients in', () => {
    const realms = [{ name: 'realm1', anonymousRole: null, roles: [{ name: 'user' }], auth: { cookie: {} } }];
    const allowedOrigins = ['https://app.example.com'];
    expect(faultsOf([{ ...web, port: 1, allowedOrigins }], { realms })).toContain('Missing: it needs listen.cookie');
    expect(faultsOf([{ ...web, port: 1, allowedOrigins, cookie: {} }], { realms })).toBe('');
    expect(faultsOf([{ ...web, port: 1, cookie: {} }], { realms })).toContain(
      'listeners[0].allowedOrigins: Invalid with login by cookie',
    );
  });

  it('of any WebSocket listener may receive certificates from a proxy', () => {
    const auth = { tls: { principals: { device: { commonName: 'device', role: 'device' } } } };
    const realms = [{ name: 'realm1', anonymousRole: null, roles: [{ name: 'device' }], auth }];
    const trustedProxies = ['10.0.0.0/8'];
    const proxied = { ...web, port: 1, trustProxyHeader: 'x-forwarded-for' as const, trustedProxies };
    const withHeader = (format: 'pem' | 'sha256') => [{ ...proxied, clientCertificate: { header: 'c', format } }];
    expect(faultsOf([proxied], { realms })).toContain('No certificate reaches the router');
    expect(faultsOf(withHeader('pem'), { realms })).toBe('');
    expect(faultsOf(withHeader('sha256'), { realms })).toContain('brings no names');
  });

  it('with authorities of clients brings certificates for the method tls', () => {
    const auth = { tls: { principals: { device: { commonName: 'device', role: 'device' } } } };
    const realms = [{ name: 'realm1', anonymousRole: null, roles: [{ name: 'device' }], auth }];
    expect(faultsOf([{ ...raw, port: 8081, tls }], { realms })).toContain('No certificate reaches the router');
    expect(faultsOf([{ ...raw, port: 8081, tls: { ...tls, clientCaFile: 'ca.pem' } }], { realms })).toBe('');
  });
});
