import type { RetainMark } from '../../../routing/ports.js';
import type { Uri } from '../../../wamp/ids.js';
import { MAX_RETAINED_PER_TOPIC, type RetainOutcome, type RetentionBounds } from '../../retained-events.js';
import type { RetainedKeys } from '../keys.js';
import type { Script } from '../ports.js';
import { unexpectedReply } from '../scripts/replies.js';

export interface RetainInput extends RetentionBounds {
  readonly keys: RetainedKeys;
  readonly topic: Uri;
  readonly mark: RetainMark;
  readonly publication: Uint8Array;
  readonly isForAll: boolean;
}

const RETAIN_OUTCOMES: readonly unknown[] = ['kept', 'superseded', 'topics', 'bytes'] satisfies RetainOutcome[];

export const retainEvent: Script<RetainInput, RetainOutcome> = {
  file: 'retain_event.lua',
  encode: ({ keys, topic, mark: { node, number }, publication, isForAll, maxTopics, maxBytes, ttlMs }) => ({
    keys: allOf(keys),
    argv: [topic, node, number, publication, isForAll ? 1 : 0, maxTopics, maxBytes, MAX_RETAINED_PER_TOPIC, ttlMs],
  }),
  decode: (raw) => {
    if (RETAIN_OUTCOMES.includes(raw)) return raw as RetainOutcome;
    throw unexpectedReply('retain_event.lua', raw);
  },
};

export const clearRetained: Script<{ readonly keys: RetainedKeys; readonly topic: Uri }, void> = {
  file: 'clear_retained.lua',
  encode: ({ keys, topic }) => ({ keys: allOf(keys), argv: [topic] }),
  decode: (raw) => {
    if (raw !== 1) throw unexpectedReply('clear_retained.lua', raw);
  },
};

/** The packed publications; the row itself where the script cannot read it. */
export const readRetained: Script<{ readonly keys: RetainedKeys; readonly topic: Uri }, readonly Uint8Array[]> = {
  file: 'read_retained.lua',
  isRead: true,
  isBinary: true,
  encode: ({ keys, topic }) => ({ keys: [keys.rows], argv: [topic] }),
  decode: (raw) => {
    if (Array.isArray(raw) && raw.every((row) => row instanceof Uint8Array)) return raw;
    throw unexpectedReply('read_retained.lua', raw);
  },
};

export interface ListedTopic {
  readonly topic: Uri;
  readonly place: number;
}

export const listRetained: Script<
  { readonly keys: RetainedKeys; readonly below: number | undefined; readonly count: number },
  readonly ListedTopic[]
> = {
  file: 'list_retained.lua',
  isRead: true,
  encode: ({ keys, below, count }) => ({ keys: [keys.order], argv: [below ?? '+inf', count] }),
  decode: (raw) => {
    const flat = Array.isArray(raw) ? (raw as unknown[]) : [0];
    const listed = flat.flatMap((topic, at) => (at % 2 === 0 ? [{ topic, place: Number(flat[at + 1]) }] : []));
    if (listed.every(({ topic, place }) => typeof topic === 'string' && Number.isFinite(place)))
      return listed as readonly ListedTopic[];
    throw unexpectedReply('list_retained.lua', raw);
  },
};

function allOf({ rows, order, bytes }: RetainedKeys): readonly string[] {
  return [rows, order, bytes];
}
