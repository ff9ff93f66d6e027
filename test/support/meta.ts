import { expect } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import type { Router } from './conformance.js';
import { eventsSoFar } from './fences.js';
import type { RawClient } from './raw-client.js';

/** The one positional result of a meta procedure. */
export async function metaResult(caller: RawClient, procedure: string, args: unknown[] = []): Promise<unknown> {
  const request = caller.call(procedure, args);
  const [, answered, details, values] = await caller.expect(Code.RESULT);
  expect([answered, details]).toEqual([request, {}]);
  expect(values).toHaveLength(1);
  return (values as unknown[])[0];
}

/** A session that receives the meta events of subscriptions or of registrations, each as its topic and arguments. */
export async function watcherAt(router: Router, node: number, topics: string): Promise<RawClient> {
  const watcher = await router.joinAt(node);
  await watcher.subscribe(topics, { match: 'prefix' });
  return watcher;
}

/** The events about one subscription or registration that the watcher has received by now, in order. */
export async function eventsOf(router: Router, watcher: RawClient, id: number): Promise<unknown[]> {
  const received: unknown[] = [];
  for (let node = 0; node < router.nodeCount; node++)
    received.push(...(await eventsSoFar(await router.joinAt(node), watcher)));
  return received.flatMap((message) => {
    const [, , , details, [session, about]] = message as MetaEvent;
    return idOf(about) === id ? [[details.topic, session, about]] : [];
  });
}

/** The next event of the watcher about the subscription or registration. */
export async function nextEvent(watcher: RawClient, id: number): Promise<[topic: string, session: number | null]> {
  for (;;) {
    const [, , , details, [session, about]] = (await watcher.expect(Code.EVENT)) as MetaEvent;
    if (idOf(about) === id) return [details.topic, session];
  }
}

type MetaEvent = [number, number, number, { topic: string }, [session: number | null, about: unknown]];

function idOf(about: unknown): number {
  return typeof about === 'number' ? about : (about as { id: number }).id;
}
