import type { NodeId, SessionId, Uri } from '../../../wamp/ids.js';
import type { SessionsKeys } from '../keys.js';
import type { Script, ScriptArgument } from '../ports.js';
import { bytesOf, countOf, listOf, unexpectedReply } from '../scripts/replies.js';

/** A session, and where its row is. */
export interface SessionPlace {
  readonly session: SessionId;
  readonly realm: Uri;
}

export interface SessionsStep {
  readonly keys: SessionsKeys;
  readonly node: NodeId;
}

export interface JoinSessions extends SessionsStep {
  /** Ids that this node has already are granted again. */
  readonly isAgain: boolean;
  readonly sessions: readonly (SessionPlace & { readonly row: Uint8Array })[];
}

/** Whether each was entered; false: its id is taken. */
export const joinSessions: Script<JoinSessions, readonly boolean[]> = {
  file: 'join_sessions.lua',
  encode: ({ isAgain, sessions, keys, node }) => {
    const realms = new RealmPlaces(keys, [keys.ids, keys.of(node)]);
    const argv: ScriptArgument[] = [node, isAgain ? 'rejoin' : 'join'];
    for (const { session, realm, row } of sessions) argv.push(session, realms.placeOf(realm), realm, row);
    return { keys: realms.keys, argv };
  },
  decode: (raw) =>
    listOf(raw, 'join_sessions.lua').map((entered) => {
      if (entered !== 0 && entered !== 1) throw unexpectedReply('join_sessions.lua', entered);
      return entered === 1;
    }),
};

export interface LeaveSessions extends SessionsStep {
  readonly sessions: readonly SessionPlace[];
}

/** How many left. */
export const leaveSessions: Script<LeaveSessions, number> = {
  file: 'leave_sessions.lua',
  encode: ({ sessions, keys, node }) => {
    const realms = new RealmPlaces(keys, [keys.ids, keys.of(node), keys.testaments(node)]);
    const places = sessions.flatMap(({ session, realm }) => [session, realms.placeOf(realm)]);
    return { keys: realms.keys, argv: [node, ...places] };
  },
  decode: (raw) => countOf(raw, 'leave_sessions.lua'),
};

export interface TakeSessions extends LeaveSessions {
  /** The step ends early once the testaments that it returns have more. */
  readonly maxBytes: number;
}

/** The rows of a session that was removed. */
export interface TakenSession {
  readonly row: Uint8Array | undefined;
  readonly testaments: Uint8Array | undefined;
}

/** The sessions that were removed: the first of those given, at least one. */
export const takeSessions: Script<TakeSessions, readonly TakenSession[]> = {
  file: 'take_sessions.lua',
  isBinary: true,
  encode: ({ sessions, keys, node, maxBytes }) => {
    const realms = new RealmPlaces(keys, [keys.ids, keys.of(node), keys.testaments(node)]);
    const places = sessions.flatMap(({ session, realm }) => [session, realms.placeOf(realm)]);
    return { keys: realms.keys, argv: [node, maxBytes, ...places] };
  },
  decode: (raw) => {
    const values = listOf(raw, 'take_sessions.lua').map((value) => rowOf(value, 'take_sessions.lua'));
    const taken: TakenSession[] = [];
    for (let at = 0; at < values.length; at += 2) taken.push({ row: values[at], testaments: values[at + 1] });
    return taken;
  },
};

export interface SetTestaments extends SessionsStep {
  readonly session: SessionId;
  /** Undefined: the session has none. */
  readonly testaments: Uint8Array | undefined;
}

/** False: the node has no such session, and nothing was stored. */
export const setTestaments: Script<SetTestaments, boolean> = {
  file: 'set_testaments.lua',
  encode: ({ keys, node, session, testaments }) => ({
    keys: [keys.ids, keys.testaments(node)],
    argv: [node, session, testaments ?? ''],
  }),
  decode: (raw) => countOf(raw, 'set_testaments.lua') === 1,
};

export interface LoadSessions {
  readonly keys: SessionsKeys;
  readonly sessions: readonly SessionPlace[];
}

/** Row of each; undefined: there is none. */
export const loadSessions: Script<LoadSessions, readonly (Uint8Array | undefined)[]> = {
  file: 'load_sessions.lua',
  isRead: true,
  isBinary: true,
  encode: ({ sessions, keys }) => {
    const realms = new RealmPlaces(keys, []);
    const argv = sessions.flatMap(({ session, realm }) => [session, realms.placeOf(realm)]);
    return { keys: realms.keys, argv };
  },
  decode: (raw) => listOf(raw, 'load_sessions.lua').map((row) => rowOf(row, 'load_sessions.lua')),
};

export interface CountSessions {
  readonly keys: SessionsKeys;
  readonly realm: Uri;
  /** Empty: sessions of every role. */
  readonly roles: readonly string[];
}

export const countSessions: Script<CountSessions, number> = {
  file: 'count_sessions.lua',
  isRead: true,
  encode: ({ keys, realm, roles }) => ({ keys: [keys.in(realm), keys.roles(realm)], argv: roles }),
  decode: (raw) => countOf(raw, 'count_sessions.lua'),
};

/** The two keys of each realm, behind the first keys of a step. */
class RealmPlaces {
  readonly keys: string[];
  readonly #of: SessionsKeys;
  readonly #places = new Map<Uri, number>();

  constructor(of: SessionsKeys, first: readonly string[]) {
    this.#of = of;
    this.keys = [...first];
  }

  /** Place of the first of the two keys; a script counts from 1. */
  placeOf(realm: Uri): number {
    const known = this.#places.get(realm);
    if (known !== undefined) return known;
    const place = this.keys.push(this.#of.in(realm));
    this.keys.push(this.#of.roles(realm));
    this.#places.set(realm, place);
    return place;
  }
}

/** Undefined: the store has no such row. */
function rowOf(raw: unknown, file: string): Uint8Array | undefined {
  return raw === null ? undefined : bytesOf(raw, file);
}
