import * as fc from 'fast-check';
import { SocketAddress } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  countingKey,
  formatIpAddress,
  isInNetwork,
  parseIpAddress,
  parseIpNetwork,
} from '../../../../src/transport/opening/ip-address.js';

const canonical = (text: string): string | undefined => {
  const address = parseIpAddress(text);
  return address === undefined ? undefined : formatIpAddress(address);
};
const isIn = (address: string, network: string): boolean =>
  isInNetwork(parseIpAddress(address)!, parseIpNetwork(network)!);

describe('IP addresses', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['192.0.2.1:443', '192.0.2.1'],
    ['009.9.9.9', '9.9.9.9'],
    ['::ffff:9.9.9.9', '9.9.9.9'],
    ['::FFFF:909:909', '9.9.9.9'],
    ['[::ffff:9.9.9.9]:80', '9.9.9.9'],
    ['0000:0000:0000:0000:0000:ffff:c000:0201', '192.0.2.1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['[2001:DB8::1]', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%25eth0]:8080', 'fe80::1'],
    ['0:0::1', '::1'],
    ['::0.0.0.1', '::1'],
    ['::', '::'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
  ])('%s is %s', (text, form) => {
    expect(canonical(text)).toBe(form);
  });

  it.each([
    '',
    'unknown',
    '_hidden',
    '1.2.3',
    '1.2.3.256',
    '1.2.3.4.5',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '1:2:3:4:5:6:7::8',
    ':::',
    '12345::',
    '[::1',
    '::1]',
    'evil1',
    '<script>',
    '1'.repeat(200),
  ])('%j is none', (text) => {
    expect(canonical(text)).toBeUndefined();
  });

  const group = fc.integer({ min: 0, max: 0xffff });
  const groups = fc.array(fc.oneof(fc.constant(0), group), { minLength: 8, maxLength: 8 });
  const spellings = groups.chain((parts) =>
    fc.record({
      plain: fc.constant(parts.map((part) => part.toString(16)).join(':')),
      padded: fc.constant(parts.map((part) => part.toString(16).padStart(4, '0').toUpperCase()).join(':')),
      zone: fc.constantFrom('', '%eth0', '%1'),
      port: fc.integer({ min: 0, max: 65_535 }),
    }),
  );

  it('has one form for every spelling of an address', () => {
    fc.assert(
      fc.property(spellings, ({ plain, padded, zone, port }) => {
        const form = canonical(plain)!;
        const others = [padded, plain + zone, `[${padded}]`, `[${plain}${zone}]:${port}`, form].map(canonical);
        expect(new Set(others)).toEqual(new Set([form]));
      }),
    );
  });

  it('writes what the system writes', () => {
    fc.assert(
      fc.property(groups, (parts) => {
        const text = parts.map((part) => part.toString(16)).join(':');
        const form = canonical(text)!;
        if (form.includes('.')) return;
        // The system writes the last groups of ::/96 as IPv4.
        fc.pre(parts.slice(0, 6).some((part) => part !== 0));
        expect(form).toBe(new SocketAddress({ family: 'ipv6', address: text }).address);
      }),
    );
  });

  it('never fails, whatever it is given', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'0123456789abcdef:.[]%/'.split('')) })),
        (text) => {
          const form = canonical(text);
          if (form !== undefined) expect(canonical(form)).toBe(form);
          parseIpNetwork(text);
        },
      ),
    );
  });

  it('counts IPv6 by its first bits, IPv4 one by one', () => {
    const key = (text: string, bits = 64) => countingKey(parseIpAddress(text)!, bits);
    expect(key('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
    expect(key('2001:db8:1:2::ffff')).toBe(key('2001:db8:1:2:3:4:5:6'));
    expect(key('2001:db8:1:3::1')).not.toBe(key('2001:db8:1:2::1'));
    expect(key('2001:db8:1:2ff::', 56)).toBe('2001:db8:1:200::/56');
    expect(key('2001:db8::1', 128)).toBe('2001:db8::1');
    expect([key('10.0.0.1'), key('::ffff:10.0.0.2')]).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  it.each([
    ['10.1.2.3', '10.0.0.0/8', true],
    ['11.1.2.3', '10.0.0.0/8', false],
    ['::ffff:10.1.2.3', '10.0.0.0/8', true],
    ['172.31.255.255', '172.16.0.0/12', true],
    ['172.32.0.0', '172.16.0.0/12', false],
    ['192.0.2.7', '192.0.2.7', true],
    ['192.0.2.8', '192.0.2.7', false],
    ['192.0.2.8', '0.0.0.0/0', true],
    ['::1', '0.0.0.0/0', false],
    ['fd12::1', 'fc00::/7', true],
    ['2001:db8:8000::1', '2001:db8:8000::/33', true],
    ['2001:db8:7fff::1', '2001:db8:8000::/33', false],
    ['10.9.9.9', '::ffff:10.0.0.0/104', true],
  ])('%s in %s: %s', (address, network, expected) => {
    expect(isIn(address, network)).toBe(expected);
  });

  it.each(['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.1:80', 'private', '/8', '1.2.3.4/-1', 'fe80::1%eth0'])(
    '%j is no network',
    (text) => {
      expect(parseIpNetwork(text)).toBeUndefined();
    },
  );
});
