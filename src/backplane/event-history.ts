import type { Publication } from '../routing/ports.js';
import type { PublicationId, Uri } from '../wamp/ids.js';
import type { MatchPolicy } from '../wamp/options.js';

/** Topics whose events are kept together, in the order in which the store received them. */
export interface HistoryEntry {
  readonly uri: Uri;
  readonly match: MatchPolicy;
  /** Events at most. */
  readonly limit: number;
  /** Bytes of the events as they are stored. */
  readonly maxBytes: number;
  /** 0: no bound. */
  readonly ttlMs: number;
}

/** The place of an event: milliseconds since 1970 by the clock of the store, and a running number. Later events have later places. */
export type Position = readonly [ms: number, sequence: number];

export interface RecordedEvent {
  readonly position: Position;
  readonly publication: Publication;
}

/** From the first position to the last, both included, or in reverse. */
export interface HistoryRange {
  readonly first: Position;
  readonly last: Position;
  readonly isReversed: boolean;
}

/** Some events of a range. */
export interface HistoryPage {
  readonly events: readonly RecordedEvent[];
  /** The range of the rest. Absent: this was the last page. */
  readonly next?: HistoryRange;
}

/** Events of one page at most. */
export const HISTORY_PAGE_EVENTS = 100;
/** Bytes of one page at most; a page has one event, however large. */
export const HISTORY_PAGE_BYTES = 262_144;
/** Old events that one `append` removes from an entry at most. */
export const MAX_TRIMMED = 64;

export const MAX_SEQUENCE = 2 ** 53 - 1;

/**
 * The newest events of each entry, which the nodes of a realm share. Each method is one atomic step and one round trip, and
 * rejects with BackplaneUnavailableError when the store cannot be reached. The store may have done the step or not. A store
 * that loses its data loses all events.
 */
export interface EventHistory {
  /**
   * Stores the publication in every entry, and removes the oldest events beyond their bounds. Repeating it changes nothing.
   * Rejects with TypeError when the publication cannot be packed.
   */
  append(realm: Uri, publication: Publication, entries: readonly HistoryEntry[]): Promise<void>;
  /** The positions of the publications in the entry. Undefined: the entry does not have it, or no longer. */
  locate(
    realm: Uri,
    entry: HistoryEntry,
    publications: readonly PublicationId[],
  ): Promise<readonly (Position | undefined)[]>;
  read(realm: Uri, entry: HistoryEntry, range: HistoryRange): Promise<HistoryPage>;
}

/** The range behind the position. Undefined: nothing can be there. */
export function behind([ms, sequence]: Position, { first, last, isReversed }: HistoryRange): HistoryRange | undefined {
  if (!isReversed) return { first: [ms, sequence + 1], last, isReversed };
  if (sequence > 0) return { first, last: [ms, sequence - 1], isReversed };
  return ms > 0 ? { first, last: [ms - 1, MAX_SEQUENCE], isReversed } : undefined;
}

/** Negative: `one` is before `other`. */
export function comparePositions(one: Position, other: Position): number {
  return one[0] - other[0] || one[1] - other[1];
}
