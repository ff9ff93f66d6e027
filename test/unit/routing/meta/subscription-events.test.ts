import { beforeEach, expect, it } from 'vitest';
import { deriveId } from '../../../../src/routing/derived-id.js';
import { SubscriptionEvents } from '../../../../src/routing/meta/subscription-events.js';
import { MetaTopic } from '../../../../src/routing/meta/topics.js';
import type { SessionId, SubscriptionId, Uri } from '../../../../src/wamp/ids.js';

const REALM = 'realm1';
const TOPIC = 'com.example.topic';
const id = deriveId(REALM, 'exact', TOPIC, 0) as SubscriptionId;
const created = { id, created: '1970-01-01T00:00:05.000Z', uri: TOPIC, match: 'exact' };
const [one, two] = [1, 2] as [SessionId, SessionId];
const { SUBSCRIPTION_CREATED, SUBSCRIBER_ADDED, SUBSCRIBER_REMOVED, SUBSCRIPTION_DELETED } = MetaTopic;

let here: unknown[];
let elsewhere: unknown[];
let wanted: Set<Uri>;
let events: SubscriptionEvents;

beforeEach(() => {
  here = [];
  elsewhere = [];
  wanted = new Set(Object.values(MetaTopic));
  events = made();
  events.begin();
});

function made(): SubscriptionEvents {
  return new SubscriptionEvents({
    realm: REALM,
    isWantedHere: (topic) => wanted.has(topic),
    publishHere: (topic, args) => {
      if (wanted.has(topic)) here.push([topic, ...args]);
    },
    publishElsewhere: (topic, args) => void elsewhere.push([topic, ...args]),
    createdMs: () => undefined,
    forgotten: () => undefined,
    nowMs: () => 0,
  });
}

function edge(isWanted: boolean, topic = TOPIC, leaver?: number): void {
  events.changed({ topic, match: 'exact', createdMs: 5_000, isWanted, ...(leaver !== undefined && { leaver }) });
}

it('on_create waits for SUBSCRIBED, and comes once (UMA-1, UMA-2)', () => {
  edge(true);
  expect(here).toEqual([]);
  events.subscribed(one, { id, topic: TOPIC });
  events.subscribed(two, { id, topic: TOPIC });
  const expected = [
    [SUBSCRIPTION_CREATED, one, created],
    [SUBSCRIBER_ADDED, one, id],
    [SUBSCRIBER_ADDED, two, id],
  ];
  expect(here).toEqual(expected);
  expect(elsewhere).toEqual(expected);
});

it('on_create of another node is published once, whichever node sends it first (UMA-6)', () => {
  edge(true);
  expect(events.arrived(SUBSCRIPTION_CREATED, [one, created])).toBe(true);
  expect(events.arrived(SUBSCRIPTION_CREATED, [two, created])).toBe(false);
});

it('on_subscribe that overtakes on_create brings it along (UMA-1)', () => {
  edge(true);
  expect(events.arrived(SUBSCRIBER_ADDED, [two, id])).toBe(true);
  expect(here).toEqual([[SUBSCRIPTION_CREATED, two, created]]);
  expect(events.arrived(SUBSCRIPTION_CREATED, [one, created])).toBe(false);
});

it('a node that begins between the change and SUBSCRIBED has on_subscribe and on_delete only (ADR 42)', () => {
  events = made();
  edge(true);
  events.begin();
  expect(events.arrived(SUBSCRIPTION_CREATED, [one, created])).toBe(false);
  expect(events.arrived(SUBSCRIBER_ADDED, [one, id])).toBe(true);
  edge(false, TOPIC, one);
  expect(here).toEqual([[SUBSCRIPTION_DELETED, one, id]]);
});

it('a subscription that no session has received has neither beginning nor end', () => {
  edge(true);
  edge(false, TOPIC, one);
  expect([here, elsewhere]).toEqual([[], []]);
});

it('on_delete comes from the change alone, with the last session or null (UMA-1)', () => {
  wanted.delete(SUBSCRIPTION_CREATED);
  edge(true);
  edge(false, TOPIC, one);
  edge(true);
  events.subscribed(one, { id, topic: TOPIC });
  events.unsubscribed(one, { id, topic: TOPIC });
  edge(false);
  expect(here.filter((event) => (event as unknown[])[0] === SUBSCRIPTION_DELETED)).toEqual([
    [SUBSCRIPTION_DELETED, one, id],
    [SUBSCRIPTION_DELETED, null, id],
  ]);
  expect(elsewhere.at(-1)).toEqual([SUBSCRIBER_REMOVED, one, id]);
  expect(events.arrived(SUBSCRIPTION_DELETED, [one, id])).toBe(false);
});

it('topics of the router have no events (UMA-4)', () => {
  const meta = deriveId(REALM, 'exact', 'wamp.session.on_join', 0) as SubscriptionId;
  edge(true, 'wamp.session.on_join');
  events.subscribed(one, { id: meta, topic: 'wamp.session.on_join' });
  events.unsubscribed(one, { id: meta, topic: 'wamp.session.on_join' });
  edge(false, 'wamp.session.on_join');
  expect([here, elsewhere]).toEqual([[], []]);
});
