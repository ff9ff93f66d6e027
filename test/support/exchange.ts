import { Code } from '../../src/wamp/codes.js';
import type { Message, RawClient } from './raw-client.js';

let lastUri = 0;

/** A URI that no other begins with: sessions of the test before may still be leaving. */
export function freshUri(name = 'thing'): string {
  return `com.example.${name}.n${++lastUri}z`;
}

export interface Invocation {
  readonly request: number;
  readonly registration: number;
  readonly details: Record<string, unknown>;
  /** Arguments and ArgumentsKw as far as they are there. */
  readonly payload: unknown[];
}

/** The next message of a callee, which must be an INVOCATION. */
export async function invocation(callee: RawClient): Promise<Invocation> {
  const [, request, registration, details, ...payload] = await callee.expect(Code.INVOCATION);
  return {
    request: request as number,
    registration: registration as number,
    details: details as Record<string, unknown>,
    payload,
  };
}

/** YIELD. */
export function answer(callee: RawClient, request: number, args?: unknown[], options: object = {}): void {
  callee.send([Code.YIELD, request, options, ...(args === undefined ? [] : [args])]);
}

export function progress(callee: RawClient, request: number, args?: unknown[]): void {
  answer(callee, request, args, { progress: true });
}

/** ERROR for an INVOCATION. */
export function refuse(
  callee: RawClient,
  request: number,
  error: string,
  payload: unknown[] = [],
  details: object = {},
): void {
  callee.send([Code.ERROR, Code.INVOCATION, request, details, error, ...payload]);
}

export function cancel(caller: RawClient, request: number, mode?: string): void {
  caller.send([Code.CANCEL, request, mode === undefined ? {} : { mode }]);
}

/** A further CALL with a request id that was used already (PCI-1). */
export function callAgain(
  caller: RawClient,
  request: number,
  procedure: string,
  args?: unknown[],
  options: object = {},
): void {
  caller.send([Code.CALL, request, options, procedure, ...(args === undefined ? [] : [args])]);
}

/** The error of the next message, which must be an ERROR for this CALL. */
export async function callError(caller: RawClient, request: number): Promise<string> {
  const message = await caller.receive();
  const [code, type, answered, , error] = message;
  if (code !== Code.ERROR || type !== Code.CALL || answered !== request)
    throw new Error(`expected an ERROR for CALL ${request}, got ${JSON.stringify(message)}`);
  return error as string;
}

/** The error of the next message, which must be an ERROR for this REGISTER. */
export async function registerError(callee: RawClient, procedure: string, options: object = {}): Promise<string> {
  const request = callee.request(Code.REGISTER, options, procedure);
  const message = await callee.receive();
  if (message[0] !== Code.ERROR || message[1] !== Code.REGISTER || message[2] !== request)
    throw new Error(`expected an ERROR for REGISTER ${request}, got ${JSON.stringify(message)}`);
  return message[4] as string;
}

/** The text of the ABORT that ends the connection, which must be one for a protocol violation. */
export async function abortedFor(client: RawClient): Promise<string> {
  const [, details, reason] = await client.expect(Code.ABORT);
  if (reason !== 'wamp.error.protocol_violation') throw new Error(`aborted for ${String(reason)}`);
  await client.closed;
  return (details as { message: string }).message;
}

/** Everything up to the first message that `ends`; it comes last. */
export async function receiveUntil(client: RawClient, ends: (message: Message) => boolean): Promise<Message[]> {
  const messages: Message[] = [];
  for (;;) {
    const message = await client.receive();
    messages.push(message);
    if (ends(message)) return messages;
  }
}
