import { expect, it } from 'vitest';
import { payloadOf } from '../../../../src/codec/payload.js';
import { EventKeeper } from '../../../../src/realm/kept/event-keeper.js';
import type { Publication } from '../../../../src/routing/ports.js';
import { createCounters } from '../../../../src/telemetry/counters.js';
import type { NodeId, PublicationId, SessionId } from '../../../../src/wamp/ids.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { Scene } from '../../../support/realm-scene.js';

const HISTORY = { limit: 10, maxBytes: 1_000, ttlMs: 0 };
const RETENTION = { maxTopics: 10, maxBytes: 1_000, ttlMs: 0, maxMessageBytes: 100, clearOnEmpty: true };

let lastId = 0;

function event(topic: string, args: readonly unknown[]): Publication {
  return {
    id: ++lastId as PublicationId,
    topic,
    payload: payloadOf(args),
    publisher: { session: 900 as SessionId, authid: '', authrole: '' },
    excludePublisher: true,
    disclosePublisher: false,
    retain: { node: 'one' as NodeId, number: 1 },
  };
}

async function keeper() {
  const { backplane } = await new Scene().node('one');
  const keptWrites = { count: 0, bytes: 0, lastNumber: 0 };
  const counters = createCounters();
  const settings = {
    retention: { ...RETENTION, topics: [{ uri: 'a', match: 'exact' as const }] },
    history: [
      { ...HISTORY, uri: 'a', match: 'exact' as const },
      { ...HISTORY, uri: 'a.', match: 'prefix' as const },
      { ...HISTORY, uri: '.b', match: 'wildcard' as const },
    ],
  };
  return {
    kept: new EventKeeper('com.realm', settings, { backplane, counters, keptWrites }),
    keptWrites,
    counters,
    backplane,
  };
}

it.each([[['text']], [[]]])(
  'an event beyond the bound of writes is refused, whether it is kept or clears: %j',
  async (args) => {
    const { kept, keptWrites, counters } = await keeper();
    keptWrites.count = 16_384;
    const refusals: unknown[] = [];
    kept.retain(event('a', args), (refusal) => refusals.push(refusal?.error));
    expect(refusals).toEqual([ErrorUri.UNAVAILABLE]);
    expect([keptWrites.count, counters.retainedEvents.overload]).toEqual([16_384, 1]);
  },
);

it('an event is recorded in every history whose pattern matches its topic, and in no other', async () => {
  const { kept, backplane } = await keeper();
  for (const topic of ['a', 'a.b', 'c.b', 'a.c', 'ab'])
    await new Promise<void>((resolve) => kept.record(event(topic, [topic]), () => resolve()));
  const topics = async (uri: string, match: 'exact' | 'prefix' | 'wildcard') => {
    const range = { first: [0, 0], last: [999_999_999_999_999, 0], isReversed: false } as const;
    const { events } = await backplane.history.read('com.realm', { ...HISTORY, uri, match }, range);
    return events.map(({ publication }) => publication.topic);
  };
  expect(await topics('a', 'exact')).toEqual(['a']);
  expect(await topics('a.', 'prefix')).toEqual(['a.b', 'a.c']);
  expect(await topics('.b', 'wildcard')).toEqual(['a.b', 'c.b']);
});
