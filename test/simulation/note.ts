import type { Codec } from '../../src/codec/codec.js';
import type { RouterMessage } from '../../src/wamp/messages.js';
import type { Payload, SerializerId } from '../../src/wamp/payload.js';

/** The content of a message between the simulated applications. */
export type Content =
  | { readonly publication: number }
  | { readonly call: number; readonly chunk: number; readonly isLast: boolean }
  | { readonly reply: number; readonly progress: number | undefined; readonly progressCount: number };

/** A payload that the routers carry without looking into it. */
export class Note implements Payload {
  readonly serializer: SerializerId = 'json';
  readonly elementCount = 1;
  readonly content: Content;
  #bytes: Uint8Array | undefined;

  constructor(content: Content) {
    this.content = content;
  }

  /** Written when first asked for: the store and the lanes of Redis have them, the bus in memory has none. */
  get bytes(): Uint8Array {
    return (this.#bytes ??= Buffer.from(JSON.stringify([this.content])));
  }

  get byteLength(): number {
    return this.bytes.length;
  }

  in(): Uint8Array {
    return this.bytes;
  }
}

export function contentOf(payload: Payload): Content | undefined {
  if (payload instanceof Note) return payload.content;
  if (payload.elementCount === 0) return undefined;
  const [content] = JSON.parse(Buffer.from(payload.bytes).toString()) as unknown[];
  return typeof content === 'object' && content !== null ? (content as Content) : undefined;
}

const encoded = new WeakMap<Uint8Array, RouterMessage>();

/** Encodes a message as a token for it. */
export const tokenCodec: Codec = {
  serializer: 'json',
  decode: () => {
    throw new Error('nothing is decoded here');
  },
  encode: (message) => {
    const token = new Uint8Array(1);
    encoded.set(token, message);
    return token;
  },
};

export function messageOf(token: Uint8Array): RouterMessage {
  const message = encoded.get(token);
  if (message === undefined) throw new Error('not a token of this codec');
  return message;
}
