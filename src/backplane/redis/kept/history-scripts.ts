import type { PublicationId } from '../../../wamp/ids.js';
import {
  HISTORY_PAGE_BYTES,
  HISTORY_PAGE_EVENTS,
  MAX_TRIMMED,
  type HistoryEntry,
  type HistoryRange,
  type Position,
} from '../../event-history.js';
import type { HistoryKeys } from '../keys.js';
import type { Script } from '../ports.js';
import { unexpectedReply } from '../scripts/replies.js';

type Rule = Pick<HistoryEntry, 'limit' | 'maxBytes' | 'ttlMs'>;

export const appendHistory: Script<
  {
    readonly id: PublicationId;
    readonly publication: Uint8Array;
    readonly entries: readonly { readonly keys: HistoryKeys; readonly rule: Rule }[];
  },
  void
> = {
  file: 'append_history.lua',
  encode: ({ id, publication, entries }) => ({
    keys: entries.flatMap(({ keys: { stream, index } }) => [stream, index]),
    argv: [
      id,
      publication,
      MAX_TRIMMED,
      ...entries.flatMap(({ rule: { limit, maxBytes, ttlMs } }) => [limit, maxBytes, ttlMs]),
    ],
  }),
  decode: (raw) => {
    if (raw !== 1) throw unexpectedReply('append_history.lua', raw);
  },
};

export const locateHistory: Script<
  { readonly keys: HistoryKeys; readonly ttlMs: number; readonly publications: readonly PublicationId[] },
  readonly (Position | undefined)[]
> = {
  file: 'locate_history.lua',
  isRead: true,
  encode: ({ keys, ttlMs, publications }) => ({ keys: [keys.index], argv: [ttlMs, ...publications] }),
  decode: (raw) => {
    if (Array.isArray(raw)) return (raw as unknown[]).map(positionOf);
    throw unexpectedReply('locate_history.lua', raw);
  },
};

export interface ReadPage {
  readonly hasMore: boolean;
  readonly events: readonly { readonly position: Position; readonly publication: Uint8Array }[];
}

export const readHistory: Script<
  { readonly keys: HistoryKeys; readonly range: HistoryRange; readonly ttlMs: number },
  ReadPage
> = {
  file: 'read_history.lua',
  isRead: true,
  isBinary: true,
  encode: ({ keys, range: { first, last, isReversed }, ttlMs }) => ({
    keys: [keys.stream],
    argv: [placeOf(first), placeOf(last), isReversed ? 1 : 0, HISTORY_PAGE_EVENTS, HISTORY_PAGE_BYTES, ttlMs],
  }),
  decode: (raw) => {
    const [hasMore, ...flat] = Array.isArray(raw) ? (raw as unknown[]) : [];
    if (hasMore !== 0 && hasMore !== 1) throw unexpectedReply('read_history.lua', raw);
    const events = flat.flatMap((place, at) => {
      if (at % 2 === 1) return [];
      const position = place instanceof Uint8Array ? positionOf(new TextDecoder().decode(place)) : undefined;
      const publication = flat[at + 1];
      if (position === undefined || !(publication instanceof Uint8Array))
        throw unexpectedReply('read_history.lua', place);
      return [{ position, publication }];
    });
    return { hasMore: hasMore === 1, events };
  },
};

function placeOf([ms, sequence]: Position): string {
  return `${ms}-${sequence}`;
}

function positionOf(place: unknown): Position | undefined {
  const [, ms, sequence] = typeof place === 'string' ? (/^(\d{1,15})-(\d{1,15})$/.exec(place) ?? []) : [];
  return ms === undefined ? undefined : [Number(ms), Number(sequence)];
}
