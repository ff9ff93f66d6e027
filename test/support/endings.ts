import { expect } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import type { Message, RawClient } from './raw-client.js';
import { NO_CODE } from './rs-socket.js';

const DEADLINE_MS = 60_000;

/** The next message is ABORT, it is the last, and the transport closes. Gives Details.message (rules 2.4). */
export async function expectAbort(
  client: RawClient,
  reason: string = ErrorUri.PROTOCOL_VIOLATION,
  closeCode = reason === ErrorUri.PROTOCOL_VIOLATION ? 1002 : 1008,
): Promise<string> {
  const message = abortMessage(await client.receive(), reason);
  await expectClosed(client, closeCode);
  expect(client.unread).toEqual([]);
  return message;
}

/**
 * The router closes the connection: a WebSocket with this code, and this reason if there is one; RawSocket and long-poll,
 * which have neither, in order.
 */
export async function expectClosed(client: RawClient, code: number, reason?: RegExp | string): Promise<void> {
  const closed = await client.closed;
  if (client.transport !== 'websocket') {
    expect(closed.code).toBe(NO_CODE);
    return;
  }
  expect(closed.code).toBe(code);
  if (typeof reason === 'string') expect(closed.reason).toBe(reason);
  else if (reason !== undefined) expect(closed.reason).toMatch(reason);
}

/** The next message is ABORT; the transport may stay. Gives Details.message. */
export async function expectRefusal(client: RawClient, reason: string): Promise<string> {
  return abortMessage(await client.receive(), reason);
}

/** No message comes: the transport closes, a WebSocket with "Try Again Later" for this reason. */
export async function expectPostponed(client: RawClient, reason: RegExp): Promise<void> {
  await expectClosed(client, 1013, reason);
  expect(client.unread).toEqual([]);
}

function abortMessage(abort: Message, reason: string): string {
  expect(abort).toEqual([Code.ABORT, { message: expect.any(String) as unknown }, reason]);
  return (abort[1] as { message: string }).message;
}

/** The next message answers this request with this ERROR. Gives the text of its first argument, or ''. */
export async function expectError(client: RawClient, type: number, request: number, error: string): Promise<string> {
  const [code, ...rest] = await client.receive();
  expect([code, ...rest.slice(0, 4)]).toEqual([Code.ERROR, type, request, {}, error]);
  const [text] = (rest[4] ?? []) as unknown[];
  return typeof text === 'string' ? text : '';
}

/** Waits for what no message announces, such as the router noticing a lost socket. */
export async function until(holds: () => boolean, what = holds.toString()): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`did not happen within ${DEADLINE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
