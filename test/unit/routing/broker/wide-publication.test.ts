import { describe, expect, it } from 'vitest';
import { KeepingRules } from '../../../../src/routing/broker/keeping-rules.js';
import type { Publication } from '../../../../src/routing/ports.js';
import type { Rest } from '../../../../src/routing/rest.js';
import type { Peer } from '../../../../src/routing/peer.js';
import { Code } from '../../../../src/wamp/codes.js';
import {
  brokerBench,
  publishMessage,
  subscribeMessage,
  unsubscribeMessage,
  type BrokerBench,
} from '../../../support/pubsub.js';
import { testPeer } from '../../../support/recording-outlet.js';

const DEPTH = 6;
const TOPIC = new Array<string>(DEPTH).fill('a').join('.');
const PATTERNS = patternsOf(TOPIC);
const SESSIONS = 100;

/** Every pattern that matches the topic. */
function patternsOf(topic: string): string[] {
  return Array.from({ length: 2 ** DEPTH }, (_, bits) =>
    topic
      .split('.')
      .map((part, index) => (((bits >> index) & 1) === 1 ? '' : part))
      .join('.'),
  );
}

/** 6,400 receivers, which are more than one part. */
function wideBench(patterns = PATTERNS): { bench: BrokerBench; peers: Peer[]; publisher: Peer } {
  const bench = brokerBench();
  const peers = Array.from({ length: SESSIONS }, () => testPeer());
  for (const peer of peers)
    for (const [index, pattern] of patterns.entries())
      bench.broker.subscribe(peer, subscribeMessage(index + 1, pattern, 'wildcard'));
  bench.outlet.take();
  return { bench, peers, publisher: testPeer() };
}

function deliveredCount({ outlet }: BrokerBench): number {
  return outlet.recorded.reduce((sum, one) => sum + (one.verb === 'deliver' ? one.receivers.length : 0), 0);
}

function begin({ broker }: BrokerBench, publisher: Peer, options = {}): Rest {
  const rest = broker.publish(publisher, publishMessage(1, TOPIC, options), false);
  if (rest === undefined) throw new Error('all was delivered at once');
  return rest;
}

describe('a publication that very many subscriptions match (G11)', () => {
  it('is delivered in parts, once to each, and then to the other nodes (BRK-8)', () => {
    const { bench, publisher } = wideBench();
    const rest = begin(bench, publisher);
    const first = deliveredCount(bench);
    expect(first).toBeLessThan(PATTERNS.length * SESSIONS);
    expect(bench.outlet.recorded.some(({ verb }) => verb === 'publish')).toBe(false);
    while (rest());
    expect(deliveredCount(bench)).toBe(PATTERNS.length * SESSIONS);
    const deliveries = bench.outlet.recorded.filter((one) => one.verb === 'deliver');
    expect(new Set(deliveries.map(({ id }) => id)).size).toBe(PATTERNS.length);
    expect(bench.outlet.recorded.filter(({ verb }) => verb === 'publish')).toHaveLength(1);
  });

  it('is acknowledged when all have it (BRK-6)', () => {
    const { bench, publisher } = wideBench();
    const rest = begin(bench, publisher, { acknowledge: true });
    expect(bench.outlet.sentTo(publisher)).toEqual([]);
    while (rest());
    for (const pending of bench.outlet.publishes) pending.settle();
    expect(bench.outlet.sentTo(publisher).map(([code]) => code)).toEqual([Code.PUBLISHED]);
  });

  it.each(['before', 'behind'] as const)(
    'is retained from its first part on, in the order of the marks, and acknowledged %s the store (RET-1, BRK-6)',
    (when) => {
      const { bench, publisher } = wideBench();
      const { broker, outlet } = bench;
      broker.keep(new KeepingRules([{ uri: 'a', match: 'prefix' }], false));
      const rest = begin(bench, publisher, { acknowledge: true, retain: true });
      broker.publish(testPeer(), publishMessage(1, 'a', { retain: true }), false);
      const marks = outlet.retained.map(({ publication }) => publication.retain?.number ?? NaN);
      expect(marks).toEqual([...marks].sort((one, other) => one - other));
      expect(outlet.retained[0]?.publication.topic).toBe(TOPIC);
      if (when === 'before') outlet.retained[0]?.settle();
      while (rest());
      for (const pending of outlet.publishes) pending.settle();
      expect(outlet.sentTo(publisher).length).toBe(when === 'before' ? 1 : 0);
      if (when === 'behind') outlet.retained[0]?.settle();
      expect(outlet.sentTo(publisher).map(([code]) => code)).toEqual([Code.PUBLISHED]);
      expect(outlet.retained).toHaveLength(2);
    },
  );

  it('reaches no session that leaves a subscription meanwhile by it (BRK-5)', () => {
    const { bench, peers, publisher } = wideBench();
    const rest = begin(bench, publisher);
    const before = new Set(bench.outlet.recorded.flatMap((one) => (one.verb === 'deliver' ? [one.id] : [])));
    const later = bench.broker.directory.all.filter(({ id }) => !before.has(id));
    expect(later.length).toBeGreaterThan(0);
    const [peer] = peers;
    for (const [index, { id }] of later.entries()) bench.broker.unsubscribe(peer!, unsubscribeMessage(100 + index, id));
    bench.outlet.take();
    while (rest());
    for (const one of bench.outlet.recorded) if (one.verb === 'deliver') expect(one.receivers).not.toContain(peer);
    expect(deliveredCount(bench)).toBe(later.length * (SESSIONS - 1));
  });

  it.each([true, false])(
    'is delivered to all before its publisher has left, in parts: %s (ORD-1, SES-13)',
    (inParts) => {
      const { bench, publisher } = wideBench();
      const rest = begin(bench, publisher);
      while (inParts && bench.broker.leavePart(publisher, 200));
      bench.broker.leave(publisher);
      expect(deliveredCount(bench)).toBe(PATTERNS.length * SESSIONS);
      expect(bench.outlet.recorded.filter(({ verb }) => verb === 'publish')).toHaveLength(1);
      expect(rest()).toBe(false);
      expect(deliveredCount(bench)).toBe(PATTERNS.length * SESSIONS);
    },
  );

  it('is delivered in parts when it comes from another node (G11)', () => {
    const { bench, publisher } = wideBench();
    const rest = bench.broker.distributePart(publicationTo(TOPIC, publisher));
    expect(deliveredCount(bench)).toBeLessThan(PATTERNS.length * SESSIONS);
    while (rest!());
    expect(deliveredCount(bench)).toBe(PATTERNS.length * SESSIONS);
    expect(bench.outlet.recorded.every(({ verb }) => verb === 'deliver')).toBe(true);
  });

  it('is delivered in one step when it is one of the router: none may overtake another about one subject', () => {
    const topic = 'wamp.a.a.a.a.a';
    const { bench, publisher } = wideBench(patternsOf(topic));
    expect(bench.broker.distributePart(publicationTo(topic, publisher))).toBeUndefined();
    expect(deliveredCount(bench)).toBe(PATTERNS.length * SESSIONS);
  });
});

function publicationTo(topic: string, publisher: Peer): Publication {
  const id = 1 as Publication['id'];
  const { 4: payload } = publishMessage(1, topic);
  return { id, topic, payload, publisher, excludePublisher: false, disclosePublisher: false };
}
