import type { Publication } from '../../routing/ports.js';
import type { PublicationId, Uri } from '../../wamp/ids.js';
import {
  behind,
  comparePositions,
  HISTORY_PAGE_BYTES,
  HISTORY_PAGE_EVENTS,
  MAX_TRIMMED,
  type EventHistory,
  type HistoryEntry,
  type HistoryPage,
  type HistoryRange,
  type Position,
  type RecordedEvent,
} from '../event-history.js';
import { packPublication, unpackPublication } from '../kept-publication.js';
import type { Reach } from './reach.js';

interface StoredEvent {
  readonly id: PublicationId;
  readonly position: Position;
  readonly bytes: Uint8Array;
}

interface Entry {
  /** The oldest first. */
  readonly events: StoredEvent[];
  readonly index: Map<PublicationId, Position>;
  bytes: number;
}

/** The history of a hub. */
export class SharedEventHistory {
  readonly #wallMs: () => number;
  readonly #entries = new Map<string, Entry>();
  #last: Position = [0, 0];

  constructor(wallMs: () => number) {
    this.#wallMs = wallMs;
  }

  append(realm: Uri, publication: Publication, entries: readonly HistoryEntry[]): void {
    const bytes = packPublication(publication);
    const position = this.#next();
    for (const rule of entries) {
      const key = keyOf(realm, rule);
      const entry = this.#entries.get(key) ?? { events: [], index: new Map<PublicationId, Position>(), bytes: 0 };
      this.#entries.set(key, entry);
      if (entry.index.has(publication.id)) continue;
      entry.events.push({ id: publication.id, position, bytes });
      entry.index.set(publication.id, position);
      entry.bytes += bytes.length;
      this.#trim(entry, rule);
    }
  }

  locate(realm: Uri, rule: HistoryEntry, publications: readonly PublicationId[]): readonly (Position | undefined)[] {
    const entry = this.#entries.get(keyOf(realm, rule));
    const oldest = this.#oldest(rule);
    return publications.map((id) => {
      const position = entry?.index.get(id);
      return position === undefined || position[0] < oldest ? undefined : position;
    });
  }

  read(realm: Uri, rule: HistoryEntry, range: HistoryRange): HistoryPage {
    const oldest = this.#oldest(rule);
    const all = (this.#entries.get(keyOf(realm, rule))?.events ?? []).filter(
      ({ position }) =>
        position[0] >= oldest &&
        comparePositions(position, range.first) >= 0 &&
        comparePositions(position, range.last) <= 0,
    );
    if (range.isReversed) all.reverse();
    const events: RecordedEvent[] = [];
    let bytes = 0;
    let last: Position | undefined;
    for (const one of all) {
      bytes += one.bytes.length;
      if (last !== undefined && (events.length >= HISTORY_PAGE_EVENTS || bytes > HISTORY_PAGE_BYTES)) break;
      last = one.position;
      const publication = unpackPublication(one.bytes);
      if (typeof publication !== 'string') events.push({ position: one.position, publication });
    }
    const next = last === undefined || last === all.at(-1)?.position ? undefined : behind(last, range);
    return next === undefined ? { events } : { events, next };
  }

  #trim(entry: Entry, rule: HistoryEntry): void {
    const oldest = this.#oldest(rule);
    for (let count = 0; count < MAX_TRIMMED && entry.events.length > 1; count++) {
      const [first] = entry.events as [StoredEvent];
      const isOver = entry.events.length > rule.limit || entry.bytes > rule.maxBytes || first.position[0] < oldest;
      if (!isOver) return;
      entry.events.shift();
      entry.index.delete(first.id);
      entry.bytes -= first.bytes.length;
    }
  }

  #oldest({ ttlMs }: HistoryEntry): number {
    return ttlMs === 0 ? 0 : this.#wallMs() - ttlMs;
  }

  #next(): Position {
    const nowMs = Math.floor(this.#wallMs());
    const [lastMs, sequence] = this.#last;
    this.#last = nowMs > lastMs ? [nowMs, 0] : [lastMs, sequence + 1];
    return this.#last;
  }
}

/** The history as one node of the hub uses it. */
export class MemoryEventHistory implements EventHistory {
  readonly #shared: SharedEventHistory;
  readonly #reach: Reach;

  constructor(shared: SharedEventHistory, reach: Reach) {
    this.#shared = shared;
    this.#reach = reach;
  }

  append(realm: Uri, publication: Publication, entries: readonly HistoryEntry[]): Promise<void> {
    return this.#reach(() => this.#shared.append(realm, publication, entries));
  }

  locate(
    realm: Uri,
    entry: HistoryEntry,
    publications: readonly PublicationId[],
  ): Promise<readonly (Position | undefined)[]> {
    return this.#reach(() => this.#shared.locate(realm, entry, publications));
  }

  read(realm: Uri, entry: HistoryEntry, range: HistoryRange): Promise<HistoryPage> {
    return this.#reach(() => this.#shared.read(realm, entry, range));
  }
}

function keyOf(realm: Uri, { uri, match }: HistoryEntry): string {
  return `${match} ${uri} ${realm}`;
}
