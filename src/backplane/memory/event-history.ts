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
import type { SharedStep } from './shared-step.js';
import { sweep } from './sweep.js';

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
  /** Wall clock in milliseconds: the newest event is over then. */
  untilMs: number;
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
      const entry = this.#entries.get(key) ?? this.#begin(key);
      entry.untilMs = rule.ttlMs === 0 ? Infinity : position[0] + rule.ttlMs;
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
    const all = this.#entries.get(keyOf(realm, rule))?.events ?? [];
    const oldest = this.#oldest(rule);
    const begin = countWhile(
      all,
      ({ position }) => position[0] < oldest || comparePositions(position, range.first) < 0,
    );
    const end = countWhile(all, ({ position }) => comparePositions(position, range.last) <= 0);
    const events: RecordedEvent[] = [];
    let bytes = 0;
    let last: Position | undefined;
    for (let count = 0; count < end - begin; count++) {
      const { position, bytes: row } = all[range.isReversed ? end - 1 - count : begin + count] as StoredEvent;
      bytes += row.length;
      if (last !== undefined && (count >= HISTORY_PAGE_EVENTS || bytes > HISTORY_PAGE_BYTES)) {
        const next = behind(last, range);
        return next === undefined ? { events } : { events, next };
      }
      last = position;
      const publication = unpackPublication(row);
      if (typeof publication !== 'string') events.push({ position, publication });
    }
    return { events };
  }

  /** A realm that was created by a client may never be used again: what expires there is removed when others begin. */
  #begin(key: string): Entry {
    const nowMs = this.#wallMs();
    sweep(this.#entries, ({ untilMs }) => untilMs <= nowMs);
    const entry: Entry = { events: [], index: new Map(), bytes: 0, untilMs: Infinity };
    this.#entries.set(key, entry);
    return entry;
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
  readonly #share: SharedStep;

  constructor(shared: SharedEventHistory, share: SharedStep) {
    this.#shared = shared;
    this.#share = share;
  }

  append(realm: Uri, publication: Publication, entries: readonly HistoryEntry[]): Promise<void> {
    return this.#share(() => this.#shared.append(realm, publication, entries));
  }

  locate(
    realm: Uri,
    entry: HistoryEntry,
    publications: readonly PublicationId[],
  ): Promise<readonly (Position | undefined)[]> {
    return this.#share(() => this.#shared.locate(realm, entry, publications));
  }

  read(realm: Uri, entry: HistoryEntry, range: HistoryRange): Promise<HistoryPage> {
    return this.#share(() => this.#shared.read(realm, entry, range));
  }
}

function keyOf(realm: Uri, { uri, match }: HistoryEntry): string {
  return `${match} ${uri} ${realm}`;
}

/** Number of events for which `holds` is true. They come first, and `holds` is false for all others. O(log events). */
function countWhile(events: readonly StoredEvent[], holds: (event: StoredEvent) => boolean): number {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(events[middle] as StoredEvent)) low = middle + 1;
    else high = middle;
  }
  return low;
}
