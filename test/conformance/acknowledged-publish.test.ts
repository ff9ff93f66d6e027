import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { describeConformance } from '../support/conformance.js';
import { freshUri } from '../support/exchange.js';
import { eventsSoFar } from '../support/fences.js';

describeConformance('acknowledged-publish', (router) => {
  it('answers PUBLISHED with the publication id that all subscribers see (BRK-6)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    const subscribers = [await router().join(), await router().join(), await router().join()];
    for (const subscriber of subscribers) await subscriber.subscribe(topic);
    const publication = await publisher.publishAcknowledged(topic, ['news']);
    for (const subscriber of subscribers) expect((await subscriber.receive())[2]).toBe(publication);
  });

  it.each([[{}], [{ acknowledge: false }], [{ acknowledge: null }]])(
    'sends nothing to a publication that did not ask: %j (BRK-6)',
    async (options) => {
      const topic = freshUri();
      const publisher = await router().join();
      const subscriber = await router().join();
      await subscriber.subscribe(topic);
      publisher.publish(topic, ['news'], options);
      expect((await subscriber.receive())[4]).toEqual(['news']);
      expect(await publisher.fence()).toEqual([]);
    },
  );

  it('acknowledges a publication without subscribers (BRK-10)', async () => {
    const publisher = await router().join();
    expect(await publisher.publishAcknowledged(freshUri(), ['to nobody'])).toBeGreaterThan(0);
  });

  it.each([
    ['com..x', 'wamp.error.invalid_uri'],
    ['com.x.', 'wamp.error.invalid_uri'],
    ['com.with space', 'wamp.error.invalid_uri'],
    ['', 'wamp.error.invalid_uri'],
    ['wamp.session.on_join', 'wamp.error.invalid_uri'],
  ])('answers a publication to "%s" with an ERROR, and delivers nothing (BRK-6, URI-2, 2.5)', async (topic, error) => {
    const publisher = await router().join();
    const subscriber = await router().join();
    await subscriber.subscribe('com.', { match: 'prefix' });
    await subscriber.subscribe('wam', { match: 'prefix' });
    const request = publisher.publish(topic, ['news'], { acknowledge: true });
    expect((await publisher.receive()).slice(0, 5)).toEqual([Code.ERROR, Code.PUBLISH, request, {}, error]);
    const others = await eventsSoFar(publisher, subscriber);
    expect(others.filter(([, , , details]) => (details as { topic?: string }).topic === topic)).toEqual([]);
  });

  it('draws publication ids at random from the whole range, never the same twice (ID-1, ID-2)', async () => {
    const publisher = await router().join();
    const topic = freshUri();
    const ids = [];
    for (let count = 0; count < 200; count++) ids.push(await publisher.publishAcknowledged(topic));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => Number.isSafeInteger(id) && id >= 1)).toBe(true);
    // Of 200 that are uniform over 2^53, some lie in the upper half, and none within 2^20 of the beginning.
    expect(Math.max(...ids)).toBeGreaterThan(2 ** 52);
    expect(Math.min(...ids)).toBeGreaterThan(2 ** 20);
    expect(ids).not.toEqual([...ids].sort((one, other) => one - other));
  });

  it('gives the same event a new publication id each time it is published (BRK-8)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    const subscriber = await router().join();
    await subscriber.subscribe(topic);
    const ids = [await publisher.publishAcknowledged(topic), await publisher.publishAcknowledged(topic)];
    const events = [await subscriber.receive(), await subscriber.receive()];
    expect(events.map(([, , publication]) => publication)).toEqual(ids);
    expect(ids[0]).not.toBe(ids[1]);
  });

  it('answers each publication of many under its own request id (BRK-6)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    const subscriber = await router().join();
    await subscriber.subscribe(topic);
    const requests: number[] = [];
    for (let event = 0; event < 100; event++) {
      const request = publisher.publish(topic, [event], { acknowledge: event % 3 === 0 });
      if (event % 3 === 0) requests.push(request);
    }
    const answered = new Map<unknown, unknown>();
    for (let count = 0; count < requests.length; count++) {
      const [, request, publication] = await publisher.expect(Code.PUBLISHED);
      answered.set(request, publication);
    }
    expect([...answered.keys()].sort()).toEqual([...requests].sort());
    for (let event = 0; event < 100; event++) {
      const [, , publication, , args] = await subscriber.receive();
      expect(args).toEqual([event]);
      if (event % 3 === 0) expect(publication).toBe(answered.get(requests[event / 3]));
    }
    expect(await publisher.fence()).toEqual([]);
  });

  it('acknowledges what the publisher itself receives (BRK-6, BRK-11)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    await publisher.subscribe(topic);
    const request = publisher.publish(topic, ['mine'], { acknowledge: true, exclude_me: false });
    // In whichever order.
    const messages = [await publisher.receive(), await publisher.receive()];
    const published = messages.find(([code]) => code === Code.PUBLISHED)!;
    const event = messages.find(([code]) => code === Code.EVENT)!;
    expect(published[1]).toBe(request);
    expect(event[2]).toBe(published[2]);
  });
});
