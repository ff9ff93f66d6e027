import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_PROXY_HEADER_BYTES, readProxyHeader } from '../../../../src/transport/raw/proxy-header.js';

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

function binary(command: number, kind: number, rest: Uint8Array, length = rest.length): Buffer {
  return Buffer.concat([SIGNATURE, Buffer.of(command, kind, length >> 8, length & 0xff), rest]);
}

const four = Buffer.of(203, 0, 113, 7, 10, 0, 0, 1, 0x12, 0x34, 0x1f, 0x90);
const six = Buffer.concat([Buffer.from('20010db8000000000000000000000007', 'hex'), Buffer.alloc(16), Buffer.alloc(4)]);

const SOUND: readonly (readonly [name: string, header: Buffer, source: string | undefined])[] = [
  ['version 1, TCP4', Buffer.from('PROXY TCP4 203.0.113.7 10.0.0.1 4660 8080\r\n'), '203.0.113.7'],
  ['version 1, TCP6', Buffer.from('PROXY TCP6 2001:db8::7 ::1 4660 8080\r\n'), '2001:db8::7'],
  ['version 1, UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), undefined],
  ['version 1, UNKNOWN with addresses', Buffer.from('PROXY UNKNOWN ::1 ::1 1 2\r\n'), undefined],
  ['version 2, TCP4', binary(0x21, 0x11, four), '203.0.113.7'],
  ['version 2, TCP6', binary(0x21, 0x21, six), '2001:db8:0:0:0:0:0:7'],
  ['version 2, TCP4 with additions', binary(0x21, 0x11, Buffer.concat([four, Buffer.alloc(500)])), '203.0.113.7'],
  ['version 2, LOCAL', binary(0x20, 0x00, Buffer.alloc(0)), undefined],
  ['version 2, without addresses', binary(0x21, 0x00, Buffer.alloc(0)), undefined],
  ['version 2, of a Unix socket', binary(0x21, 0x31, Buffer.alloc(216)), undefined],
];

describe('readProxyHeader', () => {
  it.each(SOUND)('reads %s, and no byte behind it', (_name, header, source) => {
    const expected = { kind: 'header', bytes: header.length, source };
    expect(readProxyHeader(header)).toEqual(expected);
    expect(readProxyHeader(Buffer.concat([header, Buffer.of(0x7f, 0xf1, 0, 0)]))).toEqual(expected);
    for (let length = 0; length < header.length; length++)
      expect(readProxyHeader(header.subarray(0, length))).toEqual({ kind: 'incomplete' });
  });

  it.each<[string, Buffer]>([
    ['the handshake of a client', Buffer.of(0x7f, 0xf1, 0, 0)],
    ['a request of HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
    ['a line without an end', Buffer.from(`PROXY TCP4 ${'1'.repeat(200)}`)],
    ['an address of the other family', Buffer.from('PROXY TCP4 ::1 10.0.0.1 1 2\r\n')],
    ['no address', Buffer.from('PROXY TCP4 host 10.0.0.1 1 2\r\n')],
    ['no port', Buffer.from('PROXY TCP4 203.0.113.7 10.0.0.1 1\r\n')],
    ['a port that is none', Buffer.from('PROXY TCP4 203.0.113.7 10.0.0.1 1 65536\r\n')],
    ['another family', Buffer.from('PROXY UDP4 203.0.113.7 10.0.0.1 1 2\r\n')],
    ['another version', binary(0x31, 0x11, four)],
    ['another command', binary(0x22, 0x11, four)],
    ['a length that is too short', binary(0x21, 0x11, four.subarray(0, 11))],
    ['a length that is too long', binary(0x21, 0x11, four, 65_535)],
  ])('rejects %s', (_name, bytes) => {
    expect(readProxyHeader(bytes).kind).toBe('flaw');
  });

  it('decides on any bytes within its bound', () => {
    const begin = fc.constantFrom(Buffer.alloc(0), SIGNATURE, Buffer.from('PROXY '), SIGNATURE.subarray(0, 7));
    fc.assert(
      fc.property(begin, fc.uint8Array({ maxLength: 1_200 }), (head, rest) => {
        const bytes = Buffer.concat([head, rest]);
        const header = readProxyHeader(bytes);
        if (header.kind === 'header') expect(header.bytes).toBeLessThanOrEqual(bytes.length);
        if (header.kind === 'incomplete') expect(bytes.length).toBeLessThan(MAX_PROXY_HEADER_BYTES);
      }),
      { numRuns: 500 },
    );
  });
});
