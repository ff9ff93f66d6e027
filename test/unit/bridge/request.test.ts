import { describe, expect, it } from 'vitest';
import { readObject } from '../../../src/bridge/json.js';
import { isRefusal } from '../../../src/bridge/refusal.js';
import { callMessage, publishMessage } from '../../../src/bridge/request.js';
import { JsonCodec } from '../../../src/codec/json.js';

const codec = new JsonCodec({ maxDepth: 64, maxContainerEntries: 1_000 });

function bodyOf(text: string): Parameters<typeof publishMessage>[0] {
  const object = readObject(Buffer.from(text), codec);
  if (isRefusal(object)) throw new Error(object.message);
  return object;
}

describe('SER-3: a body with a value that has no form in JSON is refused', () => {
  const values = ['1e400', '"\\u0000zz"', '1'.repeat(2_000), '{"a":[1e400]}'];

  it.each(values)('%s', (value) => {
    const body = bodyOf(`{"topic":"com.topic","procedure":"com.procedure","args":[${value}]}`);
    expect(publishMessage(body)).toMatchObject({ status: '400' });
    expect(callMessage(body, 1_000, 'ms')).toMatchObject({ status: '400' });
  });

  it('and others are taken with their length', () => {
    const message = publishMessage(bodyOf('{"topic":"com.topic","args":["\\u0000AQI="]}'));
    expect(message).toMatchObject({ 4: { byteLength: 14 } });
  });
});
