import { describe, expect, it } from 'vitest';
import { forwardedAddress, readableAddress } from '../../../src/transport/remote-address.js';

describe('remote address', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['0000:0000:0000:0000:0000:ffff:c000:0201', '192.0.2.1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:0db8:0000:0000:0000:0000:0000:0001'],
  ])('%s reads %s', (address, readable) => {
    expect(readableAddress(address)).toBe(readable);
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['10.0.0.1, 192.0.2.1', '192.0.2.1'],
    ['forged"\n, 2001:db8::1', '2001:db8::1'],
    ['[2001:db8::1]:443', '[2001:db8::1]:443'],
    ['192.0.2.1,', undefined],
    ['unknown', undefined],
    ['', undefined],
    ['1'.repeat(57), undefined],
    ['<script>', undefined],
  ])('X-Forwarded-For %j is %s: only what the nearest proxy added counts', (header, address) => {
    expect(forwardedAddress(header)).toBe(address);
  });
});
