import { Buffer } from 'node:buffer';
import { writeByte } from '../../codec/binary.js';
import type { ByteSink } from '../../codec/byte-sink.js';
import { appendPayload } from '../../codec/payload.js';
import type { CallKey, Frame, InvokeFrame } from '../../routing/frames.js';
import type { Publication } from '../../routing/ports.js';
import type { Identity } from '../../routing/peer.js';
import type { NodeId, Uri } from '../../wamp/ids.js';
import type { AudienceLists, Passthru } from '../../wamp/options.js';
import type { Payload } from '../../wamp/payload.js';
import { unreachable } from '../../wamp/unreachable.js';
import {
  type Answer,
  AnswerFlag,
  CallNode,
  CANCEL_MODES,
  CAUSES,
  Flag,
  ItemKind,
  MAX_BODY_BYTES,
  MAX_TRACE_BYTES,
  type Question,
  SERIALIZERS,
} from './format.js';
import { putText, putUint32LE, roomFor, writeCount, writeNumber, writeText } from './fields.js';
import { writeAudience } from './audience.js';
import { writePassthru } from './passthru.js';

const LENGTH_BYTES = 4;

/** Writes two texts, and the same again at less cost: most items have the topic or publisher of the item before. */
class LastTexts {
  #first = '';
  #second = '';
  /** Once they have come twice. */
  #bytes: Uint8Array | undefined;

  write(sink: ByteSink, first: string, second: string): void {
    const isLast = second === this.#second && first === this.#first;
    const bytes = isLast ? this.#bytes : undefined;
    if (bytes !== undefined) {
      sink.reserve(bytes.length);
      sink.bytes.set(bytes, sink.pos);
      sink.pos += bytes.length;
      return;
    }
    sink.reserve(roomFor(first) + roomFor(second));
    const start = sink.pos;
    sink.pos = putText(sink.bytes, putText(sink.bytes, start, first), second);
    this.#first = first;
    this.#second = second;
    this.#bytes = isLast ? Uint8Array.from(sink.bytes.subarray(start, sink.pos)) : undefined;
  }
}

/** Writes items in the layout of format.ts. An item that the format cannot hold sets `sink.trouble`. */
export class ItemWriter {
  readonly #node: NodeId;
  readonly #address = new LastTexts();
  readonly #names = new LastTexts();

  constructor(node: NodeId) {
    this.#node = node;
  }

  publication(sink: ByteSink, realm: Uri, publication: Publication): void {
    const { passthru, audience, retain, trustLevel } = publication;
    const trace = traceOf(publication);
    const flags =
      (publication.excludePublisher ? Flag.EXCLUDE_PUBLISHER : 0) |
      (publication.disclosePublisher ? Flag.DISCLOSE : 0) |
      (retain === undefined ? 0 : Flag.RETAIN) |
      (trace === undefined ? 0 : Flag.TRACE) |
      (trustLevel === undefined ? 0 : Flag.TRUST_LEVEL) |
      flagsOf(passthru, audience);
    this.#begin(sink, ItemKind.PUBLICATION, flags, realm, publication.topic);
    this.#identity(sink, publication.publisher, publication.id);
    if (passthru !== undefined) writePassthru(sink, passthru);
    if (audience !== undefined) writeAudience(sink, audience);
    if (trace !== undefined) writeText(sink, trace);
    if (retain !== undefined) writeNumber(sink, retain.number);
    if (trustLevel !== undefined) writeNumber(sink, trustLevel);
    writePayload(sink, publication.payload);
  }

  frame(sink: ByteSink, to: NodeId, realm: Uri, frame: Frame): void {
    switch (frame.kind) {
      case 'invoke':
        this.#invoke(sink, to, realm, frame);
        return;
      case 'continue':
        this.#begin(sink, ItemKind.CONTINUE, frame.progress ? Flag.PROGRESS : 0, realm, '');
        this.#call(sink, to, frame.call);
        writePayload(sink, frame.payload);
        return;
      case 'cancel':
        this.#begin(sink, ItemKind.CANCEL, 0, realm, '');
        this.#call(sink, to, frame.call);
        writeByte(sink, CANCEL_MODES.indexOf(frame.mode));
        return;
      case 'result':
        this.#begin(sink, ItemKind.RESULT, (frame.progress ? Flag.PROGRESS : 0) | flagsOf(frame.passthru), realm, '');
        this.#call(sink, to, frame.call);
        writePayloadOf(sink, frame);
        return;
      case 'failure':
        this.#begin(sink, ItemKind.FAILURE, flagsOf(frame.passthru), realm, frame.error);
        this.#call(sink, to, frame.call);
        writeByte(sink, CAUSES.indexOf(frame.cause));
        writePayloadOf(sink, frame);
        return;
      case 'lost':
        this.#begin(sink, ItemKind.LOST, 0, realm, '');
        return;
      default:
        unreachable(frame);
    }
  }

  question(sink: ByteSink, { realm, number, subject, body }: Question): void {
    const start = beginSized(sink, ItemKind.QUESTION, 0, realm);
    writeNumber(sink, number);
    writeText(sink, subject);
    endSized(sink, start, body);
  }

  answer(sink: ByteSink, { realm, number, hasMore, body }: Answer): void {
    const start = beginSized(sink, ItemKind.ANSWER, hasMore ? AnswerFlag.MORE : 0, realm);
    writeNumber(sink, number);
    endSized(sink, start, body);
  }

  version(sink: ByteSink, kind: 'confirmed' | 'ask', realm: Uri, version: number): void {
    this.#begin(sink, kind === 'ask' ? ItemKind.ASK : ItemKind.CONFIRMED, 0, realm, '');
    writeNumber(sink, version);
  }

  sync(sink: ByteSink): void {
    this.#begin(sink, ItemKind.SYNC, 0, '', '');
  }

  #invoke(sink: ByteSink, to: NodeId, realm: Uri, frame: InvokeFrame): void {
    const { passthru, trustLevel } = frame;
    const trace = traceOf(frame);
    const flags =
      (frame.progress ? Flag.PROGRESS : 0) |
      (frame.discloseCaller ? Flag.DISCLOSE : 0) |
      (frame.receiveProgress ? Flag.RECEIVE_PROGRESS : 0) |
      (trace === undefined ? 0 : Flag.TRACE) |
      (trustLevel === undefined ? 0 : Flag.TRUST_LEVEL) |
      flagsOf(passthru);
    this.#begin(sink, ItemKind.INVOKE, flags, realm, frame.procedure);
    this.#identity(sink, frame.caller, frame.callee);
    this.#call(sink, to, frame.call);
    writeNumber(sink, frame.registration);
    writeNumber(sink, frame.timeoutMs);
    if (passthru !== undefined) writePassthru(sink, passthru);
    if (trace !== undefined) writeText(sink, trace);
    if (trustLevel !== undefined) writeNumber(sink, trustLevel);
    writePayload(sink, frame.payload);
  }

  #begin(sink: ByteSink, kind: number, flags: number, realm: Uri, uri: Uri): void {
    sink.reserve(2);
    sink.bytes[sink.pos] = kind;
    sink.bytes[sink.pos + 1] = flags;
    sink.pos += 2;
    this.#address.write(sink, realm, uri);
  }

  /** With the id that stands behind it. */
  #identity(sink: ByteSink, { session, authid, authrole }: Identity, id: number): void {
    writeNumber(sink, session);
    this.#names.write(sink, authid, authrole);
    writeNumber(sink, id);
  }

  /** Calls cross the lane between the two nodes they concern: its ends need not be named. */
  #call(sink: ByteSink, to: NodeId, { node, number }: CallKey): void {
    if (node === this.#node) writeByte(sink, CallNode.SENDER);
    else if (node === to) writeByte(sink, CallNode.RECEIVER);
    else {
      writeByte(sink, CallNode.NAMED);
      writeText(sink, node);
    }
    writeNumber(sink, number);
  }
}

function flagsOf(passthru: Passthru | undefined, audience?: AudienceLists): number {
  return (passthru === undefined ? 0 : Flag.PASSTHRU) | (audience === undefined ? 0 : Flag.AUDIENCE);
}

/** A trace is only advice: without it, or with one that is too long, the message goes all the same. */
function traceOf({ trace }: { readonly trace?: string }): string | undefined {
  return trace !== undefined && Buffer.byteLength(trace) <= MAX_TRACE_BYTES ? trace : undefined;
}

/** The length of the item so far, for `endSized`. */
function beginSized(sink: ByteSink, kind: number, flags: number, realm: Uri): number {
  writeByte(sink, kind);
  const start = sink.length;
  sink.reserve(LENGTH_BYTES);
  sink.pos += LENGTH_BYTES;
  writeByte(sink, flags);
  writeText(sink, realm);
  return start;
}

function endSized(sink: ByteSink, start: number, body: Uint8Array): void {
  if (body.length > MAX_BODY_BYTES) {
    sink.trouble ??= `a body of more than ${MAX_BODY_BYTES} bytes`;
    return;
  }
  writeCount(sink, body.length);
  sink.append(body, 0, body.length);
  const length = sink.length - start - LENGTH_BYTES;
  putUint32LE(sink.bytes, sink.pos - length - LENGTH_BYTES, length);
}

function writePayloadOf(
  sink: ByteSink,
  { passthru, payload }: { readonly passthru?: Passthru; readonly payload: Payload },
): void {
  if (passthru !== undefined) writePassthru(sink, passthru);
  writePayload(sink, payload);
}

function writePayload(sink: ByteSink, payload: Payload): void {
  const { serializer, elementCount } = payload;
  sink.reserve(5);
  const headAt = sink.length;
  sink.bytes[sink.pos] = SERIALIZERS.indexOf(serializer) | (elementCount << 2);
  sink.pos += 5;
  if (elementCount > 0) appendPayload(sink, payload, serializer);
  // Appending may have moved what was written so far.
  const length = sink.length - headAt - 5;
  putUint32LE(sink.bytes, sink.pos - length - 4, length);
}
