import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { describeConformance } from '../support/conformance.js';
import { freshUri } from '../support/exchange.js';
import { eventsSoFar } from '../support/fences.js';
import { rolesWithout } from '../support/raw-client.js';

describeConformance('publisher-exclusion', (router) => {
  it.each([[{}], [{ exclude_me: true }], [{ exclude_me: null }]])(
    'keeps an event from its publisher, and from it alone: %j (7.1, BRK-7)',
    async (options) => {
      const topic = freshUri();
      const publisher = await router().join();
      const other = await router().join();
      await publisher.subscribe(topic);
      await other.subscribe(topic);
      publisher.publish(topic, ['news'], options);
      expect((await other.receive())[4]).toEqual(['news']);
      expect(await eventsSoFar(publisher, publisher)).toEqual([]);
    },
  );

  it('delivers it to the publisher too with exclude_me: false (7.1)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    const other = await router().join();
    const subscription = await publisher.subscribe(topic);
    await other.subscribe(topic);
    publisher.publish(topic, ['news'], { exclude_me: false });
    const event = await publisher.receive();
    expect(event).toEqual([Code.EVENT, subscription, event[2], {}, ['news']]);
    expect(await other.receive()).toEqual(event);
  });

  it('excludes the session that publishes, not others of the same client (7.1)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    const twins = [await router().join(), await router().join(), await router().join()];
    for (const twin of twins) await twin.subscribe(topic);
    publisher.publish(topic, ['news']);
    for (const twin of twins) expect((await twin.receive())[4]).toEqual(['news']);
  });

  it.each([true, false])(
    'holds for every subscription of the publisher, patterns too: exclude_me %s (7.1, PBS-2)',
    async (excluded) => {
      const topic = freshUri();
      const publisher = await router().join();
      const ids = [
        await publisher.subscribe(topic),
        await publisher.subscribe(topic, { match: 'prefix' }),
        await publisher.subscribe(topic.replace('.example.', '..'), { match: 'wildcard' }),
      ];
      publisher.publish(topic, ['news'], { exclude_me: excluded });
      const events = await eventsSoFar(publisher, publisher);
      expect(new Set(events.map(([, subscription]) => subscription))).toEqual(new Set(excluded ? [] : ids));
      expect(new Set(events.map(([, , publication]) => publication)).size).toBe(excluded ? 0 : 1);
    },
  );

  it('is decided for each publication by itself (7.1)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    await publisher.subscribe(topic);
    for (let event = 0; event < 10; event++) publisher.publish(topic, [event], { exclude_me: event % 2 === 0 });
    expect((await eventsSoFar(publisher, publisher)).map(([, , , , args]) => args)).toEqual([[1], [3], [5], [7], [9]]);
  });

  it('counts by session: a new session on the same transport is another publisher (7.1, SES-14)', async () => {
    const topic = freshUri();
    const client = await router().join();
    const other = await router().join();
    await other.subscribe(topic);
    client.publish(topic, ['of the first']);
    client.send([Code.GOODBYE, {}, 'wamp.close.normal']);
    await client.expect(Code.GOODBYE);
    await client.hello();
    await client.subscribe(topic);
    other.publish(topic, ['of the other']);
    expect((await client.receive())[4]).toEqual(['of the other']);
    expect((await other.receive())[4]).toEqual(['of the first']);
  });

  it('honours exclude_me of a publisher that did not announce the feature (7.1, 2.4)', async () => {
    const topic = freshUri();
    const publisher = await router().join({ roles: rolesWithout('publisher_exclusion') });
    await publisher.subscribe(topic);
    publisher.publish(topic, ['mine'], { exclude_me: false });
    expect((await publisher.receive())[4]).toEqual(['mine']);
  });
});
