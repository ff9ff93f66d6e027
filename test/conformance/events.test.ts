import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { describeConformance } from '../support/conformance.js';

describeConformance('events', (router) => {
  it('delivers an event to every subscriber but the publisher (BRK-7, BRK-9)', async () => {
    const publisher = await router().join();
    const subscribers = [await router().join(), await router().join(), await router().join()];
    const subscription = await publisher.subscribe('com.example.news');
    for (const subscriber of subscribers) expect(await subscriber.subscribe('com.example.news')).toBe(subscription);

    const publication = await publisher.publishAcknowledged('com.example.news', ['hello', { deep: [1, null] }]);

    for (const subscriber of subscribers)
      expect(await subscriber.receive()).toEqual([
        Code.EVENT,
        subscription,
        publication,
        {},
        ['hello', { deep: [1, null] }],
      ]);
    expect(await publisher.fence()).toEqual([]);
  });

  it('keeps the order of one publisher across topics (ORD-1)', async () => {
    const publisher = await router().join();
    const subscriber = await router().join();
    const topics = ['com.example.a', 'com.example.b', 'com.example.c'];
    for (const topic of topics) await subscriber.subscribe(topic);

    const eventCount = 300;
    for (let event = 0; event < eventCount; event++) publisher.publish(topics[event % topics.length]!, [event]);

    for (let event = 0; event < eventCount; event++) expect((await subscriber.receive())[4]).toEqual([event]);
  });

  it('sends nothing at all to an unacknowledged publication, good or bad (BRK-6)', async () => {
    const publisher = await router().join();
    publisher.publish('com.example.news', ['x']);
    publisher.publish('com..news', ['x']);
    publisher.publish('wamp.news', ['x']);
    expect(await publisher.fence()).toEqual([]);
  });
});
