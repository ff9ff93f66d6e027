import { writeByte } from '../../codec/binary.js';
import type { ByteSink } from '../../codec/byte-sink.js';
import type { SessionId } from '../../wamp/ids.js';
import type { AudienceLists } from '../../wamp/options.js';
import { ListedIds, type SessionIds } from '../../wamp/session-ids.js';
import { type FieldCursor, writeCount, writeNumber, writeText } from './fields.js';

/** Presence of each list is kept, as is an audience without any (BWL-1, BWL-2). */
export function writeAudience(sink: ByteSink, audience: AudienceLists): void {
  const { eligible, eligibleAuthid, eligibleAuthrole, exclude, excludeAuthid, excludeAuthrole } = audience;
  const lists = [eligible, exclude, eligibleAuthid, eligibleAuthrole, excludeAuthid, excludeAuthrole];
  writeByte(
    sink,
    lists.reduce((bits, list, place) => bits | (list === undefined ? 0 : 1 << place), 0),
  );
  for (const ids of [eligible, exclude]) if (ids !== undefined) writeIds(sink, ids);
  for (const names of [eligibleAuthid, eligibleAuthrole, excludeAuthid, excludeAuthrole]) {
    if (names === undefined) continue;
    writeCount(sink, names.size);
    for (const name of names) writeText(sink, name);
  }
}

export function readAudience(cursor: FieldCursor): AudienceLists {
  const bits = cursor.choice(64);
  return {
    ...((bits & 1) !== 0 && { eligible: readIds(cursor) }),
    ...((bits & 2) !== 0 && { exclude: readIds(cursor) }),
    ...((bits & 4) !== 0 && { eligibleAuthid: readNames(cursor) }),
    ...((bits & 8) !== 0 && { eligibleAuthrole: readNames(cursor) }),
    ...((bits & 16) !== 0 && { excludeAuthid: readNames(cursor) }),
    ...((bits & 32) !== 0 && { excludeAuthrole: readNames(cursor) }),
  };
}

function writeIds(sink: ByteSink, ids: SessionIds): void {
  const listed: readonly SessionId[] = [...ids];
  writeCount(sink, listed.length);
  for (const id of listed) writeNumber(sink, id);
}

function readIds(cursor: FieldCursor): SessionIds {
  const count = cursor.count(8);
  const ids: number[] = [];
  // A client may list 0, which no session has.
  for (let i = 0; i < count && !cursor.isBad(); i++) ids.push(cursor.number(0));
  return new ListedIds(ids);
}

function readNames(cursor: FieldCursor): ReadonlySet<string> {
  const count = cursor.count(1);
  const names = new Set<string>();
  for (let i = 0; i < count && !cursor.isBad(); i++) names.add(cursor.text());
  return names;
}
