import { describe, expect, it } from 'vitest';
import { deriveId } from '../../../../src/routing/derived-id.js';
import { Code } from '../../../../src/wamp/codes.js';
import { fault } from '../../../../src/wamp/faults.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import {
  brokerBench,
  publishMessage,
  subscribeMessage,
  subscribeNow,
  unsubscribeMessage,
  type BrokerBench,
} from '../../../support/pubsub.js';
import { testPeer } from '../../../support/recording-outlet.js';
import type { Peer } from '../../../../src/routing/peer.js';

const idOfA = deriveId('realm1', 'exact', 'a', 0);
const OUTAGE = fault(ErrorUri.NETWORK_FAILURE, 'no way');

function verbs({ outlet }: BrokerBench): string[] {
  return outlet.take().map((recorded) => recorded.verb);
}

function errorTo({ outlet }: BrokerBench, peer: Peer) {
  const message = outlet.sentTo(peer).at(-1);
  if (message?.[0] !== Code.ERROR) throw new Error(`no ERROR but ${JSON.stringify(message)}`);
  const [, type, request, details, error, payload] = message;
  return { type, request, details, error, text: new TextDecoder().decode(payload.in('json') as Uint8Array) };
}

/** Who a publication to the topic is delivered to, by subscription. */
function audienceOf({ broker, outlet }: BrokerBench, topic: string): Peer[][] {
  outlet.take();
  broker.publish(testPeer(), publishMessage(1, topic), false);
  return outlet.recorded.flatMap((recorded) => (recorded.verb === 'deliver' ? [[...recorded.receivers]] : []));
}

describe('SUBSCRIBE', () => {
  it('watches first and answers when that is settled, with the id every node gives it (BRK-1, ID-3, G2)', () => {
    const bench = brokerBench({ settlesAtOnce: false });
    const peer = testPeer();
    bench.broker.subscribe(peer, subscribeMessage(7, 'a'));
    expect(bench.outlet.take()).toEqual([{ verb: 'watch', topic: 'a', match: 'exact' }]);
    bench.outlet.watches[0]!.settle();
    expect(bench.outlet.take()).toEqual([{ verb: 'send', to: peer, message: [Code.SUBSCRIBED, 7, idOfA] }]);
  });

  it('delivers nothing before SUBSCRIBED and everything after (ORD-2, G2)', () => {
    const bench = brokerBench({ settlesAtOnce: false });
    const peer = testPeer();
    bench.broker.subscribe(peer, subscribeMessage(1, 'a'));
    expect(audienceOf(bench, 'a')).toEqual([]);
    bench.outlet.watches[0]!.settle();
    expect(audienceOf(bench, 'a')).toEqual([[peer]]);
  });

  it('watches once for all sessions and gives them one id (BRK-3)', () => {
    const bench = brokerBench();
    const [one, other] = [testPeer(), testPeer()];
    expect(subscribeNow(bench, one, 'a')).toBe(subscribeNow(bench, other, 'a'));
    expect(verbs(bench)).toEqual(['watch', 'send', 'send']);
    expect(audienceOf(bench, 'a')).toEqual([[one, other]]);
  });

  it('lets a second session wait for the watch of the first', () => {
    const bench = brokerBench({ settlesAtOnce: false });
    const [one, other] = [testPeer(), testPeer()];
    bench.broker.subscribe(one, subscribeMessage(1, 'a'));
    bench.broker.subscribe(other, subscribeMessage(2, 'a'));
    expect(verbs(bench)).toEqual(['watch']);
    bench.outlet.watches[0]!.settle();
    expect(bench.outlet.sentTo(one)).toEqual([[Code.SUBSCRIBED, 1, idOfA]]);
    expect(bench.outlet.sentTo(other)).toEqual([[Code.SUBSCRIBED, 2, idOfA]]);
  });

  it('answers a repeated one with the same id and delivers once; one UNSUBSCRIBE ends it (BRK-2)', () => {
    const bench = brokerBench();
    const peer = testPeer();
    const id = subscribeNow(bench, peer, 'a');
    expect(subscribeNow(bench, peer, 'a')).toBe(id);
    expect(audienceOf(bench, 'a')).toEqual([[peer]]);
    bench.broker.unsubscribe(peer, unsubscribeMessage(2, id));
    expect(audienceOf(bench, 'a')).toEqual([]);
  });

  it('answers one repeated while the first waits, each by its own request, and delivers once (BRK-2)', () => {
    const bench = brokerBench({ settlesAtOnce: false });
    const peer = testPeer();
    bench.broker.subscribe(peer, subscribeMessage(1, 'a'));
    bench.broker.subscribe(peer, subscribeMessage(2, 'a'));
    bench.outlet.watches[0]!.settle();
    expect(bench.outlet.sentTo(peer)).toEqual([
      [Code.SUBSCRIBED, 1, idOfA],
      [Code.SUBSCRIBED, 2, idOfA],
    ]);
    expect(audienceOf(bench, 'a')).toEqual([[peer]]);
    bench.broker.unsubscribe(peer, unsubscribeMessage(3, idOfA));
    expect(bench.broker.subscriptionCount).toBe(0);
  });

  it('keeps the same string under different policies apart, ids and all (PBS-4)', () => {
    const bench = brokerBench();
    const peer = testPeer();
    const ids = (['exact', 'prefix', 'wildcard'] as const).map((match) => subscribeNow(bench, peer, 'a.b', match));
    expect(new Set(ids).size).toBe(3);
    expect(bench.broker.subscriptionCount).toBe(3);
    expect(audienceOf(bench, 'a.b')).toEqual([[peer], [peer], [peer]]);
  });

  it('may name a meta topic of the router (URI-2)', () => {
    const bench = brokerBench();
    expect(() => subscribeNow(bench, testPeer(), 'wamp.session.on_join')).not.toThrow();
  });

  it('is answered with the refusal when the cluster cannot watch, and leaves nothing behind', () => {
    const bench = brokerBench({ settlesAtOnce: false });
    const [one, other] = [testPeer(), testPeer()];
    bench.broker.subscribe(one, subscribeMessage(1, 'a'));
    bench.broker.subscribe(other, subscribeMessage(2, 'a'));
    bench.outlet.watches[0]!.settle(OUTAGE);
    expect(verbs(bench)).toEqual(['watch', 'unwatch', 'send', 'send']);
    bench.broker.subscribe(one, subscribeMessage(3, 'a'));
    bench.outlet.watches[1]!.settle(OUTAGE);
    expect(errorTo(bench, one)).toEqual({
      type: Code.SUBSCRIBE,
      request: 3,
      details: {},
      error: ErrorUri.NETWORK_FAILURE,
      text: '["no way"]',
    });
    expect([bench.broker.subscriptionCount, bench.broker.receiverCount]).toEqual([0, 0]);
    expect(audienceOf(bench, 'a')).toEqual([]);
  });

  it('is refused at the limit of the session, by the name of the setting', () => {
    const bench = brokerBench({ maxSubscriptionsPerSession: 2 });
    const [peer, other] = [testPeer(), testPeer()];
    const id = subscribeNow(bench, peer, 'a');
    subscribeNow(bench, peer, 'b', 'prefix');
    bench.broker.subscribe(peer, subscribeMessage(9, 'c'));
    expect(errorTo(bench, peer)).toMatchObject({
      type: Code.SUBSCRIBE,
      request: 9,
      error: ErrorUri.LIMIT_EXCEEDED,
      text: expect.stringContaining('limits.maxSubscriptionsPerSession') as string,
    });
    expect(bench.limitCount).toBe(1);
    expect(subscribeNow(bench, peer, 'a')).toBe(id);
    expect(() => subscribeNow(bench, other, 'c')).not.toThrow();
    bench.broker.unsubscribe(peer, unsubscribeMessage(10, id));
    expect(() => subscribeNow(bench, peer, 'c')).not.toThrow();
  });

  it('takes room of the limit while it waits, repeated ones too, so that an outage lets nobody pile up requests', () => {
    const bench = brokerBench({ settlesAtOnce: false, maxSubscriptionsPerSession: 3 });
    const peer = testPeer();
    for (const request of [1, 2, 3, 4]) bench.broker.subscribe(peer, subscribeMessage(request, 'a'));
    expect(errorTo(bench, peer)).toMatchObject({ request: 4, error: ErrorUri.LIMIT_EXCEEDED });
    bench.outlet.watches[0]!.settle();
    bench.outlet.take();
    bench.broker.subscribe(peer, subscribeMessage(5, 'b'));
    bench.broker.subscribe(peer, subscribeMessage(6, 'c'));
    bench.broker.subscribe(peer, subscribeMessage(7, 'd'));
    expect(errorTo(bench, peer)).toMatchObject({ request: 7, error: ErrorUri.LIMIT_EXCEEDED });
    bench.outlet.watches[1]!.settle(OUTAGE);
    bench.broker.subscribe(peer, subscribeMessage(8, 'd'));
    expect(bench.outlet.watches.at(-1)).toMatchObject({ topic: 'd' });
  });
});

describe('UNSUBSCRIBE', () => {
  it('is answered, and no event follows (BRK-4, BRK-5)', () => {
    const bench = brokerBench();
    const [peer, other] = [testPeer(), testPeer()];
    const id = subscribeNow(bench, peer, 'a');
    subscribeNow(bench, other, 'a');
    bench.broker.unsubscribe(peer, unsubscribeMessage(2, id));
    expect(bench.outlet.sentTo(peer).at(-1)).toEqual([Code.UNSUBSCRIBED, 2]);
    expect(audienceOf(bench, 'a')).toEqual([[other]]);
  });

  it('ends the watch with the last session only', () => {
    const bench = brokerBench();
    const [one, other] = [testPeer(), testPeer()];
    const id = subscribeNow(bench, one, 'a');
    subscribeNow(bench, other, 'a');
    bench.outlet.take();
    bench.broker.unsubscribe(one, unsubscribeMessage(2, id));
    expect(verbs(bench)).toEqual(['send']);
    bench.broker.unsubscribe(other, unsubscribeMessage(2, id));
    expect(bench.outlet.take()[0]).toEqual({ verb: 'unwatch', topic: 'a', match: 'exact' });
  });

  it.each([
    ['of another session', (id: number) => id],
    ['that nobody has', (id: number) => id + 1],
  ])('of a subscription %s is answered no_such_subscription (BRK-4)', (_, idFor) => {
    const bench = brokerBench();
    const [holder, peer] = [testPeer(), testPeer()];
    const id = subscribeNow(bench, holder, 'a');
    bench.broker.unsubscribe(peer, unsubscribeMessage(5, idFor(id)));
    expect(errorTo(bench, peer)).toMatchObject({
      type: Code.UNSUBSCRIBE,
      request: 5,
      error: ErrorUri.NO_SUCH_SUBSCRIPTION,
    });
    expect(audienceOf(bench, 'a')).toEqual([[holder]]);
  });

  it('of an id that was ended already, or is still to be confirmed, is answered no_such_subscription (BRK-4)', () => {
    const bench = brokerBench();
    const peer = testPeer();
    const id = subscribeNow(bench, peer, 'a');
    bench.broker.unsubscribe(peer, unsubscribeMessage(2, id));
    bench.broker.unsubscribe(peer, unsubscribeMessage(3, id));
    expect(errorTo(bench, peer)).toMatchObject({ request: 3, error: ErrorUri.NO_SUCH_SUBSCRIPTION });
    bench.outlet.settlesAtOnce = false;
    bench.broker.subscribe(peer, subscribeMessage(4, 'a'));
    bench.broker.unsubscribe(peer, unsubscribeMessage(5, id));
    expect(errorTo(bench, peer)).toMatchObject({ request: 5, error: ErrorUri.NO_SUCH_SUBSCRIPTION });
    bench.outlet.watches[0]!.settle();
    expect(bench.outlet.sentTo(peer).at(-1)).toEqual([Code.SUBSCRIBED, 4, id]);
  });
});

describe('a session that leaves', () => {
  it('is taken off all it held, silently, and the watches it was the last of end (SES-13)', () => {
    const bench = brokerBench();
    const [peer, other] = [testPeer(), testPeer()];
    for (const topic of ['a', 'b', 'c']) subscribeNow(bench, peer, topic);
    subscribeNow(bench, other, 'b');
    bench.outlet.take();
    bench.broker.leave(peer);
    expect(bench.outlet.take()).toEqual([
      { verb: 'unwatch', topic: 'a', match: 'exact' },
      { verb: 'unwatch', topic: 'c', match: 'exact' },
    ]);
    expect([bench.broker.subscriptionCount, bench.broker.receiverCount]).toEqual([1, 1]);
    expect(audienceOf(bench, 'b')).toEqual([[other]]);
    bench.broker.leave(peer);
    expect(bench.broker.subscriptionCount).toBe(1);
  });

  it('in the middle of many receivers leaves the others where they can be found', () => {
    const bench = brokerBench();
    const peers = Array.from({ length: 50 }, () => testPeer());
    for (const peer of peers) subscribeNow(bench, peer, 'a');
    for (const peer of [...peers.slice(10, 20), ...peers.slice(40), ...peers.slice(0, 5)]) bench.broker.leave(peer);
    const [receivers] = audienceOf(bench, 'a');
    expect(new Set(receivers)).toEqual(new Set([...peers.slice(5, 10), ...peers.slice(20, 40)]));
    expect(receivers).toHaveLength(25);
    expect(bench.broker.receiverCount).toBe(25);
  });

  it('while its SUBSCRIBE waits gets no answer and no event; the others do', () => {
    const bench = brokerBench({ settlesAtOnce: false });
    const [peer, other] = [testPeer(), testPeer()];
    bench.broker.subscribe(peer, subscribeMessage(1, 'a'));
    bench.broker.subscribe(other, subscribeMessage(1, 'a'));
    bench.broker.leave(peer);
    bench.outlet.watches[0]!.settle();
    expect(bench.outlet.sentTo(peer)).toEqual([]);
    expect(bench.outlet.sentTo(other)).toEqual([[Code.SUBSCRIBED, 1, idOfA]]);
    expect(audienceOf(bench, 'a')).toEqual([[other]]);
  });

  it('as the last that waits ends the watch, and its late settling changes nothing', () => {
    const bench = brokerBench({ settlesAtOnce: false });
    const peer = testPeer();
    bench.broker.subscribe(peer, subscribeMessage(1, 'a'));
    bench.broker.leave(peer);
    expect(verbs(bench)).toEqual(['watch', 'unwatch']);
    bench.outlet.watches[0]!.settle();
    expect(bench.outlet.take()).toEqual([]);
    expect(bench.broker.subscriptionCount).toBe(0);
  });

  it.each([undefined, OUTAGE])('does not let its settling answer who came after it: %o (G2)', (late) => {
    const bench = brokerBench({ settlesAtOnce: false });
    const [gone, next] = [testPeer(), testPeer()];
    bench.broker.subscribe(gone, subscribeMessage(1, 'a'));
    bench.broker.leave(gone);
    bench.broker.subscribe(next, subscribeMessage(1, 'a'));
    expect(verbs(bench)).toEqual(['watch', 'unwatch', 'watch']);
    bench.outlet.watches[0]!.settle(late);
    expect(bench.outlet.take()).toEqual([]);
    expect(audienceOf(bench, 'a')).toEqual([]);
    bench.outlet.watches[1]!.settle();
    expect(bench.outlet.sentTo(next)).toEqual([[Code.SUBSCRIBED, 1, idOfA]]);
    expect(audienceOf(bench, 'a')).toEqual([[next]]);
  });

  it.each([undefined, OUTAGE])(
    'while another is being answered is neither answered nor unwatched twice: %o',
    (refusal) => {
      const bench = brokerBench({ settlesAtOnce: false });
      const [one, other] = [testPeer(), testPeer()];
      bench.broker.subscribe(one, subscribeMessage(1, 'a'));
      bench.broker.subscribe(other, subscribeMessage(1, 'a'));
      bench.outlet.onSend = () => {
        bench.broker.leave(other);
        bench.broker.leave(one);
      };
      bench.outlet.watches[0]!.settle(refusal);
      expect(verbs(bench).sort()).toEqual(['send', 'unwatch', 'watch']);
      expect([bench.broker.subscriptionCount, bench.broker.receiverCount, bench.broker.subscriberCount]).toEqual([
        0, 0, 0,
      ]);
    },
  );

  it('while being delivered to takes nobody else’s event away', () => {
    const bench = brokerBench();
    const peers = [testPeer(), testPeer(), testPeer()];
    for (const peer of peers) subscribeNow(bench, peer, 'a');
    subscribeNow(bench, peers[2]!, '', 'prefix');
    const reached: Peer[] = [];
    bench.outlet.onDeliver = (_, subscription) => {
      for (const receiver of subscription.receivers) {
        reached.push(receiver);
        bench.broker.leave(peers[0]!);
        bench.broker.leave(peers[2]!);
      }
    };
    bench.broker.publish(testPeer(), publishMessage(1, 'a'), false);
    expect(reached).toEqual(peers);
    bench.outlet.onDeliver = undefined;
    expect(audienceOf(bench, 'a')).toEqual([[peers[1]]]);
  });
});
