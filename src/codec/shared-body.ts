import type { Event } from '../wamp/messages.js';
import type { Payload, SerializerId } from '../wamp/payload.js';
import type { Codec } from './codec.js';
import { NO_PAYLOAD } from './payload.js';

const COMMA = 0x2c;
const CLOSE_LIST = 0x5d;
const ROOM_BYTES = 64;

/**
 * The end that many messages share: a payload, and in JSON the end of the list. The head of each message is written in front
 * of it only when that message is sent, so that the payload is not copied for each of them.
 */
export class SharedBody {
  #memory: Uint8Array;
  #start: number;

  private constructor(memory: Uint8Array, start: number) {
    this.#memory = memory;
    this.#start = start;
  }

  /** Undefined: the serializer cannot express the payload. Copies the payload, once for all messages. */
  static of(payload: Payload, serializer: SerializerId): SharedBody | undefined {
    const bytes = payload.in(serializer);
    if (!(bytes instanceof Uint8Array)) return undefined;
    const isJson = serializer === 'json';
    const memory = new Uint8Array(ROOM_BYTES + bytes.length + (isJson ? 1 : 0));
    memory.set(bytes, ROOM_BYTES);
    if (isJson) memory[memory.length - 1] = CLOSE_LIST;
    return new SharedBody(memory, ROOM_BYTES);
  }

  get length(): number {
    return this.#memory.length - this.#start;
  }

  /** The whole message. It changes with the next call: who keeps it must copy it. */
  join(head: Uint8Array): Uint8Array {
    if (head.length > this.#start) this.#makeRoom(head.length);
    const at = this.#start - head.length;
    this.#memory.set(head, at);
    return this.#memory.subarray(at);
  }

  #makeRoom(bytes: number): void {
    const memory = new Uint8Array(bytes + this.length);
    memory.set(this.#memory.subarray(this.#start), bytes);
    this.#memory = memory;
    this.#start = bytes;
  }
}

/** The bytes before the body of an EVENT that has a payload. Undefined: the serializer cannot express its details. */
export function eventHead(
  codec: Codec,
  [code, subscription, publication, details, payload]: Event,
): Uint8Array | undefined {
  const head = codec.encode([code, subscription, publication, details, NO_PAYLOAD]);
  if (!(head instanceof Uint8Array)) return undefined;
  // Nobody else has it yet. A list of so few elements has its length in its first byte.
  if (codec.serializer === 'json') head[head.length - 1] = COMMA;
  else head[0] = (head[0] as number) + payload.elementCount;
  return head;
}
