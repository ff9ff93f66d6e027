import { describe, expect, it } from 'vitest';
import { RemoteAddresses, type RemoteAddressOptions } from '../../../../src/transport/opening/remote-address.js';

const addresses = (options: Partial<RemoteAddressOptions> = {}): RemoteAddresses =>
  new RemoteAddresses({ trustProxyHeader: 'x-forwarded-for', ipv6PrefixBits: 64, ...options });

const clientOf = (known: RemoteAddresses, header: string, peer = '10.0.0.1'): string =>
  known.client(known.peer(peer), header).text;

describe('remote address', () => {
  it('is written one way, and counted by network', () => {
    const known = addresses();
    expect(known.peer('0000:0000:0000:0000:0000:ffff:c000:0201')).toEqual({ text: '192.0.2.1', key: '192.0.2.1' });
    expect(known.peer('2001:0db8::0001')).toEqual({ text: '2001:db8::1', key: '2001:db8::/64' });
    expect(known.peer('').text).toBe('unknown');
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['9.9.9.9, 192.0.2.1', '192.0.2.1'],
    ['forged"\n, 2001:db8::1', '2001:db8::1'],
    ['[2001:DB8::1]:443', '2001:db8::1'],
    ['192.0.2.1:1000', '192.0.2.1'],
    ['9.9.9.9, 10.3.3.3', '10.3.3.3'],
    ['192.0.2.1,', '10.0.0.1'],
    ['unknown', '10.0.0.1'],
    ['', '10.0.0.1'],
    ['<script>', '10.0.0.1'],
  ])('X-Forwarded-For %j is %s: only what the nearest proxy added counts', (header, address) => {
    expect(clientOf(addresses(), header)).toBe(address);
  });

  it.each([
    ['192.0.2.1, 10.0.0.2', '192.0.2.1'],
    ['9.9.9.9, 192.0.2.1, 10.0.0.2, 10.0.0.1', '192.0.2.1'],
    ['9.9.9.9, unknown, 10.0.0.2', '10.0.0.2'],
    ['10.0.0.3, 10.0.0.2', '10.0.0.3'],
    [Array<string>(100).fill('10.0.0.2').join(), '10.0.0.2'],
  ])('skips proxies that are named: %j is %s', (header, address) => {
    expect(clientOf(addresses({ trustedProxies: ['10.0.0.0/30'] }), header)).toBe(address);
  });

  it('takes the peer for a proxy where it is named, or in a private network when none is', () => {
    const isProxy = (known: RemoteAddresses, peer: string) => known.isProxy(known.peer(peer));
    const local = ['127.0.0.1', '10.0.0.1', '172.18.0.2', '192.168.1.1', '::1', 'fd00::1', 'fe80::1%eth0'];
    expect(local.map((peer) => isProxy(addresses(), peer))).toEqual(local.map(() => true));
    expect(['192.0.2.1', '2001:db8::1', ''].map((peer) => isProxy(addresses(), peer))).toEqual([false, false, false]);
    const named = addresses({ trustedProxies: ['192.0.2.0/24'] });
    expect([isProxy(named, '192.0.2.9'), isProxy(named, '127.0.0.1')]).toEqual([true, false]);
    expect(isProxy(addresses({ trustProxyHeader: 'none' }), '127.0.0.1')).toBe(false);
    expect(isProxy(addresses({ trustedProxies: [] }), '127.0.0.1')).toBe(false);
  });
});
