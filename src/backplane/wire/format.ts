import type { FailureFrame, Frame } from '../../routing/frames.js';
import type { Publication } from '../../routing/ports.js';
import type { LaneItemKind, MessageFlaw } from '../../telemetry/cluster-counters.js';
import type { NodeId, Uri } from '../../wamp/ids.js';
import type { CancelMode, Passthru } from '../../wamp/options.js';
import type { SerializerId } from '../../wamp/payload.js';
import type { Answer, Question } from '../question.js';

export { MAX_BODY_BYTES } from '../question.js';
export type { Answer, Question };

/*
 * One message between nodes, version 1. Integers are little-endian; a count is LEB128, at most 32 bits; a number is 64
 * bits, at most 2^53; text is a count of bytes, then UTF-8.
 *
 *   message    magic "GNTB" · version, 1 byte · CRC-32 of all that follows, 4 bytes · MessageKind, 1 byte
 *              · sequence, or the number of the probe, or 0 · how many items, 4 bytes · sender, text · receiver, text · items
 *   item       ItemKind, 1 byte · flags, 1 byte · realm, text · topic, procedure, error or empty, text · by kind:
 *   publication  publisher · publication id · passthru, audience, trace, retain, trust level if flagged · payload
 *   invoke     caller · callee's session id · call · registration id · timeout in ms · passthru, trace, trust level if flagged
 *              · payload
 *   continue   call · payload               cancel     call · mode, 1 byte
 *   result     call · passthru if flagged · payload
 *   failure    call · cause, 1 byte · passthru if flagged · payload
 *   confirmed, ask  version                 lost, sync  nothing more
 *
 *   item of a kind from 32 on   ItemKind, 1 byte · length of what follows, 4 bytes · flags, 1 byte · realm, text · by kind:
 *   question   number · subject, text · body     answer  number · body
 *              Without a realm the question is for the receiver alone, whatever realms it serves.
 *
 * A node that does not know such a kind skips it and counts it; of a kind that it knows it ignores flags and bytes behind the
 * fields that it knows. So a later release may send more within version 1. All other kinds, and their flags, are complete.
 *
 *   identity   session id · authid, text · authrole, text
 *   call       0: the sender's, 1: the receiver's, 2: of the node that follows as text · running number
 *   payload    serializer + 4 × elements, 1 byte · length, 4 bytes · the bytes
 *   passthru   form, 1 byte · count of bytes · a dict as packr.ts writes it
 *   trust level  number
 *   trace      text of at most 256 bytes, opaque: the W3C traceparent of the request
 *   retain     number of the event among those that the sender retains
 *   body       count of bytes · a value as packr.ts writes it, at most 64 KiB; of an answer: see ../question.ts
 *   audience   lists present, 1 byte, a bit for each · of each list count, then its session ids or texts
 */

export const FORMAT_VERSION = 1;
/** Format versions this node reads, to be advertised to the others. */
export const READ_VERSIONS: readonly number[] = [FORMAT_VERSION];

export const MAGIC = [0x47, 0x4e, 0x54, 0x42] as const;
export const VERSION_AT = 4;
export const CHECKSUM_AT = 5;
export const CHECKED_FROM = 9;
export const SEQUENCE_AT = 10;
export const ITEM_COUNT_AT = 18;
export const NAMES_AT = 22;

/** GONE: the sender knows that the receiver was declared dead, and ignores what it sends. */
export const MessageKind = { BATCH: 1, PROBE: 2, GONE: 3 } as const;
export const MESSAGE_KINDS = { 1: 'batch', 2: 'probe', 3: 'gone' } as const;

export const ItemKind = {
  PUBLICATION: 1,
  INVOKE: 2,
  CONTINUE: 3,
  CANCEL: 4,
  RESULT: 5,
  FAILURE: 6,
  LOST: 7,
  CONFIRMED: 8,
  ASK: 9,
  SYNC: 10,
  /** To each node that serves the realm, and its answers. */
  QUESTION: 32,
  ANSWER: 33,
} as const;

/** Items of this kind and above announce their length, so that a node skips those that it does not know. */
export const SIZED_FROM = 32;

/** Bits of the flags byte; which are possible depends on the kind of item. */
export const Flag = {
  PASSTHRU: 1,
  AUDIENCE: 2,
  /** Publication: leave out the publisher. Invoke, continue, result: more follow. */
  EXCLUDE_PUBLISHER: 4,
  PROGRESS: 4,
  DISCLOSE: 8,
  RECEIVE_PROGRESS: 16,
  /** Publication: it becomes the retained event of its topic. */
  RETAIN: 16,
  TRACE: 32,
  TRUST_LEVEL: 64,
} as const;

/** Flags of an answer. MORE: another answer of this node to the same question follows. */
export const AnswerFlag = { MORE: 1 } as const;

export const MAX_TRACE_BYTES = 256;

export const CallNode = { SENDER: 0, RECEIVER: 1, NAMED: 2 } as const;

// The place in each list is the number on the wire: only ever append.
export const SERIALIZERS: readonly SerializerId[] = ['json', 'msgpack', 'cbor'];
export const CANCEL_MODES: readonly CancelMode[] = ['skip', 'kill', 'killnowait'];
export const PASSTHRU_FORMS: readonly Passthru['form'][] = ['ppt', 'enc'];
export const CAUSES: readonly FailureFrame['cause'][] = [
  'callee',
  'unavailable',
  'gone',
  'busy',
  'unreachable',
  'left',
  'canceled',
  'refused',
];

/** An item that one node sends to another. */
export type LaneItem =
  | { readonly kind: 'publication'; readonly realm: Uri; readonly publication: Publication }
  | { readonly kind: 'frame'; readonly realm: Uri; readonly frame: Frame }
  /** The sender has every change of the realm up to the version. */
  | { readonly kind: 'confirmed'; readonly realm: Uri; readonly version: number }
  /** The sender asks for `confirmed` of the version. */
  | { readonly kind: 'ask'; readonly realm: Uri; readonly version: number }
  /** The sender asks for the receiver's sequence now. */
  | { readonly kind: 'sync' }
  | Question
  | Answer
  /** An item of a kind that this node does not know. */
  | { readonly kind: 'unknown' };

/** The head of a message, checked. The items are not checked yet. */
export interface MessageHead {
  readonly kind: (typeof MESSAGE_KINDS)[keyof typeof MESSAGE_KINDS];
  readonly from: NodeId;
  /** Sequence of the batch; without items, of the last batch. Number of a probe. */
  readonly sequence: number;
  readonly itemCount: number;
}

export type FrameFlaw = Extract<MessageFlaw, 'magic' | 'version' | 'receiver' | 'checksum' | 'shape' | 'size'>;

/** The metric label of a frame. */
export function kindOfFrame({ kind }: Frame): LaneItemKind {
  switch (kind) {
    case 'invoke':
    case 'continue':
      return 'invoke';
    case 'result':
    case 'failure':
      return 'answer';
    case 'cancel':
      return 'cancel';
    case 'lost':
      return 'control';
  }
}
