import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { afterEach, expect, it } from 'vitest';
import { runClientCommand } from '../../../../src/cli/client/commands.js';
import type { ClientContext } from '../../../../src/cli/client/context.js';
import { Code } from '../../../../src/wamp/codes.js';

let server: WebSocketServer | undefined;
afterEach(() => {
  for (const client of server?.clients ?? []) client.terminate();
  server?.close();
});

async function errorsOf(answer: (message: unknown[]) => unknown): Promise<string> {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'wamp.2.json' });
  server.on('connection', (socket) =>
    socket.on('message', (data: Buffer) => socket.send(JSON.stringify(answer(JSON.parse(data.toString()))))),
  );
  await once(server, 'listening');
  let errors = '';
  const context: ClientContext = {
    environment: {},
    output: { isTerminal: true, print: () => undefined, isFull: () => false, drained: () => Promise.resolve() },
    printError: (text) => (errors += text),
    input: () => {
      throw new Error('no input');
    },
    interrupted: new AbortController().signal,
  };
  const { port } = server.address() as AddressInfo;
  await runClientCommand('call', ['com.example.a', '--url', `ws://127.0.0.1:${port}`], context);
  return errors;
}

it('prints the texts of a router without what controls a terminal', async () => {
  const clear = '\u001b[2J';
  const aborted = await errorsOf(() => [Code.ABORT, { message: `a${clear}\nb` }, 'com.example.error']);
  expect(aborted).toBe('gantry: the router refused the session: com.example.error: a [2J b\n');
});

it('prints the URI of an error without what controls a terminal', async () => {
  const failed = await errorsOf(([code, id]) => {
    if (code === Code.HELLO) return [Code.WELCOME, 1, {}];
    return code === Code.CALL ? [Code.ERROR, code, id, {}, 'a\u009b2Jb', ['c\u009bd']] : [Code.GOODBYE, {}, 'a.b'];
  });
  expect(failed).toBe('a 2Jb ["c d"]\n');
});
