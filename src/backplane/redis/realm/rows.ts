import type { Callee } from '../../../routing/ports.js';
import { isId, type NodeId, type RegistrationId, type SessionId, type Uri } from '../../../wamp/ids.js';
import type { InvocationPolicy, MatchPolicy } from '../../../wamp/options.js';

/** `<match> <uri>`: names a topic or a procedure within a realm, as text with nothing escaped. */
export type Member = string;

export interface Entry {
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

export interface ProcedureRow {
  readonly id: RegistrationId;
  readonly invoke: InvocationPolicy;
  /** In no particular order. */
  readonly callees: readonly PlacedCallee[];
}

/** Of another format version, or not what the version promises. */
export type RowFlaw = 'version' | 'shape';

/** Versions beyond are no versions: every change adds one. */
export const MAX_VERSION = 2 ** 52;

const DIGITS = /^\d{1,16}$/;
const ROW_HEADER = /^(\d{1,16}) ([a-z]+) \d{1,16}$/;
const CALLEE_LINE = /^([!-~]+) (\d{1,16}) (\d{1,16}) (-|\d{1,16}) ([d-])([t-])(?: ([a-z]+))?$/;
const PLAIN = /^[^"\\\u0000-\u001f\ud800-\udfff]*$/;

export function toMember(match: MatchPolicy, uri: Uri): Member {
  return `${match} ${uri}`;
}

export function fromMember(member: Member): Entry | undefined {
  const space = member.indexOf(' ');
  const match = member.slice(0, space);
  return isMatchPolicy(match) ? { match, uri: member.slice(space + 1) } : undefined;
}

/** As it is written to the store: between quotes it is a string of JSON. Injective. */
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

/** What a callee's line says after node, session and order. */
export function calleeRest({ concurrency, discloseCaller, forwardTimeout }: Callee): string {
  return `${concurrency ?? '-'} ${discloseCaller ? 'd' : '-'}${forwardTimeout ? 't' : '-'}`;
}

export function parseCalleeLine(line: string): PlacedCallee | undefined {
  const words = CALLEE_LINE.exec(line);
  if (words === null) return undefined;
  const [, node, session, order, concurrency, disclose, forward, takesOver] = words;
  const id = Number(session);
  if (!isId(id) || !isVersion(Number(order))) return undefined;
  if (takesOver !== undefined && !isInvocationPolicy(takesOver)) return undefined;
  const flags = { discloseCaller: disclose === 'd', forwardTimeout: forward === 't' };
  const callee = { node: node as NodeId, session: id as SessionId, ...flags };
  const bound = concurrency === '-' ? undefined : { concurrency: Number(concurrency) };
  const placed = { callee: { ...callee, ...bound }, order: Number(order) };
  return takesOver === undefined ? placed : { ...placed, takesOver };
}

/** A row of `procedures`. O(callees). */
export function parseProcedureRow(text: string): ProcedureRow | RowFlaw {
  const [version, header, ...lines] = text.split('\n');
  if (version !== '1') return 'version';
  const [, id, invoke] = ROW_HEADER.exec(header ?? '') ?? [];
  const registration = parseId(id);
  if (registration === undefined || !isInvocationPolicy(invoke) || lines.pop() !== '') return 'shape';
  const callees = lines.map(parseCalleeLine);
  if (callees.length === 0 || !callees.every((callee) => callee !== undefined)) return 'shape';
  return { id: registration as RegistrationId, invoke, callees };
}

export function parseId(text: unknown): number | undefined {
  if (typeof text !== 'string' || !DIGITS.test(text)) return undefined;
  const id = Number(text);
  return isId(id) ? id : undefined;
}

export function isVersion(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < MAX_VERSION;
}

export function isMatchPolicy(value: unknown): value is MatchPolicy {
  return value === 'exact' || value === 'prefix' || value === 'wildcard';
}

export function isInvocationPolicy(value: unknown): value is InvocationPolicy {
  return value === 'single' || value === 'roundrobin' || value === 'random' || value === 'first' || value === 'last';
}
