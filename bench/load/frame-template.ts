import type { Serializer } from './endpoint.js';
import { writeSequence } from './payload.js';
import { closingBytes, isBinary, splitAtId } from './wamp.js';

const longestHeader = 14 + 20;

export type Framing = 'websocket' | 'rawsocket' | 'nats';

export function framingOf(url: string): Framing {
  return url.startsWith('rs:') ? 'rawsocket' : 'websocket';
}

/** A frame prepared beforehand. */
export interface PreparedFrame {
  /** An upper bound of what one frame takes. */
  readonly sizeLimit: number;
  /** Writes one frame and returns where the next begins. */
  write(target: Buffer, offset: number, id: number, sequence: number): number;
}

/** A frame in which nothing but the payload's stamp changes. */
export class FixedFrame implements PreparedFrame {
  readonly #frame: Buffer;
  readonly #payload: number;

  /** `payload`: where it begins in the frame. */
  constructor(frame: Buffer, payload: number) {
    this.#frame = frame;
    this.#payload = payload;
  }

  get sizeLimit(): number {
    return this.#frame.length;
  }

  write(target: Buffer, offset: number, _id: number, sequence: number): number {
    target.set(this.#frame, offset);
    writeSequence(target, offset + this.#payload, sequence);
    return offset + this.#frame.length;
  }
}

/**
 * A client's frame prepared beforehand: only the request id and the payload's stamp change.
 * That of a WebSocket is masked with zeros, as a mask must be there but need not hide anything; the receiver unmasks all the same.
 */
export class FrameTemplate implements PreparedFrame {
  readonly sizeLimit: number;
  readonly #serializer: Serializer;
  /** Undefined: RawSocket. */
  readonly #opcode: number | undefined;
  readonly #head: Buffer;
  readonly #tail: Buffer;
  readonly #payloadFromEnd: number;

  /** `rest` are the elements behind the id; the last one is the argument list with the payload. */
  constructor(
    serializer: Serializer,
    messageCode: number,
    rest: readonly unknown[],
    payloadBytes: number,
    framing: Framing = 'websocket',
  ) {
    this.#serializer = serializer;
    this.#opcode = framing === 'rawsocket' ? undefined : opcodeOf(serializer);
    [this.#head, this.#tail] = splitAtId(serializer, messageCode, rest);
    this.#payloadFromEnd = closingBytes(serializer) + payloadBytes;
    this.sizeLimit = longestHeader + this.#head.length + this.#tail.length;
  }

  write(target: Buffer, offset: number, id: number, sequence: number): number {
    const end = this.#writeFrame(target, offset, id);
    writeSequence(target, end - this.#payloadFromEnd, sequence);
    return end;
  }

  /** The same with the sender's stamp of a received payload, which begins at `at`. */
  writeEcho(target: Buffer, offset: number, id: number, received: Buffer, at: number): number {
    const end = this.#writeFrame(target, offset, id);
    const payload = end - this.#payloadFromEnd;
    for (let index = 0; index < 8; index += 1) target[payload + index] = received[at + index]!;
    return end;
  }

  #writeFrame(target: Buffer, offset: number, id: number): number {
    const head = this.#head;
    const tail = this.#tail;
    const idBytes = this.#serializer === 'json' ? digitsOf(id) : id < 2 ** 32 ? 5 : 9;
    const length = head.length + idBytes + tail.length;
    let at =
      this.#opcode === undefined
        ? target.writeUInt32BE(length, offset)
        : writeHeader(target, offset, this.#opcode, length);
    for (let index = 0; index < head.length; index += 1) target[at + index] = head[index]!;
    at += head.length;
    if (this.#serializer === 'json') writeDigits(target, at, id, idBytes);
    else writeBinaryId(target, at, id, this.#serializer);
    at += idBytes;
    target.set(tail, at);
    return at + tail.length;
  }
}

/** One message in a frame, for everything that is not measured. */
export function messageFrame(framing: Framing, serializer: Serializer, body: Uint8Array): Buffer {
  if (framing === 'websocket') return clientFrame(opcodeOf(serializer), body);
  const frame = Buffer.alloc(4 + body.length);
  frame.set(body, frame.writeUInt32BE(body.length));
  return frame;
}

function opcodeOf(serializer: Serializer): number {
  return isBinary(serializer) ? 0x82 : 0x81;
}

/** One whole frame of a WebSocket's client. */
export function clientFrame(opcode: number, body: Uint8Array): Buffer {
  const frame = Buffer.alloc(body.length + longestHeader);
  const at = writeHeader(frame, 0, opcode, body.length);
  frame.set(body, at);
  return frame.subarray(0, at + body.length);
}

function writeHeader(target: Buffer, offset: number, opcode: number, bodyBytes: number): number {
  target[offset] = opcode;
  let at = offset + 2;
  if (bodyBytes < 126) {
    target[offset + 1] = 0x80 | bodyBytes;
  } else if (bodyBytes < 65_536) {
    target[offset + 1] = 0x80 | 126;
    target[at] = bodyBytes >> 8;
    target[at + 1] = bodyBytes & 0xff;
    at += 2;
  } else {
    target[offset + 1] = 0x80 | 127;
    target.writeUInt32BE(0, at);
    target.writeUInt32BE(bodyBytes, at + 4);
    at += 8;
  }
  target[at] = 0;
  target[at + 1] = 0;
  target[at + 2] = 0;
  target[at + 3] = 0;
  return at + 4;
}

function digitsOf(id: number): number {
  let digits = 1;
  for (let rest = id; rest >= 10; rest = Math.floor(rest / 10)) digits += 1;
  return digits;
}

function writeDigits(target: Buffer, at: number, id: number, digits: number): void {
  let rest = id;
  for (let index = at + digits - 1; index >= at; index -= 1) {
    const next = Math.floor(rest / 10);
    target[index] = 48 + (rest - next * 10);
    rest = next;
  }
}

function writeBinaryId(target: Buffer, at: number, id: number, serializer: Serializer): void {
  const isMsgpack = serializer === 'msgpack';
  if (id < 2 ** 32) {
    target[at] = isMsgpack ? 0xce : 0x1a;
    target[at + 1] = id >>> 24;
    target[at + 2] = (id >>> 16) & 0xff;
    target[at + 3] = (id >>> 8) & 0xff;
    target[at + 4] = id & 0xff;
    return;
  }
  target[at] = isMsgpack ? 0xcf : 0x1b;
  target.writeUInt32BE(Math.floor(id / 2 ** 32), at + 1);
  target.writeUInt32BE(id % 2 ** 32, at + 5);
}
