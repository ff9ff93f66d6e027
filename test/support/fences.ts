import { Code } from '../../src/wamp/codes.js';
import { answer, freshUri, receiveUntil } from './exchange.js';
import type { Message, RawClient } from './raw-client.js';

const procedures = new WeakMap<RawClient, string>();
const topics = new WeakMap<RawClient, string>();

/**
 * The other messages that caller and callee had to receive of each other: a call made now and its answer go the same way,
 * after everything sent before. Where both lists are empty, silence is proved.
 */
export async function settled(
  caller: RawClient,
  callee: RawClient,
): Promise<{ readonly atCaller: Message[]; readonly atCallee: Message[] }> {
  const atCallee: Message[] = [];
  let procedure = procedures.get(callee);
  if (procedure === undefined) {
    procedure = freshUri('fence');
    procedures.set(callee, procedure);
    atCallee.push(...(await ask(callee, Code.REGISTER, procedure)));
  }
  const call = caller.call(procedure, [procedure]);
  const invoked = await receiveUntil(callee, ([code, , , , args]) => code === Code.INVOCATION && is(args, procedure));
  atCallee.push(...invoked.slice(0, -1));
  answer(callee, invoked.at(-1)![1] as number);
  const answered = await receiveUntil(caller, ([code, request]) => code === Code.RESULT && request === call);
  return { atCaller: answered.slice(0, -1), atCallee };
}

export const SILENCE = { atCaller: [], atCallee: [] };

/**
 * What else a subscriber had to receive of this publisher: an event published now follows all earlier ones (ORD-1).
 * Lists of earlier publications do not matter to it.
 */
export async function eventsSoFar(publisher: RawClient, subscriber: RawClient): Promise<Message[]> {
  const before: Message[] = [];
  let topic = topics.get(subscriber);
  if (topic === undefined) {
    topic = freshUri('fence');
    topics.set(subscriber, topic);
    before.push(...(await ask(subscriber, Code.SUBSCRIBE, topic)));
  }
  publisher.publish(topic, [topic], { exclude_me: false });
  const received = await receiveUntil(subscriber, ([code, , , , args]) => code === Code.EVENT && is(args, topic));
  return [...before, ...received.slice(0, -1)];
}

export const DEPARTURES = ['GOODBYE', 'ABORT', 'a dropped socket'] as const;
export type Departure = (typeof DEPARTURES)[number];

/**
 * Ends a session in that way and resolves when its node has seen it: a call that `witness`, a session of the same node,
 * had made to it has ended (DLR-12).
 */
export async function leave(leaver: RawClient, how: Departure, witness: RawClient): Promise<void> {
  const procedure = freshUri('last.breath');
  await ask(leaver, Code.REGISTER, procedure);
  const call = witness.call(procedure, [procedure]);
  await receiveUntil(leaver, ([code, , , , args]) => code === Code.INVOCATION && is(args, procedure));
  depart(leaver, how);
  const error = await witness.expect(Code.ERROR);
  if (error[2] !== call || error[4] !== 'wamp.error.canceled') throw new Error(`got ${JSON.stringify(error)}`);
}

/** Ends a session in that way. */
export function depart(leaver: RawClient, how: Departure): void {
  switch (how) {
    case 'GOODBYE':
      leaver.send([Code.GOODBYE, {}, 'wamp.close.normal']);
      break;
    case 'ABORT':
      leaver.send([Code.ABORT, {}, 'com.example.had_enough']);
      break;
    case 'a dropped socket':
      leaver.drop();
      break;
  }
}

/** SUBSCRIBE or REGISTER; gives what came before the answer. */
async function ask(client: RawClient, code: typeof Code.SUBSCRIBE | typeof Code.REGISTER, uri: string) {
  const request = client.request(code, {}, uri);
  const messages = await receiveUntil(client, (message) => message[0] === code + 1 && message[1] === request);
  return messages.slice(0, -1);
}

function is(args: unknown, token: string): boolean {
  return Array.isArray(args) && args[0] === token;
}
