import type { PlaceOutcome, PlacesRule } from '../../expiring-store.js';
import type { Script } from '../ports.js';
import { unexpectedReply } from '../scripts/replies.js';

/** The values of counters after adding. */
export const addCounters: Script<
  { readonly keys: readonly string[]; readonly amount: number; readonly ttlMs: number },
  readonly number[]
> = {
  file: 'add_counters.lua',
  encode: ({ keys, amount, ttlMs }) => ({ keys, argv: [amount, ttlMs] }),
  decode: (raw) => {
    if (Array.isArray(raw) && raw.every((count) => typeof count === 'number')) return raw;
    throw unexpectedReply('add_counters.lua', raw);
  },
};

export const putValue: Script<{ readonly key: string; readonly value: Uint8Array; readonly ttlMs: number }, void> = {
  file: 'put_value.lua',
  encode: ({ key, value, ttlMs }) => ({ keys: [key], argv: [value, ttlMs] }),
  decode: (raw) => {
    if (raw !== 1) throw unexpectedReply('put_value.lua', raw);
  },
};

/** The value. Undefined: there is none. */
export const readValue: Script<{ readonly key: string; readonly then: 'keep' | 'delete' }, Uint8Array | undefined> = {
  file: 'read_value.lua',
  isBinary: true,
  encode: ({ key, then }) => ({ keys: [key], argv: [then] }),
  decode: (raw) => {
    if (raw === null) return undefined;
    if (raw instanceof Uint8Array) return raw;
    throw unexpectedReply('read_value.lua', raw);
  },
};

export const enterPlace: Script<PlacesRule & { readonly key: string; readonly member: string }, PlaceOutcome> = {
  file: 'enter_place.lua',
  encode: ({ key, member, max, full, ttlMs }) => ({ keys: [key], argv: [member, max, full, ttlMs] }),
  decode: (raw) => {
    const [isEntered, ...others] = Array.isArray(raw) ? (raw as unknown[]) : [];
    if ((isEntered === 0 || isEntered === 1) && others.every((other) => typeof other === 'string'))
      return { isEntered: isEntered === 1, others };
    throw unexpectedReply('enter_place.lua', raw);
  },
};

export const leavePlaces: Script<{ readonly key: string; readonly members: readonly string[] }, void> = {
  file: 'leave_places.lua',
  encode: ({ key, members }) => ({ keys: [key], argv: members }),
  decode: (raw) => {
    if (raw !== 1) throw unexpectedReply('leave_places.lua', raw);
  },
};
