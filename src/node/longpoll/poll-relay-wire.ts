import type { SendOutcome } from '../../transport/longpoll/poll-home.js';
import { SERIALIZER_IDS, type SerializerId } from '../../wamp/payload.js';

/*
 * Questions from a node that received a request of long-poll to the home of the transport. `ticket` is a number of the asking
 * node, a new one for each request.
 *
 *   longpoll.receive   [secret, ticket] → [] nothing came, [null] unknown, or [serializer, bytes]: the home keeps the bytes
 *                      until `longpoll.settle`
 *   longpoll.settle    [secret, ticket, whether the client has the bytes; false also takes away a poll that waits] → null
 *   longpoll.send      [secret, ticket, offset of this part of the body, whether it is the last, bytes] → outcome
 *   longpoll.overlong  [secret] → null
 *   longpoll.close     [secret] → outcome
 */
export const RECEIVE = 'longpoll.receive';
export const SETTLE = 'longpoll.settle';
export const SEND = 'longpoll.send';
export const OVERLONG = 'longpoll.overlong';
export const CLOSE = 'longpoll.close';

/** Bytes of a part of a body: a question may have 64 KiB. */
export const PART_BYTES = 61_440;

const SERIALIZERS: readonly unknown[] = SERIALIZER_IDS;
const OUTCOMES: readonly unknown[] = ['taken', 'unknown', 'too_large', 'unreachable'] satisfies SendOutcome[];

export type ReceiveAnswer =
  | { readonly kind: 'none' | 'unknown' }
  | { readonly kind: 'messages'; readonly serializer: SerializerId; readonly bytes: Uint8Array };

export interface Settle {
  readonly secret: string;
  readonly ticket: number;
  readonly isWritten: boolean;
}

export interface Part {
  readonly secret: string;
  readonly ticket: number;
  readonly offset: number;
  readonly isLast: boolean;
  readonly bytes: Uint8Array;
}

/** Undefined: the home has answered something else. */
export function readReceiveAnswer(body: unknown): ReceiveAnswer | undefined {
  if (!Array.isArray(body)) return undefined;
  const [serializer, bytes] = body as readonly unknown[];
  if (body.length === 0) return { kind: 'none' };
  if (serializer === null) return { kind: 'unknown' };
  if (!SERIALIZERS.includes(serializer) || !(bytes instanceof Uint8Array)) return undefined;
  return { kind: 'messages', serializer: serializer as SerializerId, bytes };
}

export function readOutcome(body: unknown): SendOutcome | undefined {
  return OUTCOMES.includes(body) ? (body as SendOutcome) : undefined;
}

export function readReceive(body: unknown): Pick<Settle, 'secret' | 'ticket'> | undefined {
  if (!Array.isArray(body)) return undefined;
  const [secret, ticket] = body as readonly unknown[];
  return typeof secret === 'string' && Number.isSafeInteger(ticket) ? { secret, ticket: ticket as number } : undefined;
}

export function readSecret(body: unknown): string {
  const [secret] = Array.isArray(body) ? (body as readonly unknown[]) : [];
  return typeof secret === 'string' ? secret : '';
}

export function readSettle(body: unknown): Settle | undefined {
  const head = readReceive(body);
  return head === undefined ? undefined : { ...head, isWritten: (body as readonly unknown[])[2] === true };
}

export function readPart(body: unknown): Part | undefined {
  const head = readReceive(body);
  if (head === undefined) return undefined;
  const [, , offset, isLast, bytes] = body as readonly unknown[];
  if (!Number.isSafeInteger(offset) || typeof isLast !== 'boolean' || !(bytes instanceof Uint8Array)) return undefined;
  return { ...head, offset: offset as number, isLast, bytes };
}
