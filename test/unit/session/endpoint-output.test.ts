import { describe, expect, it } from 'vitest';
import { JsonCodec } from '../../../src/codec/json.js';
import { EndpointOutput } from '../../../src/session/endpoint-output.js';

function goodbyes(reason: string, message: string | undefined): unknown {
  const written: unknown[] = [];
  const connection = { write: (bytes: Uint8Array) => written.push(JSON.parse(Buffer.from(bytes).toString())) };
  const counters = { messagesOut: [] };
  const codec = new JsonCodec({ maxDepth: 64, maxContainerEntries: 1_000 });
  new EndpointOutput(connection as never, codec, counters as never).goodbye(reason, message);
  return written;
}

describe('SES-11: GOODBYE is sent whatever text another session gave', () => {
  it('as it is, where the serializer has a form for it', () => {
    expect(goodbyes('com.reason', 'bye')).toEqual([[6, { message: 'bye' }, 'com.reason']]);
  });

  it.each([
    ['com.reason', '\0message'],
    ['\0reason', undefined],
  ])('without text that means bytes in JSON (SER-3)', (reason, message) => {
    expect(goodbyes(reason, message)).toEqual([[6, {}, 'wamp.close.killed']]);
  });
});
