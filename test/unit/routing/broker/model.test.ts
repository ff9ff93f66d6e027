import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admits } from '../../../../src/routing/broker/audience.js';
import { SharedSubscription } from '../../../../src/routing/broker/shared-subscription.js';
import { deriveId } from '../../../../src/routing/derived-id.js';
import type { Peer } from '../../../../src/routing/peer.js';
import { Code } from '../../../../src/wamp/codes.js';
import { fault } from '../../../../src/wamp/faults.js';
import type { MatchPolicy } from '../../../../src/wamp/options.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { brokerBench, publishMessage, subscribeMessage, unsubscribeMessage } from '../../../support/pubsub.js';
import { testPeer, type PendingWatch, type Recorded } from '../../../support/recording-outlet.js';

const PATTERNS: readonly [topic: string, match: MatchPolicy][] = [
  ['a', 'exact'],
  ['a.b', 'exact'],
  ['a', 'prefix'],
  ['a.', 'prefix'],
  ['a.', 'wildcard'],
  ['.b', 'wildcard'],
];
const TOPICS = ['a', 'a.b', 'a.c', 'ab', 'c.b'];
const PEER_COUNT = 5;
const LIMIT = 4;
const OUTAGE = fault(ErrorUri.NETWORK_FAILURE, 'outage');

type Step =
  | { readonly kind: 'subscribe' | 'unsubscribe'; readonly peer: number; readonly pattern: number }
  | { readonly kind: 'leave'; readonly peer: number }
  | {
      readonly kind: 'publish';
      readonly peer: number;
      readonly topic: number;
      readonly acknowledge: boolean;
      readonly excludeMe: boolean;
    }
  | { readonly kind: 'settleWatch' | 'settlePublish'; readonly which: number; readonly refused: boolean };

const peer = fc.nat(PEER_COUNT - 1);
const pattern = fc.nat(PATTERNS.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('subscribe' as const), peer, pattern }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('unsubscribe' as const), peer, pattern }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), peer }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      peer,
      topic: fc.nat(TOPICS.length - 1),
      acknowledge: fc.boolean(),
      excludeMe: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('settleWatch' as const, 'settlePublish' as const),
      which: fc.nat(),
      refused: fc.integer({ min: 0, max: 4 }).map((chance) => chance === 0),
    }),
  },
);

/** The state that a broker should have for one pattern, in its plainest form. */
interface ModelSubscription {
  receivers: Set<number>;
  /** In the order they came. */
  waiting: { peer: number; request: number }[];
  /** The watch that is under way, or undefined once settled. */
  watch: PendingWatch | undefined;
}

function matches([wanted, match]: readonly [string, MatchPolicy], topic: string): boolean {
  if (match === 'exact') return topic === wanted;
  if (match === 'prefix') return topic.startsWith(wanted);
  const components = wanted.split('.');
  const given = topic.split('.');
  return components.length === given.length && components.every((one, at) => one === '' || one === given[at]);
}

/** An event that its publisher is to get once it may. */
interface ModelOwnEvent {
  readonly publication: number;
  readonly subscription: ModelSubscription;
  readonly at: number;
}

class Model {
  readonly bench = brokerBench({ settlesAtOnce: false, maxSubscriptionsPerSession: LIMIT });
  readonly peers: Peer[] = Array.from({ length: PEER_COUNT }, () => testPeer());
  readonly subscriptions = new Map<number, ModelSubscription>();
  readonly #ids = PATTERNS.map(([topic, match]) => deriveId('realm1', match, topic, 0));
  readonly #watched = new Set<string>();
  readonly #ownEvents: ModelOwnEvent[][] = Array.from({ length: PEER_COUNT }, () => []);
  #request = 0;
  #publication = 0;

  run(one: Step): void {
    const expected = this.#expect(one);
    expect(this.#recorded()).toEqual(expected);
    expect(this.bench.broker.subscriptionCount).toBe(this.subscriptions.size);
    const receivers = [...this.subscriptions.values()].map((subscription) => subscription.receivers.size);
    expect(this.bench.broker.receiverCount).toBe(receivers.reduce((sum, count) => sum + count, 0));
    const subscribers = Array.from({ length: PEER_COUNT }, (_, who) => this.#load(who)).filter((load) => load > 0);
    expect(this.bench.broker.subscriberCount).toBe(subscribers.length);
    const held = [...this.subscriptions.keys()].map((at) => PATTERNS[at]!.join(' '));
    expect([...this.#watched].sort()).toEqual(held.sort());
  }

  /** Performs the step and returns the records that it should cause. */
  #expect(one: Step): string[] {
    const { broker, outlet } = this.bench;
    this.#request++;
    switch (one.kind) {
      case 'subscribe':
        broker.subscribe(this.peers[one.peer]!, subscribeMessage(this.#request, ...PATTERNS[one.pattern]!));
        return this.#subscribed(one.peer, one.pattern, this.#request);
      case 'unsubscribe':
        broker.unsubscribe(this.peers[one.peer]!, unsubscribeMessage(this.#request, this.#ids[one.pattern]!));
        return this.#unsubscribed(one.peer, one.pattern, this.#request);
      case 'leave':
        broker.leave(this.peers[one.peer]!);
        return this.#left(one.peer);
      case 'publish': {
        const { peer: who, acknowledge, excludeMe } = one;
        const topic = TOPICS[one.topic]!;
        const message = publishMessage(this.#request, topic, { acknowledge, excludeMe });
        broker.publish(this.peers[who]!, message, false);
        this.#publication++;
        const waits = !excludeMe && this.#waitsForOwn(who, topic);
        const others = this.#delivered(topic, excludeMe || waits ? who : undefined);
        return [...others, ...this.#ownDelivered(who), `publish ${topic}`];
      }
      case 'settleWatch': {
        const [watch] = outlet.watches.splice(one.which % (outlet.watches.length || 1), 1);
        watch?.settle(one.refused ? OUTAGE : undefined);
        return watch === undefined ? [] : this.#settled(watch, one.refused);
      }
      case 'settlePublish': {
        const [publish] = outlet.publishes.splice(one.which % (outlet.publishes.length || 1), 1);
        publish?.settle(one.refused ? OUTAGE : undefined);
        if (publish === undefined) return [];
        const publisher = this.peers.findIndex(({ session }) => session === publish.publication.publisher.session);
        return [one.refused ? `${publisher} ERROR ${Code.PUBLISH}` : `${publisher} PUBLISHED`];
      }
    }
  }

  #subscribed(who: number, at: number, request: number): string[] {
    const subscription = this.subscriptions.get(at);
    if (subscription?.receivers.has(who) === true) return [`${who} SUBSCRIBED ${request} ${this.#ids[at]}`];
    if (this.#load(who) >= LIMIT) return [`${who} ERROR ${Code.SUBSCRIBE} ${request} ${ErrorUri.LIMIT_EXCEEDED}`];
    if (subscription === undefined) {
      const watch = this.bench.outlet.watches.at(-1);
      this.subscriptions.set(at, { receivers: new Set(), waiting: [{ peer: who, request }], watch });
      return [`watch ${PATTERNS[at]!.join(' ')}`];
    }
    if (subscription.watch !== undefined) {
      subscription.waiting.push({ peer: who, request });
      return [];
    }
    subscription.receivers.add(who);
    return [`${who} SUBSCRIBED ${request} ${this.#ids[at]}`];
  }

  #unsubscribed(who: number, at: number, request: number): string[] {
    const subscription = this.subscriptions.get(at);
    const queue = this.#ownEvents[who]!;
    const own = queue.some((event) => event.subscription === subscription)
      ? queue.filter((event) => event.subscription.receivers.has(who))
      : [];
    if (subscription?.receivers.delete(who) !== true)
      return [`${who} ERROR ${Code.UNSUBSCRIBE} ${request} ${ErrorUri.NO_SUCH_SUBSCRIPTION}`];
    this.#ownEvents[who] = queue.filter((event) => !own.includes(event));
    const expected = [...this.#dropUnused(), `${who} UNSUBSCRIBED ${request}`].sort();
    return [...expected, ...own.map((event) => this.#own(event, who))];
  }

  #left(who: number): string[] {
    this.#ownEvents[who] = [];
    for (const subscription of this.subscriptions.values()) {
      subscription.receivers.delete(who);
      subscription.waiting = subscription.waiting.filter((waiting) => waiting.peer !== who);
    }
    return this.#dropUnused().sort();
  }

  #settled(watch: PendingWatch, refused: boolean): string[] {
    const found = [...this.subscriptions].find(([, subscription]) => subscription.watch === watch);
    if (found === undefined) return [];
    const [at, subscription] = found;
    const { waiting } = subscription;
    subscription.waiting = [];
    subscription.watch = undefined;
    if (!refused) for (const { peer: who } of waiting) subscription.receivers.add(who);
    const expected = waiting.map(({ peer: who, request }) =>
      refused
        ? `${who} ERROR ${Code.SUBSCRIBE} ${request} ${ErrorUri.NETWORK_FAILURE}`
        : `${who} SUBSCRIBED ${request} ${this.#ids[at]}`,
    );
    const dropped = this.#dropUnused();
    const own = [...new Set(waiting.map(({ peer: who }) => who))].flatMap((who) => this.#ownDelivered(who));
    return [...[...dropped, ...expected].sort(), ...own];
  }

  /** Without its publisher when that is left out, or gets its copies by itself. */
  #delivered(topic: string, without: number | undefined): string[] {
    const expected: string[] = [];
    for (const [at, { receivers }] of this.subscriptions) {
      const who = [...receivers].filter((one) => one !== without);
      if (who.length > 0 && matches(PATTERNS[at]!, topic))
        expected.push(`deliver ${this.#ids[at]} to ${who.sort().join()}`);
    }
    return expected.sort();
  }

  /** Puts the copies of its publisher behind what it waits for; false: it waits for nothing (G10). */
  #waitsForOwn(who: number, topic: string): boolean {
    const own = [...this.subscriptions]
      .filter(([at]) => matches(PATTERNS[at]!, topic))
      .sort(([one], [other]) => one - other);
    const received = own.filter(([, { receivers }]) => receivers.has(who));
    const awaited = own.filter(([, { waiting }]) => waiting.some((one) => one.peer === who));
    const queue = this.#ownEvents[who]!;
    if (awaited.length === 0 && queue.length === 0) return false;
    for (const [at, subscription] of [...received, ...awaited])
      queue.push({ publication: this.#publication, subscription, at });
    return true;
  }

  #ownDelivered(who: number): string[] {
    const expected: string[] = [];
    const queue = this.#ownEvents[who]!;
    for (;;) {
      const own = queue[0];
      if (own === undefined || own.subscription.waiting.some((waiting) => waiting.peer === who)) return expected;
      queue.shift();
      if (own.subscription.receivers.has(who)) expected.push(this.#own(own, who));
    }
  }

  #own({ publication, at }: ModelOwnEvent, who: number): string {
    return `own ${publication} by ${this.#ids[at]} to ${who}`;
  }

  #dropUnused(): string[] {
    const expected: string[] = [];
    for (const [at, { receivers, waiting }] of this.subscriptions) {
      if (receivers.size > 0 || waiting.length > 0) continue;
      this.subscriptions.delete(at);
      expected.push(`unwatch ${PATTERNS[at]!.join(' ')}`);
    }
    return expected;
  }

  #load(who: number): number {
    let load = 0;
    for (const { receivers, waiting } of this.subscriptions.values())
      load += receivers.has(who) ? 1 : waiting.filter((one) => one.peer === who).length;
    return load;
  }

  /** The records of the broker in the model's words. Within one step they have no particular order, except own events and publish. */
  #recorded(): string[] {
    const recorded = this.bench.outlet.take().filter((one) => one.verb !== 'deliver' || hasReceiver(one));
    const words = recorded.map((record): string => {
      switch (record.verb) {
        case 'watch':
        case 'unwatch': {
          const name = `${record.topic} ${record.match}`;
          // Strict alternation: neither twice in a row.
          expect(this.#watched.has(name)).toBe(record.verb === 'unwatch');
          if (record.verb === 'watch') this.#watched.add(name);
          else this.#watched.delete(name);
          return `${record.verb} ${name}`;
        }
        case 'publish':
          return `publish ${record.publication.topic}`;
        case 'deliver': {
          const { publication, subscription } = record;
          const receivers = record.receivers.filter((receiver) => admits(publication, receiver));
          const who = receivers.map((receiver) => this.peers.indexOf(receiver));
          if (!(subscription instanceof SharedSubscription))
            return `own ${publication.id} by ${record.id} to ${who.join()}`;
          expect(new Set(who).size).toBe(who.length);
          return `deliver ${record.id} to ${who.sort().join()}`;
        }
        case 'send': {
          const who = this.peers.indexOf(record.to);
          const { message } = record;
          if (message[0] === Code.PUBLISHED) return `${who} PUBLISHED`;
          if (message[0] === Code.SUBSCRIBED) return `${who} SUBSCRIBED ${message[1]} ${message[2]}`;
          if (message[0] === Code.UNSUBSCRIBED) return `${who} UNSUBSCRIBED ${message[1]}`;
          if (message[0] !== Code.ERROR) throw new Error(`the broker never sends ${message[0]}`);
          const [, type, request, , error] = message;
          return type === Code.PUBLISH ? `${who} ERROR ${type}` : `${who} ERROR ${type} ${request} ${error}`;
        }
        default:
          throw new Error(`the broker never records ${record.verb}`);
      }
    });
    const own = words.filter((word) => word.startsWith('own'));
    const others = words.filter((word) => !word.startsWith('own'));
    const publish = others.findIndex((word) => word.startsWith('publish'));
    const before = publish < 0 ? others.length : publish;
    return [...others.slice(0, before).sort(), ...own, ...others.slice(before)];
  }
}

function hasReceiver({ publication, receivers }: Extract<Recorded<Peer>, { verb: 'deliver' }>): boolean {
  return receivers.some((receiver) => admits(publication, receiver));
}

describe('any sequence of messages, departures and settlings', () => {
  it('ends as the rules demand: who is answered, who receives, what is watched (BRK-1..BRK-10, ORD-1, ORD-2, G2, G4, G10)', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const model = new Model();
        for (const one of steps) model.run(one);
        for (let who = 0; who < PEER_COUNT; who++) model.run({ kind: 'leave', peer: who });
        expect(model.subscriptions.size).toBe(0);
      }),
      { numRuns: 500 },
    );
  });
});
