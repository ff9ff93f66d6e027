import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { answer, freshUri, invocation } from '../support/exchange.js';
import { eventsSoFar } from '../support/fences.js';
import type { RawClient } from '../support/raw-client.js';
import { describeApart } from '../support/uneven-lanes.js';

const REPEATS = 100;
const LATE = 'too late for it, or not';
const MATCHES = ['exact', 'prefix', 'wildcard'] as const;

/** A URI and a pattern by that match that the URI alone fits. */
function uriAndPattern(match: (typeof MATCHES)[number]): { uri: string; pattern: string } {
  const own = freshUri();
  const uri = `${own}.a.b`;
  return { uri, pattern: { exact: uri, prefix: `${own}.`, wildcard: `${own}..b` }[match] };
}

describeApart('ready-means-ready', (router) => {
  /** One session on every node, or as many on the only one. */
  async function everywhere(): Promise<[RawClient, RawClient, RawClient]> {
    return [await router().joinAt(0), await router().joinAt(1), await router().joinAt(2)];
  }

  it.each(MATCHES)('delivers all that is published anywhere after SUBSCRIBED, at once: %s (G2)', async (match) => {
    const sessions = await everywhere();
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const subscriber = sessions[repeat % 3]!;
      const publishers = sessions.filter((session) => session !== subscriber);
      const { uri, pattern } = uriAndPattern(match);
      const subscription = await subscriber.subscribe(pattern, { match });
      for (const [by, publisher] of publishers.entries()) publisher.publish(uri, [repeat, by]);
      const publishedBy = new Set<unknown>();
      for (let count = 0; count < publishers.length; count++) {
        const [code, id, , , args] = await subscriber.receive();
        const [number, by] = args as [number, number];
        expect([code, id, number]).toEqual([Code.EVENT, subscription, repeat]);
        publishedBy.add(by);
      }
      expect(publishedBy).toEqual(new Set([0, 1]));
    }
  });

  it.each(MATCHES)('finds for all calls made anywhere after REGISTERED the callee, at once: %s (G2)', async (match) => {
    const sessions = await everywhere();
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const callee = sessions[repeat % 3]!;
      const callers = sessions.filter((session) => session !== callee);
      const { uri, pattern } = uriAndPattern(match);
      const registration = await callee.register(pattern, { match });
      const calls = callers.map((caller) => caller.call(uri, [repeat]));
      for (let count = 0; count < calls.length; count++) {
        const invoked = await invocation(callee);
        expect(invoked.registration).toBe(registration);
        answer(callee, invoked.request, [repeat]);
      }
      for (const [by, caller] of callers.entries())
        expect(await caller.receive()).toEqual([Code.RESULT, calls[by], {}, [repeat]]);
    }
  });

  it('holds when the same topic is left and subscribed to again and again (G2, BRK-5)', async () => {
    const [subscriber, publisher, other] = await everywhere();
    const topic = freshUri();
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const subscription = await subscriber.subscribe(topic);
      publisher.publish(topic, [repeat]);
      other.publish(topic, [repeat]);
      for (let count = 0; count < 2;) {
        const event = await subscriber.receive();
        const [, , , , args] = event;
        // The router may have read the last event of the round before only after this SUBSCRIBE.
        const isLate = isDeepStrictEqual(args, [LATE, repeat - 1]);
        if (!isLate) count++;
        expect(event).toMatchObject([Code.EVENT, subscription, expect.any(Number), {}, isLate ? args : [repeat]]);
      }
      const request = subscriber.request(Code.UNSUBSCRIBE, subscription);
      publisher.publish(topic, [LATE, repeat]);
      // The event may have been on its way; after UNSUBSCRIBED there is none.
      for (let message = await subscriber.receive(); ; message = await subscriber.receive())
        if (message[0] === Code.UNSUBSCRIBED && message[1] === request) break;
    }
    expect(await eventsSoFar(publisher, subscriber)).toEqual([]);
  });

  it('holds when the same procedure is given back and registered again and again (G2)', async () => {
    const [callee, ...callers] = await everywhere();
    const procedure = freshUri();
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const registration = await callee.register(procedure);
      const caller = callers[repeat % 2]!;
      const call = caller.call(procedure, [repeat]);
      answer(callee, (await invocation(callee)).request, [repeat]);
      expect(await caller.receive()).toEqual([Code.RESULT, call, {}, [repeat]]);
      callee.request(Code.UNREGISTER, registration);
      await callee.expect(Code.UNREGISTERED);
    }
  });

  it('holds for everyone who subscribes to the same at the same time, on one node and on several (G2)', async () => {
    const publisher = await router().joinAt(0);
    const subscribers: RawClient[] = [];
    for (const node of [1, 1, 2, 0]) subscribers.push(await router().joinAt(node));
    for (let repeat = 0; repeat < 30; repeat++) {
      const topic = freshUri();
      for (const subscriber of subscribers) subscriber.request(Code.SUBSCRIBE, {}, topic);
      await Promise.all(
        subscribers.map(async (subscriber, index) => {
          const [, , subscription] = await subscriber.expect(Code.SUBSCRIBED);
          publisher.publish(topic, [index]);
          // Those of the others may come too.
          for (;;) {
            const [code, id, , , args] = await subscriber.receive();
            expect([code, id]).toEqual([Code.EVENT, subscription]);
            if ((args as number[])[0] === index) break;
          }
        }),
      );
      for (const subscriber of subscribers) await eventsSoFar(publisher, subscriber);
    }
  });

  it('holds for everyone who shares a procedure from the same moment on (G2, SHR-6)', async () => {
    const caller = await router().joinAt(0);
    const callees: RawClient[] = [];
    for (const node of [1, 1, 2, 0]) callees.push(await router().joinAt(node));
    for (let repeat = 0; repeat < 30; repeat++) {
      const procedure = freshUri();
      const request = callees.map((callee) => callee.request(Code.REGISTER, { invoke: 'roundrobin' }, procedure));
      for (const [index, callee] of callees.entries())
        expect((await callee.expect(Code.REGISTERED))[1]).toBe(request[index]);
      const calls = callees.map(() => caller.call(procedure));
      for (const callee of callees) answer(callee, (await invocation(callee)).request, ['one each']);
      const answered = new Set<unknown>();
      for (let count = 0; count < calls.length; count++) answered.add((await caller.expect(Code.RESULT))[1]);
      expect(answered).toEqual(new Set(calls));
    }
  });

  it('holds for a session that joins afterwards, wherever it joins (G2)', async () => {
    const [subscriber, callee] = await everywhere();
    const uri = freshUri();
    await subscriber.subscribe(uri);
    await callee.register(uri);
    for (let node = 0; node < 6; node++) {
      const late = await router().joinAt(node);
      late.publish(uri, [node]);
      expect((await subscriber.receive())[4]).toEqual([node]);
      const call = late.call(uri, [node]);
      answer(callee, (await invocation(callee)).request, [node]);
      expect(await late.receive()).toEqual([Code.RESULT, call, {}, [node]]);
    }
  });
});
