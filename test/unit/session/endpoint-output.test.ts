import { describe, expect, it } from 'vitest';
import { JsonCodec } from '../../../src/codec/json.js';
import { EndpointOutput } from '../../../src/session/endpoint-output.js';
import { Code } from '../../../src/wamp/codes.js';

function startOutput() {
  const written: unknown[] = [];
  const ends: string[] = [];
  const connection = {
    write: (bytes: Uint8Array) => written.push(JSON.parse(Buffer.from(bytes).toString())),
    close: (cause: string) => ends.push(cause),
  };
  const counters = { messagesOut: [] };
  const codec = new JsonCodec({ maxDepth: 64, maxContainerEntries: 1_000 });
  const reports = { unsendable: (code: number) => ends.push(`unsendable ${code}`) };
  return { output: new EndpointOutput(connection as never, codec, counters as never, reports), written, ends };
}

function goodbyes(reason: string, message: string | undefined): unknown {
  const { output, written } = startOutput();
  output.goodbye(reason, message);
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

it('ends the connection, and nothing else, over a message that has no form in its serializer (SER-3)', () => {
  const { output, written, ends } = startOutput();
  output.send([Code.CHALLENGE, 'ticket', { text: '\0text' }]);
  expect(written).toEqual([]);
  expect(ends).toEqual([`unsendable ${Code.CHALLENGE}`, 'undecided']);
});
