import { isDict } from '../wamp/dict.js';
import type { Payload } from '../wamp/payload.js';
import type { ElementKind } from './reader.js';
import { readers } from './transcode.js';

/**
 * How many bytes of a payload are Arguments that hold exactly one item of these kinds, with ArgumentsKw absent or empty
 * (PPT-2); 0: it is none. The item is neither copied nor decoded.
 */
export function opaqueLength(payload: Payload, kinds: readonly ElementKind[]): number {
  const reader = readers[payload.serializer];
  reader.begin(payload.bytes);
  const kind = reader.kind() === 'list' ? reader.single() : undefined;
  const length = reader.pos;
  if (kind === undefined || !kinds.includes(kind)) return 0;
  if (payload.elementCount === 1) return length;
  const kwargs = reader.readElement(1);
  return isDict(kwargs) && Object.keys(kwargs).length === 0 ? length : 0;
}
