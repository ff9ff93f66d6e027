import { Buffer } from 'node:buffer';
import type { Uri } from '../wamp/ids.js';
import { MAX_PACKED_BYTES, pack, unpack } from './packr.js';

/** Bytes of the packed body of a question, or of one part of an answer. */
export const MAX_BODY_BYTES = 65_536;
/** Bytes of a packed answer in all its parts. */
const MAX_ANSWER_BYTES = 1_048_576;
/** Most bytes of an answer to a question to one node: it may carry a message to a client. */
const MAX_NODE_ANSWER_BYTES = MAX_PACKED_BYTES;
/** Bytes of the value in one part: leaves room for the status and for the head of a byte string. */
const PART_BYTES = MAX_BODY_BYTES - 16;

/**
 * In place of a realm: the question is for one node, whatever realms it serves. A node that does not know such questions
 * serves no realm of that name, so its answer is that it has gone.
 */
export const NO_REALM: Uri = '';

/** Asks one of the nodes that serve the realm. `number` is the sender's, to match the answers. */
export interface Question {
  readonly kind: 'question';
  readonly realm: Uri;
  readonly number: number;
  readonly subject: string;
  /** Packed. */
  readonly body: Uint8Array;
}

/** One node's answer, or a part of it. */
export interface Answer {
  readonly kind: 'answer';
  readonly realm: Uri;
  readonly number: number;
  readonly hasMore: boolean;
  /** Packed: a list of a status and, by status, a value or a part of the bytes of a packed value. */
  readonly body: Uint8Array;
}

/** The first element of an answer's body. Only ever append: it is part of the format between nodes. */
const Status = { VALUE: 0, PART: 1, UNSUPPORTED: 2, FAILED: 3, GONE: 4 } as const;

/** Why a node has no value to answer with. `gone`: it does not serve the realm any more. */
export type NoValue = 'unsupported' | 'failed' | 'gone';

const STATUS_OF = { unsupported: Status.UNSUPPORTED, failed: Status.FAILED, gone: Status.GONE } as const;
const NO_VALUES: ReadonlyMap<unknown, NoValue> = new Map([
  [Status.UNSUPPORTED, 'unsupported'],
  [Status.FAILED, 'failed'],
  [Status.GONE, 'gone'],
]);

/** The meaning of the body of one answer. */
export type AnswerBody =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'part'; readonly bytes: Uint8Array }
  | { readonly kind: 'none'; readonly why: NoValue }
  | { readonly kind: 'malformed' };

type Addressed = Pick<Question, 'realm' | 'number'>;

/** The answers that carry the value, in order. A value that cannot be packed, or is too large, counts as failed. */
export function answersOf(question: Addressed, value: unknown): readonly Answer[] {
  const complete = pack([Status.VALUE, value]);
  if (complete instanceof Uint8Array && complete.length <= MAX_BODY_BYTES) return [answer(question, complete, false)];
  const bytes = pack(value);
  if (!(bytes instanceof Uint8Array) || bytes.length > maxAnswerBytes(question.realm))
    return [answerWithout(question, 'failed')];
  const answers: Answer[] = [];
  for (let at = 0; at < bytes.length; at += PART_BYTES) {
    const part = bytes.subarray(at, at + PART_BYTES);
    answers.push(answer(question, packed([Status.PART, part]), at + PART_BYTES < bytes.length));
  }
  return answers;
}

export function answerWithout(question: Addressed, why: NoValue): Answer {
  return answer(question, packed([STATUS_OF[why]]), false);
}

/** Trusts nothing: the body comes from another node. */
export function readAnswerBody(body: Uint8Array): AnswerBody {
  const read = unpack(body);
  if (!Array.isArray(read)) return { kind: 'malformed' };
  const [status, content] = read as readonly unknown[];
  if (status === Status.VALUE && read.length > 1) return { kind: 'value', value: content };
  if (status === Status.PART && content instanceof Uint8Array) return { kind: 'part', bytes: content };
  const why = NO_VALUES.get(status);
  return why === undefined ? { kind: 'malformed' } : { kind: 'none', why };
}

/** The value whose packed bytes came in parts. Undefined: the parts are not what `pack` writes. */
export function joinParts(parts: readonly Uint8Array[]): { readonly value: unknown } | undefined {
  const value = unpack(Buffer.concat(parts));
  return value === undefined ? undefined : { value };
}

/** Bytes of a packed answer in all its parts, by the realm of its question. */
export function maxAnswerBytes(realm: Uri): number {
  return realm === NO_REALM ? MAX_NODE_ANSWER_BYTES : MAX_ANSWER_BYTES;
}

function answer({ realm, number }: Addressed, body: Uint8Array, hasMore: boolean): Answer {
  return { kind: 'answer', realm, number, hasMore, body };
}

function packed(value: readonly unknown[]): Uint8Array {
  const bytes = pack(value);
  if (bytes instanceof Uint8Array) return bytes;
  throw new Error(`an answer cannot be packed: ${bytes.message}`);
}
