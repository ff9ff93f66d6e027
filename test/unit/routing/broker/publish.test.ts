import { describe, expect, it } from 'vitest';
import { payloadOf } from '../../../../src/codec/payload.js';
import { Code } from '../../../../src/wamp/codes.js';
import { fault } from '../../../../src/wamp/faults.js';
import type { PublicationId, SessionId } from '../../../../src/wamp/ids.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { brokerBench, publishMessage, subscribeNow } from '../../../support/pubsub.js';
import { testPeer } from '../../../support/recording-outlet.js';

describe('PUBLISH', () => {
  it('is not answered unless acknowledged, whether anybody listens or not (BRK-6)', () => {
    const bench = brokerBench();
    const publisher = testPeer();
    subscribeNow(bench, testPeer(), 'a');
    bench.broker.publish(publisher, publishMessage(1, 'a'), false);
    bench.broker.publish(publisher, publishMessage(2, 'b'), false);
    expect(bench.outlet.sentTo(publisher)).toEqual([]);
    expect(
      bench.outlet.recorded.filter((recorded) => recorded.verb === 'publish' && !recorded.wantsToKnow),
    ).toHaveLength(2);
  });

  it('acknowledged is answered with the publication id once the other nodes are settled (BRK-6, G4)', () => {
    const bench = brokerBench({ settlesAtOnce: false });
    const publisher = testPeer();
    bench.broker.publish(publisher, publishMessage(3, 'a', { acknowledge: true }), false);
    expect(bench.outlet.sentTo(publisher)).toEqual([]);
    const [pending] = bench.outlet.publishes;
    pending!.settle();
    expect(bench.outlet.sentTo(publisher)).toEqual([[Code.PUBLISHED, 3, pending!.publication.id]]);
  });

  it('acknowledged to a topic without subscribers is a success (BRK-10)', () => {
    const bench = brokerBench();
    const publisher = testPeer();
    bench.broker.publish(publisher, publishMessage(3, 'a', { acknowledge: true }), false);
    expect(bench.outlet.sentTo(publisher)).toEqual([[Code.PUBLISHED, 3, 1]]);
  });

  it('acknowledged is answered with ERROR when a node cannot be reached, and this node has delivered (G4, G6)', () => {
    const bench = brokerBench();
    const [publisher, subscriber] = [testPeer(), testPeer()];
    subscribeNow(bench, subscriber, 'a');
    bench.outlet.settlesAtOnce = false;
    bench.outlet.take();
    bench.broker.publish(publisher, publishMessage(3, 'a', { acknowledge: true }), false);
    bench.outlet.publishes[0]!.settle(fault(ErrorUri.NETWORK_FAILURE, 'down'));
    expect(bench.outlet.recorded.map((recorded) => recorded.verb)).toEqual(['deliver', 'publish', 'send']);
    const [message] = bench.outlet.sentTo(publisher);
    expect(message?.slice(0, 5)).toEqual([Code.ERROR, Code.PUBLISH, 3, {}, ErrorUri.NETWORK_FAILURE]);
  });

  it.each(['wamp', 'wamp.session.on_join', 'wamp.'])(
    'to the reserved topic %s is refused, and delivered nowhere (URI-2)',
    (topic) => {
      const bench = brokerBench();
      const publisher = testPeer();
      subscribeNow(bench, testPeer(), topic);
      subscribeNow(bench, testPeer(), '', 'prefix');
      bench.outlet.take();
      bench.broker.publish(publisher, publishMessage(3, topic, { acknowledge: true }), false);
      expect(bench.outlet.sentTo(publisher)[0]?.slice(0, 5)).toEqual([
        Code.ERROR,
        Code.PUBLISH,
        3,
        {},
        ErrorUri.INVALID_URI,
      ]);
      bench.outlet.take();
      bench.broker.publish(publisher, publishMessage(4, topic), false);
      expect(bench.outlet.take()).toEqual([{ verb: 'count', what: 'publish_refused' }]);
    },
  );

  it('to a topic that only begins like a reserved one is delivered (URI-2)', () => {
    const bench = brokerBench();
    subscribeNow(bench, testPeer(), 'wampum.a');
    bench.outlet.take();
    bench.broker.publish(testPeer(), publishMessage(1, 'wampum.a'), false);
    expect(bench.outlet.take().map((recorded) => recorded.verb)).toEqual(['deliver', 'publish']);
  });

  it('is delivered once per matching subscription, under one publication id (BRK-8, PBS-2)', () => {
    const bench = brokerBench();
    const subscriber = testPeer();
    const ids = [
      subscribeNow(bench, subscriber, 'a.b.c'),
      subscribeNow(bench, subscriber, 'a.', 'prefix'),
      subscribeNow(bench, subscriber, 'a.b', 'prefix'),
      subscribeNow(bench, subscriber, 'a..c', 'wildcard'),
      subscribeNow(bench, subscriber, '..', 'wildcard'),
    ];
    subscribeNow(bench, subscriber, 'a.b.d');
    subscribeNow(bench, subscriber, '.', 'wildcard');
    bench.outlet.take();
    bench.broker.publish(testPeer(), publishMessage(1, 'a.b.c'), false);
    const delivered = bench.outlet.recorded.filter((recorded) => recorded.verb === 'deliver');
    expect(delivered.map((recorded) => recorded.id).sort()).toEqual(ids.sort());
    expect(new Set(delivered.map((recorded) => recorded.publication)).size).toBe(1);
    expect(bench.outlet.recorded.filter((recorded) => recorded.verb === 'publish')).toHaveLength(1);
  });

  it('carries all that a subscriber’s node must know, payload untouched (BRK-9, BWL-5, 7.3, PPT-1)', () => {
    const bench = brokerBench();
    const publisher = testPeer();
    const payload = payloadOf([1, 'two'], { three: 3 });
    const audience = { eligible: new Set([5 as SessionId]) };
    const passthru = { form: 'ppt', details: { ppt_scheme: 'x_y' } } as const;
    bench.broker.publish(publisher, publishMessage(1, 'a', { excludeMe: false, audience, passthru }, payload), true);
    bench.broker.publish(publisher, publishMessage(2, 'b', {}, payload), false);
    const publications = bench.outlet.recorded.flatMap((recorded) =>
      recorded.verb === 'publish' ? [recorded.publication] : [],
    );
    expect(publications).toEqual([
      { id: 1, topic: 'a', payload, passthru, publisher, excludePublisher: false, disclosePublisher: true, audience },
      { id: 2, topic: 'b', payload, publisher, excludePublisher: true, disclosePublisher: false },
    ]);
    expect(publications[0]!.payload).toBe(payload);
  });

  it('keeps the order of one publisher, over topics and subscriptions (ORD-1)', () => {
    const bench = brokerBench();
    const [publisher, subscriber] = [testPeer(), testPeer()];
    subscribeNow(bench, subscriber, 'a');
    subscribeNow(bench, subscriber, '', 'prefix');
    bench.outlet.take();
    const topics = ['a', 'b', 'a', 'c', 'b', 'a'];
    topics.forEach((topic, at) =>
      bench.broker.publish(publisher, publishMessage(at, topic, { acknowledge: at % 2 === 0 }), false),
    );
    for (const verb of ['deliver', 'publish'] as const) {
      const order = bench.outlet.recorded.flatMap((recorded) =>
        recorded.verb === verb ? [recorded.publication.id] : [],
      );
      expect(order).toEqual([...order].sort((one, other) => one - other));
      expect(new Set(order).size).toBe(topics.length);
    }
  });
});

describe('a publication of another node', () => {
  it('is delivered here and handed on to nobody (G9)', () => {
    const bench = brokerBench();
    const subscriber = testPeer();
    const id = subscribeNow(bench, subscriber, 'a');
    bench.outlet.take();
    const publication = {
      id: 99 as PublicationId,
      topic: 'a',
      payload: payloadOf([1]),
      publisher: { session: 1 as SessionId, authid: 'x', authrole: 'y' },
      excludePublisher: true,
      disclosePublisher: false,
    };
    bench.broker.distribute(publication);
    expect(bench.outlet.take()).toEqual([
      {
        verb: 'deliver',
        publication,
        id,
        receivers: [subscriber],
        subscription: expect.objectContaining({ id, topic: 'a', match: 'exact' }) as object,
      },
    ]);
    bench.broker.distribute({ ...publication, topic: 'b' });
    expect(bench.outlet.take()).toEqual([]);
  });

  it('to a reserved topic is delivered: the router itself publishes there (URI-2)', () => {
    const bench = brokerBench();
    subscribeNow(bench, testPeer(), 'wamp.session.on_join');
    bench.outlet.take();
    bench.broker.distribute({
      id: 5 as PublicationId,
      topic: 'wamp.session.on_join',
      payload: payloadOf(),
      publisher: { session: 1 as SessionId, authid: 'x', authrole: 'y' },
      excludePublisher: true,
      disclosePublisher: false,
    });
    expect(bench.outlet.take().map((recorded) => recorded.verb)).toEqual(['deliver']);
  });
});
