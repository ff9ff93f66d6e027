import type { Publication } from '../../../routing/ports.js';
import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { Uri } from '../../../wamp/ids.js';
import { packPublication } from '../../kept-publication.js';
import {
  RETAINED_PAGE,
  type RetainedEvents,
  type RetainedTopics,
  type RetainOutcome,
  type RetentionBounds,
} from '../../retained-events.js';
import type { Keys } from '../keys.js';
import type { Store } from '../ports.js';
import { readPublication } from './read-publication.js';
import { clearRetained, listRetained, readRetained, retainEvent } from './retained-scripts.js';

export interface RedisRetainedEventsOptions {
  readonly store: Pick<Store, 'run'>;
  readonly keys: Pick<Keys, 'retained'>;
  readonly counters: Pick<ClusterCounters, 'rowsIgnored'>;
}

/** The retained events in Redis. */
export class RedisRetainedEvents implements RetainedEvents {
  readonly #options: RedisRetainedEventsOptions;

  constructor(options: RedisRetainedEventsOptions) {
    this.#options = options;
  }

  async put(realm: Uri, publication: Publication, bounds: RetentionBounds): Promise<RetainOutcome> {
    const { store, keys } = this.#options;
    const { topic, retain: mark } = publication;
    if (mark === undefined) throw new TypeError('a publication without a mark cannot be retained');
    return store.run(retainEvent, {
      keys: keys.retained(realm),
      topic,
      mark,
      publication: packPublication(publication),
      isForAll: publication.audience === undefined,
      ...bounds,
    });
  }

  clear(realm: Uri, topic: Uri): Promise<void> {
    return this.#options.store.run(clearRetained, { keys: this.#options.keys.retained(realm), topic });
  }

  async get(realm: Uri, topic: Uri): Promise<readonly Publication[]> {
    const { store, keys, counters } = this.#options;
    const rows = await store.run(readRetained, { keys: keys.retained(realm), topic });
    return rows.flatMap((row) => readPublication(row, counters) ?? []);
  }

  async topics(realm: Uri, from?: number): Promise<RetainedTopics> {
    const { store, keys } = this.#options;
    const listed = await store.run(listRetained, { keys: keys.retained(realm), below: from, count: RETAINED_PAGE });
    const topics = listed.map(({ topic }) => topic);
    const next = listed.length < RETAINED_PAGE ? undefined : listed.at(-1)?.place;
    return next === undefined ? { topics } : { topics, next };
  }
}
