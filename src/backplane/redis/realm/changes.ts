import type { NodeId, RegistrationId, SessionId } from '../../../wamp/ids.js';
import type { InvocationPolicy } from '../../../wamp/options.js';
import {
  fromMember,
  isInvocationPolicy,
  isVersion,
  parseCalleeLine,
  parseId,
  type Member,
  type PlacedCallee,
} from './rows.js';

/** What a change of a realm is about. */
export type ChangeBody =
  | {
      readonly kind: 'interest';
      readonly node: NodeId;
      readonly added: readonly Member[];
      readonly removed: readonly Member[];
    }
  | {
      readonly kind: 'claim';
      readonly id: RegistrationId;
      readonly member: Member;
      readonly invoke: InvocationPolicy;
      readonly placed: PlacedCallee;
      /** It replaces all others, but for who takes it over since. */
      readonly isForced: boolean;
    }
  | {
      readonly kind: 'release';
      readonly node: NodeId;
      readonly callees: readonly (readonly [RegistrationId, readonly SessionId[]])[];
    }
  /** All callees that the node has in these registrations; withdrawn: it serves the realm no more either. */
  | { readonly kind: 'drop' | 'withdrawn'; readonly node: NodeId; readonly ids: readonly RegistrationId[] }
  | { readonly kind: 'enter' | 'whole'; readonly node: NodeId };

export interface Change {
  readonly version: number;
  /** Who waits until the others have it. */
  readonly asker: NodeId | undefined;
  readonly body: ChangeBody;
}

export type ChangeFlaw = 'version' | 'change' | 'size';

/** Larger than any step of this router can make it. */
export const MAX_CHANGE_BYTES = 16 * 1_048_576;

const HEADER = /^(\d{1,16}) ([!-~]+) /;

/** One message of a realm's channel; every word of it is foreign. */
export function parseChange(text: string): Change | ChangeFlaw {
  if (text.length > MAX_CHANGE_BYTES) return 'size';
  if (!text.startsWith('1 ')) return /^\d+ /.test(text) ? 'version' : 'change';
  const [header, versionText, asker] = HEADER.exec(text.slice(2)) ?? [];
  const version = Number(versionText);
  if (header === undefined || asker === undefined || !isVersion(version)) return 'change';
  const body = parseBody(text.slice(2 + header.length));
  if (body === undefined) return 'change';
  return { version, asker: asker === '-' ? undefined : (asker as NodeId), body };
}

function parseBody(text: string): ChangeBody | undefined {
  const fields = parseJson(text);
  if (!Array.isArray(fields)) return undefined;
  const [kind, first, second, third, fourth, fifth] = fields as unknown[];
  if (kind === 'claim') return parseClaim(first, second, third, fourth, fifth);
  if (typeof first !== 'string' || first === '') return undefined;
  const node = first as NodeId;
  switch (kind) {
    case 'interest':
      return isMembers(second) && isMembers(third) ? { kind, node, added: second, removed: third } : undefined;
    case 'release': {
      const callees = parseEach(second, parseReleased);
      return callees && { kind, node, callees };
    }
    case 'drop':
    case 'withdrawn': {
      const ids = parseEach(second, parseId);
      return ids && { kind, node, ids: ids as RegistrationId[] };
    }
    case 'enter':
    case 'whole':
      return { kind, node };
    default:
      return undefined;
  }
}

function parseClaim(
  idText: unknown,
  member: unknown,
  invoke: unknown,
  line: unknown,
  isForced: unknown,
): ChangeBody | undefined {
  const id = parseId(idText);
  const placed = typeof line === 'string' ? parseCalleeLine(line) : undefined;
  if (id === undefined || placed === undefined || !isMember(member) || !isInvocationPolicy(invoke)) return undefined;
  if (isForced !== 0 && (isForced !== 1 || placed.takesOver !== undefined)) return undefined;
  return { kind: 'claim', id: id as RegistrationId, member, invoke, placed, isForced: isForced === 1 };
}

function parseReleased(value: unknown): readonly [RegistrationId, readonly SessionId[]] | undefined {
  const [id, ...sessions] = parseEach(value, parseId) ?? [];
  return id === undefined ? undefined : [id as RegistrationId, sessions as SessionId[]];
}

/** Undefined unless every element is understood. */
function parseEach<T>(value: unknown, parse: (element: unknown) => T | undefined): T[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const parsed: T[] = [];
  for (const element of value as unknown[]) {
    const one = parse(element);
    if (one === undefined) return undefined;
    parsed.push(one);
  }
  return parsed;
}

function isMembers(value: unknown): value is Member[] {
  return Array.isArray(value) && value.every(isMember);
}

function isMember(value: unknown): value is Member {
  return typeof value === 'string' && fromMember(value) !== undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}
