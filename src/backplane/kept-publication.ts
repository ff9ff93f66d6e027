import { rawPayload } from '../codec/payload.js';
import type { Publication, RetainMark } from '../routing/ports.js';
import { isCount, isDict } from '../wamp/dict.js';
import { isId, type NodeId, type PublicationId, type SessionId } from '../wamp/ids.js';
import type { AudienceLists, Passthru } from '../wamp/options.js';
import { ListedIds } from '../wamp/session-ids.js';
import { pack, unpack } from './packr.js';
import { PASSTHRU_FORMS, SERIALIZERS } from './wire/format.js';

/*
 * A publication as the store keeps it: a list in MessagePack, see packr.ts.
 *
 *   1 (format) · id · topic · publisher: session, authid and authrole · flags · serializer · elements of the payload · payload
 *   · passthru: null, or form and details · audience: null, or six lists, each null when it is absent
 *   · mark of a retained event: null, or node and number · trust level, where it has one
 *
 * A later release may append elements. authid and authrole are empty when the publisher is not disclosed.
 */
const FORMAT = 1;
const LENGTH = 13;
const EXCLUDE_PUBLISHER = 1;
const DISCLOSE_PUBLISHER = 2;

/** The reason why a row of the store cannot be read. */
export type KeptFlaw = 'shape' | 'version';

/** Throws TypeError when a part of the publication cannot be represented. */
export function packPublication(publication: Publication): Uint8Array {
  const { id, topic, publisher, payload, passthru, audience, retain, excludePublisher, disclosePublisher, trustLevel } =
    publication;
  const { session, authid, authrole } = disclosePublisher ? publisher : { ...publisher, authid: '', authrole: '' };
  const bytes = pack([
    FORMAT,
    id,
    topic,
    session,
    authid,
    authrole,
    (excludePublisher ? EXCLUDE_PUBLISHER : 0) | (disclosePublisher ? DISCLOSE_PUBLISHER : 0),
    SERIALIZERS.indexOf(payload.serializer),
    payload.elementCount,
    payload.bytes,
    passthru === undefined ? null : [PASSTHRU_FORMS.indexOf(passthru.form), passthru.details],
    audience === undefined ? null : packAudience(audience),
    retain === undefined ? null : [retain.node, retain.number],
    ...(trustLevel === undefined ? [] : [trustLevel]),
  ]);
  if (bytes instanceof Uint8Array) return bytes;
  throw new TypeError(`a publication for the store: ${bytes.message}`);
}

export function unpackPublication(packed: Uint8Array): Publication | KeptFlaw {
  const row = unpack(packed);
  if (!Array.isArray(row)) return 'shape';
  if (row[0] !== FORMAT) return 'version';
  if (row.length < LENGTH) return 'shape';
  const [
    ,
    id,
    topic,
    session,
    authid,
    authrole,
    flags,
    serializer,
    elementCount,
    bytes,
    through,
    lists,
    marked,
    trustLevel,
  ] = row as unknown[];
  const passthru = through === null ? undefined : unpackPassthru(through);
  const audience = lists === null ? undefined : unpackAudience(lists);
  const retain = marked === null ? undefined : unpackMark(marked);
  if (
    !isId(id) ||
    !isId(session) ||
    typeof topic !== 'string' ||
    typeof authid !== 'string' ||
    typeof authrole !== 'string' ||
    typeof flags !== 'number' ||
    typeof serializer !== 'number' ||
    !(bytes instanceof Uint8Array) ||
    passthru === null ||
    audience === null ||
    retain === null ||
    !(trustLevel === undefined || isCount(trustLevel))
  )
    return 'shape';
  const name = SERIALIZERS[serializer];
  const isConsistent = (elementCount === 1 || elementCount === 2) === bytes.length > 0;
  if (name === undefined || !isConsistent || (elementCount !== 0 && elementCount !== 1 && elementCount !== 2))
    return 'shape';
  return {
    id: id as PublicationId,
    topic,
    payload: rawPayload(name, elementCount, bytes),
    publisher: { session: session as SessionId, authid, authrole },
    excludePublisher: (flags & EXCLUDE_PUBLISHER) !== 0,
    disclosePublisher: (flags & DISCLOSE_PUBLISHER) !== 0,
    ...(passthru !== undefined && { passthru }),
    ...(audience !== undefined && { audience }),
    ...(retain !== undefined && { retain }),
    ...(trustLevel !== undefined && { trustLevel }),
  };
}

function packAudience(audience: AudienceLists): readonly (readonly unknown[] | null)[] {
  const { eligible, exclude, eligibleAuthid, eligibleAuthrole, excludeAuthid, excludeAuthrole } = audience;
  const lists: readonly (Iterable<unknown> | undefined)[] = [
    eligible,
    exclude,
    eligibleAuthid,
    eligibleAuthrole,
    excludeAuthid,
    excludeAuthrole,
  ];
  return lists.map((list) => (list === undefined ? null : [...list]));
}

/** Null: the shape is wrong. */
function unpackAudience(lists: unknown): AudienceLists | null {
  if (!Array.isArray(lists) || lists.length < 6) return null;
  const [eligible, exclude, ...names] = lists as unknown[];
  if (!isIdList(eligible) || !isIdList(exclude) || !names.every(isNameList)) return null;
  const [eligibleAuthid, eligibleAuthrole, excludeAuthid, excludeAuthrole] = names;
  return {
    ...(eligible && { eligible: new ListedIds(eligible) }),
    ...(exclude && { exclude: new ListedIds(exclude) }),
    ...(eligibleAuthid && { eligibleAuthid: new Set(eligibleAuthid) }),
    ...(eligibleAuthrole && { eligibleAuthrole: new Set(eligibleAuthrole) }),
    ...(excludeAuthid && { excludeAuthid: new Set(excludeAuthid) }),
    ...(excludeAuthrole && { excludeAuthrole: new Set(excludeAuthrole) }),
  };
}

function unpackPassthru(value: unknown): Passthru | null {
  if (!Array.isArray(value)) return null;
  const [form, details] = value as unknown[];
  const name = typeof form === 'number' ? PASSTHRU_FORMS[form] : undefined;
  return name !== undefined && isDict(details) ? { form: name, details } : null;
}

function unpackMark(value: unknown): RetainMark | null {
  if (!Array.isArray(value)) return null;
  const [node, number] = value as unknown[];
  return typeof node === 'string' && isId(number) ? { node: node as NodeId, number } : null;
}

/** A client may list 0, which no session has. */
function isIdList(value: unknown): value is readonly number[] | null {
  return value === null || (Array.isArray(value) && value.every((id) => typeof id === 'number' && id >= 0));
}

function isNameList(value: unknown): value is readonly string[] | null {
  return value === null || (Array.isArray(value) && value.every((name) => typeof name === 'string'));
}
