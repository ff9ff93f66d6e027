import type { ByteSink } from '../codec/byte-sink.js';
import { appendPayload } from '../codec/payload.js';
import type { CallKey, Frame } from '../routing/frames.js';
import type { Identity, Publication } from '../routing/ports.js';
import type { NodeId, Uri } from '../wamp/ids.js';
import type { AudienceLists, Passthru } from '../wamp/options.js';
import type { Payload } from '../wamp/payload.js';
import { unreachable } from '../wamp/unreachable.js';
import { CallNode, CANCEL_MODES, CAUSES, Flag, ItemKind, SERIALIZERS } from './frame-codec.js';
import { putNumber, putUint32, writeByte, writeNumber, writeText } from './frame-fields.js';
import { writeAudience, writePassthru } from './frame-values.js';

/** Writes items as frame-codec.ts describes them. What cannot be said sets `sink.trouble`. */
export class ItemWriter {
  readonly #node: NodeId;

  constructor(node: NodeId) {
    this.#node = node;
  }

  publication(sink: ByteSink, realm: Uri, publication: Publication): void {
    const { passthru, audience } = publication;
    const flags =
      (publication.excludePublisher ? Flag.EXCLUDE_PUBLISHER : 0) |
      (publication.disclosePublisher ? Flag.DISCLOSE : 0) |
      flagsOf(passthru, audience);
    this.#begin(sink, ItemKind.PUBLICATION, flags, realm, publication.topic);
    this.#identity(sink, publication.publisher);
    writeNumber(sink, publication.id);
    if (passthru !== undefined) writePassthru(sink, passthru);
    if (audience !== undefined) writeAudience(sink, audience);
    writePayload(sink, publication.payload);
  }

  frame(sink: ByteSink, to: NodeId, realm: Uri, frame: Frame): void {
    switch (frame.kind) {
      case 'invoke': {
        const flags =
          (frame.progress ? Flag.PROGRESS : 0) |
          (frame.discloseCaller ? Flag.DISCLOSE : 0) |
          (frame.receiveProgress ? Flag.RECEIVE_PROGRESS : 0) |
          flagsOf(frame.passthru);
        this.#begin(sink, ItemKind.INVOKE, flags, realm, frame.procedure);
        this.#identity(sink, frame.caller);
        this.#call(sink, to, frame.call);
        sink.reserve(24);
        let pos = putNumber(sink.bytes, sink.pos, frame.registration);
        pos = putNumber(sink.bytes, pos, frame.callee);
        sink.pos = putNumber(sink.bytes, pos, frame.timeoutMs);
        writePayloadOf(sink, frame);
        return;
      }
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

  version(sink: ByteSink, kind: 'confirmed' | 'ask', realm: Uri, version: number): void {
    this.#begin(sink, kind === 'ask' ? ItemKind.ASK : ItemKind.CONFIRMED, 0, realm, '');
    writeNumber(sink, version);
  }

  sync(sink: ByteSink): void {
    this.#begin(sink, ItemKind.SYNC, 0, '', '');
  }

  #begin(sink: ByteSink, kind: number, flags: number, realm: Uri, uri: Uri): void {
    sink.reserve(2);
    sink.bytes[sink.pos] = kind;
    sink.bytes[sink.pos + 1] = flags;
    sink.pos += 2;
    writeText(sink, realm);
    writeText(sink, uri);
  }

  #identity(sink: ByteSink, { session, authid, authrole }: Identity): void {
    writeNumber(sink, session);
    writeText(sink, authid);
    writeText(sink, authrole);
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

function writePayloadOf(
  sink: ByteSink,
  { passthru, payload }: { readonly passthru?: Passthru; readonly payload: Payload },
): void {
  if (passthru !== undefined) writePassthru(sink, passthru);
  writePayload(sink, payload);
}

function writePayload(sink: ByteSink, payload: Payload): void {
  const { serializer, elementCount } = payload;
  writeByte(sink, SERIALIZERS.indexOf(serializer) | (elementCount << 2));
  const lengthAt = sink.length;
  sink.reserve(4);
  sink.pos += 4;
  if (elementCount > 0) appendPayload(sink, payload, serializer);
  // Appending may have moved what was written so far.
  putUint32(sink.bytes, sink.pos - sink.length + lengthAt, sink.length - lengthAt - 4);
}
