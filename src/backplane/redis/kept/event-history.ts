import type { Publication } from '../../../routing/ports.js';
import type { ClusterCounters } from '../../../telemetry/cluster-counters.js';
import type { PublicationId, Uri } from '../../../wamp/ids.js';
import {
  behind,
  type EventHistory,
  type HistoryEntry,
  type HistoryPage,
  type HistoryRange,
  type Position,
} from '../../event-history.js';
import { packPublication } from '../../kept-publication.js';
import type { HistoryKeys, Keys } from '../keys.js';
import type { Store } from '../ports.js';
import { appendHistory, locateHistory, readHistory } from './history-scripts.js';
import { readPublication } from './read-publication.js';

export interface RedisEventHistoryOptions {
  readonly store: Pick<Store, 'run'>;
  readonly keys: Pick<Keys, 'history'>;
  readonly counters: Pick<ClusterCounters, 'rowsIgnored'>;
}

/** The history in Redis: a stream and an index for each entry. */
export class RedisEventHistory implements EventHistory {
  readonly #options: RedisEventHistoryOptions;

  constructor(options: RedisEventHistoryOptions) {
    this.#options = options;
  }

  async append(realm: Uri, publication: Publication, entries: readonly HistoryEntry[]): Promise<void> {
    await this.#options.store.run(appendHistory, {
      id: publication.id,
      publication: packPublication(publication),
      entries: entries.map((rule) => ({ keys: this.#keys(realm, rule), rule })),
    });
  }

  locate(
    realm: Uri,
    entry: HistoryEntry,
    publications: readonly PublicationId[],
  ): Promise<readonly (Position | undefined)[]> {
    const keys = this.#keys(realm, entry);
    return this.#options.store.run(locateHistory, { keys, ttlMs: entry.ttlMs, publications });
  }

  async read(realm: Uri, entry: HistoryEntry, range: HistoryRange): Promise<HistoryPage> {
    const { store, counters } = this.#options;
    const page = await store.run(readHistory, { keys: this.#keys(realm, entry), range, ttlMs: entry.ttlMs });
    const events = page.events.flatMap(({ position, publication: row }) => {
      const publication = readPublication(row, counters);
      return publication === undefined ? [] : [{ position, publication }];
    });
    const last = page.events.at(-1)?.position;
    const next = page.hasMore && last !== undefined ? behind(last, range) : undefined;
    return next === undefined ? { events } : { events, next };
  }

  #keys(realm: Uri, { uri, match }: HistoryEntry): HistoryKeys {
    return this.#options.keys.history(realm, match, uri);
  }
}
