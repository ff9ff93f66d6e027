import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import { ErrorUri } from '../../src/wamp/uris.js';
import { describeConformance, type Router } from '../support/conformance.js';
import { expectError } from '../support/endings.js';
import type { RawClient } from '../support/raw-client.js';

const TOPIC = 'com.example.topic';

describeConformance('subscribing', (router) => {
  it('answers SUBSCRIBE, and from then on whatever is published anywhere arrives (BRK-1, G2)', async () => {
    const publishers = await onEachNode(router());
    for (let round = 0; round < 5; round++) {
      const subscriber = await router().join();
      const topic = `${TOPIC}.${round}`;
      const subscription = await subscriber.subscribe(topic);
      for (const publisher of publishers) {
        const publication = await publisher.publishAcknowledged(topic, [round]);
        expect(await subscriber.receive()).toEqual([Code.EVENT, subscription, publication, {}, [round]]);
      }
    }
  });

  it('sends SUBSCRIBED before the first EVENT, however busy the topic (ORD-2)', async () => {
    const publishers = await onEachNode(router());
    const subscriber = await router().join();
    for (let round = 0; round < 5; round++) {
      const topic = `${TOPIC}.${round}`;
      const request = subscriber.request(Code.SUBSCRIBE, {}, topic);
      for (const publisher of publishers) {
        for (let event = 0; event < 20; event++) publisher.publish(topic, [event]);
      }
      const [code, answered, subscription] = await subscriber.receive();
      expect([code, answered]).toEqual([Code.SUBSCRIBED, request]);
      for (const publisher of publishers) publisher.publish(topic, ['last']);
      for (let lastCount = 0; lastCount < publishers.length;) {
        const event = await subscriber.expect(Code.EVENT);
        expect(event[1]).toBe(subscription);
        if ((event[4] as unknown[])[0] === 'last') lastCount++;
      }
    }
  });

  it('gives the same subscription again to who has it, and one event for it (BRK-2, BRK-8)', async () => {
    const subscriber = await router().join();
    const publisher = await router().join();
    const subscription = await subscriber.subscribe(TOPIC);
    expect(await subscriber.subscribe(TOPIC)).toBe(subscription);
    expect(await subscriber.subscribe(TOPIC, { match: 'exact' })).toBe(subscription);
    await publisher.publishAcknowledged(TOPIC, [1]);
    publisher.publish(TOPIC, [2]);
    expect((await subscriber.expect(Code.EVENT))[4]).toEqual([1]);
    expect((await subscriber.expect(Code.EVENT))[4]).toEqual([2]);

    await unsubscribe(subscriber, subscription);
    await publisher.publishAcknowledged(TOPIC, ['for nobody']);
    const again = subscriber.request(Code.UNSUBSCRIBE, subscription);
    await expectError(subscriber, Code.UNSUBSCRIBE, again, ErrorUri.NO_SUCH_SUBSCRIPTION);
  });

  it('answers requests for the same topic that come together each with the same subscription (BRK-2)', async () => {
    const subscriber = await router().join();
    const requests = [1, 2, 3].map(() => subscriber.request(Code.SUBSCRIBE, {}, TOPIC));
    const answers = [await subscriber.receive(), await subscriber.receive(), await subscriber.receive()];
    expect(answers.map(([, request]) => request).sort()).toEqual(requests);
    expect(new Set(answers.map(([code, , subscription]) => `${String(code)} ${String(subscription)}`)).size).toBe(1);
  });

  it('answers UNSUBSCRIBE, and sends no event for it afterwards, however busy the topic (BRK-4, BRK-5)', async () => {
    const publishers = await onEachNode(router());
    const leaver = await router().join();
    const stayer = await router().join();
    await stayer.subscribe(TOPIC);
    for (let round = 0; round < 5; round++) {
      const subscription = await leaver.subscribe(TOPIC);
      for (const publisher of publishers) for (let event = 0; event < 10; event++) publisher.publish(TOPIC, [event]);
      const request = leaver.request(Code.UNSUBSCRIBE, subscription);
      for (const publisher of publishers) for (let event = 0; event < 10; event++) publisher.publish(TOPIC, [event]);
      let message = await leaver.receive();
      while (message[0] === Code.EVENT) message = await leaver.receive();
      expect(message).toEqual([Code.UNSUBSCRIBED, request]);
      for (let event = 0; event < 20 * publishers.length; event++) await stayer.expect(Code.EVENT);
      expect(await leaver.fence()).toEqual([]);
    }
  });

  it('unsubscribes one session and no other (BRK-3, BRK-4)', async () => {
    const publisher = await router().join();
    const sessions = [await router().join(), await router().join(), await router().join()];
    let subscription = 0;
    for (const session of sessions) subscription = await session.subscribe(TOPIC);
    for (const [index, session] of sessions.entries()) {
      await unsubscribe(session, subscription);
      await publisher.publishAcknowledged(TOPIC, [index]);
      for (const other of sessions.slice(index + 1)) expect((await other.expect(Code.EVENT))[4]).toEqual([index]);
    }
    for (const session of sessions) expect(await session.fence()).toEqual([]);
  });

  it.each([1, 2 ** 40, Number.MAX_SAFE_INTEGER])(
    'refuses UNSUBSCRIBE of %d, which is no subscription (BRK-4)',
    async (id) => {
      const client = await router().join();
      const request = client.request(Code.UNSUBSCRIBE, id);
      expect(await expectError(client, Code.UNSUBSCRIBE, request, ErrorUri.NO_SUCH_SUBSCRIPTION)).not.toBe('');
    },
  );

  it('takes a fourth element of UNSUBSCRIBE and UNREGISTER, if it is a dict (MSG-9)', async () => {
    const client = await router().join();
    const subscription = await client.subscribe(TOPIC);
    const unsubscribing = client.request(Code.UNSUBSCRIBE, subscription, { forward_for: [] });
    expect(await client.receive()).toEqual([Code.UNSUBSCRIBED, unsubscribing]);
    const registration = await client.register('com.example.procedure');
    const unregistering = client.request(Code.UNREGISTER, registration, {});
    expect(await client.receive()).toEqual([Code.UNREGISTERED, unregistering]);
  });
});

describeConformance('publishing', (router) => {
  it('acknowledges where asked, also when nobody is there to receive it (BRK-6, BRK-10)', async () => {
    const publisher = await router().join();
    const first = await publisher.publishAcknowledged('com.example.nobody');
    const second = await publisher.publishAcknowledged('com.example.nobody');
    expect(first).not.toBe(second);
    expect(await publisher.fence()).toEqual([]);
  });

  it.each([{}, { acknowledge: false }, { acknowledge: null }])(
    'sends nothing to a publisher with options %j (BRK-6)',
    async (options) => {
      const publisher = await router().join();
      const subscriber = await router().join();
      await subscriber.subscribe(TOPIC);
      publisher.publish(TOPIC, [1], options);
      publisher.publish('com.example.nobody', [1], options);
      publisher.publish('com..malformed', [1], options);
      publisher.publish('wamp.reserved', [1], options);
      expect(await publisher.fence()).toEqual([]);
      await subscriber.expect(Code.EVENT);
    },
  );

  it('leaves out the publisher, and no other session of the same client (BRK-7)', async () => {
    const publisher = await router().join();
    const others = [await router().joinAt(0), await router().joinAt(0), await router().joinAt(1)];
    await publisher.subscribe(TOPIC);
    for (const other of others) await other.subscribe(TOPIC);
    await publisher.publishAcknowledged(TOPIC);
    for (const other of others) await other.expect(Code.EVENT);
    expect(await publisher.fence()).toEqual([]);
  });

  it('delivers once for each matching subscription of a session, with one publication id (BRK-8)', async () => {
    const publisher = await router().join();
    const subscriber = await router().join();
    const exact = await subscriber.subscribe(TOPIC);
    const prefix = await subscriber.subscribe('com.example.', { match: 'prefix' });
    const wildcard = await subscriber.subscribe('com..topic', { match: 'wildcard' });
    await subscriber.subscribe('com.example.other');
    const publication = await publisher.publishAcknowledged(TOPIC, ['x'], {});
    const events = [await subscriber.receive(), await subscriber.receive(), await subscriber.receive()];
    expect(events.sort(([, one], [, other]) => Number(one) - Number(other))).toEqual(
      [
        [Code.EVENT, exact, publication, {}, ['x']],
        [Code.EVENT, prefix, publication, { topic: TOPIC }, ['x']],
        [Code.EVENT, wildcard, publication, { topic: TOPIC }, ['x']],
      ].sort(([, one], [, other]) => Number(one) - Number(other)),
    );
    expect(await subscriber.fence()).toEqual([]);
  });

  it.each<readonly [string, unknown[]]>([
    ['nothing', []],
    ['arguments', [[1, 'two', null, [3.5], { four: true }]]],
    ['an empty list', [[]]],
    ['keywords', [[], { key: 'value', other: [] }]],
    ['both', [[1], { key: { deep: [null] } }]],
  ])('forwards %s as it came (BRK-9)', async (_what, payload) => {
    const publisher = await router().join();
    const subscriber = await router().join();
    const subscription = await subscriber.subscribe(TOPIC);
    publisher.request(Code.PUBLISH, {}, TOPIC, ...payload);
    const event = await subscriber.receive();
    expect(event).toEqual([Code.EVENT, subscription, event[2], {}, ...payload]);
  });

  it('ignores options it does not know, and passes none of them on (MSG-5)', async () => {
    const publisher = await router().join();
    const subscriber = await router().join();
    await subscriber.subscribe(TOPIC, { _custom_key: 1, x_other: [], constructor: 'x' });
    publisher.publish(TOPIC, [], { _custom_key: 1, x_other: { deep: [] }, __proto: true, toString: 7 });
    expect((await subscriber.expect(Code.EVENT))[3]).toEqual({});
    expect(await publisher.fence()).toEqual([]);
  });

  it('acknowledges and delivers, in either order (BRK-11)', async () => {
    const session = await router().join();
    const subscription = await session.subscribe(TOPIC);
    const request = session.publish(TOPIC, [1], { acknowledge: true, exclude_me: false });
    const messages = [await session.receive(), await session.receive()];
    const published = messages.find(([code]) => code === Code.PUBLISHED);
    const event = messages.find(([code]) => code === Code.EVENT);
    expect(published).toEqual([Code.PUBLISHED, request, expect.any(Number) as unknown]);
    expect(event).toEqual([Code.EVENT, subscription, published?.[2], {}, [1]]);
  });

  it('delivers to many sessions, each event once, none to who left (BRK-1, G4)', async () => {
    const publisher = await router().join();
    const subscribers: RawClient[] = [];
    for (let count = 0; count < 12; count++) subscribers.push(await router().join());
    for (const subscriber of subscribers) await subscriber.subscribe(TOPIC);
    const delivered = router().counted(({ eventsDelivered }) => eventsDelivered.all);
    for (let event = 0; event < 10; event++) await publisher.publishAcknowledged(TOPIC, [event]);
    for (const subscriber of subscribers) {
      for (let event = 0; event < 10; event++) expect((await subscriber.expect(Code.EVENT))[4]).toEqual([event]);
    }
    expect(router().counted(({ eventsDelivered }) => eventsDelivered.all)).toBe(delivered + 120);
    for (const leaver of subscribers.slice(0, 6)) {
      leaver.send([Code.GOODBYE, {}, 'wamp.close.normal']);
      await leaver.expect(Code.GOODBYE);
    }
    await publisher.publishAcknowledged(TOPIC, ['after']);
    for (const subscriber of subscribers.slice(6)) expect((await subscriber.expect(Code.EVENT))[4]).toEqual(['after']);
    expect(router().counted(({ eventsDelivered }) => eventsDelivered.all)).toBe(delivered + 126);
  });
});

/** A session on every node. */
async function onEachNode(router: Router): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  for (let node = 0; node < router.nodeCount; node++) clients.push(await router.joinAt(node));
  return clients;
}

async function unsubscribe(client: RawClient, subscription: number): Promise<void> {
  const request = client.request(Code.UNSUBSCRIBE, subscription);
  expect(await client.receive()).toEqual([Code.UNSUBSCRIBED, request]);
}
