import { expect, it } from 'vitest';
import { Code } from '../../src/wamp/codes.js';
import type { ConfigInput } from '../../src/config/schema.js';
import { describeConformance } from '../support/conformance.js';
import { freshUri } from '../support/exchange.js';
import { eventsSoFar } from '../support/fences.js';
import { openRealm } from '../support/open-realm.js';
import { rolesWithout, type RawClient } from '../support/raw-client.js';

const DISALLOWED = 'wamp.error.option_disallowed.disclose_me';

function identityOf(publisher: RawClient): object {
  const { authid, authrole } = publisher.welcome;
  return { publisher: publisher.session, publisher_authid: authid, publisher_authrole: authrole };
}

describeConformance('publisher-identification', (router) => {
  it('discloses to every subscriber who published when the publisher asks for it (7.3)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    const subscribers = [await router().join(), await router().join(), await router().join()];
    for (const subscriber of subscribers) await subscriber.subscribe(topic);
    publisher.publish(topic, ['news'], { disclose_me: true });
    for (const subscriber of subscribers) expect((await subscriber.receive())[3]).toEqual(identityOf(publisher));
  });

  it.each([[{}], [{ disclose_me: false }], [{ disclose_me: null }]])(
    'discloses nothing when nobody asked: %j (7.3)',
    async (options) => {
      const topic = freshUri();
      const publisher = await router().join();
      const subscriber = await router().join();
      await subscriber.subscribe(topic);
      publisher.publish(topic, ['news'], options);
      expect((await subscriber.receive())[3]).toEqual({});
    },
  );

  it('keeps publications and publishers apart (7.3, CID-4)', async () => {
    const topic = freshUri();
    const publishers = [await router().join(), await router().join()];
    const subscriber = await router().join();
    await subscriber.subscribe(topic);
    for (let event = 0; event < 6; event++) {
      const publisher = publishers[event % 2]!;
      const asks = event % 3 === 0;
      publisher.publish(topic, [event], { disclose_me: asks });
      const [, , , details, args] = await subscriber.receive();
      expect([details, args]).toEqual([asks ? identityOf(publisher) : {}, [event]]);
    }
  });

  it('discloses it with every subscription the event matches, beside the topic of patterns (7.3, PBS-3)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    const subscriber = await router().join();
    const exact = await subscriber.subscribe(topic);
    const prefix = await subscriber.subscribe(topic, { match: 'prefix' });
    publisher.publish(topic, ['news'], { disclose_me: true });
    const events = await eventsSoFar(publisher, subscriber);
    expect(new Map(events.map(([, subscription, , details]) => [subscription, details]))).toEqual(
      new Map([
        [exact, identityOf(publisher)],
        [prefix, { ...identityOf(publisher), topic }],
      ]),
    );
  });

  it('discloses it to the publisher itself and to subscribers that did not announce the feature (7.3)', async () => {
    const topic = freshUri();
    const publisher = await router().join();
    const plain = await router().join({ roles: rolesWithout('publisher_identification') });
    await publisher.subscribe(topic);
    await plain.subscribe(topic);
    publisher.publish(topic, ['news'], { disclose_me: true, exclude_me: false });
    expect((await publisher.receive())[3]).toEqual(identityOf(publisher));
    expect((await plain.receive())[3]).toEqual(identityOf(publisher));
  });
});

describeConformance(
  'publisher-identification where disclosing is not allowed',
  (router) => {
    it('refuses disclose_me of an acknowledged publication, and delivers nothing of it (7.3, X-3)', async () => {
      const topic = freshUri();
      const publisher = await router().join();
      const subscriber = await router().join();
      await subscriber.subscribe(topic);
      const request = publisher.publish(topic, ['refused'], { disclose_me: true, acknowledge: true });
      const [code, type, answered, , error] = await publisher.receive();
      expect([code, type, answered, error]).toEqual([Code.ERROR, Code.PUBLISH, request, DISALLOWED]);
      expect(await eventsSoFar(publisher, subscriber)).toEqual([]);
    });

    it('drops one that is not acknowledged without a word (7.3, BRK-6)', async () => {
      const topic = freshUri();
      const publisher = await router().join();
      const subscriber = await router().join();
      await subscriber.subscribe(topic);
      publisher.publish(topic, ['refused'], { disclose_me: true });
      publisher.publish(topic, ['allowed'], { disclose_me: false });
      expect((await subscriber.receive()).slice(3)).toEqual([{}, ['allowed']]);
      expect(await publisher.fence()).toEqual([]);
    });
  },
  openRealm({ allowDisclose: false }),
);

const allow = { call: true, register: true, publish: true, subscribe: true };
const DISCLOSED_BY_PERMISSION: ConfigInput = {
  realms: [
    {
      name: 'realm1',
      roles: [
        {
          name: 'anonymous',
          permissions: [
            { uri: '', match: 'prefix', allow },
            { uri: 'com.example.audited.', match: 'prefix', allow, disclose: { publisher: true } },
          ],
        },
      ],
    },
  ],
};

describeConformance(
  'publisher-identification by permission',
  (router) => {
    it.each([[{}], [{ disclose_me: true }], [{ disclose_me: false }]])(
      'discloses who published where the permission demands it, asked or not: %j (7.3)',
      async (options) => {
        const [audited, other] = [freshUri('audited'), freshUri('private')];
        const publisher = await router().join();
        const subscriber = await router().join();
        await subscriber.subscribe('com.example.', { match: 'prefix' });
        publisher.publish(other);
        publisher.publish(audited, [], options);
        expect((await subscriber.receive())[3]).toEqual({ topic: other });
        expect((await subscriber.receive())[3]).toEqual({ ...identityOf(publisher), topic: audited });
      },
    );
  },
  DISCLOSED_BY_PERMISSION,
);
