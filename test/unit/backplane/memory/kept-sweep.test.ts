import { describe, expect, it } from 'vitest';
import { MAX_SEQUENCE, type HistoryEntry } from '../../../../src/backplane/event-history.js';
import { SharedEventHistory } from '../../../../src/backplane/memory/event-history.js';
import { SharedRetainedEvents } from '../../../../src/backplane/memory/retained-events.js';
import type { Uri } from '../../../../src/wamp/ids.js';
import { publicationOf } from '../../../support/lane-items.js';

const TOPIC = 'com.myapp.topic' as Uri;
const TTL_MS = 1_000;
const realms = Array.from({ length: 10 }, (_, index) => `realm${index}`);

// The clock goes back at the end: an event that has expired and is still there would appear again.
describe('what is kept of realms that nobody uses any more is removed when it has expired, and only that:', () => {
  it('history', () => {
    let nowMs = 1_000_000;
    const history = new SharedEventHistory(() => nowMs);
    const rule = (ttlMs: number): HistoryEntry => ({ uri: TOPIC, match: 'exact', limit: 10, maxBytes: 10_000, ttlMs });
    const counts = (ttlMs: number): number[] =>
      realms.map((realm) => {
        const range = { first: [0, 0], last: [999_999_999_999_999, MAX_SEQUENCE], isReversed: false } as const;
        return history.read(realm, rule(ttlMs), range).events.length;
      });
    const lasting = realms.slice(5);
    for (const realm of realms) history.append(realm, publicationOf(), [rule(lasting.includes(realm) ? 0 : TTL_MS)]);
    nowMs += TTL_MS;
    for (const realm of realms) history.append(`new.${realm}`, publicationOf(), [rule(TTL_MS)]);
    nowMs -= TTL_MS;
    expect(counts(0)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
  });

  it('retained events', () => {
    let nowMs = 1_000_000;
    const retained = new SharedRetainedEvents(() => nowMs);
    const publication = publicationOf({ topic: TOPIC });
    const bounds = (ttlMs: number) => ({ maxTopics: 10, maxBytes: 10_000, ttlMs });
    const lasting = realms.slice(5);
    for (const realm of realms) retained.put(realm, publication, bounds(lasting.includes(realm) ? 0 : TTL_MS));
    nowMs += TTL_MS;
    for (const realm of realms) retained.put(`new.${realm}`, publication, bounds(TTL_MS));
    nowMs -= TTL_MS;
    expect(realms.map((realm) => retained.get(realm, TOPIC).length)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
  });
});
