import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FrameKind } from '../../../../src/transport/raw/frame-head.js';
import { FrameReader, type FrameSink } from '../../../../src/transport/raw/frame-reader.js';
import { rsFrame } from '../../../support/rs-socket.js';

const HEADROOM = 8;

class Recorder implements FrameSink {
  readonly frames: string[] = [];
  goesOn = true;

  frame(kind: FrameKind, payload: Uint8Array, headroomBytes?: number): boolean {
    if (headroomBytes !== undefined) expect(payload.byteOffset).toBeGreaterThanOrEqual(headroomBytes);
    this.frames.push(`${kind} ${Buffer.from(payload).toString('latin1')}`);
    return this.goesOn;
  }

  unreadable(): void {
    this.frames.push('unreadable');
  }

  overlong(length: number, maxBytes: number): void {
    this.frames.push(`overlong ${length} ${maxBytes}`);
  }
}

function read(chunks: readonly Uint8Array[], maxBytes = 1_024): readonly string[] {
  const recorder = new Recorder();
  const reader = new FrameReader(maxBytes, HEADROOM);
  for (const chunk of chunks) reader.read(chunk, recorder);
  return recorder.frames;
}

function memoryBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

describe('frames of RawSocket (RS-4, RS-5, RS-6)', () => {
  it.each([
    ['00 00 00 0f 5b312c227265616c6d31222c7b7d5d', 'message [1,"realm1",{}]'],
    ['01 00 00 02 6869', 'ping hi'],
    ['02 00 00 02 6869', 'pong hi'],
    ['00 00 00 00', 'message '],
  ])('%s is %s', (hex, expected) => {
    expect(read([Buffer.from(hex.replaceAll(' ', ''), 'hex')])).toEqual([expected]);
  });

  it.each(['10000000', '80000000', '03000000', '07000001', '08000001', '0f000000'])('cannot read %s', (hex) => {
    expect(read([Buffer.from(hex, 'hex'), rsFrame('later')])).toEqual(['unreadable']);
  });

  it('checks the announced length before anything of the frame has arrived', () => {
    expect(read([Buffer.from('00000401', 'hex'), rsFrame('later')])).toEqual(['overlong 1025 1024']);
    expect(read([Buffer.from('01000401', 'hex')])).toEqual(['overlong 1025 1024']);
    expect(read([Buffer.from('08000000', 'hex')])).toEqual(['overlong 16777216 1024']);
  });

  it('takes a message of 2^24 bytes, whose length is the 25th bit', () => {
    const chunk = Buffer.alloc(65_536, 'x');
    const recorder = new Recorder();
    const reader = new FrameReader(16_777_216, HEADROOM);
    reader.read(Buffer.from('08000000', 'hex'), recorder);
    for (let index = 0; index < 256; index++) reader.read(chunk, recorder);
    expect(recorder.frames.map(({ length }) => length)).toEqual(['message '.length + 16_777_216]);
    expect(reader.heldBytes).toBe(0);
  });

  it('reads nothing more once its sink wants nothing more', () => {
    const recorder = new Recorder();
    recorder.goesOn = false;
    const reader = new FrameReader(1_024, HEADROOM);
    reader.read(Buffer.concat([rsFrame('a'), rsFrame('b')]), recorder);
    reader.read(rsFrame('c'), recorder);
    expect(recorder.frames).toEqual(['message a']);
  });

  it('gives the same frames however the stream is cut', () => {
    const payloads = fc.array(fc.tuple(fc.constantFrom(0, 1, 2), fc.nat({ max: 20_000 })), { maxLength: 6 });
    const sizes = fc.array(fc.integer({ min: 1, max: 9_000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(payloads, sizes, (kinds, cuts) => {
        const frames = kinds.map(([type, length], index) => rsFrame(Buffer.alloc(length, 97 + index), type));
        const stream = Buffer.concat(frames);
        const chunks: Buffer[] = [];
        for (let at = 0, cut = 0; at < stream.length; cut++) {
          const size = cuts[cut % cuts.length]!;
          chunks.push(stream.subarray(at, at + size));
          at += size;
        }
        expect(read(chunks, 20_000)).toEqual(read([stream], 20_000));
        expect(read(chunks, 20_000)).toHaveLength(frames.length);
      }),
      { numRuns: 200 },
    );
  });

  it('holds a frame that arrives in pieces of one byte in about its length', () => {
    const reader = new FrameReader(1_048_576, HEADROOM);
    const recorder = new Recorder();
    reader.read(Buffer.from('00100000', 'hex'), recorder);
    const octet = Buffer.alloc(1);
    const before = memoryBytes();
    for (let index = 0; index < 1_000_000; index++) reader.read(octet, recorder);
    // An object for each piece would take more than 60 MB.
    expect(memoryBytes() - before).toBeLessThan(32_000_000);
    expect(reader.heldBytes).toBe(1_000_000);
  });

  it('takes any bytes without an exception, and at most one flaw ends the stream', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (chunks) => {
        const frames = read(chunks);
        const flaws = frames.filter((frame) => /^(unreadable|overlong)/.test(frame));
        expect(flaws.length).toBeLessThanOrEqual(1);
        if (flaws.length === 1) expect(frames.at(-1)).toBe(flaws[0]);
      }),
      { numRuns: 1_000 },
    );
  });
});
