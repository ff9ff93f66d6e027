import { describe, expect, it } from 'vitest';
import { ConfigUnusableError } from '../../../src/config/faults.js';
import { parseConfig } from '../../../src/config/load.js';
import type { ConfigInput } from '../../../src/config/schema.js';

const raw = { type: 'rawsocket' } as const;
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
  ])('finds the fault in %j', (listeners, fault) => {
    expect(faultsOf(listeners)).toContain(fault);
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

  it('with authorities of clients brings certificates for the method tls', () => {
    const auth = { tls: { principals: { device: { commonName: 'device', role: 'device' } } } };
    const realms = [{ name: 'realm1', anonymousRole: null, roles: [{ name: 'device' }], auth }];
    expect(faultsOf([{ ...raw, port: 8081, tls }], { realms })).toContain('No certificate reaches the router');
    expect(faultsOf([{ ...raw, port: 8081, tls: { ...tls, clientCaFile: 'ca.pem' } }], { realms })).toBe('');
  });
});
