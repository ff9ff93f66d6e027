import { describe, expect, it } from 'vitest';
import { KeepingRules } from '../../../../src/routing/broker/keeping-rules.js';
import type { Peer } from '../../../../src/routing/peer.js';
import type { Publication } from '../../../../src/routing/ports.js';
import { payloadOf } from '../../../../src/codec/payload.js';
import { Code } from '../../../../src/wamp/codes.js';
import { fault } from '../../../../src/wamp/faults.js';
import type { NodeId, PublicationId, SessionId } from '../../../../src/wamp/ids.js';
import { ListedIds } from '../../../../src/wamp/session-ids.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import {
  brokerBench,
  publishMessage,
  seekMessage,
  subscribeMessage,
  subscribeNow,
  unsubscribeMessage,
  type BrokerBench,
} from '../../../support/pubsub.js';
import { testPeer } from '../../../support/recording-outlet.js';

const OUTAGE = fault(ErrorUri.NETWORK_FAILURE, 'no way');
const RETAIN = { retain: true } as const;
const there = 'there' as NodeId;

function bench(options: Parameters<typeof brokerBench>[0] = {}, clearOnEmpty = false): BrokerBench {
  const made = brokerBench(options);
  made.broker.keep(new KeepingRules([{ uri: 'a', match: 'prefix' }], clearOnEmpty));
  return made;
}

/** An event that another node has published; its id is its number there. */
function event(number: number, extras: Partial<Publication> = {}): Publication {
  return {
    id: (1_000 + number) as PublicationId,
    topic: 'a',
    payload: payloadOf([number]),
    publisher: { session: 900 as SessionId, authid: '', authrole: '' },
    excludePublisher: true,
    disclosePublisher: false,
    retain: { node: there, number },
    ...extras,
  };
}

/** What a session got, in order: the names of messages, the ids of events, marked with * when they were retained. */
function got({ outlet }: BrokerBench, peer: Peer): (string | number)[] {
  return outlet.take().flatMap((one): (string | number)[] => {
    if (one.verb === 'send' && one.to === peer)
      return [one.message[0] === Code.SUBSCRIBED ? 'SUBSCRIBED' : one.message[0] === Code.ERROR ? 'ERROR' : 'other'];
    if (one.verb !== 'deliver' || !one.receivers.includes(peer)) return [];
    return [one.publication.isRetained === true ? `${one.publication.id}*` : one.publication.id];
  });
}

describe('PUBLISH with retain', () => {
  it('goes to the store behind the receivers, with rising marks, and is acknowledged when both have it (RET-1)', () => {
    const { broker, outlet } = bench({ settlesAtOnce: false });
    const peer = testPeer();
    broker.publish(peer, publishMessage(1, 'a', { ...RETAIN, acknowledge: true }), false);
    broker.publish(peer, publishMessage(2, 'a', RETAIN), false);
    expect(outlet.recorded.map(({ verb }) => verb)).toEqual(['publish', 'retain', 'publish', 'retain']);
    const [first, second] = outlet.retained;
    expect(second!.publication.retain!.number).toBeGreaterThan(first!.publication.retain!.number);
    first!.settle();
    expect(outlet.sentTo(peer)).toEqual([]);
    outlet.publishes[0]!.settle();
    expect(outlet.sentTo(peer)).toEqual([[Code.PUBLISHED, 1, first!.publication.id]]);
    second!.settle();
    expect(outlet.sentTo(peer)).toHaveLength(1);
  });

  it('is refused when the store could not take it', () => {
    const { broker, outlet } = bench();
    const peer = testPeer();
    broker.publish(peer, publishMessage(1, 'a', { ...RETAIN, acknowledge: true }), false);
    outlet.retained[0]!.settle(OUTAGE);
    expect(outlet.sentTo(peer)[0]!.slice(0, 5)).toEqual([Code.ERROR, Code.PUBLISH, 1, {}, OUTAGE.error]);
  });

  it('is like any other on a topic that is not retained, and where nothing is', () => {
    for (const [made, topic] of [
      [bench(), 'b'],
      [brokerBench(), 'a'],
    ] as const) {
      const peer = testPeer();
      made.broker.publish(peer, publishMessage(1, topic, { ...RETAIN, acknowledge: true }), false);
      expect(made.outlet.retained).toEqual([]);
      expect(made.outlet.sentTo(peer)[0]![0]).toBe(Code.PUBLISHED);
    }
  });
});

describe('SUBSCRIBE with get_retained', () => {
  it('looks for the event when the cluster watches, then sends SUBSCRIBED and the event (RET-2, RET-6)', () => {
    const made = bench({ settlesAtOnce: false });
    const peer = testPeer();
    made.broker.subscribe(peer, seekMessage(1, 'a'));
    expect(made.outlet.lookups).toEqual([]);
    made.outlet.watches[0]!.settle();
    expect(got(made, peer)).toEqual([]);
    made.outlet.lookups[0]!.settle(event(1));
    expect(got(made, peer)).toEqual(['SUBSCRIBED', '1001*']);
    made.broker.distribute(event(2));
    expect(got(made, peer)).toEqual([1_002]);
  });

  it('sends SUBSCRIBED alone when there is no event, and looks for none on other topics', () => {
    const made = bench();
    const peer = testPeer();
    made.broker.subscribe(peer, seekMessage(1, 'a'));
    made.outlet.lookups[0]!.settle(undefined);
    made.broker.subscribe(peer, seekMessage(2, 'b'));
    expect(made.outlet.lookups).toHaveLength(1);
    expect(got(made, peer)).toEqual(['SUBSCRIBED', 'SUBSCRIBED']);
  });

  it('refuses the request, not others, when the event cannot be looked for', () => {
    const made = bench();
    const [peer, other] = [testPeer(), testPeer()];
    made.broker.subscribe(peer, seekMessage(1, 'a'));
    made.broker.subscribe(other, subscribeMessage(1, 'a'));
    made.outlet.lookups[0]!.settle(OUTAGE);
    expect(made.outlet.sentTo(peer).map(([code]) => code)).toEqual([Code.ERROR]);
    made.broker.distribute(event(1));
    expect(got(made, other)).toEqual(['SUBSCRIBED', 1_001]);
    expect(made.broker.receiverCount).toBe(1);
    made.broker.leave(other);
    expect(made.outlet.take().map(({ verb }) => verb)).toEqual(['unwatch']);
  });

  it('closes the subscription when the only session is refused or leaves', () => {
    for (const end of [(made: BrokerBench) => made.outlet.lookups[0]!.settle(OUTAGE), undefined]) {
      const made = bench();
      const peer = testPeer();
      made.broker.subscribe(peer, seekMessage(1, 'a'));
      if (end === undefined) made.broker.leave(peer);
      else end(made);
      expect(made.broker.subscriptionCount).toBe(0);
      if (end === undefined) made.outlet.lookups[0]!.settle(event(1));
      expect(made.outlet.take().filter(({ verb }) => verb === 'deliver')).toEqual([]);
    }
  });

  it('gives what became the retained event meanwhile, once, and the session is no receiver before SUBSCRIBED (ORD-2)', () => {
    const made = bench();
    const [peer, receiver] = [testPeer(), testPeer()];
    subscribeNow(made, receiver, 'a');
    made.broker.subscribe(peer, seekMessage(1, 'a'));
    made.broker.distribute(event(2));
    made.broker.distribute(event(3, { audience: { eligibleAuthid: new Set(['nobody']) } }));
    made.broker.distribute({ ...event(4), retain: undefined } as unknown as Publication);
    made.outlet.lookups[0]!.settle(event(1));
    expect(got(made, peer)).toEqual(['SUBSCRIBED', '1002*']);
    made.broker.distribute(event(5));
    expect(got(made, peer)).toEqual([1_005]);
  });

  it('prefers what the store has when its node retained that later', () => {
    const made = bench();
    const peer = testPeer();
    made.broker.subscribe(peer, seekMessage(1, 'a'));
    made.broker.distribute(event(2));
    made.outlet.lookups[0]!.settle(event(4));
    expect(got(made, peer)).toEqual(['SUBSCRIBED', '1004*']);
    made.broker.distribute(event(3));
    made.broker.distribute(event(4));
    made.broker.distribute(event(5));
    expect(got(made, peer)).toEqual([1_005]);
  });

  it('leaves out live copies that are older, for this session, topic and node alone', () => {
    const made = bench();
    const [peer, receiver] = [testPeer(), testPeer()];
    subscribeNow(made, receiver, 'a');
    subscribeNow(made, peer, 'a', 'prefix');
    made.broker.subscribe(peer, seekMessage(1, 'a'));
    made.outlet.lookups[0]!.settle(event(4));
    made.outlet.take();
    for (const number of [3, 4]) made.broker.distribute(event(number));
    made.broker.distribute(event(2, { retain: { node: 'elsewhere' as NodeId, number: 2 } }));
    const delivered = made.outlet.take().flatMap((one) => (one.verb === 'deliver' ? [one] : []));
    const exact = delivered.filter(({ subscription }) => subscription.match === 'exact');
    expect(exact.map(({ publication, receivers }) => [publication.id, receivers])).toEqual([
      [1_003, [receiver]],
      [1_004, [receiver]],
      [1_002, [receiver, peer]],
    ]);
    expect(delivered.filter(({ subscription }) => subscription.match === 'prefix')).toHaveLength(3);
  });

  it('remembers what it left out for a bounded time, with one timer', () => {
    const made = bench();
    const peer = testPeer();
    for (let request = 1; request <= 3; request++) {
      made.broker.subscribe(peer, seekMessage(request, 'a'));
      made.outlet.lookups.at(-1)!.settle(event(4));
    }
    expect(made.outlet.timerCount()).toBe(1);
    made.outlet.advance(29_000);
    made.outlet.take();
    made.broker.distribute(event(4));
    expect(got(made, peer)).toEqual([]);
    made.outlet.advance(32_000);
    expect(made.outlet.timerCount()).toBe(0);
    made.broker.distribute(event(4));
    expect(got(made, peer)).toEqual([1_004]);
  });

  it('answers all requests that wait together, whether or not each wants the event', () => {
    const made = bench({ settlesAtOnce: false });
    const peer = testPeer();
    made.broker.subscribe(peer, subscribeMessage(1, 'a'));
    made.broker.subscribe(peer, seekMessage(2, 'a'));
    made.outlet.watches[0]!.settle();
    made.broker.subscribe(peer, subscribeMessage(3, 'a'));
    made.outlet.lookups[0]!.settle(event(1));
    expect(made.outlet.lookups).toHaveLength(1);
    expect(got(made, peer)).toEqual(['SUBSCRIBED', 'SUBSCRIBED', 'SUBSCRIBED', '1001*']);
  });

  it('lets events of the session to itself wait behind SUBSCRIBED, each once (G10)', () => {
    const made = bench();
    const peer = testPeer();
    made.broker.subscribe(peer, seekMessage(1, 'a'));
    for (let request = 2; request <= 4; request++)
      made.broker.publish(peer, publishMessage(request, 'a', { ...RETAIN, excludeMe: false }), false);
    expect(got(made, peer)).toEqual([]);
    const [, second, third] = made.outlet.retained.map(({ publication }) => publication);
    made.outlet.lookups[0]!.settle(second);
    expect(got(made, peer)).toEqual(['SUBSCRIBED', `${second!.id}*`, third!.id]);
  });

  it('gives nothing when the topic was cleared meanwhile', () => {
    const made = bench({}, true);
    const peer = testPeer();
    made.broker.subscribe(peer, seekMessage(1, 'a'));
    made.broker.distribute(event(2, { payload: payloadOf([]) }));
    made.outlet.lookups[0]!.settle(event(1));
    expect(got(made, peer)).toEqual(['SUBSCRIBED']);
  });
});

describe('SUBSCRIBE with get_retained of a session that is subscribed', () => {
  it('sends the event again, unless a newer one was delivered meanwhile (RET-7)', () => {
    const made = bench();
    const peer = testPeer();
    subscribeNow(made, peer, 'a');
    made.outlet.take();
    made.broker.subscribe(peer, seekMessage(2, 'a'));
    made.broker.subscribe(peer, seekMessage(3, 'a'));
    made.outlet.lookups[0]!.settle(event(1));
    expect(got(made, peer)).toEqual(['SUBSCRIBED', 'SUBSCRIBED', '1001*']);
    made.broker.subscribe(peer, seekMessage(4, 'a'));
    made.broker.distribute(event(2));
    made.outlet.lookups[1]!.settle(event(1));
    expect(got(made, peer)).toEqual([1_002, 'SUBSCRIBED']);
  });

  it('answers before UNSUBSCRIBED, and keeps the subscription when the lookup fails', () => {
    const made = bench();
    const peer = testPeer();
    const id = subscribeNow(made, peer, 'a');
    made.broker.subscribe(peer, seekMessage(2, 'a'));
    made.outlet.lookups[0]!.settle(OUTAGE);
    made.broker.distribute(event(1));
    made.broker.subscribe(peer, seekMessage(3, 'a'));
    made.broker.unsubscribe(peer, unsubscribeMessage(4, id));
    made.outlet.lookups[1]!.settle(event(1));
    expect(got(made, peer)).toEqual(['SUBSCRIBED', 'ERROR', 1_001, 'SUBSCRIBED', 'other']);
  });

  it('counts requests that wait against the limit', () => {
    const made = bench({ maxSubscriptionsPerSession: 3 });
    const peer = testPeer();
    subscribeNow(made, peer, 'a');
    for (let request = 2; request <= 4; request++) made.broker.subscribe(peer, seekMessage(request, 'a'));
    expect(made.limitCount).toBe(1);
    made.outlet.lookups[0]!.settle(undefined);
    made.broker.subscribe(peer, seekMessage(5, 'a'));
    expect(made.limitCount).toBe(1);
    made.broker.leave(peer);
    expect(made.broker.subscriptionCount).toBe(0);
  });
});

describe('PUBLISH on a topic with a history', () => {
  const recording = (): BrokerBench => {
    const made = brokerBench();
    made.broker.keep(new KeepingRules([], false, [{ uri: 'a', match: 'prefix' }]));
    return made;
  };

  it('is acknowledged when the history has it, and refused when not (HIS-1)', () => {
    const { broker, outlet } = recording();
    const peer = testPeer();
    for (const request of [1, 2]) broker.publish(peer, publishMessage(request, 'a', { acknowledge: true }), false);
    expect(outlet.sentTo(peer)).toEqual([]);
    outlet.records[0]!.settle();
    outlet.records[1]!.settle(OUTAGE);
    expect(outlet.sentTo(peer).map(([code]) => code)).toEqual([Code.PUBLISHED, Code.ERROR]);
  });

  it('goes there behind the receivers, also without acknowledgement and for a session that has left', () => {
    const { broker, outlet } = recording();
    broker.publish(testPeer(), publishMessage(1, 'a.b', RETAIN), false);
    broker.publishFor(testPeer(), publishMessage(2, 'a.c'), false);
    broker.publish(testPeer(), publishMessage(3, 'b'), false);
    expect(outlet.recorded.map(({ verb }) => verb)).toEqual(['publish', 'record', 'publish', 'record', 'publish']);
  });

  it('is not recorded with lists of sessions, and is with lists of names (HIS-6)', () => {
    const { broker, outlet } = recording();
    for (const audience of [{ eligible: new ListedIds([1]) }, { exclude: new ListedIds([]) }])
      broker.publish(testPeer(), publishMessage(1, 'a', { audience }), false);
    expect(outlet.records).toEqual([]);
    broker.publish(testPeer(), publishMessage(1, 'a', { audience: { eligibleAuthid: new Set(['x']) } }), false);
    expect(outlet.records).toHaveLength(1);
  });
});
