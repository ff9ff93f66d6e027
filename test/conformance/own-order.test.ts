import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { answer, freshUri, invocation } from '../support/exchange.js';
import { eventsSoFar } from '../support/fences.js';
import { describeApart } from '../support/uneven-lanes.js';

const REPEATS = 20;
const MATCHES = ['exact', 'prefix', 'wildcard'] as const;
const TO_MYSELF = { exclude_me: false };

/** A URI, and a pattern by that match that it fits. */
function uriAndPattern(match: (typeof MATCHES)[number]): { uri: string; pattern: string } {
  const own = freshUri();
  const uri = `${own}.a.b`;
  return { uri, pattern: { exact: uri, prefix: `${own}.`, wildcard: `${own}..b` }[match] };
}

describeApart('own-order', (router) => {
  it.each(MATCHES)('SUBSCRIBE, then PUBLISH to itself, in one burst: %s (G10, ORD-2)', async (match) => {
    const session = await router().joinAt(0);
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const { uri, pattern } = uriAndPattern(match);
      const request = session.request(Code.SUBSCRIBE, { match }, pattern);
      session.publish(uri, [repeat], TO_MYSELF);
      session.publish(uri, ['not for itself']);
      session.publish(uri, [repeat + 0.5], TO_MYSELF);
      const [, answered, subscription] = await session.expect(Code.SUBSCRIBED);
      expect(answered).toBe(request);
      for (const value of [repeat, repeat + 0.5])
        expect(await session.receive()).toEqual([
          Code.EVENT,
          subscription,
          expect.any(Number),
          match === 'exact' ? {} : { topic: uri },
          [value],
        ]);
    }
    expect(await eventsSoFar(session, session)).toEqual([]);
  });

  it('many SUBSCRIBEs and publications in one burst: each comes once, in the order sent (G10, ORD-1)', async () => {
    const session = await router().joinAt(1);
    const topics = Array.from({ length: 100 }, () => freshUri());
    const held = await session.subscribe(freshUri('held'));
    expect(held).toBeGreaterThan(0);
    for (const [index, topic] of topics.entries()) {
      session.request(Code.SUBSCRIBE, {}, topic);
      for (let back = 0; back < 3 && back <= index; back++)
        session.publish(topics[index - back]!, [index, back], TO_MYSELF);
    }
    const answered = new Set<number>();
    const events: unknown[] = [];
    while (answered.size < topics.length || events.length < 3 * topics.length - 3) {
      const message = await session.receive();
      if (message[0] === Code.SUBSCRIBED) answered.add(message[2] as number);
      else {
        expect(answered).toContain(message[1]);
        events.push(message[4]);
      }
    }
    const sent = topics.flatMap((_, index) => [0, 1, 2].filter((back) => back <= index).map((back) => [index, back]));
    expect(events).toEqual(sent);
  });

  it('others have the publication at once, and PUBLISHED does not wait for SUBSCRIBED either (G10, BRK-6)', async () => {
    const session = await router().joinAt(0);
    const others = [await router().joinAt(0), await router().joinAt(1)];
    const topic = freshUri();
    for (const other of others) await other.subscribe(topic);
    const request = session.request(Code.SUBSCRIBE, { match: 'prefix' }, topic);
    const published = session.publish(topic, ['news'], { ...TO_MYSELF, acknowledge: true });
    for (const other of others) expect((await other.receive())[4]).toEqual(['news']);
    const received = [await session.receive(), await session.receive(), await session.receive()];
    const kinds = received.map(([code, id]) => (code === Code.EVENT ? [code] : [code, id]));
    expect(kinds.filter(([code]) => code !== Code.PUBLISHED)).toEqual([[Code.SUBSCRIBED, request], [Code.EVENT]]);
    expect(kinds).toContainEqual([Code.PUBLISHED, published]);
  });

  it('SUBSCRIBE, UNSUBSCRIBE and SUBSCRIBE again in one burst, with an event behind each (G10, BRK-5)', async () => {
    const session = await router().joinAt(2);
    const topic = freshUri();
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const subscription = await session.subscribe(topic);
      session.publish(topic, ['first'], TO_MYSELF);
      const left = session.request(Code.UNSUBSCRIBE, subscription);
      session.publish(topic, ['nobody has it'], TO_MYSELF);
      const again = session.request(Code.SUBSCRIBE, {}, topic);
      session.publish(topic, ['second'], TO_MYSELF);
      expect((await session.receive())[4]).toEqual(['first']);
      expect(await session.receive()).toEqual([Code.UNSUBSCRIBED, left]);
      expect(await session.receive()).toEqual([Code.SUBSCRIBED, again, subscription]);
      expect((await session.receive())[4]).toEqual(['second']);
      session.request(Code.UNSUBSCRIBE, subscription);
      await session.expect(Code.UNSUBSCRIBED);
    }
  });

  it.each(MATCHES)('REGISTER, then CALL of it, in one burst: %s (G10, ORD-4)', async (match) => {
    const session = await router().joinAt(0);
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const { uri, pattern } = uriAndPattern(match);
      const registering = session.request(Code.REGISTER, { match }, pattern);
      const calls = [session.call(uri, [repeat]), session.call(uri, [repeat + 0.5])];
      const [, answered, registration] = await session.expect(Code.REGISTERED);
      expect(answered).toBe(registering);
      for (const [index, call] of calls.entries()) {
        const invoked = await invocation(session);
        expect([invoked.registration, invoked.payload]).toEqual([registration, [[repeat + index / 2]]]);
        answer(session, invoked.request, [call]);
      }
      for (const call of calls) expect(await session.receive()).toEqual([Code.RESULT, call, {}, [call]]);
    }
  });

  it('a CALL goes to who holds the procedure when the REGISTER before it is refused (G10, DLR-4)', async () => {
    const [holder, session] = [await router().joinAt(1), await router().joinAt(0)];
    const procedure = freshUri();
    const registration = await holder.register(procedure);
    const registering = session.request(Code.REGISTER, {}, procedure);
    const call = session.call(procedure, ['still theirs']);
    const invoked = await invocation(holder);
    expect(invoked.registration).toBe(registration);
    answer(holder, invoked.request);
    expect(await session.receive()).toMatchObject([
      ...[Code.ERROR, Code.REGISTER, registering, {}, ErrorUri.PROCEDURE_ALREADY_EXISTS],
      [expect.any(String)],
    ]);
    expect(await session.receive()).toEqual([Code.RESULT, call, {}]);
  });

  it('UNREGISTER, REGISTER and CALL in one burst (G10, DLR-3)', async () => {
    const session = await router().joinAt(2);
    const procedure = freshUri();
    for (let repeat = 0; repeat < REPEATS; repeat++) {
      const registration = await session.register(procedure);
      const left = session.request(Code.UNREGISTER, registration);
      const again = session.request(Code.REGISTER, {}, procedure);
      const call = session.call(procedure, [repeat]);
      expect(await session.receive()).toEqual([Code.UNREGISTERED, left]);
      const [code, answered, second] = await session.receive();
      expect([code, answered]).toEqual([Code.REGISTERED, again]);
      const invoked = await invocation(session);
      expect([invoked.registration, invoked.payload]).toEqual([second, [[repeat]]]);
      answer(session, invoked.request, [repeat]);
      expect(await session.receive()).toEqual([Code.RESULT, call, {}, [repeat]]);
      session.request(Code.UNREGISTER, second);
      await session.expect(Code.UNREGISTERED);
    }
  });
});
