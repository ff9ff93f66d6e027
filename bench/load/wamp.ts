import { decode as decodeMsgpack, encode as encodeMsgpack } from '@msgpack/msgpack';
import { decode as decodeCbor, encode as encodeCbor } from 'cborg';
import type { Serializer } from './endpoint.js';

export type Message = readonly [code: number, ...rest: unknown[]];

export const code = {
  hello: 1,
  welcome: 2,
  abort: 3,
  challenge: 4,
  authenticate: 5,
  goodbye: 6,
  error: 8,
  publish: 16,
  published: 17,
  subscribe: 32,
  subscribed: 33,
  event: 36,
  call: 48,
  result: 50,
  register: 64,
  registered: 65,
  invocation: 68,
  yield: 70,
} as const;

export function isBinary(serializer: Serializer): boolean {
  return serializer !== 'json';
}

export function encode(serializer: Serializer, value: unknown): Buffer {
  switch (serializer) {
    case 'json':
      return Buffer.from(JSON.stringify(value));
    case 'msgpack':
      return Buffer.from(encodeMsgpack(value));
    case 'cbor':
      return Buffer.from(encodeCbor(value));
  }
}

export function decode(serializer: Serializer, bytes: Uint8Array): Message {
  const value = decodeAny(serializer, bytes);
  if (!Array.isArray(value) || typeof value[0] !== 'number') throw new Error('the router sent no WAMP message');
  return value as unknown as Message;
}

function decodeAny(serializer: Serializer, bytes: Uint8Array): unknown {
  switch (serializer) {
    case 'json':
      return JSON.parse(Buffer.from(bytes).toString('utf8'));
    case 'msgpack':
      return decodeMsgpack(bytes);
    case 'cbor':
      return decodeCbor(bytes);
  }
}

/** The bytes before and after the request id of a message whose element 1 is that id. */
export function splitAtId(serializer: Serializer, messageCode: number, rest: readonly unknown[]): [Buffer, Buffer] {
  const elements = rest.map((element) => encode(serializer, element));
  switch (serializer) {
    case 'json': {
      const tail = elements.map((element) => `,${element.toString()}`).join('');
      return [Buffer.from(`[${messageCode},`), Buffer.from(`${tail}]`)];
    }
    case 'msgpack':
      return [
        Buffer.concat([Buffer.of(0x90 | (rest.length + 2)), encode(serializer, messageCode)]),
        Buffer.concat(elements),
      ];
    case 'cbor':
      return [
        Buffer.concat([Buffer.of(0x80 | (rest.length + 2)), encode(serializer, messageCode)]),
        Buffer.concat(elements),
      ];
  }
}

/** How many bytes of a message stand behind its last string: what closes the lists around the payload. */
export function closingBytes(serializer: Serializer): number {
  return serializer === 'json' ? '"]]'.length : 0;
}

/** How many bytes the argument list with that payload takes at the end of a message. */
export function argumentBytes(serializer: Serializer, payload: string): number {
  return encode(serializer, [payload]).length + (serializer === 'json' ? 1 : 0);
}

/** True when the message at `start` has this code. Reads nothing behind the code. */
export function hasCode(serializer: Serializer, buffer: Buffer, start: number, messageCode: number): boolean {
  switch (serializer) {
    case 'json':
      // Every measured code has two digits.
      return (
        buffer[start] === 0x5b &&
        (buffer[start + 1]! - 48) * 10 + (buffer[start + 2]! - 48) === messageCode &&
        buffer[start + 3] === 0x2c
      );
    case 'msgpack':
      return buffer[start + 1] === messageCode;
    case 'cbor':
      return messageCode < 24
        ? buffer[start + 1] === messageCode
        : buffer[start + 1] === 0x18 && buffer[start + 2] === messageCode;
  }
}

/** Element 1 of a message with a code of two digits: a request id. */
export function readId(serializer: Serializer, buffer: Buffer, start: number): number {
  switch (serializer) {
    case 'json': {
      let id = 0;
      for (let at = start + 4; ; at += 1) {
        const digit = buffer[at]! - 48;
        if (digit < 0 || digit > 9) return id;
        id = id * 10 + digit;
      }
    }
    case 'msgpack':
      return readMsgpackInteger(buffer, start + 2);
    case 'cbor':
      return readCborInteger(buffer, start + 3);
  }
}

function readMsgpackInteger(buffer: Buffer, at: number): number {
  const tag = buffer[at]!;
  if (tag < 0x80) return tag;
  if (tag === 0xcc) return buffer[at + 1]!;
  if (tag === 0xcd) return buffer.readUInt16BE(at + 1);
  if (tag === 0xce) return buffer.readUInt32BE(at + 1);
  if (tag === 0xcf) return buffer.readUInt32BE(at + 1) * 2 ** 32 + buffer.readUInt32BE(at + 5);
  throw new Error(`no integer where a request id belongs: MessagePack tag ${tag}`);
}

function readCborInteger(buffer: Buffer, at: number): number {
  const tag = buffer[at]!;
  if (tag < 24) return tag;
  if (tag === 0x18) return buffer[at + 1]!;
  if (tag === 0x19) return buffer.readUInt16BE(at + 1);
  if (tag === 0x1a) return buffer.readUInt32BE(at + 1);
  if (tag === 0x1b) return buffer.readUInt32BE(at + 1) * 2 ** 32 + buffer.readUInt32BE(at + 5);
  throw new Error(`no integer where a request id belongs: CBOR tag ${tag}`);
}
