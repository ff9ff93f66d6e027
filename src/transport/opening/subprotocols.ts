import type { SerializerId } from '../../wamp/payload.js';

export interface Subprotocol {
  readonly name: string;
  readonly serializer: SerializerId;
  readonly isBatched: boolean;
}

export function subprotocolOf(serializer: SerializerId, isBatched: boolean): string {
  return isBatched ? `wamp.2.${serializer}.batched` : `wamp.2.${serializer}`;
}

/** All sub-protocols for these serializers, in their order. Rules 3.3. */
export function subprotocolsOf(serializers: readonly SerializerId[]): Subprotocol[] {
  return serializers.flatMap((serializer) => [
    { name: subprotocolOf(serializer, false), serializer, isBatched: false },
    { name: subprotocolOf(serializer, true), serializer, isBatched: true },
  ]);
}

/** The first of the client's list that is supported (WS-2). `offer`: the header as sent. */
export function negotiate(offer: string, supported: readonly Subprotocol[]): Subprotocol | undefined {
  for (const name of offer.split(',')) {
    const wanted = name.trim();
    const found = supported.find((subprotocol) => subprotocol.name === wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}
