import { isId, type NodeId, type RegistrationId, type SessionId } from '../../../wamp/ids.js';
import type { InvocationPolicy } from '../../../wamp/options.js';
import { unpack } from '../../packr.js';
import {
  fromMember,
  isInvocationPolicy,
  isNode,
  isTime,
  isVersion,
  toPlacedCallee,
  unescapeMember,
  type Member,
  type PlacedCallee,
} from './rows.js';

/** The subject of a change of a realm. */
export type ChangeBody =
  | {
      readonly kind: 'interest';
      readonly node: NodeId;
      readonly added: readonly Member[];
      readonly removed: readonly Member[];
      /** Time at which the cluster began to want each added topic, in ms since 1970. */
      readonly times: readonly number[];
      /** Last session that wanted each removed topic; 0: unknown. */
      readonly leavers: readonly number[];
    }
  | {
      readonly kind: 'claim';
      readonly id: RegistrationId;
      readonly member: Member;
      readonly invoke: InvocationPolicy;
      readonly placed: PlacedCallee;
      /** It replaces all others, except those that take the procedure over since. */
      readonly isForced: boolean;
      readonly createdMs: number;
    }
  | {
      readonly kind: 'release';
      readonly node: NodeId;
      readonly callees: readonly (readonly [RegistrationId, readonly SessionId[]])[];
    }
  /** All callees that the node has in these registrations; withdrawn: it serves the realm no more either. */
  | { readonly kind: 'drop' | 'withdrawn'; readonly node: NodeId; readonly ids: readonly RegistrationId[] }
  | { readonly kind: 'enter' | 'complete'; readonly node: NodeId };

export interface RealmChange {
  readonly version: number;
  /** The node that waits until the others have the version. */
  readonly asker: NodeId | undefined;
  readonly body: ChangeBody;
}

export type ChangeFlaw = 'version' | 'change' | 'size';

/** Larger than any step of this router can make it. */
export const MAX_CHANGE_BYTES = 16 * 1_048_576;

const FORMAT = 1;

/**
 * One message of a realm's channel, foreign in every part: a MessagePack list of the format, the realm's version, the asking
 * node or '', the kind of change, and what that kind has.
 */
export function parseChange(message: Uint8Array): RealmChange | ChangeFlaw {
  if (message.byteLength > MAX_CHANGE_BYTES) return 'size';
  const fields = unpack(message);
  if (!Array.isArray(fields) || !Number.isSafeInteger(fields[0])) return 'change';
  const [format, version, asker, kind, ...rest] = fields as unknown[];
  if (format !== FORMAT) return 'version';
  if (!isVersion(version) || (asker !== '' && !isNode(asker))) return 'change';
  const body = kind === 'claim' ? parseClaim(rest) : parseBody(kind, rest);
  if (body === undefined) return 'change';
  return { version, asker: asker === '' ? undefined : asker, body };
}

function parseBody(kind: unknown, [node, first, second, third, fourth]: readonly unknown[]): ChangeBody | undefined {
  if (!isNode(node)) return undefined;
  switch (kind) {
    case 'interest': {
      const added = parseEach(first, parseMember);
      const removed = parseEach(second, parseMember);
      const times = parseEach(third, (one) => (isTime(one) ? one : undefined));
      const leavers = parseEach(fourth, (one) => (one === 0 || isId(one) ? one : undefined));
      if (added?.length !== times?.length || removed?.length !== leavers?.length) return undefined;
      return added && removed && times && leavers && { kind, node, added, removed, times, leavers };
    }
    case 'release': {
      const callees = parseEach(first, parseReleased);
      return callees && { kind, node, callees };
    }
    case 'drop':
    case 'withdrawn': {
      const ids = parseEach(first, parseRegistration);
      return ids && { kind, node, ids };
    }
    case 'enter':
    case 'complete':
      return { kind, node };
    default:
      return undefined;
  }
}

function parseClaim([id, stored, invoke, node, session, row, isForced, createdMs]: readonly unknown[]):
  ChangeBody | undefined {
  const registration = parseRegistration(id);
  const member = parseMember(stored);
  const placed = Array.isArray(row) ? toPlacedCallee(node, session, row) : undefined;
  if (registration === undefined || member === undefined || placed === undefined) return undefined;
  if (!isInvocationPolicy(invoke) || typeof isForced !== 'boolean' || !isTime(createdMs)) return undefined;
  if (isForced && placed.takesOver !== undefined) return undefined;
  return { kind: 'claim', id: registration, member, invoke, placed, isForced, createdMs };
}

function parseReleased(value: unknown): readonly [RegistrationId, readonly SessionId[]] | undefined {
  const [id, ...sessions] = parseEach(value, (one) => (isId(one) ? one : undefined)) ?? [];
  return id === undefined ? undefined : [id as RegistrationId, sessions as SessionId[]];
}

function parseRegistration(value: unknown): RegistrationId | undefined {
  return isId(value) ? (value as RegistrationId) : undefined;
}

function parseMember(value: unknown): Member | undefined {
  const member = typeof value === 'string' ? unescapeMember(value) : undefined;
  return member !== undefined && fromMember(member) !== undefined ? member : undefined;
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
