import { describe, expect, it } from 'vitest';
import {
  acceptance,
  announcedBytes,
  rawErrorReply,
  readHandshake,
} from '../../../../src/transport/raw/raw-handshake.js';

const ALL = ['json', 'msgpack', 'cbor'] as const;
const octets = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex');

describe('RawSocket handshake (RS-1, RS-2)', () => {
  it.each([
    ['7f f1 00 00', 'json', 16_777_216],
    ['7f f2 00 00', 'msgpack', 16_777_216],
    ['7f f3 00 00', 'cbor', 16_777_216],
    ['7f 01 00 00', 'json', 512],
    ['7f b2 00 00', 'msgpack', 1_048_576],
  ])('%s asks for %s and takes %i bytes', (hex, serializer, peerMaxBytes) => {
    expect(readHandshake(octets(hex), ALL)).toEqual({ kind: 'request', serializer, peerMaxBytes });
  });

  it.each([
    ['47 45 54 20', 'magic'],
    ['00 f1 00 00', 'magic'],
    ['7f f0 00 00', 'illegal'],
    ['7f f4 00 00', 'serializer'],
    ['7f ff 00 00', 'serializer'],
    ['7f f1 01 00', 'reserved'],
    ['7f f1 00 01', 'reserved'],
  ])('%s has a flaw: %s', (hex, flaw) => {
    expect(readHandshake(octets(hex), ALL)).toEqual({ kind: 'flaw', flaw });
  });

  it('offers only the configured serializers', () => {
    expect(readHandshake(octets('7f f1 00 00'), ['cbor'])).toEqual({ kind: 'flaw', flaw: 'serializer' });
  });

  it('answers with its own length and the serializer of the client', () => {
    expect(acceptance(octets('7f 03 00 00'), 1_048_576)).toEqual(Uint8Array.of(0x7f, 0xb3, 0, 0));
    expect(acceptance(octets('7f f1 00 00'), 16_777_216)).toEqual(Uint8Array.of(0x7f, 0xf1, 0, 0));
    expect(acceptance(octets('7f f2 00 00'), 512)).toEqual(Uint8Array.of(0x7f, 0x02, 0, 0));
  });

  it('gives the code of an error, and no serializer', () => {
    expect(rawErrorReply('serializer')).toEqual(Uint8Array.of(0x7f, 0x10, 0, 0));
    expect(rawErrorReply('reserved')).toEqual(Uint8Array.of(0x7f, 0x30, 0, 0));
    expect(rawErrorReply('connections')).toEqual(Uint8Array.of(0x7f, 0x40, 0, 0));
  });

  it.each([
    [512, 512],
    [1_023, 512],
    [1_048_576, 1_048_576],
    [1_048_577, 1_048_576],
    [1_000_000, 524_288],
    [16_777_216, 16_777_216],
    [67_108_864, 16_777_216],
  ])('announces for a limit of %i the next lower power of two: %i', (limit, announced) => {
    expect(announcedBytes(limit)).toBe(announced);
  });
});
