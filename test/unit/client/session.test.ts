import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { afterEach, expect, it } from 'vitest';
import { NotConnectedError, WampError } from '../../../src/client/errors.js';
import { plainLogin } from '../../../src/client/login/logins.js';
import { ClientSession } from '../../../src/client/session.js';
import { Code } from '../../../src/wamp/codes.js';

const servers: WebSocketServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    for (const client of server.clients) client.terminate();
    server.close();
  }
});

type Answer = (message: unknown[], send: (message: unknown) => void, socket: WebSocket) => void;

/** A router that misbehaves as a test wants it; the address of it. */
async function router(answer: Answer): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'wamp.2.json' });
  servers.push(server);
  server.on('connection', (socket) =>
    socket.on('message', (data: Buffer) =>
      answer(JSON.parse(data.toString()), (message) => socket.send(JSON.stringify(message)), socket),
    ),
  );
  await once(server, 'listening');
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const join = (url: string): Promise<ClientSession> =>
  ClientSession.join({
    url,
    realm: 'realm1',
    serializers: ['json'],
    login: plainLogin('anonymous', undefined),
    agent: 'test',
    timeoutMs: 10_000,
  });

/** Welcomes, and leaves the rest to a test. */
const welcoming =
  (rest: Answer): Answer =>
  (message, send, socket) => {
    if (message[0] === Code.HELLO) send([Code.WELCOME, 1, {}]);
    else rest(message, send, socket);
  };

it.each([
  ['an ABORT', [Code.ABORT, { message: 'no' }, 'wamp.error.no_such_realm'], /wamp\.error\.no_such_realm: no$/],
  ['an EVENT', [Code.EVENT, 1, 2, {}], /does not belong into a handshake/],
  ['a CHALLENGE that nobody wanted', [Code.CHALLENGE, 'ticket', {}], /wants an answer for the method "ticket"/],
  ['a WELCOME without details', [Code.WELCOME, 1], /WELCOME without session or details/],
  ['what is no list', { a: 1 }, /not json/],
])('joins no router that answers HELLO with %s', async (_name, answer, message) => {
  const url = await router((_, send) => send(answer));
  const failure = await join(url).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(NotConnectedError);
  expect((failure as Error).message).toMatch(message);
});

it('joins no router that closes the connection at once', async () => {
  await expect(join(await router((_, __, socket) => socket.close(1013, 'later')))).rejects.toThrow(/code 1013: later/);
});

it('fails every open request when the connection ends', async () => {
  const url = await router(welcoming((_, __, socket) => socket.terminate()));
  const session = await join(url);
  await expect(session.call('com.example.a', {})).rejects.toThrow(NotConnectedError);
  expect(await session.lost).toBeInstanceOf(NotConnectedError);
  await expect(session.call('com.example.a', {})).rejects.toThrow(NotConnectedError);
});

it('ignores answers to what it did not ask, and takes the right one', async () => {
  const url = await router(
    welcoming(([code, id], send) => {
      if (code !== Code.CALL) return;
      send([Code.RESULT, 77, {}]);
      send([Code.REGISTERED, id, 5]);
      send([Code.ERROR, Code.REGISTER, id, {}, 'com.example.error.other']);
      send([Code.RESULT, id, {}, [1]]);
    }),
  );
  const session = await join(url);
  expect((await session.call('com.example.a', {})).args).toEqual([1]);
});

it('ends the session on a malformed EVENT or INVOCATION', async () => {
  for (const malformed of [
    [Code.EVENT, 'a', 2, {}],
    [Code.INVOCATION, 1],
  ]) {
    const session = await join(await router(welcoming((_, send) => send(malformed))));
    session.call('com.example.a', {}).catch(() => undefined);
    expect((await session.lost).message).toMatch(/malformed (EVENT|INVOCATION)/);
  }
});

it('uses no request id for what it cannot send', async () => {
  const ids: unknown[] = [];
  const url = await router(
    welcoming(([code, id], send) => {
      ids.push(id);
      if (code === Code.CALL) send([Code.RESULT, id, {}]);
    }),
  );
  const session = await join(url);
  await session.call('com.example.a', {});
  await expect(session.call('com.example.a', { args: [NaN] })).rejects.toThrow(/cannot be represented/);
  await session.call('com.example.a', {});
  expect(ids).toEqual([1, 2]);
});

it('cancels a call, also where the signal comes first', async () => {
  const url = await router(
    welcoming(([code, id], send) => {
      if (code === Code.CANCEL) send([Code.ERROR, Code.CALL, id, {}, 'wamp.error.canceled']);
    }),
  );
  const session = await join(url);
  const failure = session.call('com.example.a', { signal: AbortSignal.abort() });
  await expect(failure).rejects.toThrow(WampError);
});

it('publishes without acknowledgement no faster than the router reads', async () => {
  const url = await router(welcoming((_, __, socket) => socket.pause()));
  const session = await join(url);
  const publish = (): Promise<unknown> =>
    session.publish('com.example.a', { args: ['x'.repeat(1_000_000)] }, { acknowledge: false });
  const waiting = new Promise((resolve) => setTimeout(resolve, 500, 'waits'));
  const all = Promise.all(Array.from({ length: 50 }, publish));
  expect(await Promise.race([all, waiting])).toBe('waits');
  for (const { clients } of servers) for (const client of clients) client.terminate();
  await all;
});

it('rejects what is published when the session has ended, also without acknowledgement', async () => {
  const url = await router(welcoming((_, __, socket) => socket.terminate()));
  const session = await join(url);
  await expect(session.publish('com.example.a', {})).rejects.toThrow(NotConnectedError);
  const late = session.publish('com.example.a', {}, { acknowledge: false });
  await expect(late).rejects.toThrow(NotConnectedError);
});

it('names the address without what may be a credential', async () => {
  const failure: unknown = await join('ws://joe:hidden@127.0.0.1:1/ws?token=hidden').catch((error: unknown) => error);
  expect((failure as Error).message).toMatch(/^cannot connect to ws:\/\/127\.0\.0\.1:1\/ws: /);
});
