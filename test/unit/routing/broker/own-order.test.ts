import { describe, expect, it } from 'vitest';
import { deriveId } from '../../../../src/routing/derived-id.js';
import type { Peer } from '../../../../src/routing/peer.js';
import { Code } from '../../../../src/wamp/codes.js';
import { fault } from '../../../../src/wamp/faults.js';
import type { PublishOptions } from '../../../../src/wamp/options.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import {
  brokerBench,
  publishMessage,
  subscribeMessage,
  unsubscribeMessage,
  type BrokerBench,
} from '../../../support/pubsub.js';
import { payloadOfBytes } from '../../../support/payloads.js';
import { testPeer } from '../../../support/recording-outlet.js';

const OUTAGE = fault(ErrorUri.NETWORK_FAILURE, 'no way');

function publish({ broker }: BrokerBench, peer: Peer, topic: string, options: Partial<PublishOptions> = {}): void {
  broker.publish(peer, publishMessage(1, topic, { excludeMe: false, ...options }), false);
}

/** What one session was sent, in order: the code of an answer, the topic of an event. */
function receivedBy({ outlet }: BrokerBench, peer: Peer): (number | string)[] {
  return outlet.take().flatMap((recorded): (number | string)[] => {
    if (recorded.verb === 'send' && recorded.to === peer) return [recorded.message[0]];
    if (recorded.verb !== 'deliver' || !recorded.receivers.includes(peer)) return [];
    const isForOthers = recorded.publication.excludePublisher && recorded.publication.publisher === peer;
    return isForOthers ? [] : [recorded.publication.topic];
  });
}

function waitingBench(...topics: string[]): BrokerBench & { peer: Peer } {
  const bench = brokerBench({ settlesAtOnce: false, maxHeldMessages: 3, maxHeldBytes: 100 });
  const peer = testPeer();
  for (const [at, topic] of topics.entries()) bench.broker.subscribe(peer, subscribeMessage(at + 1, topic));
  return Object.assign(bench, { peer });
}

describe('what a session publishes behind its own SUBSCRIBE', () => {
  it('reaches it right behind SUBSCRIBED, and everybody else at once (G10, ORD-2)', () => {
    const bench = waitingBench('a');
    const { peer, broker, outlet } = bench;
    const other = testPeer();
    broker.subscribe(other, subscribeMessage(1, '', 'prefix'));
    outlet.watches[1]!.settle();
    outlet.take();
    publish(bench, peer, 'a');
    const recorded = outlet.recorded.map(({ verb }) => verb);
    expect(recorded).toEqual(['deliver', 'publish']);
    expect(receivedBy(bench, other)).toEqual(['a']);
    outlet.watches[0]!.settle();
    expect(receivedBy(bench, peer)).toEqual([Code.SUBSCRIBED, 'a']);
  });

  it('is acknowledged as soon as the cluster has it (BRK-6)', () => {
    const bench = waitingBench('a');
    publish(bench, bench.peer, 'a', { acknowledge: true });
    bench.outlet.publishes[0]!.settle();
    expect(receivedBy(bench, bench.peer)).toEqual([Code.PUBLISHED]);
  });

  it.each([{ excludeMe: true }, { audience: { eligible: new Set<never>() } }])(
    'is not for it when the publication demands it: %o (BRK-7, BWL-2)',
    (options) => {
      const bench = waitingBench('a');
      publish(bench, bench.peer, 'a', options);
      bench.outlet.watches[0]!.settle();
      expect(receivedBy(bench, bench.peer)).toEqual([Code.SUBSCRIBED]);
    },
  );

  it('is dropped when the SUBSCRIBE is refused', () => {
    const bench = waitingBench('a', 'b');
    publish(bench, bench.peer, 'a');
    publish(bench, bench.peer, 'b');
    bench.outlet.watches[1]!.settle();
    bench.outlet.watches[0]!.settle(OUTAGE);
    expect(receivedBy(bench, bench.peer)).toEqual([Code.SUBSCRIBED, Code.ERROR, 'b']);
  });

  it('keeps the order it was published in, whichever SUBSCRIBED comes first (ORD-1)', () => {
    const bench = waitingBench('a', 'b', 'c');
    const { peer, outlet } = bench;
    outlet.watches[2]!.settle();
    publish(bench, peer, 'c');
    publish(bench, peer, 'a');
    publish(bench, peer, 'c');
    publish(bench, peer, 'b');
    expect(receivedBy(bench, peer)).toEqual([Code.SUBSCRIBED, 'c']);
    outlet.watches[1]!.settle();
    expect(receivedBy(bench, peer)).toEqual([Code.SUBSCRIBED]);
    outlet.watches[0]!.settle();
    expect(receivedBy(bench, peer)).toEqual([Code.SUBSCRIBED, 'a', 'c', 'b']);
  });

  it('comes before UNSUBSCRIBED to what it was subscribed to when it was published (BRK-5, G2)', () => {
    const bench = waitingBench('a', 'c');
    const { peer, outlet, broker } = bench;
    outlet.watches[1]!.settle();
    expect(receivedBy(bench, peer)).toEqual([Code.SUBSCRIBED]);
    publish(bench, peer, 'a');
    publish(bench, peer, 'c');
    broker.unsubscribe(peer, unsubscribeMessage(9, deriveId('realm1', 'exact', 'c', 0)));
    expect(receivedBy(bench, peer)).toEqual(['c', Code.UNSUBSCRIBED]);
    outlet.watches[0]!.settle();
    expect(receivedBy(bench, peer)).toEqual([Code.SUBSCRIBED, 'a']);
  });

  it('goes with it when it leaves (SES-13)', () => {
    const bench = waitingBench('a');
    const other = testPeer();
    bench.broker.subscribe(other, subscribeMessage(1, 'a'));
    publish(bench, bench.peer, 'a');
    bench.broker.leave(bench.peer);
    bench.outlet.watches[0]!.settle();
    expect(receivedBy(bench, bench.peer)).toEqual([]);
    expect(bench.outlet.recorded.filter(({ verb }) => verb === 'deliver')).toEqual([]);
  });

  it('is bounded in bytes: what is too much is dropped and counted, one message is never too much', () => {
    const bench = waitingBench('a');
    const { peer, outlet, broker } = bench;
    for (const byteLength of [1_000, 1])
      broker.publish(peer, publishMessage(1, 'a', { excludeMe: false }, payloadOfBytes(byteLength)), false);
    expect(bench.droppedCount).toBe(1);
    outlet.watches[0]!.settle();
    expect(receivedBy(bench, peer)).toEqual([Code.SUBSCRIBED, 'a']);
  });

  it('is bounded in number, and there is room again afterwards', () => {
    const bench = waitingBench('a', 'b');
    const { peer, outlet } = bench;
    for (let count = 0; count < 4; count++) publish(bench, peer, 'a');
    expect(bench.droppedCount).toBe(1);
    outlet.watches[0]!.settle();
    expect(receivedBy(bench, peer)).toEqual([Code.SUBSCRIBED, 'a', 'a', 'a']);
    for (let count = 0; count < 3; count++) publish(bench, peer, 'b');
    expect(bench.droppedCount).toBe(1);
  });
});
