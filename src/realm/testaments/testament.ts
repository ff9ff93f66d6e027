import { pack, unpack } from '../../backplane/packr.js';
import { rawPayload } from '../../codec/payload.js';
import { isFault } from '../../wamp/faults.js';
import { isCount, isDict } from '../../wamp/dict.js';
import type { Uri } from '../../wamp/ids.js';
import type { Dict, PublishOptions, TrustLevel } from '../../wamp/options.js';
import { parsePublishOptions } from '../../wamp/parse-options.js';
import { SERIALIZER_IDS, type Payload, type SerializerId } from '../../wamp/payload.js';

/** Without session resumption both end together: first what was left for `detached` is published, then the rest (TST-3). */
export type TestamentScope = 'detached' | 'destroyed';

/** A publication that the router makes when the session ends that asked for it. */
export interface Testament {
  readonly scope: TestamentScope;
  readonly topic: Uri;
  readonly options: PublishOptions;
  /** The router may disclose the publisher, and is to do so. */
  readonly disclose: boolean;
  readonly payload: Payload;
}

const FORMAT = 1;
const SERIALIZERS: ReadonlySet<unknown> = new Set(SERIALIZER_IDS);

/**
 * MessagePack list: { 1, scope, topic, options of PUBLISH as the client gave them, disclose, serializer, count of the
 * payload's elements, their bytes, trust level or null }. Undefined: the options contain what cannot be stored.
 */
export function packTestament(
  { scope, topic, disclose, payload }: Omit<Testament, 'options'>,
  options: Dict,
  trustLevel?: TrustLevel,
): Uint8Array | undefined {
  const { serializer, elementCount, bytes } = payload;
  const packed = pack([FORMAT, scope, topic, options, disclose, serializer, elementCount, bytes, trustLevel ?? null]);
  return packed instanceof Uint8Array ? packed : undefined;
}

/** Undefined: it has another format, or not the shape of this one. */
export function readTestament(bytes: Uint8Array): Testament | undefined {
  const row = unpack(bytes);
  if (!Array.isArray(row) || row[0] !== FORMAT) return undefined;
  const [, scope, topic, given, disclose, serializer, elementCount, payload, trustLevel] = row as unknown[];
  if (scope !== 'detached' && scope !== 'destroyed') return undefined;
  if (typeof topic !== 'string' || typeof disclose !== 'boolean' || !isDict(given)) return undefined;
  if (!SERIALIZERS.has(serializer) || !(payload instanceof Uint8Array)) return undefined;
  if (elementCount !== 0 && elementCount !== 1 && elementCount !== 2) return undefined;
  const options = parsePublishOptions(given);
  if (isFault(options)) return undefined;
  if (trustLevel !== null && !isCount(trustLevel)) return undefined;
  const granted = trustLevel === null ? options : { ...options, trustLevel };
  return {
    scope,
    topic,
    options: granted,
    disclose,
    payload: rawPayload(serializer as SerializerId, elementCount, payload),
  };
}
