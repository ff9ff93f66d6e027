import { describe, expect, it } from 'vitest';
import { clientFrame, FrameTemplate } from '../../bench/load/frame-template.js';
import { serializers } from '../../bench/load/endpoint.js';
import { makePayload, readSequence, readSource } from '../../bench/load/payload.js';
import { closingBytes, code, decode, hasCode, isBinary, readId } from '../../bench/load/wamp.js';
import { Histogram } from '../../bench/measure/histogram.js';

function bodyOf(frame: Buffer): Buffer {
  const size = frame[1]! & 0x7f;
  const start = size < 126 ? 6 : size === 126 ? 8 : 14;
  return frame.subarray(start);
}

describe.each(serializers)('a prepared %s frame', (serializer) => {
  it.each([1, 9, 10, 99_999, 2 ** 32 - 1, 2 ** 32, 2 ** 53])('is the message with request id %d', (id) => {
    const template = new FrameTemplate(serializer, code.publish, [{}, 'com.bench.topic', [makePayload(32, 0)]], 32);
    const buffer = Buffer.alloc(template.sizeLimit);
    const frame = buffer.subarray(0, template.write(buffer, 0, id, 123_456));
    expect(frame[0]).toBe(isBinary(serializer) ? 0x82 : 0x81);
    expect(frame[1]! & 0x7f).toBe(bodyOf(frame).length);
    const [messageCode, request, options, topic, args] = decode(serializer, bodyOf(frame));
    expect([messageCode, Number(request), options, topic]).toEqual([code.publish, id, {}, 'com.bench.topic']);
    expect(args).toEqual([expect.stringMatching(/^.{32}$/)]);
    const payload = Buffer.from((args as [string])[0]);
    expect([readSource(payload, 0), readSequence(payload, 0)]).toEqual([0, 123_456]);
  });

  it('is read back without decoding it', () => {
    const template = new FrameTemplate(serializer, code.invocation, [77, {}, [makePayload(1_024, 63)]], 1_024);
    const buffer = Buffer.alloc(template.sizeLimit);
    const body = bodyOf(buffer.subarray(0, template.write(buffer, 0, 4_711, 2 ** 29)));
    expect(hasCode(serializer, body, 0, code.invocation)).toBe(true);
    expect(hasCode(serializer, body, 0, code.event)).toBe(false);
    expect(readId(serializer, body, 0)).toBe(4_711);
    const payload = body.length - closingBytes(serializer) - 1_024;
    expect([readSource(body, payload), readSequence(body, payload)]).toEqual([63, 2 ** 29]);
  });
});

describe('a client frame', () => {
  it.each([0, 125, 126, 65_535, 65_536])('holds a body of %d bytes', (length) => {
    expect(bodyOf(clientFrame(0x82, Buffer.alloc(length, 1))).equals(Buffer.alloc(length, 1))).toBe(true);
  });
});

describe('the histogram', () => {
  it('gives quantiles within two per cent', () => {
    const histogram = new Histogram();
    for (let us = 1; us <= 10_000; us += 1) histogram.record(us / 1_000);
    const { p50Us, p99Us, maxUs } = histogram.summary()!;
    expect(p50Us / 5_000).toBeCloseTo(1, 1);
    expect(Math.abs(p99Us / 9_900 - 1)).toBeLessThan(0.02);
    expect(maxUs).toBeCloseTo(10_000, 6);
  });

  it('has no quantiles of nothing', () => {
    expect(new Histogram().summary()).toBeNull();
  });
});
