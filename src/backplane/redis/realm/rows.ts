import type { Callee } from '../../../routing/ports.js';
import { isId, type NodeId, type RegistrationId, type SessionId, type Uri } from '../../../wamp/ids.js';
import type { InvocationPolicy, MatchPolicy } from '../../../wamp/options.js';
import { unpack } from '../../packr.js';
import type { RowFlaw } from '../ports.js';

/** `<match> <uri>`: names a topic or a procedure within a realm, as text with nothing escaped. */
export type Member = string;

export interface ParsedMember {
  readonly match: MatchPolicy;
  readonly uri: Uri;
}

/** A callee with its place among the others of its procedure. */
export interface PlacedCallee {
  readonly callee: Callee;
  /** Version of the realm when it was granted. */
  readonly order: number;
  /** It takes the procedure over by force, to be called under this policy, and is not certain to have it. */
  readonly takesOver?: InvocationPolicy;
}

/** The row of a procedure; its callees have rows of their own. */
export interface ProcedureHead {
  readonly id: RegistrationId;
  readonly invoke: InvocationPolicy;
  /** The same time as in `Registration`. */
  readonly createdMs: number;
}

export interface ProcedureRow extends ProcedureHead {
  /** In no particular order. */
  readonly callees: readonly PlacedCallee[];
}

/** The traits of a callee besides its node, session and order, as a script receives them. */
export type CalleeTraits = readonly [concurrency: number, disclosesCallers: 0 | 1, forwardsTimeouts: 0 | 1];

/** Whether everything that a node wants is in Redis. */
export type ServingState = 'complete' | 'loading';

/** Versions beyond are no versions: every change adds one. */
export const MAX_VERSION = 2 ** 52;

const MAX_TIME_MS = 8.64e15;
/** Format of the rows that this file reads. */
const FORMAT = 1;
const MAX_ROW_BYTES = 65_536;
const DIGITS = /^\d{1,16}$/;
const NODE = /^[!-~]+$/;
const PLAIN = /^[^"\\\u0000-\u001f\ud800-\udfff]*$/;

export function toMember(match: MatchPolicy, uri: Uri): Member {
  return `${match} ${uri}`;
}

export function fromMember(member: Member): ParsedMember | undefined {
  const space = member.indexOf(' ');
  const match = member.slice(0, space);
  return isMatchPolicy(match) ? { match, uri: member.slice(space + 1) } : undefined;
}

/** The form that Redis stores: half a surrogate pair has no UTF-8, and is escaped as in JSON. Injective. */
export function escapeMember(member: Member): string {
  return PLAIN.test(member) ? member : JSON.stringify(member).slice(1, -1);
}

export function unescapeMember(stored: string): Member | undefined {
  if (!stored.includes('\\')) return stored;
  try {
    const member: unknown = JSON.parse(`"${stored}"`);
    return typeof member === 'string' ? member : undefined;
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}

/** A member of the set of callees that a node has, as Redis stores it. */
export function toHeld(member: Member, session: number): string {
  return `${session} ${escapeMember(member)}`;
}

export function fromHeld(stored: string): readonly [Member, SessionId] | undefined {
  const space = stored.indexOf(' ');
  const session = parseId(stored.slice(0, space));
  const member = unescapeMember(stored.slice(space + 1));
  if (session === undefined || member === undefined || fromMember(member) === undefined) return undefined;
  return [member, session as SessionId];
}

export function calleeTraits({ concurrency, discloseCaller, forwardTimeout }: Callee): CalleeTraits {
  return [concurrency ?? 0, discloseCaller ? 1 : 0, forwardTimeout ? 1 : 0];
}

/** A row of `procedures`. */
export function parseProcedure(bytes: Uint8Array): ProcedureHead | RowFlaw {
  const row = unpackRow(bytes);
  if (typeof row === 'string') return row;
  const [, id, invoke, , , createdMs] = row;
  if (!isId(id) || !isInvocationPolicy(invoke) || !isTime(createdMs)) return 'shape';
  return { id: id as RegistrationId, invoke, createdMs };
}

/** A row of `callees`. */
export function parseCallee(holder: string, bytes: Uint8Array): PlacedCallee | RowFlaw {
  const row = unpackRow(bytes);
  if (typeof row === 'string') return row;
  const space = holder.indexOf(' ');
  return toPlacedCallee(holder.slice(0, space), parseId(holder.slice(space + 1)), row) ?? 'shape';
}

/** `row` is a list that begins with the format, as in `callees`. */
export function toPlacedCallee(node: unknown, session: unknown, row: readonly unknown[]): PlacedCallee | undefined {
  const [format, order, concurrency, discloseCaller, forwardTimeout, takesOver] = row;
  if (format !== FORMAT || !isNode(node) || !isSession(session) || !isVersion(order)) return undefined;
  if (typeof discloseCaller !== 'boolean' || typeof forwardTimeout !== 'boolean') return undefined;
  if (!Number.isSafeInteger(concurrency) || Number(concurrency) < 0) return undefined;
  const bound = concurrency === 0 ? undefined : { concurrency: Number(concurrency) };
  const placed = { callee: { node, session, discloseCaller, forwardTimeout, ...bound }, order };
  if (takesOver === '') return placed;
  return isInvocationPolicy(takesOver) ? { ...placed, takesOver } : undefined;
}

/** A row of `nodes`. */
export function parseServing(bytes: Uint8Array): ServingState | RowFlaw {
  const row = unpackRow(bytes);
  if (typeof row === 'string') return row;
  return row[1] === 'complete' || row[1] === 'loading' ? row[1] : 'shape';
}

export function parseId(text: unknown): number | undefined {
  if (typeof text !== 'string' || !DIGITS.test(text)) return undefined;
  const id = Number(text);
  return isId(id) ? id : undefined;
}

export function isVersion(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < MAX_VERSION;
}

/** Milliseconds since 1970 that a Date can have. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_TIME_MS;
}

export function isNode(value: unknown): value is NodeId {
  return typeof value === 'string' && NODE.test(value);
}

export function isMatchPolicy(value: unknown): value is MatchPolicy {
  return value === 'exact' || value === 'prefix' || value === 'wildcard';
}

export function isInvocationPolicy(value: unknown): value is InvocationPolicy {
  return value === 'single' || value === 'roundrobin' || value === 'random' || value === 'first' || value === 'last';
}

function isSession(value: unknown): value is SessionId {
  return isId(value);
}

function unpackRow(bytes: Uint8Array): readonly unknown[] | RowFlaw {
  const row = bytes.byteLength > MAX_ROW_BYTES ? undefined : unpack(bytes);
  if (!Array.isArray(row) || !Number.isSafeInteger(row[0])) return 'shape';
  return row[0] === FORMAT ? (row as unknown[]) : 'version';
}
