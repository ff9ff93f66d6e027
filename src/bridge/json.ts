import { Buffer } from 'node:buffer';
import type { Codec } from '../codec/codec.js';
import { payloadElements } from '../codec/payload-values.js';
import { payloadOf } from '../codec/payload.js';
import { isDict } from '../wamp/dict.js';
import { isFault } from '../wamp/faults.js';
import { Code } from '../wamp/codes.js';
import type { Dict } from '../wamp/options.js';
import type { Payload } from '../wamp/payload.js';
import type { HttpExchange } from '../transport/http/exchange.js';
import { badRequest, type Refusal } from './refusal.js';

const JSON_TYPE = /^application\/json *(?:; *charset *= *"?([a-z0-9-]+)"? *)?$/i;
/** A body is read as the last element of a message whose elements all are decoded, by the rules for messages of clients. */
const BEFORE = Buffer.from(`[${Code.HELLO},"",`);
const BEHIND = Buffer.from(']');
const HELLO_LENGTH = 3;
const PLACE = /^JSON, byte (\d+): (.+)$/s;

/** The reason why the body is not taken for JSON, by its type. A body without a type is taken. */
export function typeFlaw(exchange: HttpExchange): Refusal | undefined {
  const type = exchange.header('content-type');
  if (type === '') return undefined;
  const [match, charset = 'utf-8'] = JSON_TYPE.exec(type) ?? [];
  if (match === undefined) return badRequest('The content type must be application/json.');
  if (!/^utf-?8$/i.test(charset)) return badRequest('The charset of the body must be utf-8.');
  return undefined;
}

/** Reads a body that must be a JSON object. Floats are FloatOnWire, integers beyond 2^53 bigints. */
export function readObject(body: Uint8Array, codec: Codec): Dict | Refusal {
  const message = codec.decode(Buffer.concat([BEFORE, body, BEHIND]));
  if (isFault(message)) return badRequest(sentenceOf(message.message, body.length));
  const value = message.header[HELLO_LENGTH - 1];
  if (message.header.length !== HELLO_LENGTH || !isDict(value)) return badRequest('The body must be one JSON object.');
  return value;
}

/** The codec counts bytes from the begin of the message, and meets its end where the body ends too early. */
function sentenceOf(flaw: string, bodyBytes: number): string {
  const [, place, what] = PLACE.exec(flaw) ?? [];
  if (place === undefined || what === undefined) return `The body is not valid JSON: ${flaw}.`;
  const at = Number(place) - BEFORE.length;
  if (at >= bodyBytes) return 'The body ends before its JSON is complete.';
  return `The body is not valid JSON, byte ${at}: ${what}.`;
}

/** Undefined: JSON cannot express the value. */
export function jsonBytes(value: unknown): Uint8Array | undefined {
  const list = payloadOf([value]).in('json');
  return list instanceof Uint8Array ? list.subarray(1, -1) : undefined;
}

/** Arguments and ArgumentsKw as far as they are there. Undefined: JSON cannot express them. */
export function jsonPayload(payload: Payload): Dict | undefined {
  const elements = payloadElements(payload);
  if (elements === undefined) return undefined;
  const [args, kwargs] = elements;
  return { ...(args === undefined ? undefined : { args }), ...(kwargs === undefined ? undefined : { kwargs }) };
}
