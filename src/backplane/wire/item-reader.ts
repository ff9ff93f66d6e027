import { NO_PAYLOAD } from '../../codec/payload.js';
import type { CallKey, FailureFrame, Frame, InvokeFrame } from '../../routing/frames.js';
import type { Publication } from '../../routing/ports.js';
import type { Identity } from '../../routing/peer.js';
import type { NodeId, PublicationId, RegistrationId, SessionId, Uri } from '../../wamp/ids.js';
import type { CancelMode } from '../../wamp/options.js';
import type { Payload, SerializerId } from '../../wamp/payload.js';
import { DecodeCache } from './decode-cache.js';
import {
  AnswerFlag,
  CallNode,
  CANCEL_MODES,
  CAUSES,
  Flag,
  ItemKind,
  type LaneItem,
  MAX_BODY_BYTES,
  MAX_TRACE_BYTES,
  SERIALIZERS,
  SIZED_FROM,
} from './format.js';
import { FieldCursor } from './fields.js';
import { readAudience } from './audience.js';
import { readPassthru } from './passthru.js';
import { PayloadSlab } from './payload-slab.js';

interface Address {
  readonly realm: Uri;
  readonly uri: Uri;
}

/** Bytes of the count before a trace. */
const TRACE_COUNT_BYTES = 2;

type OfCall = typeof ItemKind.CONTINUE | typeof ItemKind.CANCEL | typeof ItemKind.RESULT;

const NOBODY: Identity = { session: 1 as SessionId, authid: '', authrole: '' };
const NOWHERE: Address = { realm: '', uri: '' };
const SYNC: LaneItem = { kind: 'sync' };
const UNKNOWN: LaneItem = { kind: 'unknown' };

/** Reads items as format.ts describes them. Values read in trouble (`isBad`) mean nothing. */
export class ItemReader {
  readonly #node: NodeId;
  readonly #payloads = new PayloadSlab();
  readonly #addresses = new DecodeCache<Address>();
  readonly #identities = new DecodeCache<Identity>();
  readonly #sizedFields = new FieldCursor();

  constructor(node: NodeId) {
    this.#node = node;
  }

  read(cursor: FieldCursor, from: NodeId): LaneItem {
    const kind = cursor.byte();
    if (kind >= SIZED_FROM) return this.#sized(cursor, kind);
    const flags = cursor.byte();
    if ((flags & ~possibleFlags(kind)) !== 0) cursor.fail();
    const { realm, uri } = this.#address(cursor);
    switch (kind) {
      case ItemKind.PUBLICATION:
        return { kind: 'publication', realm, publication: this.#publication(cursor, from, flags, uri) };
      case ItemKind.INVOKE:
        return { kind: 'frame', realm, frame: this.#invoke(cursor, from, flags, uri) };
      case ItemKind.CONTINUE:
      case ItemKind.CANCEL:
      case ItemKind.RESULT:
        return { kind: 'frame', realm, frame: this.#ofCall(cursor, from, kind, flags) };
      case ItemKind.FAILURE:
        return { kind: 'frame', realm, frame: this.#failure(cursor, from, flags, uri) };
      case ItemKind.LOST:
        return { kind: 'frame', realm, frame: { kind: 'lost' } };
      case ItemKind.CONFIRMED:
        return { kind: 'confirmed', realm, version: cursor.number(0) };
      case ItemKind.ASK:
        return { kind: 'ask', realm, version: cursor.number(0) };
      case ItemKind.SYNC:
        return SYNC;
      default:
        cursor.fail();
        return SYNC;
    }
  }

  /** An item that announces its length. */
  #sized(cursor: FieldCursor, kind: number): LaneItem {
    const length = cursor.uint32();
    const start = cursor.pos;
    cursor.skip(length);
    if (cursor.isBad() || (kind !== ItemKind.QUESTION && kind !== ItemKind.ANSWER)) return UNKNOWN;
    const fields = this.#sizedFields;
    fields.begin(cursor.bytes.subarray(start, cursor.pos), 0);
    const flags = fields.byte();
    const realm = fields.text();
    const number = fields.number(0);
    const item: LaneItem =
      kind === ItemKind.QUESTION
        ? { kind: 'question', realm, number, subject: fields.text(), body: readBody(fields) }
        : { kind: 'answer', realm, number, hasMore: (flags & AnswerFlag.MORE) !== 0, body: readBody(fields) };
    if (fields.isBad()) cursor.fail();
    return item;
  }

  #publication(cursor: FieldCursor, from: NodeId, flags: number, topic: Uri): Publication {
    const publisher = this.#identity(cursor);
    const id = cursor.number(1) as PublicationId;
    const excludePublisher = (flags & Flag.EXCLUDE_PUBLISHER) !== 0;
    const disclosePublisher = (flags & Flag.DISCLOSE) !== 0;
    if ((flags & (Flag.PASSTHRU | Flag.AUDIENCE | Flag.TRACE | Flag.RETAIN | Flag.TRUST_LEVEL)) === 0)
      return { id, topic, payload: this.#payload(cursor), publisher, excludePublisher, disclosePublisher };
    const extras = {
      ...((flags & Flag.PASSTHRU) !== 0 && { passthru: readPassthru(cursor) }),
      ...((flags & Flag.AUDIENCE) !== 0 && { audience: readAudience(cursor) }),
      ...((flags & Flag.TRACE) !== 0 && { trace: readTrace(cursor) }),
      ...((flags & Flag.RETAIN) !== 0 && { retain: { node: from, number: cursor.number(1) } }),
      ...((flags & Flag.TRUST_LEVEL) !== 0 && { trustLevel: cursor.number(0) }),
    };
    return { id, topic, payload: this.#payload(cursor), publisher, excludePublisher, disclosePublisher, ...extras };
  }

  #invoke(cursor: FieldCursor, from: NodeId, flags: number, procedure: Uri): InvokeFrame {
    const caller = this.#identity(cursor);
    const callee = cursor.number(1) as SessionId;
    const call = this.#call(cursor, from);
    const registration = cursor.number(1) as RegistrationId;
    const timeoutMs = cursor.number(0);
    const isPlain = (flags & (Flag.PASSTHRU | Flag.TRACE | Flag.TRUST_LEVEL)) === 0;
    const extras = isPlain ? undefined : readExtras(cursor, flags);
    const frame: InvokeFrame = {
      kind: 'invoke',
      call,
      registration,
      callee,
      procedure,
      caller,
      discloseCaller: (flags & Flag.DISCLOSE) !== 0,
      receiveProgress: (flags & Flag.RECEIVE_PROGRESS) !== 0,
      progress: (flags & Flag.PROGRESS) !== 0,
      timeoutMs,
      payload: this.#payload(cursor),
    };
    return extras === undefined ? frame : { ...frame, ...extras };
  }

  /** A frame that names nothing but the call. */
  #ofCall(cursor: FieldCursor, from: NodeId, kind: OfCall, flags: number): Frame {
    const call = this.#call(cursor, from);
    if (kind === ItemKind.CANCEL) {
      const mode = CANCEL_MODES[cursor.choice(CANCEL_MODES.length)] as CancelMode;
      return { kind: 'cancel', call, mode };
    }
    const progress = (flags & Flag.PROGRESS) !== 0;
    if (kind === ItemKind.CONTINUE) return { kind: 'continue', call, progress, payload: this.#payload(cursor) };
    if ((flags & Flag.PASSTHRU) === 0) return { kind: 'result', call, progress, payload: this.#payload(cursor) };
    const passthru = readPassthru(cursor);
    return { kind: 'result', call, progress, passthru, payload: this.#payload(cursor) };
  }

  #failure(cursor: FieldCursor, from: NodeId, flags: number, error: Uri): FailureFrame {
    const call = this.#call(cursor, from);
    const cause = CAUSES[cursor.choice(CAUSES.length)] as FailureFrame['cause'];
    if ((flags & Flag.PASSTHRU) === 0) return { kind: 'failure', call, cause, error, payload: this.#payload(cursor) };
    const passthru = readPassthru(cursor);
    return { kind: 'failure', call, cause, error, passthru, payload: this.#payload(cursor) };
  }

  #address(cursor: FieldCursor): Address {
    const start = cursor.pos;
    cursor.skipText();
    cursor.skipText();
    if (cursor.isBad()) return NOWHERE;
    const end = cursor.pos;
    const known = this.#addresses.find(cursor.view, start, end);
    if (known !== undefined) return known;
    cursor.pos = start;
    const address = { realm: cursor.text(), uri: cursor.text() };
    if (!cursor.isBad()) this.#addresses.keep(cursor.view, start, end, address);
    return address;
  }

  #identity(cursor: FieldCursor): Identity {
    const start = cursor.pos;
    cursor.skip(8);
    cursor.skipText();
    cursor.skipText();
    if (cursor.isBad()) return NOBODY;
    const end = cursor.pos;
    const known = this.#identities.find(cursor.view, start, end);
    if (known !== undefined) return known;
    cursor.pos = start;
    const identity = { session: cursor.number(1) as SessionId, authid: cursor.text(), authrole: cursor.text() };
    if (!cursor.isBad()) this.#identities.keep(cursor.view, start, end, identity);
    return identity;
  }

  #call(cursor: FieldCursor, from: NodeId): CallKey {
    const whose = cursor.byte();
    let node = from;
    if (whose === CallNode.RECEIVER) node = this.#node;
    else if (whose === CallNode.NAMED) node = cursor.text() as NodeId;
    else if (whose !== CallNode.SENDER) cursor.fail();
    return { node, number: cursor.number(0) };
  }

  #payload(cursor: FieldCursor): Payload {
    const head = cursor.byte();
    const length = cursor.uint32();
    const start = cursor.pos;
    const elementCount = head >>> 2;
    const serializer = SERIALIZERS[head & 3];
    cursor.skip(length);
    if (serializer === undefined || elementCount > 2 || (elementCount === 0) !== (length === 0)) cursor.fail();
    if (cursor.isBad() || elementCount === 0) return NO_PAYLOAD;
    return this.#payloads.copy(serializer as SerializerId, elementCount as 1 | 2, cursor.view, start, length);
  }
}

function readExtras(cursor: FieldCursor, flags: number): Pick<InvokeFrame, 'passthru' | 'trace' | 'trustLevel'> {
  return {
    ...((flags & Flag.PASSTHRU) !== 0 && { passthru: readPassthru(cursor) }),
    ...((flags & Flag.TRACE) !== 0 && { trace: readTrace(cursor) }),
    ...((flags & Flag.TRUST_LEVEL) !== 0 && { trustLevel: cursor.number(0) }),
  };
}

function readTrace(cursor: FieldCursor): string {
  const start = cursor.pos;
  const trace = cursor.text();
  if (cursor.pos - start > MAX_TRACE_BYTES + TRACE_COUNT_BYTES) cursor.fail();
  return trace;
}

function readBody(cursor: FieldCursor): Uint8Array {
  const body = new Uint8Array(cursor.byteString());
  if (body.length > MAX_BODY_BYTES) cursor.fail();
  return body;
}

const PUBLICATION_FLAGS =
  Flag.PASSTHRU | Flag.AUDIENCE | Flag.EXCLUDE_PUBLISHER | Flag.DISCLOSE | Flag.RETAIN | Flag.TRACE | Flag.TRUST_LEVEL;

function possibleFlags(kind: number): number {
  switch (kind) {
    case ItemKind.PUBLICATION:
      return PUBLICATION_FLAGS;
    case ItemKind.INVOKE:
      return Flag.PASSTHRU | Flag.PROGRESS | Flag.DISCLOSE | Flag.RECEIVE_PROGRESS | Flag.TRACE | Flag.TRUST_LEVEL;
    case ItemKind.CONTINUE:
      return Flag.PROGRESS;
    case ItemKind.RESULT:
      return Flag.PASSTHRU | Flag.PROGRESS;
    case ItemKind.FAILURE:
      return Flag.PASSTHRU;
    default:
      return 0;
  }
}
